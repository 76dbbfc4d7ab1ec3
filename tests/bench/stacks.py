"""Sampled stacks, pure: how often each was seen, and which functions were in them."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["Share", "busiest", "read_stacks", "shortened"]


class Share(NamedTuple):
    """A function, and the shares of all samples in which it was at work itself, and in which it or what it called."""

    function: str
    own: float
    together: float


def shortened(frame: str) -> str:
    """A frame without the folders above the last one: whoever reads it knows where a package lies."""
    function, bracket, place = frame.partition(" (")
    return function + bracket + "/".join(place.split("/")[-2:])


def read_stacks(text: str) -> Counter[str]:
    """Stacks and counts as py-spy writes them in its raw format: frames with semicolons between, a space, a count.

    Raises:
        ValueError: a line is of another form.
    """
    stacks: Counter[str] = Counter()
    for line in text.splitlines():
        stack, _, count = line.rpartition(" ")
        if not stack or not count.isdigit():
            raise ValueError(f"no stack with a count: {line[:80]!r}")
        stacks[";".join(map(shortened, stack.split(";")))] += int(count)
    return stacks


def busiest(stacks: Mapping[str, int], most: int) -> list[Share]:
    """The functions with the largest own shares, at most so many."""
    total = sum(stacks.values())
    own: Counter[str] = Counter()
    together: Counter[str] = Counter()
    for stack, count in stacks.items():
        frames = stack.split(";")
        own[frames[-1]] += count
        for frame in set(frames):
            together[frame] += count
    return [Share(name, count / total, together[name] / total) for name, count in own.most_common(most)]
