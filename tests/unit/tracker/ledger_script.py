"""Ledger lanes for tests of the tracker, written as what agencies say, without keys and envelopes."""

from collections.abc import Sequence

from lienthong.client import Document
from lienthong.kernel.command import ENVELOPE_TYPE, Command
from lienthong.kernel.envelope import SealedEnvelope, envelope_id
from lienthong.kernel.fold import Count
from lienthong.kernel.ledger import Entry, Outcome, Source
from lienthong.kernel.seal import Seal
from lienthong.kernel.statement import Kind, Statement, attachment_of, encode_statement, make_statement
from lienthong.tracker.database import Database
from lienthong.tracker.item import Item, Order
from lienthong.tracker.store import Step, Store

NOW = 1_790_000_000_000
SECOND = 1_000


class Script:
    """One lane: each call is its next entry, a second after the one before.

    Args:
        lane: its number.
    """

    def __init__(self, lane: int = 1) -> None:
        self.lane = lane
        self.items: list[Item] = []

    def _entry(self, kind: Kind | None, outcome: Outcome, identity: bytes | None, routes: Sequence[str]) -> Entry:
        position = len(self.items) + 1
        at = NOW + position * SECOND
        return Entry(
            position, at, outcome, Source("G22", position, "0" * 32), at, NOW, identity,
            kind.value if kind is not None else None, tuple(routes),
            "malformed" if outcome is Outcome.REJECTED else "", "\0" if outcome is Outcome.REJECTED else "",
            bytes(32) if outcome is Outcome.REJECTED else b"",
        )  # fmt: skip

    def say(self, statement: Statement, routes: Sequence[str]) -> bytes:
        """Any statement; returns its envelope id."""
        identity = envelope_id(encode_statement(statement))
        entry = self._entry(statement.kind, Outcome.ACCEPTED, identity, routes)
        self.items.append(Item(self.lane, entry, Count.COUNTS, statement))
        return identity

    def document(
        self,
        sender: str,
        *recipients: str,
        routes: Sequence[str] = (),
        document: Document | None = None,
        **body: object,
    ) -> bytes:
        """A document; words of its body may be replaced."""
        made = document or Document(recipients=recipients, subject="V/v báo cáo")
        statement = make_statement(
            sender=sender, recipients=list(recipients), thread=bytes(16), created=NOW, kind=Kind.DOCUMENT,
            body={**made.to_body(), **body},
        )  # fmt: skip
        return self.say(statement, routes or recipients)

    def says(self, sender: str, recipient: str, status: str, *named: bytes, routes: Sequence[str] = ()) -> bytes:
        """An acknowledgement."""
        body = {"documents": list(named), "status": status, "reason": "vì" if status in ("02", "16") else ""}
        statement = make_statement(
            sender=sender, recipients=[recipient], thread=bytes(16), created=NOW, kind=Kind.ACKNOWLEDGEMENT, body=body
        )
        return self.say(statement, routes or [recipient])

    def order(self, action: str, document: Statement, *to: str, position: int = 1) -> bytes:
        """A command of the operator about a document; returns the document's envelope id."""
        identity = envelope_id(encode_statement(document))
        statement = make_statement(
            sender="LT", recipients=list(to), thread=bytes(16), created=NOW, kind=Kind.COMMAND,
            attachments=[attachment_of("x.avro", ENVELOPE_TYPE, b"")],
            body={
                "action": action, "document": identity, "position": position, "judged_at": NOW, "known_at": NOW,
                "reason": "vì \0 vậy",
            },
        )  # fmt: skip
        self.say(statement, to)
        sealed = SealedEnvelope("", b"", [], Seal("", "", 0, 1, 0, b"", []))
        command = Command(action, identity, position, NOW, NOW, statement.body["reason"], b"", sealed, document)
        self.items[-1] = self.items[-1]._replace(order=Order(command, b"k" * 16))
        return identity

    def notices(self, sender: str, *lines: tuple[bytes, int, str]) -> bytes:
        """A notice of the backbone about documents, each with its position and a recipient."""
        entries = [
            {"document": document, "position": position, "recipient": code, "expired_at": NOW - SECOND}
            for document, position, code in lines
        ]
        statement = make_statement(
            sender="LT", recipients=[sender], thread=bytes(16), created=NOW, kind=Kind.NOTICE,
            body={"lane": self.lane, "entries": entries},
        )  # fmt: skip
        return self.say(statement, [sender])

    def reject(self) -> None:
        """A rejected entry."""
        self.items.append(Item(self.lane, self._entry(None, Outcome.REJECTED, None, ()), Count.COUNTS, None))

    def unreadable(self) -> None:
        """An accepted entry whose value nobody can read."""
        entry = self._entry(Kind.DOCUMENT, Outcome.ACCEPTED, bytes(32), ("H26",))
        self.items.append(Item(self.lane, entry, Count.COUNTS, None, "malformed: \0"))

    def void(self) -> None:
        """An entry that does not count."""
        self.items.append(Item(self.lane, self._entry(None, Outcome.REJECTED, None, ()), Count.REPEAT, None))


def store_all(database: Database, *scripts: Script, at_once: int = 1_000) -> None:
    """Store lanes, one after the other, in rounds of so many entries."""
    store = Store(database)
    store.begin({script.lane: 1 for script in scripts})
    for script in scripts:
        for first in range(0, len(script.items), at_once):
            some = script.items[first : first + at_once]
            store.apply({script.lane: Step(first + 1, first + 1 + len(some))}, some)
