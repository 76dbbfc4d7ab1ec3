"""The client's memory: one SQLite file with the outbox, the inbox and the cursors of an agency.

Every change is one transaction, on disk before the caller is told. Documents taken from the inbox
topic and the cursor move together; a settled document and the acknowledgement that settles it move
together. Several processes of one agency may use the file at once: the comparison of sequence
numbers within the transaction makes two readers harmless.
"""

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from lienthong.client import notices
from lienthong.client.account import Received, account, received
from lienthong.client.history import History
from lienthong.client.outbox import Outbox
from lienthong.client.packing import join, split
from lienthong.client.rows import Arrival, Heard, Ordered, Outgoing, Round
from lienthong.client.tables import ARRIVAL
from lienthong.kernel.command import RELEASE
from lienthong.kernel.errors import InvariantError
from lienthong.kernel.fold import Order, compare

__all__ = ["Store"]


class Store(Outbox):
    """All of an agency's file: the outbox, and what was read, each in one transaction with what it changes there."""

    def take(self, round_: Round) -> bool:
        """Store what was read, with the cursors.

        Returns:
            False when another process of this agency has taken some of it already; then nothing is
            stored and the caller reads on from `cursors`.

        Raises:
            InvariantError: a sequence number is missing.
        """
        # If the machine, not the process, dies before the next synced transaction, this one is gone with
        # its cursor and is read from the topic again: no need to wait for the disk.
        with self._unsynced(), self._sql as sql:
            sql.execute("BEGIN IMMEDIATE")
            cursors = self.cursors()
            for lane, first in round_.first.items():
                last = cursors.get(lane, (0, 0))[0]
                order = compare(last, first)
                if order is Order.GAP:
                    raise InvariantError(
                        f"lane {lane} of the inbox goes from sequence {last} to {first}: {first - last - 1} are missing"
                    )
                if order is Order.REPEAT:
                    return False
            if any(cursors.get(lane, (0, 0))[0] > last for lane, (last, _) in round_.cursors.items()):
                # We read nothing but repeats of that lane, and another process has gone on: not back to where we stand.
                return False
            self._for_rows(
                "INSERT INTO inbox (lane, sequence, id, sender, thread, priority, subject, position, judged_at,"
                " handed, value, addressed) VALUES *",
                [(*one[:11], join(one.addressed)) for one in round_.arrivals],
            )
            self._for_rows(
                "INSERT INTO ordered (lane, sequence, action, why) VALUES *",
                [(one.lane, one.sequence, *one.order) for one in round_.arrivals if one.order],
            )
            self._hear(round_.answers)
            self._for_rows(
                "INSERT INTO remark VALUES * ON CONFLICT DO NOTHING",
                [(*one[:8], join(one.agencies)) for one in round_.remarks],
            )
            self._told(round_.receipts)
            notices.keep(sql, round_.notices)
            sql.executemany(
                "INSERT INTO cursor (lane, sequence, next_offset) VALUES (?, ?, ?)"
                " ON CONFLICT (lane) DO UPDATE SET sequence = excluded.sequence, next_offset = excluded.next_offset",
                [(lane, sequence, offset) for lane, (sequence, offset) in round_.cursors.items()],
            )
            return True

    def _hear(self, heard: Sequence[Heard]) -> None:
        self._for_rows(
            "INSERT INTO heard (place, id, reason, created, judged_at) VALUES * ON CONFLICT DO NOTHING",
            [(one.place, one.id, one.reason, one.created, one.judged_at) for one in heard],
        )
        said = [(document, one.agency, one.status, one.place) for one in heard for document in one.documents]
        before = self._sql.total_changes
        self._for_rows(
            "WITH said (document, agency, status, place) AS (VALUES *)"
            " INSERT INTO answer (number, place, agency, status)"
            " SELECT number, place, agency, status FROM said CROSS JOIN outbox ON id = document"
            " WHERE TRUE ON CONFLICT DO NOTHING",
            said,
        )
        if self._sql.total_changes - before < len(said):
            # Some of it is about documents that are not ours: asked back by their sender, or none of our business.
            self._for_rows(
                "WITH said (document, place, event, agency, id, reason, created, judged_at) AS (VALUES *)"
                " INSERT INTO remark SELECT *, '' FROM said"
                " WHERE NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.id = document) ON CONFLICT DO NOTHING",
                [
                    (document, one.place, one.status, one.agency, one.id, one.reason, one.created, one.judged_at)
                    for one in heard
                    for document in one.documents
                ],
            )

    def cursors(self) -> dict[int, tuple[int, int]]:
        """Last sequence number taken and next offset, by lane."""
        rows = self._sql.execute("SELECT lane, sequence, next_offset FROM cursor")
        return {lane: (sequence, offset) for lane, sequence, offset in rows}

    def waiting(
        self, limit: int, after: dict[int, int], lanes: Sequence[int] | None = None, most_bytes: int | None = None
    ) -> tuple[list[Arrival], bool]:
        """Documents that wait to be settled, lane by lane in sequence. They are marked as handed over to the caller.

        Args:
            limit: most of each lane.
            after: by lane the number after which they are looked for.
            lanes: of these; None: of all.
            most_bytes: no more than these of envelopes, shared equally among the lanes, but at least one of each; None:
                any size.

        Returns:
            The documents, and whether there are more.
        """
        found: list[Arrival] = []
        more = False
        with self._sql as sql:
            sql.execute("BEGIN IMMEDIATE")
            lanes = sorted(self.cursors() if lanes is None else lanes)
            for lane in lanes:
                size = count = 0
                with closing(
                    sql.execute(
                        f"{ARRIVAL} WHERE said IS NULL AND lane = ? AND sequence > ? ORDER BY sequence LIMIT ?",
                        (lane, after.get(lane, 0), limit),
                    )
                ) as rows:
                    for row in rows:
                        one = _arrival(row)
                        size += len(one.value)
                        if count and most_bytes is not None and size > most_bytes // len(lanes):
                            more = True
                            break
                        found.append(one)
                        count += 1
                more = more or count == limit
            self._for_rows(
                "UPDATE inbox SET handed = 1 WHERE (lane, sequence) IN (VALUES *)",
                [(one.lane, one.sequence) for one in found if not one.handed],
            )
        return found, more

    def settle(self, settled: Sequence[tuple[int, int, int]], acknowledgements: Sequence[Outgoing]) -> None:
        """Documents of the inbox are done with, and this is said of them.

        Args:
            settled: of each, which of the acknowledgements says it, counted from 1, or 0 when nothing is said;
                lane and sequence number.
            acknowledgements: what goes into the outbox with it.
        """
        with self._sql as sql:
            sql.execute("BEGIN IMMEDIATE")
            before = self.newest()
            self._add(acknowledgements)
            self._for_rows(
                "WITH word (said, lane, sequence) AS (VALUES *) UPDATE inbox SET said = word.said, value = NULL"
                " FROM word WHERE inbox.lane = word.lane AND inbox.sequence = word.sequence",
                # Of several words about one document the last counts.
                [
                    (before + which if which else 0, *place)
                    for place, which in {(lane, sequence): which for which, lane, sequence in settled}.items()
                ],
            )

    def history(self, envelope_id: bytes, agency: str) -> History | None:
        """Everything that was said of a document that this agency sent or received; None if it did neither."""
        with self._sql as sql:
            sql.execute("BEGIN")
            return account(sql, envelope_id, agency)

    def received(self, envelope_id: bytes, agency: str) -> Received | None:
        """Something in the inbox that may be spoken of; None if nothing is there under this id."""
        with self._sql as sql:
            sql.execute("BEGIN")
            return received(sql, envelope_id, agency)

    def arrived(self, envelope_id: bytes) -> Arrival | None:
        """A document of the inbox, settled or not; a settled one has no value any more."""
        row = self._sql.execute(f"{ARRIVAL} WHERE id = ? ORDER BY sequence", (envelope_id,)).fetchone()
        return _arrival(row) if row else None

    def has(self, envelope_id: bytes) -> bool:
        """Whether a document is in the inbox, settled or not."""
        return self._sql.execute("SELECT 1 FROM inbox WHERE id = ?", (envelope_id,)).fetchone() is not None

    def released(self) -> set[bytes]:
        """Ids of the documents in the inbox that the operator released: of these a second record may come."""
        rows = self._sql.execute(
            "SELECT id FROM ordered JOIN inbox USING (lane, sequence) WHERE action = ?", (RELEASE,)
        )
        return {row[0] for row in rows}

    def listing(self, limit: int) -> list[tuple[Arrival, str | None]]:
        """The newest documents of the inbox with the status they were settled with, newest first."""
        rows = self._sql.execute(
            "SELECT lane, sequence, id, sender, thread, priority, subject, position, judged_at, handed, value,"
            " addressed, action, why,"
            " CASE WHEN said IS NOT NULL THEN COALESCE((SELECT SUBSTR(says, 1, 2) FROM outbox WHERE number ="
            " MAX(said, COALESCE((SELECT MAX(number) FROM spoken WHERE document = inbox.id), 0))), '') END"
            " FROM inbox LEFT JOIN ordered USING (lane, sequence) ORDER BY judged_at DESC LIMIT ?",
            (limit,),
        )
        return [(_arrival(row), row[14]) for row in rows]

    def find(self, beginning: bytes) -> list[bytes]:
        """Ids of documents in the outbox or inbox that begin so; at most ten."""
        end = beginning + b"\xff" * (32 - len(beginning))
        rows = self._sql.execute(
            "SELECT id FROM outbox WHERE kind = 'document' AND id BETWEEN ? AND ?"
            " UNION SELECT id FROM inbox WHERE id BETWEEN ? AND ? LIMIT 10",
            (beginning, end, beginning, end),
        )
        return [row[0] for row in rows]


def _arrival(row: Sequence[Any]) -> Arrival:
    """A row of the inbox, its columns in the order of the fields; the value is empty once it is settled."""
    order = None if row[12] is None else Ordered(row[12], row[13])
    return Arrival._make((*row[:9], bool(row[9]), row[10] or b"", split(row[11]), order))
