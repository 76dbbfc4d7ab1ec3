"""What one agency sent and received in one lane, verified record by record."""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from lienthong.auditor.entries import EntryCheck
from lienthong.auditor.fold import AuditFold
from lienthong.auditor.judgement import Rejudge
from lienthong.auditor.lane import Lane, Rules
from lienthong.auditor.lines import Line, line_of, time_text
from lienthong.kernel.errors import InvariantError, RejectedError
from lienthong.kernel.fold import Count, Order, compare
from lienthong.kernel.judge import Verdict
from lienthong.kernel.ledger import Entry, Outcome, Record, is_genesis, read_delivery, read_entry
from lienthong.kernel.reasons import Reason

__all__ = ["LaneReplay"]


class _Known(NamedTuple):
    """What the ledger says of a record, and what is wrong with that."""

    entry: Entry
    counts: Count
    digest: bytes
    why: tuple[str, ...]


class LaneReplay:
    """One lane of one agency. Take the ledger first, then the out topic, then the inbox.

    Args:
        agency: its code.
        lane: which lane, and from which ledger offset on.
        rejudge: judges again.
        rules: what is held against what.
        judged_end: ledger offset from which on entries are left out.
    """

    def __init__(self, agency: str, lane: Lane, rejudge: Rejudge, rules: Rules, *, judged_end: int) -> None:
        self._bounded = lane.bounded
        self._agency = agency
        self._lane = lane
        self._rejudge = rejudge
        self._check = EntryCheck(lane, rejudge, rules)
        self._fold = AuditFold(complete=lane.complete)
        self._judged_end = judged_end
        self._sent: dict[int, _Known] = {}
        self._due: dict[int, _Known] = {}
        self._sequence: int | None = None
        self.first_sent: int | None = 0 if lane.complete and lane.facts.first == 0 else None
        """Source offset from which on records belong to the chosen time; None if the ledger does not tell."""
        self.end_sent = 0
        """Source offset after the last one that the ledger holds."""
        self.gaps = 0
        """Places at which the ledger or the inbox lacks records; `verify` names them."""

    def take_ledger(self, records: Sequence[Record]) -> None:
        """Take the next records of the ledger lane; only what concerns the agency is kept."""
        for record in records:
            if is_genesis(record) or record.offset >= self._judged_end:
                continue
            try:
                entry = read_entry(record)
            except InvariantError:
                self.gaps += 1
                continue
            count, gap = self._fold.take_beyond(entry)
            if gap is not None:
                self.gaps += record.offset >= self._lane.facts.first
            if record.offset >= self._lane.facts.first:
                self._know(record, entry, count)
            elif entry.source.agency == self._agency:
                self.first_sent = entry.source.offset + 1

    def _know(self, record: Record, entry: Entry, count: Count) -> None:
        sent = entry.source.agency == self._agency
        if count is Count.REPEAT or not (sent or self._agency in entry.routes):
            return
        before = self._lane.findings.count
        checked = self._check.take(record, entry)
        why = self._lane.findings.since(before)
        if checked.doubted and not why:
            why = ["it comes from an out topic that is not there any more"]
        known = _Known(checked.entry, count, checked.digest, tuple(why))
        if sent:
            offset = entry.source.offset
            self._sent.setdefault(offset, known)
            self.first_sent = offset if self.first_sent is None else min(self.first_sent, offset)
            self.end_sent = max(self.end_sent, offset + 1)
        if entry.outcome is Outcome.ACCEPTED and count is Count.COUNTS and self._agency in checked.entry.routes:
            self._due[entry.position] = known

    def take_out(self, records: Sequence[Record]) -> Iterator[Line]:
        """Take the next records of the agency's out partition.

        Yields:
            A line for each.
        """
        for record in records:
            if is_genesis(record):
                continue
            known = self._sent.pop(record.offset, None)
            if known is None:
                yield self._pending(record)
            else:
                yield self._sent_line(record, known)

    def _sent_line(self, record: Record, known: _Known) -> Line:
        entry = known.entry
        why = list(known.why)
        if sha256(record.value or b"").digest() != known.digest:
            why.append(f"its SHA-256 is not that of ledger offset {entry.position}")
        elif entry.outcome is Outcome.REJECTED:
            verdict = self._verdict(record, entry.judged_at, entry.known_at, _reason(entry.reason))
            if verdict.reason != _reason(entry.reason):
                again = verdict.reason or "accepted"
                why.append(f"it was rejected as {entry.reason}, but judged again it is {again}")
        fields = self._fields("sent", entry) | {"void": "duplicate" if known.counts is Count.DUPLICATE else ""}
        return line_of(record.value, fields, why, root_verified=self._opens(record.value, entry))

    def _pending(self, record: Record) -> Line:
        verdict = self._verdict(record, record.timestamp, None, None)
        why = [] if verdict.reason is None else [f"judged now it would be {verdict.reason}: {verdict.detail}"]
        fields = {
            "direction": "sent",
            "lane": self._lane.number,
            "sequence": None,
            "position": None,
            "source_offset": record.offset,
            "judged_at": None,
            "verdict": "pending",
            "reason": "",
            "detail": "",
            "void": "",
        }
        return line_of(record.value, fields, why, root_verified=verdict.reason is None)

    def take_inbox(self, records: Sequence[Record]) -> Iterator[Line]:
        """Take the next records of the agency's inbox partition.

        Yields:
            A line for each that the chosen part of the ledger explains, and for each that nothing does.
        """
        for record in records:
            if is_genesis(record):
                continue
            try:
                delivery = read_delivery(record)
            except InvariantError as error:
                fields = {"direction": "received", "lane": self._lane.number, "verdict": None}
                yield line_of(record.value, fields, [str(error)], root_verified=False)
                continue
            repeat, gap = self._order(delivery.sequence)
            if repeat or self._is_outside(delivery.position):
                continue
            known = self._due.pop(delivery.position, None)
            why = [gap] if gap else []
            if known is None:
                why.append(f"the ledger holds no entry for this inbox at offset {delivery.position}")
                fields = {
                    "direction": "received",
                    "lane": self._lane.number,
                    "sequence": delivery.sequence,
                    "position": delivery.position,
                    "verdict": None,
                }
                yield line_of(record.value, fields, why, root_verified=False)
                continue
            entry = known.entry
            why += known.why
            if sha256(record.value or b"").digest() != known.digest:
                why.append(f"its SHA-256 is not that of ledger offset {entry.position}")
            if (delivery.id, delivery.kind, delivery.judged_at, delivery.known_at) != (
                entry.id,
                entry.kind,
                entry.judged_at,
                entry.known_at,
            ):
                why.append(f"its headers are not those of ledger offset {entry.position}")
            fields = self._fields("received", entry) | {"sequence": delivery.sequence, "void": ""}
            yield line_of(record.value, fields, why, root_verified=self._opens(record.value, entry))

    def _is_outside(self, position: int) -> bool:
        return 0 <= position < self._lane.facts.first or (self._bounded and position >= self._judged_end)

    def _order(self, sequence: int) -> tuple[bool, str]:
        """Whether it is a repeat, and what is missing before it."""
        last, self._sequence = self._sequence, max(sequence, self._sequence or 0)
        order = Order.NEXT if last is None else compare(last, sequence)
        if order is Order.GAP:
            self.gaps += 1
            return False, f"the inbox goes from number {last} to {sequence}"
        return order is Order.REPEAT, ""

    def left(self) -> tuple[int, int]:
        """How many entries of the ledger the out topic does not hold, and how many the inbox does not hold (yet)."""
        lost = sum(
            known.entry.outcome is not Outcome.OPENED and known.entry.reason != Reason.NO_RECORD
            for known in self._sent.values()
        )
        return lost, len(self._due)

    def _fields(self, direction: str, entry: Entry) -> dict[str, Any]:
        return {
            "direction": direction,
            "lane": self._lane.number,
            "sequence": None,
            "position": entry.position,
            "source_offset": entry.source.offset,
            "judged_at": time_text(entry.judged_at),
            "verdict": entry.outcome.value,
            "reason": entry.reason,
            "detail": entry.detail,
        }

    def _verdict(self, record: Record, at: int, known: int | None, reason: Reason | None) -> Verdict:
        newest = self._rejudge.judge.directory.known_at
        return self._rejudge.verdict(
            record.value,
            agency=self._agency,
            lane=self._lane.number,
            at=at,
            known=newest if known is None else known,
            reason=reason,
            routes=(),
        )

    def _opens(self, value: bytes | None, entry: Entry) -> bool:
        """Whether the seal verifies: form, keys at that time, path, signatures, attachments."""
        try:
            if value is not None:
                self._rejudge.judge.open(value, at=entry.judged_at, known=entry.known_at)
                return True
        except RejectedError:
            pass
        return False


def _reason(text: str) -> Reason | None:
    try:
        return Reason(text)
    except ValueError:
        return None
