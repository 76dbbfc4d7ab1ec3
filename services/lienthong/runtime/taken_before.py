"""Entries that were taken before, taken again so that a fold knows them, pure. There may be millions."""

from collections.abc import Sequence

from lienthong.kernel.fold import Count, LedgerFold
from lienthong.kernel.ledger import Record, is_genesis, read_in_brief, read_plain
from lienthong.runtime.last_routed import LastRouted

__all__ = ["TakenBefore"]


class TakenBefore:
    """What a projection took of one lane before it committed.

    Args:
        fold: of the lane; knows afterwards what it knew then.
        routed: is given the entries that count, if anybody asks for the last one of each agency.
    """

    def __init__(self, fold: LedgerFold, routed: LastRouted | None) -> None:
        self._fold = fold
        self._routed = routed
        self._sources: dict[tuple[bytes, bytes], tuple[str, str]] = {}
        """Agencies and generations met so far, by their bytes."""

    def take(self, records: Sequence[Record]) -> None:
        """Take the next records of the lane. Nearly all are plain, and cost a third less than the others.

        Raises:
            InvariantError: a source offset is missing, or a record is no ledger entry.
        """
        take_plain, sources, routed = self._fold.take_plain, self._sources, self._routed
        for record in records:
            if (parts := read_plain(record.headers)) is None:
                self._one(record)
                continue
            agency, offset, generation, _, identity, _, routes = parts
            source = sources.get((agency, generation))
            if source is None or not take_plain(source, offset, identity, record.offset, record.timestamp):
                self._one(record)
            elif routed is not None and routes:
                routed.take(routes, record.offset)

    def _one(self, record: Record) -> None:
        """Take a record of which nothing is known."""
        if is_genesis(record):
            return
        agency, generation, offset, accepted, routes = read_in_brief(record)
        self._sources[agency.encode(), generation.encode()] = agency, generation
        counts = self._fold.count(agency, generation, offset, accepted, record.offset, record.timestamp)
        if self._routed is not None and routes and counts is Count.COUNTS:
            self._routed.take(routes, record.offset)
