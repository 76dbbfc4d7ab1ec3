"""The out pass: what agencies wrote is held against what the ledger says of it, offset by offset.

As long as every record is the one that the ledger names for its offset, nothing is kept. At the first
that is not, the digests of all that follow are placed, so that in the end it can be said what was
done: a record changed, put in, taken out or moved, and not that all behind it differ.
"""

from collections.abc import Sequence
from hashlib import sha256
from itertools import islice

from lienthong.auditor.alignment import align
from lienthong.auditor.claims import counted
from lienthong.auditor.facts import GENESIS_DIGEST, Places
from lienthong.auditor.judgement import Rejudge
from lienthong.auditor.lane import Lane, Rules, text_of
from lienthong.kernel.ledger import Record, is_genesis
from lienthong.kernel.topics import Partition, outbox

__all__ = ["OutLane"]


class OutLane:
    """Takes one out partition in order.

    Args:
        lane: what the ledger's pass found out.
        agency: owner of the topic.
        places: where its records stand in the ledger; None if the ledger holds none.
        rejudge: judges again.
        rules: what is held against what.
        first: offset from which on records will come.
    """

    def __init__(
        self, lane: Lane, agency: str, places: Places | None, rejudge: Rejudge, rules: Rules, *, first: int
    ) -> None:
        self.partition = Partition(outbox(agency), lane.number)
        self._lane = lane
        self._agency = agency
        self._places = places or Places(first)
        self._rejudge = rejudge
        self._rules = rules
        self._next = first
        self._waiting = 0
        self._waiting_since: tuple[int, int] | None = None
        self._numbers: dict[bytes, list[int]] | None = None
        self._found: list[int] = []
        self._offsets: list[int] = []
        self._expected: list[int] = []
        self._placed: set[int] = set()
        self._drift = 0
        self._foreign_since: dict[int, int] = {}

    def take(self, records: Sequence[Record]) -> None:
        """Take the next records."""
        self._lane.counts.out_records += len(records)
        at = 0
        while at < len(records):
            at += self._agreeing(records, at)
            if at < len(records):
                self._one(records[at])
                at += 1

    def _agreeing(self, records: Sequence[Record], start: int) -> int:
        """Pass over records that are what the ledger says and of which no more is to be asked.

        Returns:
            How many they are, from `start` on.
        """
        if self._numbers is not None:
            return 0
        holds, place_of = self._lane.facts.holds, self._places.at
        first = offset = self._next
        for record in islice(records, start, None):
            position = place_of(offset)
            if position < 0 or record.offset != offset or not holds(position, sha256(record.value or b"").digest()):
                break
            offset += 1
        self._next = offset
        return offset - first

    def _one(self, record: Record) -> None:
        """Take a record, whatever it is."""
        facts, places, offset = self._lane.facts, self._places, record.offset
        if offset != self._next:
            self._hole(offset)
        self._next = offset + 1
        digest = GENESIS_DIGEST if is_genesis(record) else sha256(record.value or b"").digest()
        if self._numbers is None:
            position = places.at(offset)
            if position < 0:
                self._without_entry(record, digest)
            elif facts.is_no_record(position):
                self._denied(offset, position, digest)
            elif digest == facts.digest(position):
                self._agrees(record, position)
            elif not self._heals(record, position, digest):
                self._numbers = self._numbers_from(offset)
        if self._numbers is not None:
            self._place(record, digest, self._numbers)

    def _hole(self, offset: int) -> None:
        """There are no records up to here; right only where the ledger says so too."""
        facts, gone = self._lane.facts, []
        for missing in range(self._next, min(offset, self._places.end)):
            position = self._places.at(missing)
            if position >= 0 and not facts.is_no_record(position) and self._numbers is None:
                gone.append(missing)
                facts.doubt(position)
        if gone:
            self._damage(gone[0], f"{counted(len(gone), 'record')} missing, of which the ledger holds entries")

    def _without_entry(self, record: Record, digest: bytes) -> None:
        if record.offset < self._places.end:
            # The gap was named in the ledger. What was lost there may lie in inboxes.
            if record.offset >= self._places.first:
                self._lane.lost.add(digest)
                self._lane.counts.consequences += 1
            return
        self._waiting += 1
        if self._waiting_since is None:
            self._waiting_since = (record.offset, record.timestamp)

    def _denied(self, offset: int, position: int, digest: bytes) -> None:
        self._lane.damage(position, f"it says that {self.partition.topic} has no record at offset {offset}, but it has")
        self._lane.facts.doubt(position)
        self._may_be_delivered(digest)

    def _may_be_delivered(self, digest: bytes) -> None:
        """The ledger denies a record; its inboxes may hold it all the same, if the ledger was changed later."""
        self._lane.disordered = True
        self._lane.lost.add(digest)

    def _agrees(self, record: Record, position: int) -> None:
        """The bytes are those of the entry; a rejected one is judged again now that they are at hand."""
        if self._lane.facts.reason(position) is None:
            return
        for one in (position, *self._places.repeats.get(record.offset, ())):
            self._judge_rejected(record, one)

    def _judge_rejected(self, record: Record, position: int) -> None:
        facts = self._lane.facts
        reason = facts.reason(position)
        if reason is None:
            return
        verdict = self._rejudge.verdict(
            record.value,
            agency=self._agency,
            lane=self._lane.number,
            at=facts.judged_at(position),
            known=facts.known_at(position),
            reason=reason,
            routes=(),
        )
        what = ""
        if verdict.reason is not reason:
            again = "accepted" if verdict.reason is None else f"{verdict.reason}: {text_of(verdict.detail)}"
            what = f"it is rejected as {reason}, but judged again it is {again}"
            if verdict.reason is None:
                self._may_be_delivered(facts.digest(position))
        elif not facts.has_id(position, verdict.id) or facts.kind(position) != verdict.kind:
            what = "it names another id or kind than the record has"
        if what:
            self._lane.damage(position, f"{what} (offset {record.offset} of {self.partition.topic})")
            facts.doubt(position)

    def _heals(self, record: Record, position: int, digest: bytes) -> bool:
        """Whether the entry is the one that is damaged, and this record is what it should hold."""
        facts = self._lane.facts
        for other in self._places.contested.get(record.offset, ()):
            if facts.digest(other) == digest:
                # Two entries claim this record, which is named; this one is the other's.
                facts.doubt(position)
                return True
        if not facts.is_broken(position) or record.value is None:
            return False
        verdict = self._rejudge.judge.verdict(
            record.value,
            agency=self._agency,
            lane=self._lane.number,
            at=facts.judged_at(position),
            known=facts.known_at(position),
        )
        if verdict.reason is not None:
            return False
        facts.heal(position, digest)
        self._lane.lost.add(digest)
        self._lane.counts.consequences += 1
        return True

    def _numbers_from(self, offset: int) -> dict[bytes, list[int]]:
        """Source offsets by digest, from one on, of what the ledger says is in this topic."""
        facts = self._lane.facts
        numbers: dict[bytes, list[int]] = {}
        for number in range(offset, self._places.end):
            position = self._places.at(number)
            if position >= 0 and not facts.is_no_record(position):
                self._expected.append(number)
                numbers.setdefault(facts.digest(position), []).append(number)
        return numbers

    def _place(self, record: Record, digest: bytes, numbers: dict[bytes, list[int]]) -> None:
        same = numbers.get(digest, ())
        number = record.offset + self._drift
        if number not in same or number in self._placed:
            # The same bytes may stand at several offsets; then only the place tells which they are.
            number = same[0] if len(same) == 1 and same[0] not in self._placed else -1
        if number >= 0:
            self._placed.add(number)
            self._drift = number - record.offset
        self._found.append(number)
        self._offsets.append(record.offset)
        if number >= 0:
            self._agrees(record, self._places.at(number))
        else:
            self._foreign_since[record.offset] = record.timestamp

    def finish(self) -> None:
        """Name what only the whole shows."""
        if self._numbers is None:
            if self._next < self._places.end:
                self._damage(
                    self._next,
                    f"it ends here, but the ledger holds entries up to offset {self._places.end - 1}:"
                    f" {counted(self._places.end - self._next, 'record')} missing",
                )
        else:
            self._name_edits()
        if self._waiting_since is None or self._lane.bounded:
            return
        offset, since = self._waiting_since
        if since + self._rules.grace_ms < self._rules.now:
            late = (self._rules.now - since) // 1000
            self._damage(offset, f"{counted(self._waiting, 'record')} from here on not judged, the first for {late} s")
        else:
            self._lane.counts.not_judged_yet += self._waiting

    def _name_edits(self) -> None:
        facts, places = self._lane.facts, self._places
        edits = align(self._found, self._expected)
        for place, number in edits.changed:
            position = places.at(number)
            if facts.is_broken(position):
                self._lane.counts.consequences += 1
            else:
                self._damage(
                    self._offsets[place], f"it is not the record that ledger offset {position} holds: it was changed"
                )
                facts.doubt(position)
        for place in edits.injected:
            self._damage(self._offsets[place], "no ledger entry knows this record, but those after it: it was put in")
        for place, number in edits.moved:
            self._damage(
                self._offsets[place],
                f"here stands what the ledger knows as offset {number}: the order was changed",
            )
            facts.doubt(places.at(number))
        runs: dict[int, list[int]] = {}
        for place, number in edits.removed:
            runs.setdefault(place, []).append(number)
        for place, run in runs.items():
            offset = self._offsets[place] if place < len(self._offsets) else self._next
            self._damage(
                offset,
                f"{counted(len(run), 'record')} taken out before, which the ledger knows from offset {run[0]} on",
            )
            for number in run:
                facts.doubt(places.at(number))
        self._waiting = len(edits.trailing)
        if edits.trailing:
            offset = self._offsets[edits.trailing[0]]
            self._waiting_since = (offset, self._foreign_since[offset])

    def _damage(self, offset: int, what: str) -> None:
        self._lane.findings.add(self.partition, offset, what)
