"""Receipts, pure: ledger entries in, receipt statements for their senders out. None about receipts."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from lienthong.kernel.fold import Count
from lienthong.kernel.lanes import thread_in_lane
from lienthong.kernel.ledger import Entry, Outcome
from lienthong.kernel.limits import MAX_NAMED
from lienthong.kernel.reasons import Reason
from lienthong.kernel.statement import Kind, Statement, make_statement

__all__ = ["PendingReceipts"]


class PendingReceipts:
    """What concerns each sender in each lane, until it is said.

    Args:
        backbone: code under which receipts are sent; its own entries need none.
        lanes: number of lanes of the backbone.
    """

    def __init__(self, backbone: str, lanes: int) -> None:
        self._backbone = backbone
        self._lanes = lanes
        self._pending: dict[tuple[str, int], list[dict[str, Any]]] = {}
        self.count = 0
        """Entries that wait to be said."""

    def take(self, lane: int, entry: Entry, count: Count, value: bytes | None, first_position: int | None) -> None:
        """Note an entry if its sender is to be told of it.

        Args:
            lane: lane of the ledger.
            entry: the entry.
            count: what the fold says of it.
            value: the record's value.
            first_position: for a duplicate, the position of the entry that counts.
        """
        sender = entry.source.agency
        if sender == self._backbone or entry.outcome is Outcome.OPENED or count is Count.REPEAT:
            return
        duplicate = count is Count.DUPLICATE
        self._pending.setdefault((sender, lane), []).append(
            {
                "envelope_id": entry.id,
                "digest": entry.digest or sha256(value or b"").digest(),
                "source_offset": entry.source.offset,
                "reason": Reason.DUPLICATE.value if duplicate else entry.reason,
                "position": first_position if duplicate and first_position is not None else entry.position,
                "judged_at": entry.judged_at,
            }
        )
        self.count += 1

    def say(self, now: int) -> list[tuple[int, Statement]]:
        """Statements for everything pending, with their lanes, each naming at most `MAX_NAMED` envelopes."""
        said = []
        for (sender, lane), entries in self._pending.items():
            for some in _chunks(entries, MAX_NAMED):
                statement = make_statement(
                    sender=self._backbone,
                    recipients=[sender],
                    thread=thread_in_lane(lane, self._lanes),
                    created=now,
                    kind=Kind.RECEIPT,
                    body={"lane": lane, "entries": list(some)},
                )
                said.append((lane, statement))
        self._pending.clear()
        self.count = 0
        return said


def _chunks(items: Sequence[dict[str, Any]], size: int) -> "list[Sequence[dict[str, Any]]]":
    return [items[at : at + size] for at in range(0, len(items), size)]
