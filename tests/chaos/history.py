"""What clients did and saw: a journal of JSON lines for each client, and what fresh readers found afterwards.

A journal is written before and after each step, one system call a line, so that a process that is killed
leaves at most its last line unfinished. A send has three ends: ok, failed, or *unknown*. A time-out is
unknown, and so is a process that died in between: the document may be there or not, and both are right.
"""

import json
import os
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

__all__ = [
    "Acknowledged", "Began", "Delivered", "Event", "History", "InboxLine", "Journal", "LedgerLine", "Outbox",
    "Outcome", "Send", "Sending", "Sent", "read_journal",
]  # fmt: skip


class Outcome(StrEnum):
    """How a send ended, as its caller saw it."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Began(NamedTuple):
    """A client's process began."""

    agency: str
    run: str


class Sending(NamedTuple):
    """A client is about to hand over a document, which carries run and number in its subject."""

    agency: str
    run: str
    number: int
    recipients: tuple[str, ...]
    express: bool


class Sent(NamedTuple):
    """A hand-over ended; `id` is the envelope id in hex when it is known."""

    agency: str
    run: str
    number: int
    outcome: Outcome
    id: str
    at: int = 0
    """When, milliseconds since 1970 UTC; for the count of what was under way at a fault."""


class Delivered(NamedTuple):
    """A document was handed to the caller."""

    agency: str
    run: str
    id: str
    sender: str
    lane: int
    sequence: int
    redelivered: bool
    subject: str
    at: int = 0
    """When, as in `Sent`."""


class Acknowledged(NamedTuple):
    """The caller said what became of a document."""

    agency: str
    run: str
    id: str
    status: str
    at: int = 0
    """When, as in `Sent`."""


Event: TypeAlias = Began | Sending | Sent | Delivered | Acknowledged
_EVENTS: dict[str, type[Event]] = {kind.__name__: kind for kind in (Began, Sending, Sent, Delivered, Acknowledged)}


class Journal:
    """A client's journal, appended to by one process at a time."""

    def __init__(self, file: Path) -> None:
        self._descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, *events: Event) -> None:
        """Append events; when this returns they survive the process."""
        lines = (json.dumps([type(one).__name__, *one], ensure_ascii=False) for one in events)
        # A line break in front, too: what a killed predecessor left unfinished must not swallow this.
        os.write(self._descriptor, ("\n" + "\n".join(lines) + "\n").encode())

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def read_journal(file: Path) -> Iterator[Event]:
    """What a journal holds, in order; a line that a killed process left unfinished is passed over."""
    for line in file.read_text("utf-8", "replace").splitlines():
        try:
            name, *fields = json.loads(line)
            event = _EVENTS[name](*fields)
        except (KeyError, TypeError, ValueError):
            continue
        if isinstance(event, Sending):
            event = event._replace(recipients=tuple(event.recipients))
        if isinstance(event, Sent):
            event = event._replace(outcome=Outcome(event.outcome))
        yield event


class Send(NamedTuple):
    """One document that a client handed over or tried to."""

    agency: str
    run: str
    number: int
    recipients: tuple[str, ...]
    outcome: Outcome
    id: str

    @property
    def subject(self) -> str:
        """The subject that tells this document from all others."""
        return f"{self.run}/{self.number}"


class LedgerLine(NamedTuple):
    """One entry of the ledger, as a fresh reader found it."""

    lane: int
    position: int
    source: str
    """The agency whose out topic it came from."""
    offset: int
    """Its offset there."""
    outcome: str
    fold: str
    """What the fold says of it: counts, repeat or duplicate."""
    id: str
    kind: str
    routes: tuple[str, ...]
    reason: str
    subject: str
    """Of a document."""
    named: tuple[str, ...]
    """Documents that an acknowledgement names, ids in hex."""
    refused: str = ""
    """Why a reader who knows all of the directory does not believe it, although it was accepted."""
    generation: str = ""
    """Which out topic it came from: one that was made again has another generation."""


class InboxLine(NamedTuple):
    """One record of an inbox, as a fresh reader found it."""

    agency: str
    lane: int
    offset: int
    sequence: int
    position: int
    id: str
    kind: str
    told: tuple[tuple[int, str], ...]
    """What a receipt tells: offset in the out topic of the agency, same lane, and the reason; empty: accepted."""


class Outbox(NamedTuple):
    """One document in a sender's own store, at the end."""

    agency: str
    id: str
    state: str
    reason: str
    acknowledged_by: tuple[str, ...]
    renewed_as: str = ""
    """Id under which it was signed anew because its time was over, or wrong; empty: it was not."""


class History(NamedTuple):
    """Everything that is known of a run."""

    sends: list[Send]
    deliveries: list[Delivered]
    """Each agency's in the order in which its callers got them."""
    acknowledgements: list[Acknowledged]
    ledger: list[LedgerLine]
    """Each lane in order."""
    inboxes: list[InboxLine]
    """Each partition in order."""
    outboxes: list[Outbox]
    damage: list[str]
    """What the auditor found."""

    @classmethod
    def of_clients(cls, events: Iterable[Event]) -> "History":
        """What clients wrote, without what was found afterwards; each client's events in order."""
        begun: dict[tuple[str, str, int], Sending] = {}
        ended: dict[tuple[str, str, int], Sent] = {}
        found = cls([], [], [], [], [], [], [])
        for event in events:
            if isinstance(event, Sending):
                begun[event.agency, event.run, event.number] = event
            elif isinstance(event, Sent):
                ended[event.agency, event.run, event.number] = event
            elif isinstance(event, Delivered):
                found.deliveries.append(event)
            elif isinstance(event, Acknowledged):
                found.acknowledgements.append(event)
        for key, sending in begun.items():
            end = ended.get(key)
            outcome, identity = (end.outcome, end.id) if end else (Outcome.UNKNOWN, "")
            found.sends.append(Send(*key, sending.recipients, outcome, identity))
        return found

    def counts(self) -> dict[str, Any]:
        """How much of everything there is."""
        return {
            "sends": len(self.sends),
            **{outcome.value: sum(one.outcome is outcome for one in self.sends) for outcome in Outcome},
            "deliveries": len(self.deliveries),
            "redelivered": sum(one.redelivered for one in self.deliveries),
            "acknowledgements": len(self.acknowledgements),
            "ledger_entries": len(self.ledger),
            "void": sum(one.fold != "counts" for one in self.ledger),
            "inbox_records": len(self.inboxes),
        }
