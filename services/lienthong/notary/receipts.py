"""Receipts, pure: ledger entries in, receipt statements for their senders out. None about receipts.

A receipt is an envelope like others, so intake may reject it: the notary's clock was wrong, or intake stood still for
longer than the acceptance window. So a receipt is on its way until its own entry is read. If that says it was
rejected, and said anew it would not be, its lines wait to be said again; clients take the first line about an envelope.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from lienthong.kernel.fold import Count
from lienthong.kernel.lanes import thread_in_lane
from lienthong.kernel.ledger import Entry, Outcome
from lienthong.kernel.limits import MAX_NAMED
from lienthong.kernel.reasons import Reason
from lienthong.kernel.statement import Kind, Statement, make_statement

__all__ = ["Line", "PendingReceipts", "Receipt", "Rejected"]

_SAID_AGAIN = frozenset(
    {
        Reason.EXPIRED,
        Reason.FUTURE,
        Reason.KEY_NOT_VALID,
        Reason.KEY_REVOKED,
        Reason.UNKNOWN_KEY,
        Reason.UNKNOWN_SENDER,
    }
)
"""Reasons in which nothing is wrong but time or key: the same lines in a new receipt may be accepted."""


class Line(NamedTuple):
    """What is said of one entry."""

    position: int
    """Of the entry in the ledger."""
    body: dict[str, Any]


class Receipt(NamedTuple):
    """A receipt and what it says."""

    lane: int
    recipient: str
    lines: Sequence[Line]
    statement: Statement


class Rejected(NamedTuple):
    """A receipt that intake rejected, and its entry."""

    receipt: Receipt
    entry: Entry
    again: bool
    """Its lines wait to be said again."""


class PendingReceipts:
    """What concerns each sender in each lane, until the ledger holds a receipt that says it.

    Args:
        backbone: code under which receipts are sent; its own entries need none.
        lanes: number of lanes of the backbone.
    """

    def __init__(self, backbone: str, lanes: int) -> None:
        self._backbone = backbone
        self._lanes = lanes
        self._pending: dict[tuple[str, int], list[Line]] = {}
        self._on_the_way: dict[bytes, Receipt] = {}
        """By the SHA-256 of the record's value. As much as intake takes time: it reads them as it reads all others."""
        self.count = 0
        """Entries that wait to be said."""
        self.arrived = 0
        """Receipts on their way that were accepted, so far."""
        self.rejected: list[Rejected] = []
        """Receipts on their way that were rejected, for the caller to look at and clear."""

    def take(self, lane: int, entry: Entry, count: Count, value: bytes | None, first_position: int | None) -> None:
        """Note an entry if its sender is to be told of it; of a receipt, what became of it.

        Args:
            lane: lane of the ledger.
            entry: the entry.
            count: what the fold says of it.
            value: the record's value.
            first_position: for a duplicate, the position of the entry that counts.
        """
        sender = entry.source.agency
        if entry.outcome is Outcome.OPENED or count is Count.REPEAT:
            return
        digest = entry.digest or sha256(value or b"").digest()
        if sender == self._backbone:
            self._hear(digest, entry)
            return
        duplicate = count is Count.DUPLICATE
        body = {
            "envelope_id": entry.id,
            "digest": digest,
            "source_offset": entry.source.offset,
            "reason": Reason.DUPLICATE.value if duplicate else entry.reason,
            "position": first_position if duplicate and first_position is not None else entry.position,
            "judged_at": entry.judged_at,
        }
        self._pending.setdefault((sender, lane), []).append(Line(entry.position, body))
        self.count += 1

    def _hear(self, digest: bytes, entry: Entry) -> None:
        """Note what became of a receipt; of those that another process said nothing is known here."""
        receipt = self._on_the_way.pop(digest, None)
        if receipt is None:
            return
        if entry.outcome is Outcome.ACCEPTED:
            self.arrived += 1
            return
        again = entry.reason in _SAID_AGAIN
        self.rejected.append(Rejected(receipt, entry, again))
        if again:
            # Before what is newer, so that lines stay in the order of the ledger.
            waiting = self._pending.setdefault((receipt.recipient, receipt.lane), [])
            waiting.extend(receipt.lines)
            waiting.sort(key=lambda line: line.position)
            self.count += len(receipt.lines)

    def say(self, now: int) -> list[Receipt]:
        """Receipts for everything pending, each naming at most `MAX_NAMED` envelopes."""
        said = []
        for (recipient, lane), lines in self._pending.items():
            for some in _chunks(lines, MAX_NAMED):
                statement = make_statement(
                    sender=self._backbone,
                    recipients=[recipient],
                    thread=thread_in_lane(lane, self._lanes),
                    created=now,
                    kind=Kind.RECEIPT,
                    body={"lane": lane, "entries": [line.body for line in some]},
                )
                said.append(Receipt(lane, recipient, some, statement))
        self._pending.clear()
        self.count = 0
        return said

    def sent(self, value: bytes, receipt: Receipt) -> None:
        """Note that a receipt is on its way as this value of a record."""
        self._on_the_way[sha256(value).digest()] = receipt

    def unsaid_from(self) -> dict[int, int]:
        """By lane the first ledger position of which no receipt stands in the ledger yet; none where nothing waits.

        Whoever begins again there leaves nobody without a receipt.
        """
        first: dict[int, int] = {}
        for lane, position in self._waiting():
            first[lane] = min(position, first.get(lane, position))
        return first

    def _waiting(self) -> Iterator[tuple[int, int]]:
        for (_, lane), lines in self._pending.items():
            yield lane, lines[0].position
        for receipt in self._on_the_way.values():
            yield receipt.lane, receipt.lines[0].position


def _chunks(items: Sequence[Line], size: int) -> list[Sequence[Line]]:
    return [items[at : at + size] for at in range(0, len(items), size)]
