"""What the tracker takes from the ledger: an entry with what it says, and which documents it names."""

from collections.abc import Iterable
from typing import NamedTuple

from lienthong.kernel.command import RELEASE, Command
from lienthong.kernel.fold import Count
from lienthong.kernel.ledger import Entry
from lienthong.kernel.lifecycle import Event, Request
from lienthong.kernel.statement import Kind, Statement

__all__ = ["ANSWERS", "REQUESTS", "Item", "Order", "answered", "wanted"]

REQUESTS = {1: Request.TAKE_BACK, 2: Request.UPDATE}
"""What documents of these kinds ask for."""
ANSWERS = frozenset({Event.AGREED, Event.CHANGE_REFUSED})


class Order(NamedTuple):
    """What the operator orders, and the id (16 bytes) of the key that signed it."""

    command: Command
    by: bytes


class Item(NamedTuple):
    """A ledger entry, whether it counts, and what it says."""

    lane: int
    entry: Entry
    counts: Count
    statement: Statement | None
    """Of an accepted document, acknowledgement, command or notice that counts."""
    why: str = ""
    """Why an accepted entry cannot be read."""
    order: Order | None = None
    """Of a command."""

    @property
    def document(self) -> Statement | None:
        """The document that is delivered by this entry, if one is: accepted, or released by the operator."""
        if self.order is None:
            return self.statement if self.statement is not None and self.statement.kind is Kind.DOCUMENT else None
        return self.order.command.statement if self.order.command.action == RELEASE else None


def wanted(items: Iterable[Item]) -> set[bytes]:
    """Envelope ids of the documents that entries say something of."""
    found: set[bytes] = set()
    for item in items:
        statement = item.statement
        if item.order is not None:
            found.add(item.order.command.document)
        elif statement is not None and statement.kind is Kind.ACKNOWLEDGEMENT:
            found.update(statement.body["documents"])
        elif statement is not None and statement.kind is Kind.NOTICE:
            found.update(line["document"] for line in statement.body["entries"])
        document = item.document
        if document is not None and document.body["business_type"] in REQUESTS:
            found.update(document.body["refers_to"])
    return found


def answered(items: Iterable[Item]) -> set[tuple[bytes, str]]:
    """What answers among entries name, recalls and updates or the documents that these are about: its id, and who."""
    return {
        (named, item.statement.sender)
        for item in items
        if item.statement is not None and item.statement.kind is Kind.ACKNOWLEDGEMENT
        if Event(item.statement.body["status"]) in ANSWERS
        for named in item.statement.body["documents"]
    }
