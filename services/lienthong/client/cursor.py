"""Where an inbox is read on, pure.

A cursor is the last number taken and the offset after it. An inbox that was made again has the same numbers at other
offsets: before those of the old one, which may have held repeats.
"""

from lienthong.kernel.errors import InvariantError
from lienthong.kernel.topics import Partition

__all__ = ["Cursor", "GapError", "may_lie_before", "start"]

Cursor = tuple[int, int]
"""Sequence number and next offset."""


class GapError(InvariantError):
    """A number follows that is not the next one: records are missing, or stand elsewhere."""

    def __init__(self, partition: Partition, last: int, found: int) -> None:
        super().__init__(
            f"{partition.topic} lane {partition.number} goes from sequence {last} to {found}:"
            f" {found - last - 1} records are missing"
        )
        self.lane = partition.number
        self.last = last


def may_lie_before(cursor: Cursor) -> bool:
    """Whether the next number may stand before the cursor's offset, in a log that was made again.

    In a log without repeats the genesis has offset 0, and number n has offset n; no number stands before that.
    """
    sequence, offset = cursor
    return offset > sequence + 1


def start(cursor: Cursor, end: int, *, back: bool) -> int:
    """Offset to read from.

    Args:
        cursor: where it was read to.
        end: of the log; when it lies before the cursor's offset, and all numbers taken may stand before it, the log is
            another one. Where it holds less than that, the cursor's offset is outside of it, which is an alarm.
        back: there was a gap at the cursor's offset: begin where the next number can stand.
    """
    sequence, offset = cursor
    return min(sequence, offset) if back or sequence <= end < offset else offset
