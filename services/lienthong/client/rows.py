"""What goes into the client's store and comes out of it, as values."""

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Answer", "Arrival", "Outgoing", "ReceiptLine", "Round", "Summary"]


class Outgoing(NamedTuple):
    """A statement in the outbox. `content_key` tells a repeated hand-over; None: never a repeat."""

    id: bytes
    content_key: bytes | None
    kind: str
    lane: int
    statement: bytes
    contents: Sequence[bytes]
    handed_over_at: int
    routes: Sequence[str]
    """The agencies it is delivered to, whose acknowledgement is expected and counts."""


class Arrival(NamedTuple):
    """A document in the inbox."""

    lane: int
    sequence: int
    id: bytes
    sender: str
    thread: bytes
    priority: int
    subject: str
    position: int
    judged_at: int
    handed: bool
    value: bytes


class Answer(NamedTuple):
    """A recipient's acknowledgement of one of our documents."""

    document: bytes
    agency: str
    status: str
    reason: str
    created: int


class ReceiptLine(NamedTuple):
    """The backbone's verdict on one of our envelopes; empty reason: accepted."""

    id: bytes
    reason: str
    position: int


class Summary(NamedTuple):
    """Documents of the outbox, counted."""

    documents: int
    accepted: int
    rejected: int
    acknowledged: int
    """Those of which every recipient has said more than that they arrived."""


class Round(NamedTuple):
    """What one read of the inbox topic brought, and the cursors after it: lane to (sequence, next offset)."""

    first: dict[int, int]
    """Sequence number of the first record of each lane."""
    cursors: dict[int, tuple[int, int]]
    arrivals: list[Arrival]
    answers: list[Answer]
    receipts: list[ReceiptLine]
