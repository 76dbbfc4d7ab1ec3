"""What is audited, and how strictly."""

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

__all__ = ["EVERYTHING", "Options", "Progress", "silent"]


class Options(NamedTuple):
    """What is audited, and how strictly."""

    since: int | None = None
    """Ledger entries appended from then on, milliseconds since 1970 UTC; None: from the first."""
    until: int | None = None
    """Ledger entries appended before then; None: up to now."""
    grace_ms: int = 60_000
    """How long something may be on its way before its absence is damage."""
    clock_bound_ms: int = 600_000
    """How far intake's clock and the broker's may be apart."""


EVERYTHING: Final = Options()

Progress: TypeAlias = Callable[[int, int], None]
"""Is told how many records have been read, and of how many; 0 if that is not known."""


def silent(done: int, total: int) -> None:
    """Tell nobody."""
