"""A flame graph as SVG, pure: width is the share of samples, outermost function at the bottom."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import NamedTuple
from zlib import crc32

__all__ = ["Box", "boxes", "flame_svg"]

_WIDTH, _ROW, _TOP = 1_200.0, 17, 28
_LEAST_WIDTH = 0.8
_LETTER_WIDTH, _LEAST_LETTERS = 6.6, 4


class Box(NamedTuple):
    """A function in one place of the stacks: its depth from 0, left edge and width as shares, and its name."""

    depth: int
    left: float
    width: float
    name: str


@dataclass(slots=True)
class _Node:
    count: int = 0
    below: dict[str, "_Node"] = field(default_factory=dict)


def boxes(stacks: Mapping[str, int]) -> Iterator[Box]:
    """Every place, outer before inner, side by side in the order of the names."""
    root = _Node()
    for stack, count in stacks.items():
        node = root
        node.count += count
        for name in stack.split(";"):
            node = node.below.setdefault(name, _Node())
            node.count += count
    if root.count:
        yield from _boxes(root, 0, 0.0, root.count)


def _boxes(node: _Node, depth: int, left: float, total: int) -> Iterator[Box]:
    for name, one in sorted(node.below.items()):
        width = one.count / total
        yield Box(depth, left, width, name)
        yield from _boxes(one, depth + 1, left, total)
        left += width


def flame_svg(title: str, stacks: Mapping[str, int]) -> str:
    """The graph; what is narrower than a pixel is left out. A box says its name and share when pointed at."""
    shown = [box for box in boxes(stacks) if box.width * _WIDTH >= _LEAST_WIDTH]
    height = _TOP + _ROW * (1 + max((box.depth for box in shown), default=0))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH:.0f} {height}" width="{_WIDTH:.0f}"'
        f' height="{height}" font-family="monospace" font-size="11">',
        f'<rect width="{_WIDTH:.0f}" height="{height}" fill="#ffffff"/>',
        f'<text x="6" y="18" font-size="14">{escape(title)}: {sum(stacks.values()):,} samples</text>',
        *(_box(box, height) for box in shown),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _box(box: Box, height: int) -> str:
    x, width = box.left * _WIDTH, box.width * _WIDTH
    y = height - _ROW * (box.depth + 1)
    letters = int((width - 4) / _LETTER_WIDTH)
    text = ""
    if letters >= _LEAST_LETTERS:
        name = box.name if len(box.name) <= letters else f"{box.name[: letters - 1]}…"
        text = f'<text x="{x + 2:.1f}" y="{y + 12}">{escape(name)}</text>'
    return (
        f"<g><title>{escape(box.name)}, {box.width:.1%}</title>"
        f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_ROW - 1}" fill="{_colour(box.name)}"/>{text}</g>'
    )


def _colour(name: str) -> str:
    """A warm colour that is always the same for a name."""
    value = crc32(name.encode())
    return f"#{205 + value % 50:02x}{110 + (value >> 8) % 110:02x}{50 + (value >> 16) % 60:02x}"
