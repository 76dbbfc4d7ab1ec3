"""What goes into the client's store and comes out of it, as values."""

from collections.abc import Sequence
from typing import NamedTuple

__all__ = [
    "Arrival",
    "Heard",
    "NoticeLine",
    "Ordered",
    "Outgoing",
    "ReceiptLine",
    "Remark",
    "Round",
    "Summary",
    "place_of",
    "split_place",
]

_POSITION_BITS = 48


def place_of(lane: int, position: int) -> int:
    """Lane and ledger position as one number; in a lane it grows with the position."""
    return lane << _POSITION_BITS | position


def split_place(place: int) -> tuple[int, int]:
    """Lane and ledger position."""
    return place >> _POSITION_BITS, place & ((1 << _POSITION_BITS) - 1)


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
    says: str = ""
    """Of an acknowledgement its status code, and after a space the reason."""
    refers: Sequence[bytes] = ()
    """Documents whose life it is about, so that it is found again; none for what first settles a document."""
    natural_key: str = ""
    """Of a new document with a number: year, number and notation with `/` between, which should be its own."""


class Ordered(NamedTuple):
    """The operator's word by which a document was handed over."""

    action: str
    """`resend`: once more, whatever became of it; `release`: although the backbone had rejected it."""
    reason: str
    """Why, in the operator's words."""


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
    addressed: Sequence[str] = ()
    """Codes it is meant for, of those whose mail this agency gets."""
    order: Ordered | None = None


class Heard(NamedTuple):
    """An acknowledgement that another agency has signed."""

    place: int
    """See `place_of`."""
    id: bytes
    agency: str
    status: str
    reason: str
    created: int
    judged_at: int
    documents: Sequence[bytes]


class Remark(NamedTuple):
    """What another agency says of a document beside acknowledging ours: it asks for it back, updates or replaces it."""

    document: bytes
    place: int
    event: str
    agency: str
    id: bytes
    """Of the envelope that says so."""
    reason: str
    created: int
    judged_at: int
    agencies: Sequence[str]
    """Those for whom a document is replaced; none: all."""


class NoticeLine(NamedTuple):
    """The backbone says that a recipient has left a document unread; times are milliseconds since 1970 UTC."""

    document: bytes
    agency: str
    """The recipient in whose inbox it is."""
    place: int
    """Of the notice; see `place_of`."""
    id: bytes
    """Of the envelope that says so."""
    expired_at: int
    created: int
    judged_at: int


class ReceiptLine(NamedTuple):
    """The backbone's verdict on one of our envelopes; empty reason: accepted."""

    id: bytes
    reason: str
    position: int
    released: str = ""
    """Why the operator had it delivered although it was rejected; empty: this is a receipt."""
    routes: Sequence[str] = ()
    """Of a released one, the agencies it is delivered to."""


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
    answers: list[Heard]
    receipts: list[ReceiptLine]
    remarks: list[Remark]
    notices: list[NoticeLine]
