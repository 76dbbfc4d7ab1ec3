"""A ledger entry with what it says: nothing is verified again, the tracker trusts the ledger."""

from lienthong.kernel.command import read_command
from lienthong.kernel.envelope import decode_envelope
from lienthong.kernel.errors import RejectedError
from lienthong.kernel.fold import Count
from lienthong.kernel.ledger import Entry, Outcome, Record
from lienthong.kernel.statement import Kind, decode_statement
from lienthong.tracker.item import Item, Order

__all__ = ["read_item"]

_SAYING = frozenset({Kind.DOCUMENT.value, Kind.ACKNOWLEDGEMENT.value, Kind.COMMAND.value, Kind.NOTICE.value})
"""Kinds of which more is kept than their number."""


def read_item(lane: int, record: Record, entry: Entry, counts: Count) -> Item:
    """Read what an entry says, if it counts and says something of documents; never fails."""
    if counts is not Count.COUNTS or entry.outcome is not Outcome.ACCEPTED or entry.kind not in _SAYING:
        return Item(lane, entry, counts, None)
    if record.value is None:
        return Item(lane, entry, counts, None, "there is no value")
    order = None
    try:
        sealed = decode_envelope(record.value)
        statement = decode_statement(sealed.statement)
        if statement.kind is Kind.COMMAND:
            order = Order(read_command(statement, sealed.contents), sealed.seal.signatures[0].key_id)
    except RejectedError as error:
        return Item(lane, entry, counts, None, str(error))
    if statement.kind.value != entry.kind or not (statement.recipients and entry.routes):
        return Item(lane, entry, counts, None, f"the header says {entry.kind}, the statement is another")
    return Item(lane, entry, counts, statement, order=order)
