"""Which part of a ledger lane is read, and which part of that is judged, for a span of time."""

from typing import NamedTuple

from lienthong.auditor.source import RecordSource, Span
from lienthong.kernel.fold import ids_horizon_ms
from lienthong.kernel.topics import Partition

__all__ = ["LaneRange", "lane_range"]


class LaneRange(NamedTuple):
    """Offsets of one ledger lane."""

    read: int
    """Read from here on."""
    first: int
    """Judged from here on."""
    end: int
    """Judged up to, not including, here."""
    read_end: int
    """Read up to, not including, here."""


async def lane_range(
    source: RecordSource, ledger: Partition, span: Span, since: int | None, until: int | None, grace_ms: int = 0
) -> LaneRange:
    """Find the offsets for a span of time.

    Args:
        source: where records are read.
        ledger: the ledger's partition.
        span: what it holds.
        since: first moment, milliseconds since 1970 UTC; None: the first entry.
        until: first moment that does not belong to it any more; None: the end.
        grace_ms: how long after `until` what concerns the span may still be said.
    """

    async def offset_at(moment: int) -> int:
        found = (await source.offsets_at([ledger], max(moment, 0)))[ledger]
        return span[1] if found is None else min(max(found, span[0]), span[1])

    read = first = span[0]
    end = read_end = span[1]
    if since is not None:
        first = await offset_at(since)
        # Earlier ids must be known, or a repeated envelope would seem to be the first of its kind.
        read = await offset_at(since - ids_horizon_ms())
    if until is not None:
        end = max(first, await offset_at(until))
        read_end = max(end, await offset_at(until + grace_ms))
    return LaneRange(read, first, end, read_end)
