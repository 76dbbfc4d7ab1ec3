"""One lane of a ledger in memory, and reminders that read it, for tests."""

from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any, NamedTuple

from lienthong.kernel.command import RELEASE, Command
from lienthong.kernel.deadline_rules import Expiry
from lienthong.kernel.envelope import EnvelopeId, SealedEnvelope, envelope_id
from lienthong.kernel.fold import Count
from lienthong.kernel.ledger import Entry, Outcome, Source
from lienthong.kernel.seal import Seal
from lienthong.kernel.statement import Kind, Statement, encode_statement, make_statement
from lienthong.reminder.unread import Left, UnreadLane, notices
from unit.kernel.world import NOW, document_body

BACKBONE = "LT"
LANES = 4
LANE = 2
EXPIRY = Expiry(within=timedelta(seconds=100))
WITHIN_MS = 100_000


class Said(NamedTuple):
    """An entry, whether it counts, and what it says."""

    entry: Entry
    counts: Count
    statement: Statement | Command | None


class Lane:
    """Each call is its next entry."""

    def __init__(self) -> None:
        self.now = NOW
        self.said: list[Said] = []

    def add(
        self,
        sender: str,
        kind: Kind,
        routes: Sequence[str],
        statement: Statement | Command | None = None,
        **changes: Any,
    ) -> bytes:
        """Any entry; returns its id."""
        position = len(self.said)
        identity = sha256(b"%d" % position).digest()
        if isinstance(statement, Statement) and kind is Kind.NOTICE:
            identity = envelope_id(encode_statement(statement))
        entry = Entry(
            position, self.now, Outcome.ACCEPTED, Source(sender, position, "a" * 32), self.now, NOW, identity,
            kind.value, tuple(routes), "", "", b"",
        )._replace(**changes)  # fmt: skip
        self.said.append(Said(entry, Count.COUNTS, statement))
        return identity

    def statement(self, sender: str, *recipients: str, kind: int = 0, refers_to: Sequence[bytes] = ()) -> Statement:
        """A document of a kind: 0 new, 1 recall."""
        body = document_body(business_type=kind, refers_to=list(refers_to), reason="nhầm" if kind else "")
        return make_statement(
            sender=sender, recipients=list(recipients), thread=bytes(16), created=self.now, kind=Kind.DOCUMENT,
            body=body,
        )  # fmt: skip

    def document(self, sender: str, *routes: str, kind: int = 0, refers_to: Sequence[bytes] = ()) -> bytes:
        """The same, accepted."""
        statement = self.statement(sender, *routes, kind=kind, refers_to=refers_to)
        return self.add(sender, Kind.DOCUMENT, routes, statement)

    def order(self, document: Statement, *routes: str, action: str = RELEASE, named: bytes = b"") -> bytes:
        """A command of the operator about a document, by default one with an id of its own; returns the document's."""
        identity = named or envelope_id(encode_statement(document))
        sealed = SealedEnvelope("", b"", [], Seal("", "", 0, 1, 0, b"", []))
        command = Command(action, EnvelopeId(identity), 0, NOW, NOW, "vì", b"", sealed, document)
        self.add(BACKBONE, Kind.COMMAND, routes, command)
        return identity

    def again(self, identity: bytes, sender: str, *routes: str) -> None:
        """The document of this id is accepted from its sender: it counts, unless that has happened before."""
        void = self.accepted_at(identity) is not None
        self.add(sender, Kind.DOCUMENT, routes, self.statement(sender, *routes), id=identity)
        self.said[-1] = self.said[-1]._replace(counts=Count.DUPLICATE if void else Count.COUNTS)

    def accepted_at(self, identity: bytes) -> int | None:
        """Where an id was accepted first, by the fold."""
        return next((one.entry.position for one in self.said if one.entry.id == identity), None)

    def first_at(self, identity: bytes) -> int:
        """Where a document was accepted or released first."""
        return next(
            one.entry.position
            for one in self.said
            if identity in (one.entry.id, one.statement.document if isinstance(one.statement, Command) else b"")
        )

    def acknowledgement(
        self, agency: str, to: str, *documents: bytes, status: str = "01", routes: Sequence[str] = ()
    ) -> bytes:
        """An acknowledgement."""
        statement = make_statement(
            sender=agency, recipients=[to], thread=bytes(16), created=self.now, kind=Kind.ACKNOWLEDGEMENT,
            body={"documents": list(documents), "status": status, "reason": ""},
        )  # fmt: skip
        return self.add(agency, Kind.ACKNOWLEDGEMENT, routes or [to], statement)

    def notice(self, statement: Statement) -> bytes:
        """A notice of the backbone."""
        return self.add(BACKBONE, Kind.NOTICE, statement.recipients, statement)

    def lines(self) -> list[tuple[bytes, str]]:
        """Documents and recipients that notices name, as often as they do."""
        return [
            (line["document"], line["recipient"])
            for one in self.said
            if one.entry.kind == Kind.NOTICE and isinstance(one.statement, Statement)
            for line in one.statement.body["entries"]
        ]


def reminder(position: int = 0, expiry: Expiry = EXPIRY) -> UnreadLane:
    """What knows nothing yet."""
    return UnreadLane(BACKBONE, expiry, position)


def read(one: UnreadLane, lane: Lane, *, first: int | None = None, last: int | None = None) -> None:
    """Read the lane from a position, by default where it stands, to its end or to before another one."""
    begin = one.position if first is None else first
    for said in lane.said[begin:last]:
        ordered = said.statement
        accepted_at = lane.accepted_at(ordered.document) if isinstance(ordered, Command) else None
        one.take(*said, accepted_at=accepted_at)


def all_due(one: UnreadLane, now: int) -> list[tuple[bytes, str]]:
    """What is due, as documents and recipients."""
    return [(left.document, left.recipient) for left in one.due(now, 1_000)]


def say(one: UnreadLane, now: int, limit: int = 1_000) -> list[Statement]:
    """Let it say what is due."""
    said = notices(one.due(now, limit), backbone=BACKBONE, lane=LANE, lanes=LANES, now=now)
    for statement, some in said:
        one.said(envelope_id(encode_statement(statement)), some)
    return [statement for statement, _ in said]


__all__ = ["BACKBONE", "EXPIRY", "LANE", "LANES", "WITHIN_MS", "Lane", "Left", "all_due", "read", "reminder", "say"]
