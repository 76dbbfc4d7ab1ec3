"""What a PromQL expression asks for: names of metrics, and the labels it selects or groups by."""

import re
from typing import NamedTuple

__all__ = ["Asked", "asked", "base"]

_METRIC = re.compile(r"\b(lienthong_\w+)(?:\{([^}]*)\})?")
_GROUPED = re.compile(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)")
_SUFFIXES = ("_total", "_bucket", "_count", "_sum", "_info")


class Asked(NamedTuple):
    """Of one expression."""

    metrics: dict[str, set[str]]
    """Each metric as it is written, with the labels it is selected by."""
    grouped: set[str]
    """Labels that are grouped or joined by."""


def asked(expression: str) -> Asked:
    """Take an expression apart."""
    metrics: dict[str, set[str]] = {}
    for name, selectors in _METRIC.findall(expression):
        metrics.setdefault(name, set()).update(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", selectors))
    grouped = {label.strip() for some in _GROUPED.findall(expression) for label in some.split(",")}
    return Asked(metrics, grouped)


def base(name: str) -> str:
    """A metric's name without what its type adds."""
    return next((name.removesuffix(one) for one in _SUFFIXES if name.endswith(one)), name)
