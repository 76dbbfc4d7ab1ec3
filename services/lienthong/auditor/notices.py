"""Whether notices are true: a document that they name was delivered there, and nothing had been said of it."""

from bisect import bisect_left
from collections.abc import Mapping
from typing import Any, NamedTuple

from lienthong.auditor.lane import Lane, Rules, text_of
from lienthong.kernel.statement import Statement

__all__ = ["NoticeCheck", "Released"]

_MOST_LATE = 100_000
_MOST_FALSE = 10_000


class Released(NamedTuple):
    """A document that the operator released."""

    position: int
    """Of the command."""
    sender: str
    routes: tuple[str, ...]
    """The agencies to which it goes; the command goes to its sender as well."""
    digest: bytes
    """SHA-256 of the record's value."""


class NoticeCheck:
    """Checks the notices of one lane; those given were judged and are genuine.

    Acknowledgements of documents whose ids the fold has forgotten, two weeks old and more, are remembered by
    themselves: the newest 100,000, about 25 MB.

    Args:
        lane: receives what is found out.
        rules: what is held against what.
        released: what the operator has released so far, by envelope id.
    """

    def __init__(self, lane: Lane, rules: Rules, released: Mapping[bytes, Released]) -> None:
        self._lane = lane
        self._rules = rules
        self._released = released
        self._late: dict[tuple[bytes, str], int] = {}
        self._false: list[tuple[int, str]] = []

    def answered_late(self, document: bytes, recipient: str, said_at: int) -> None:
        """A recipient says something of a document that lies far back, at this ledger offset."""
        if len(self._late) >= _MOST_LATE:
            del self._late[next(iter(self._late))]
        self._late.setdefault((document, recipient), said_at)

    def take(self, said_at: int, statement: Statement) -> None:
        """Take a notice.

        Args:
            said_at: its own ledger offset.
            statement: what it says.
        """
        sender, body = statement.recipients[0], statement.body
        wrong = [f"it speaks of lane {body['lane']}"] if body["lane"] != self._lane.number else []
        lines = body["entries"] if not wrong else ()
        self._lane.counts.notice_lines += len(lines)
        wrong += filter(None, (self._line(sender, line, said_at, statement.created) for line in lines))
        if wrong and len(self._false) < _MOST_FALSE:
            more = f"; so for {len(wrong)} of its lines" if len(wrong) > 1 else ""
            self._false.append((said_at, f"this notice for {sender} is not true: {wrong[0]}{more}"))

    def _line(self, sender: str, line: dict[str, Any], said_at: int, created: int) -> str:
        """What is not true about one line; empty if nothing is, or it cannot be told."""
        lane, facts = self._lane, self._lane.facts
        position, document, recipient = line["position"], line["document"], line["recipient"]
        if 0 <= position < facts.first:
            lane.counts.not_checked += 1
            return ""
        if position not in facts or position >= said_at:
            return f"before it there is no ledger offset {position}"
        if facts.is_broken(position):
            lane.counts.consequences += 1
            return ""
        released = self._released.get(document)
        if released is not None and (released.position, released.sender) != (position, sender):
            released = None
        if released is None and not (facts.is_document(position, sender) and facts.has_id(position, document)):
            return f"no document {document.hex()} of {sender} stands at ledger offset {position}"
        delivered = lane.deliveries.get(recipient, ())
        number = bisect_left(delivered, position)
        goes_there = number < len(delivered) and delivered[number] == position
        if not goes_there or (released is not None and recipient not in released.routes):
            return f"the document at ledger offset {position} does not go to {text_of(recipient)}"
        if not facts.judged_at(position) <= line["expired_at"] <= created:
            return f"the time of the document at ledger offset {position} was not over when it says"
        answer = lane.answered_at(recipient, number)
        answer = self._late.get((document, recipient)) if answer is None else answer
        # What came while the notice was on its way crosses it; clocks may be apart, too.
        if answer is not None and facts.judged_at(answer) < created - self._rules.clock_bound_ms:
            return f"{recipient} had acknowledged the document at ledger offset {position}, at {answer}"
        return ""

    def finish(self) -> None:
        """Name notices that are not true; where entries are missing or moved, that follows from it."""
        for said_at, what in self._false:
            if self._lane.disordered:
                self._lane.counts.consequences += 1
                continue
            self._lane.damage(said_at, what)
            if said_at in self._lane.facts:
                self._lane.facts.doubt(said_at)
