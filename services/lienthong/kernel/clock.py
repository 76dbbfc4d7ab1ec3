"""Wall-clock time in the one unit the protocol uses. Whoever needs it is given a `Clock`."""

import time
from collections.abc import Callable
from typing import TypeAlias

__all__ = ["Clock", "now_ms"]

Clock: TypeAlias = Callable[[], int]
"""Returns milliseconds since 1970-01-01 UTC."""


def now_ms() -> int:
    """This machine's clock, in milliseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1_000_000
