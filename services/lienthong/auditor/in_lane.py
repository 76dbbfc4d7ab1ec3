"""The inbox pass: what dispatch delivered is held against what the ledger says must be delivered.

Dispatch is deterministic: the record with sequence number n of an inbox partition is the n-th entry of
the lane that counts and is routed to the agency. So every record is held against one entry. Only where
the ledger itself is disordered is a record accepted by its content alone.
"""

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from hashlib import sha256
from itertools import islice

from lienthong.auditor.claims import counted
from lienthong.auditor.lane import Lane, Rules, text_of
from lienthong.kernel.errors import InvariantError
from lienthong.kernel.fold import Order, compare
from lienthong.kernel.ledger import Delivery, Headers, Record, is_genesis, read_delivery
from lienthong.kernel.statement import Kind
from lienthong.kernel.topics import Partition, inbox

__all__ = ["InLane"]

_SLACK = 1_000
_FORM = ("sequence", "position", "judged", "id", "kind")
"""Names of the headers that dispatch writes."""
_KINDS = {kind.encode(): kind for kind in Kind}


class InLane:
    """Takes one inbox partition in order.

    Args:
        lane: what the other passes found out.
        agency: owner of the inbox.
        rules: what is held against what.
        ledger_end: where the ledger lane ends.
        complete: records come from the inbox's first on, and the ledger was judged from its first on.
    """

    def __init__(self, lane: Lane, agency: str, rules: Rules, *, ledger_end: int, complete: bool) -> None:
        self.partition = Partition(inbox(agency), lane.number)
        self._lane = lane
        self._agency = agency
        self._rules = rules
        self._ledger_end = ledger_end
        self._expected = lane.deliveries.get(agency) or array("q")
        self._allowed: set[bytes] | None = None
        if lane.disordered:
            self._allowed = {lane.facts.digest(position) for position in self._expected} | lane.lost
        self._complete = complete
        self._base = 1 if complete else None
        self._last = 0 if complete else None
        self._doubtful: set[int] = set()
        self._gaps: list[tuple[int, int, int]] = []
        self._late: dict[int, int] = {}

    def take(self, records: Sequence[Record]) -> None:
        """Take the next records."""
        at = 0
        while at < len(records):
            at += self._next_ones(records, at)
            if at < len(records):
                self._one(records[at])
                at += 1

    def _next_ones(self, records: Sequence[Record], start: int) -> int:
        """Take records each of which is the next one and agrees with the ledger in everything.

        Returns:
            How many they are, from `start` on.
        """
        if self._allowed is not None or self._base is None or self._last is None:
            return 0
        expected, is_delivery = self._expected, self._lane.facts.is_delivery
        first = index = self._last + 1 - self._base
        if index < 0:
            return 0
        for record in islice(records, start, start + max(0, len(expected) - index)):
            parts = _parts(record.headers)
            if parts is None:
                break
            sequence, position, judged_at, known_at, identity, kind = parts
            if (
                sequence != index + self._base
                or position != expected[index]
                or not is_delivery(position, sha256(record.value or b"").digest(), identity, kind, judged_at, known_at)
            ):
                break
            index += 1
        self._last = index + self._base - 1
        counts, taken = self._lane.counts, index - first
        counts.deliveries += taken
        counts.deliveries_verified += taken
        return taken

    def _one(self, record: Record) -> None:
        """Take a record, whatever it is."""
        counts = self._lane.counts
        if is_genesis(record):
            return
        try:
            delivery = read_delivery(record)
        except InvariantError as error:
            self._damage(record.offset, f"it is not {str(error).partition(' is not ')[2]}")
            counts.deliveries += 1
            self._doubt_next()
            return
        if self._is_outside(delivery):
            return
        counts.deliveries += 1
        digest = sha256(record.value or b"").digest()
        what = self._compare(record.offset, digest, delivery)
        if what:
            self._doubtful.add(delivery.sequence)
            if self._is_next(digest):
                self._doubt_next()
            self._name(record.offset, delivery, what)
        else:
            counts.deliveries_verified += 1
            self._order(record.offset, delivery)

    def _is_outside(self, delivery: Delivery) -> bool:
        """Whether the record belongs before or behind the part of the ledger that is judged.

        Both its position and its number must say so: a forged position alone hides nothing.
        """
        facts = self._lane.facts
        if delivery.position < facts.first and (self._base is None or delivery.sequence < self._base):
            if self._base is None:
                self._last = max(self._last or 0, delivery.sequence)
            return self._base is None or not self._complete
        return (
            self._lane.bounded
            and delivery.position >= facts.end
            and (self._base is None or delivery.sequence - self._base >= len(self._expected))
        )

    def _doubt_next(self) -> None:
        """A record that cannot be read may have been the next one."""
        number = (self._last or 0) + 1
        while number in self._doubtful:
            number += 1
        self._doubtful.add(number)

    def _is_next(self, digest: bytes) -> bool:
        """Whether a record with a wrong number has the content of the next one."""
        if self._last is None or self._base is None:
            return False
        index = self._last + 1 - self._base
        return 0 <= index < len(self._expected) and self._lane.facts.digest(self._expected[index]) == digest

    def _compare(self, offset: int, digest: bytes, delivery: Delivery) -> str:
        """What does not agree with the ledger; empty if everything does."""
        facts, expected = self._lane.facts, self._expected
        if self._allowed is not None:
            return self._compare_content(digest, delivery.sequence)
        if self._base is None and not self._find_base(digest, delivery):
            return f"ledger offset {delivery.position}, which it names, is another entry"
        index = delivery.sequence - (self._base or 0)
        if not 0 <= index < len(expected):
            return f"it is number {delivery.sequence}, but the ledger holds {len(expected)} entries for this inbox"
        position = expected[index]
        if facts.is_broken(position) and facts.digest(position) != digest:
            self._lane.counts.consequences += 1
            return ""
        if digest != facts.digest(position):
            return (
                f"its value is not that of ledger offset {position}, which is number {delivery.sequence} of this inbox"
            )
        if not facts.has_id(position, delivery.id):
            return f"it names another id than ledger offset {position} has"
        if delivery.kind != facts.kind(position):
            return f"it names kind {text_of(delivery.kind)} instead of {facts.kind(position)}"
        if (delivery.judged_at, delivery.known_at) != (facts.judged_at(position), facts.known_at(position)):
            return f"it names other times of judgement than ledger offset {position} has"
        if delivery.position != position:
            # Either the inbox or the ledger is wrong; that is seen when all inboxes are read.
            self._lane.delivery_claims.add(position, delivery.position, self.partition, offset)
        return ""

    def _compare_content(self, digest: bytes, sequence: int) -> str:
        if self._base is None:
            self._base = sequence if self._last is None else self._last + 1
        allowed = self._allowed or ()
        if digest not in allowed:
            return "the ledger, which is damaged itself, holds no such entry for this inbox"
        if sequence - self._base > 2 * len(allowed) + _SLACK:
            return f"its number {sequence} is far beyond what the ledger holds for this inbox"
        return ""

    def _find_base(self, digest: bytes, delivery: Delivery) -> bool:
        """Learn the number of the first expected entry from a record met in the middle."""
        if self._last is not None:
            self._base = self._last + 1
            return True
        index = bisect_left(self._expected, delivery.position)
        if index == len(self._expected) or self._expected[index] != delivery.position:
            return False
        if self._lane.facts.digest(delivery.position) != digest:
            return False
        self._base = delivery.sequence - index
        return True

    def _name(self, offset: int, delivery: Delivery, what: str) -> None:
        if delivery.position < self._ledger_end:
            self._damage(offset, what)
        elif self._lane.cut_off:
            self._lane.counts.consequences += 1
        else:
            # Inboxes were looked up before the ledger: what they hold was in the ledger.
            self._lane.cut_off = True
            self._lane.findings.add(
                self._lane.ledger,
                self._ledger_end,
                f"it ends here, but {self.partition.topic} lane {self.partition.number} offset {offset} was"
                f" delivered from ledger offset {delivery.position}: the ledger was cut off, or the delivery is forged",
            )

    def _order(self, offset: int, delivery: Delivery) -> None:
        """Apply the one comparison to a record that agrees."""
        sequence = delivery.sequence
        if self._last is None:
            self._last = sequence
            return
        order = compare(self._last, sequence)
        if order is Order.REPEAT:
            if any(first <= sequence < end for first, end, _ in self._gaps):
                self._late.setdefault(sequence, offset)
            else:
                self._lane.counts.deliveries_repeated += 1
            return
        if order is Order.GAP:
            self._gaps.append((self._last + 1, sequence, offset))
        self._last = sequence

    def finish(self, end: int) -> None:
        """Name what only the whole shows.

        Args:
            end: where the inbox partition ends.
        """
        for first, gap_end, offset in self._gaps:
            late = [number for number in range(first, gap_end) if number in self._late]
            lost = [
                number for number in range(first, gap_end) if number not in self._late and number not in self._doubtful
            ]
            if late:
                self._damage(offset, f"number {gap_end} stands before number {late[0]}: the order was changed")
            if lost:
                self._damage(
                    offset,
                    f"it goes from number {first - 1} to {gap_end}: {counted(len(lost), 'record')} taken out before",
                )
        self._name_undelivered(end)

    def _name_undelivered(self, end: int) -> None:
        done = 0 if self._base is None else (self._last or 0) + 1 - self._base
        lane, facts, rules = self._lane, self._lane.facts, self._rules
        late = []
        for index in range(max(done, 0), len(self._expected)):
            position = self._expected[index]
            if facts.is_broken(position) or (self._base or 1) + index in self._doubtful:
                continue
            if facts.judged_at(position) + rules.grace_ms < rules.now:
                late.append(position)
            else:
                lane.counts.not_delivered_yet += 1
        if not late:
            return
        if self._allowed is not None:
            lane.counts.consequences += len(late)
        else:
            what = counted(len(late), "entry", "entries")
            self._damage(end, f"it ends here, but {what} from ledger offset {late[0]} on were never delivered")

    def _damage(self, offset: int, what: str) -> None:
        self._lane.findings.add(self.partition, offset, what)


def _parts(headers: Headers) -> tuple[int, int, int, int, bytes, Kind] | None:
    """Sequence, position, both numbers of judged, id and kind, if these are headers as dispatch writes them."""
    try:
        (n1, sequence), (n2, position), (n3, judged), (n4, identity), (n5, kind) = headers
        if (n1, n2, n3, n4, n5) != _FORM or identity is None:
            return None
        judged_at, known_at = judged.split(b"/")
        return int(sequence), int(position), int(judged_at), int(known_at), identity, _KINDS[kind]
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
