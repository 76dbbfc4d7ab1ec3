"""The ledger's pass over plain entries: all but a few are, so they must cost little.

An entry is *plain* when intake accepted it, its headers are those that intake writes, in their order, it
names no group, is the next one of its source, its id is new, and everything about it holds. It is taken here, without
the objects that explaining damage needs. Any other is left to `LedgerLane` untouched: what is wrong with
it, or only unusual, is found out and said there and nowhere else.
"""

from collections.abc import Sequence
from hashlib import sha256
from itertools import islice
from typing import NamedTuple

from lienthong.auditor.entries import EntryCheck
from lienthong.auditor.facts import Places, outcome_code
from lienthong.auditor.fold import AuditFold
from lienthong.auditor.judgement import Rejudge
from lienthong.auditor.lane import Lane, Rules
from lienthong.auditor.statements import StatementCheck
from lienthong.kernel.ledger import Outcome, Record, header_number, read_plain
from lienthong.kernel.statement import Kind

__all__ = ["PlainEntries"]

_KINDS = {kind.encode(): kind for kind in Kind}
_ACCEPTED = outcome_code(Outcome.ACCEPTED, "")
_MOST_ROUTES = 10_000
"""Most routes remembered by their bytes."""


class _Stream(NamedTuple):
    """A source that was met before, and what its entries have in common."""

    source: tuple[str, str]
    places: Places
    receipt_due: bool
    sorts: dict[Kind, int]
    """By kind, what `LaneFacts.sort_number` says."""


class _Moment(NamedTuple):
    """When and by what was judged, where nothing is wrong with it; `known` is the number of `known_at`."""

    judged_at: int
    known_at: int
    known: int


class PlainEntries:
    """Takes the plain entries of one lane.

    Args:
        lane: receives what is found out.
        rejudge: judges again.
        rules: what is held against what.
        fold: the fold over the lane.
        check: knows what is wrong with times.
        statements: is given receipts, acknowledgements, commands and notices.
        judged_end: entries from here on are not judged.
    """

    def __init__(
        self,
        lane: Lane,
        rejudge: Rejudge,
        rules: Rules,
        fold: AuditFold,
        check: EntryCheck,
        statements: StatementCheck,
        *,
        judged_end: int,
    ) -> None:
        self._lane = lane
        self._judge = rejudge.judge
        self._rules = rules
        self._fold = fold
        self._check = check
        self._statements = statements
        self._judged_end = judged_end
        self._streams: dict[tuple[bytes, bytes], _Stream] = {}
        self._routes: dict[bytes, tuple[str, ...]] = {}
        self._judged: tuple[bytes, int] | None = None
        self._moment: _Moment | None = None

    def take(self, records: Sequence[Record], start: int, position: int) -> int:
        """Take plain entries.

        Args:
            records: of the lane, in order.
            start: index of the first to take.
            position: ledger offset that the first must have.

        Returns:
            How many were taken: those from `start` up to the first that is not plain.
        """
        if position < self._lane.facts.first:
            return 0
        first = position
        for record in islice(records, start, None):
            if record.offset != position or position >= self._judged_end or not self._one(record, position):
                break
            position += 1
        taken = position - first
        self._lane.counts.entries += taken
        self._lane.counts.accepted += taken
        return taken

    def _one(self, record: Record, position: int) -> bool:
        """Take an entry; False, and nothing is done, if it is not plain."""
        lane, value, appended_at = self._lane, record.value, record.timestamp
        parts = read_plain(record.headers)
        if parts is None or value is None:
            return False
        agency_bytes, offset, generation_bytes, judged, identity, kind_bytes, routes_bytes = parts
        stream = self._streams.get((agency_bytes, generation_bytes)) or self._met(agency_bytes, generation_bytes)
        if (judged, appended_at) != self._judged:
            self._moment = self._moment_of(judged, appended_at)
            self._judged = judged, appended_at
        moment = self._moment
        if stream is None or moment is None or offset != stream.places.end or identity in lane.lost_ids:
            return False
        source, places, receipt_due, sorts = stream
        agency, generation = source
        judged_at, known_at, known = moment
        reason, _, found, kind, routes, groups = self._judge.verdict(
            value, agency=agency, lane=lane.number, at=judged_at, known=known_at
        )
        if (
            reason is not None
            or found != identity
            or kind is None
            or kind is not _KINDS.get(kind_bytes)
            or groups
            or routes != (self._routes.get(routes_bytes) or self._routes_of(routes_bytes))
            or not self._fold.take_plain(source, offset, identity, position, appended_at)
        ):
            return False
        places.append(position)
        lane.generation[agency] = generation
        sort = sorts.get(kind)
        if sort is None:
            sort = sorts[kind] = lane.facts.sort_number(_ACCEPTED, agency, kind)
        lane.facts.add(sort, sha256(value).digest(), identity, judged_at, known, receipt_due=receipt_due)
        for recipient in routes:
            lane.expect(recipient, position)
        if kind is Kind.RECEIPT:
            self._statements.receipt(position, value)
        elif kind is Kind.ACKNOWLEDGEMENT:
            self._statements.acknowledgement(position, value)
        elif kind is Kind.COMMAND:
            self._statements.command(position, value, routes)
        elif kind is Kind.NOTICE:
            self._statements.notice(position, value)
        return True

    def _met(self, agency_bytes: bytes, generation_bytes: bytes) -> _Stream | None:
        """The source of this name, if there were entries of it and it is the out topic that is there now."""
        try:
            agency, generation = agency_bytes.decode(), generation_bytes.decode()
        except UnicodeDecodeError:
            return None
        places = self._lane.places.get((agency, generation))
        if places is None or self._rules.generations.get(agency) != generation:
            return None
        stream = _Stream((agency, generation), places, agency not in self._rules.backbones, {})
        self._streams[agency_bytes, generation_bytes] = stream
        return stream

    def _moment_of(self, judged: bytes, appended_at: int) -> _Moment | None:
        try:
            judged_at, known_at = map(header_number, judged.split(b"/"))
        except (AttributeError, ValueError):
            return None
        if self._check.what_of_times(appended_at, judged_at, known_at):
            return None
        return _Moment(judged_at, known_at, self._lane.facts.known_number(known_at))

    def _routes_of(self, routes_bytes: bytes) -> tuple[str, ...]:
        """What the header says, or nothing, which no accepted entry says."""
        try:
            routes = tuple(routes_bytes.decode().split(","))
        except (AttributeError, UnicodeDecodeError):
            return ()
        if len(self._routes) >= _MOST_ROUTES:
            self._routes.clear()
        self._routes[routes_bytes] = routes
        return routes
