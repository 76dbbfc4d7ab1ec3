"""The ledger's pass: every entry of a lane is read, judged again and put in its place."""

from collections.abc import Sequence
from typing import NamedTuple

from lienthong.auditor.claims import counted
from lienthong.auditor.entries import EntryCheck
from lienthong.auditor.facts import Places
from lienthong.auditor.fold import AuditFold
from lienthong.auditor.judgement import Rejudge
from lienthong.auditor.lane import Lane, Rules
from lienthong.auditor.plain import PlainEntries
from lienthong.auditor.statements import StatementCheck
from lienthong.kernel.errors import InvariantError
from lienthong.kernel.fold import Count
from lienthong.kernel.ledger import Entry, Outcome, Record, is_genesis, read_entry
from lienthong.kernel.statement import Kind

__all__ = ["LedgerLane"]

_LARGEST_GAP = 1_000_000
"""Most source offsets that may lie between two entries: what is remembered grows with it."""
_LARGEST_NUMBER = 2**62


class _Gap(NamedTuple):
    """Source offsets that were passed over: from `first` up to, not including, `end`."""

    source: tuple[str, str]
    first: int
    end: int
    position: int


class LedgerLane:
    """Takes one lane of the ledger in order.

    Args:
        lane: receives what is found out.
        rejudge: judges again.
        rules: what is held against what.
        first: ledger offset from which on records will come.
        judged_end: entries from here on are not judged; receipts among them still count as said.
    """

    def __init__(self, lane: Lane, rejudge: Rejudge, rules: Rules, *, first: int, judged_end: int) -> None:
        self._lane = lane
        self._rules = rules
        self._fold = AuditFold(complete=first == 0)
        self._check = EntryCheck(lane, rejudge, rules)
        self._statements = StatementCheck(lane, self._fold, rules)
        self._plain = PlainEntries(
            lane, rejudge, rules, self._fold, self._check, self._statements, judged_end=judged_end
        )
        self._judged_end = judged_end
        self._next = first
        self._gaps: list[_Gap] = []
        self._unreadable = 0
        self._broken: list[tuple[tuple[str, str], int, int]] = []

    def take(self, records: Sequence[Record]) -> None:
        """Take the next records."""
        at = 0
        while at < len(records):
            plain = self._plain.take(records, at, self._next)
            self._next += plain
            at += plain
            if at < len(records):
                self._one(records[at])
                at += 1

    def _one(self, record: Record) -> None:
        """Take a record, whatever it is."""
        first, offset = self._lane.facts.first, record.offset
        if offset != self._next:
            self._hole(offset)
        self._next = offset + 1
        if is_genesis(record):
            if offset >= first:
                self._lane.facts.skip()
            return
        try:
            entry = read_entry(record)
            _check_numbers(entry)
        except InvariantError as error:
            if first <= offset < self._judged_end:
                self._lost_entry(offset, str(error).partition(" is not ")[2] or str(error))
            return
        if offset < first:
            self._before(entry)
        elif offset < self._judged_end:
            self._take(record, entry)
        elif entry.kind == Kind.RECEIPT and entry.outcome is Outcome.ACCEPTED:
            self._after(record, entry)

    def _hole(self, offset: int) -> None:
        first = max(self._next, self._lane.facts.first)
        if first < min(offset, self._judged_end):
            count = offset - first
            self._lane.damage(first, f"{counted(count, 'record')} missing: the next one stands at offset {offset}")
            self._lane.facts.skip(count)
            self._unreadable += count

    def _lost_entry(self, position: int, what: str) -> None:
        self._lane.counts.entries += 1
        self._lane.damage(position, f"it is not {what}")
        self._lane.facts.skip()
        self._unreadable += 1

    def _before(self, entry: Entry) -> None:
        """Only what the fold needs: ids that count, last offsets."""
        agency, offset, generation = entry.source
        self._fold.take_beyond(entry)
        self._lane.last_before[agency, generation] = max(offset, self._lane.last_before.get((agency, generation), -1))

    def _after(self, record: Record, entry: Entry) -> None:
        if record.value is not None and self._check.is_sound(record.value, entry):
            self._statements.receipt(entry.position, record.value, known_only=True)

    def _take(self, record: Record, entry: Entry) -> None:
        lane, counts = self._lane, self._lane.counts
        checked = self._check.take(record, entry)
        entry = checked.entry
        agency, offset, generation = entry.source
        position = entry.position
        places = lane.places.get((agency, generation))
        if places is None:
            complete = lane.complete and lane.facts.first == 0
            before = lane.last_before.get((agency, generation))
            start = 0 if complete else offset if before is None else before + 1
            places = lane.places[agency, generation] = Places(start)
            lane.met(agency, generation)
        lane.generation[agency] = generation
        far = offset - places.end > _LARGEST_GAP
        if far and not checked.broken:
            lane.damage(position, f"source offset {offset} of {agency} is far beyond the last one, {places.end - 1}")
            checked = checked._replace(broken=True, doubted=True)
        if checked.broken:
            self._broken.append(((agency, generation), offset, position))
            if entry.id is not None:
                lane.lost_ids.add(entry.id)
            # Where it was delivered to is not known.
            lane.disordered = lane.disordered or entry.outcome is not Outcome.ACCEPTED
            if places.at(offset) < 0 and not far:
                places.put(offset, position)
            count, foreign = Count.COUNTS, False
        else:
            count, foreign = self._order(entry, places, checked.digest)
            # It seems to be the first of its id only because that one is lost.
            lane.disordered = lane.disordered or (count is Count.COUNTS and entry.id in lane.lost_ids)
        accepted = entry.outcome is Outcome.ACCEPTED
        counts.entries += 1
        counts.accepted += accepted
        counts.rejected += entry.outcome is Outcome.REJECTED
        counts.opened += entry.outcome is Outcome.OPENED
        counts.repeats += count is Count.REPEAT
        counts.duplicates += count is Count.DUPLICATE
        lane.facts.add(
            lane.facts.sort_number(checked.code, agency, entry.kind),
            checked.digest,
            entry.id,
            entry.judged_at,
            lane.facts.known_number(entry.known_at),
            broken=checked.broken,
            duplicate=count is Count.DUPLICATE,
            receipt_due=not checked.broken
            and count is not Count.REPEAT
            and entry.outcome is not Outcome.OPENED
            and agency not in self._rules.backbones,
        )
        if checked.doubted or foreign:
            lane.facts.doubt(position)
            # What repeats nothing, and is no next one either, may have been put in.
            lane.disordered = lane.disordered or count is Count.REPEAT
        if accepted and count is Count.COUNTS:
            for recipient in entry.routes:
                lane.expect(recipient, position)
            if not checked.broken and record.value is not None:
                if entry.kind == Kind.RECEIPT:
                    self._statements.receipt(entry.position, record.value)
                elif entry.kind == Kind.ACKNOWLEDGEMENT:
                    self._statements.acknowledgement(entry.position, record.value)
                elif entry.kind == Kind.COMMAND:
                    self._statements.command(entry.position, record.value, entry.routes)
                elif entry.kind == Kind.NOTICE:
                    self._statements.notice(entry.position, record.value)

    def _order(self, entry: Entry, places: Places, digest: bytes) -> tuple[Count, bool]:
        """What the fold says, beyond gaps, and whether it repeats an entry with another content."""
        lane = self._lane
        agency, offset, generation = entry.source
        position = entry.position
        count, last = self._fold.take_beyond(entry)
        if last is not None:
            self._gaps.append(_Gap((agency, generation), last + 1, offset, position))
        if count is not Count.REPEAT:
            places.put(offset, position)
            return count, False
        earlier = places.at(offset)
        if earlier < 0 and offset >= places.first:
            # It was passed over: it comes late. `finish` names it with the gap.
            places.put(offset, position)
            return Count.COUNTS, False
        if earlier < 0:
            return count, False
        if lane.facts.digest(earlier) != digest:
            lane.damage(
                position,
                f"it claims offset {offset} of {agency}, as ledger offset {earlier} does, with another content",
            )
            places.contested.setdefault(offset, []).append(position)
            lane.lost.add(digest)
            return count, True
        places.repeats.setdefault(offset, []).append(position)
        return count, False

    def finish(self) -> None:
        """Name what only the whole shows."""
        lane = self._lane
        for source, offset, position in self._broken:
            if lane.places[source].at(offset) != position:
                # The true entry of that source offset is there too: this one was put in.
                lane.disordered = True
        for gap in self._gaps:
            self._name(gap)
        if self._unreadable > 0:
            lane.disordered = True
        self._name_missing()
        self._statements.finish()

    def _name(self, gap: _Gap) -> None:
        lane = self._lane
        agency = gap.source[0]
        places = lane.places[gap.source]
        missing, late = [], 0
        for offset in range(max(gap.first, places.first), gap.end):
            position = places.at(offset)
            if position < 0:
                missing.append(offset)
            elif not lane.facts.is_broken(position):
                late += 1
        lane.disordered = lane.disordered or bool(missing or late)
        if late:
            what = counted(late, "entry", "entries")
            lane.damage(gap.position, f"offset {gap.end} of {agency} stands before what precedes it there ({what})")
        if not missing:
            return
        if len(missing) <= self._unreadable:
            self._unreadable -= len(missing)
            lane.counts.consequences += len(missing)
            return
        what = f"{counted(len(missing), 'entry', 'entries')} of {agency} missing: source offset {missing[0]}"
        told = lane.missing.get((gap.source, missing[0]))
        if told is None:
            lane.damage(gap.position, f"{what}, which should stand before this one of offset {gap.end}")
        else:
            lane.damage(told.position, f"{what}, which stood here, says the receipt at offset {told.said_at}")

    def _name_missing(self) -> None:
        """Entries behind the last one of their source, of which only receipts know."""
        lane = self._lane
        for (source, offset), told in sorted(lane.missing.items()):
            places = lane.places.get(source)
            if places is None or offset >= places.end:
                lane.disordered = True
                lane.damage(
                    told.position,
                    f"entry of {source[0]} missing: source offset {offset}, which stood here, says the receipt at"
                    f" offset {told.said_at}",
                )


def _check_numbers(entry: Entry) -> None:
    """Refuse numbers that no honest entry has and that do not fit into memory's fields.

    Raises:
        InvariantError: naming the number.
    """
    for name, number in (
        ("source offset", entry.source.offset),
        ("judged", entry.judged_at),
        ("known", entry.known_at),
    ):
        if not 0 <= number < _LARGEST_NUMBER:
            raise InvariantError(f"it is not a ledger entry: {name} is {str(number)[:40]}")
