"""The client's memory: one SQLite file with the outbox, the inbox and the cursors of an agency.

Every change is one transaction, on disk before the caller is told. Documents taken from the inbox
topic and the cursor move together; a settled document and the acknowledgement that settles it move
together. Several processes of one agency may use the file at once: the comparison of sequence
numbers within the transaction makes two readers harmless.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lienthong.client import notices
from lienthong.client.account import Received, account, received
from lienthong.client.documents import Document, Progress, State, document_of
from lienthong.client.history import History
from lienthong.client.packing import join, pack, split, unpack
from lienthong.client.rows import Arrival, Heard, Outgoing, ReceiptLine, Round, Summary
from lienthong.client.tables import FORMS, SCHEMA, SETTINGS, SUMMARY, UNFINISHED
from lienthong.kernel.errors import InvariantError, UnavailableError
from lienthong.kernel.fold import Order, compare
from lienthong.kernel.statement import decode_statement

__all__ = ["Store"]

_ROWS_AT_ONCE = (64, 8, 1)
_PENDING, _ACCEPTED, _REJECTED, _RENEWED = range(4)
_STATES = {_PENDING: State.HANDED_OVER, _ACCEPTED: State.ACCEPTED, _REJECTED: State.REJECTED, _RENEWED: State.RENEWED}
_BUSY_SECONDS = 30.0


class Store:
    """The SQLite file of one agency. Not for concurrent threads; every method is one transaction."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._sql = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=64
            )
            for setting in SETTINGS:
                self._sql.execute(f"PRAGMA {setting}")
            self._sql.executescript(SCHEMA)
            self._sql.execute(UNFINISHED)
            # A table of another form is left as it is above: better refused now than in the middle of a round.
            for form in FORMS:
                self._sql.execute(form)
        except sqlite3.Error as error:
            raise UnavailableError(f"cannot open the client's store {path}: {error}") from error

        self._finished: Counter[str] = Counter()
        self._summed_until = 0

    @contextmanager
    def _unsynced(self) -> Iterator[None]:
        """A transaction in here is committed without waiting for the disk; the next one outside waits for both."""
        self._sql.execute("PRAGMA synchronous = NORMAL")
        try:
            yield
        finally:
            self._sql.execute("PRAGMA synchronous = FULL")

    def close(self) -> None:
        """Close the file."""
        self._sql.close()

    def _for_rows(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Execute a statement over rows, many at a time, where it says ``VALUES *``.

        One row at a time is what `executemany` does, and costs twice: the work around each step, and
        the hand-over of the interpreter's lock to the event loop and back.
        """
        at = 0
        for size in _ROWS_AT_ONCE:
            while len(rows) - at >= size:
                marks = ", ".join([f"({', '.join('?' * len(rows[at]))})"] * size)
                values = [value for row in rows[at : at + size] for value in row]
                self._sql.execute(statement.replace("VALUES *", f"VALUES {marks}"), values)
                at += size

    def add(self, outgoing: Sequence[Outgoing]) -> list[bytes]:
        """Put statements into the outbox; what is there already, by content, is not put in again.

        Returns:
            The id under which each is known, in order: its own, or that of the earlier hand-over.
        """
        with self._sql as sql:
            sql.execute("BEGIN IMMEDIATE")
            return self._add(outgoing)

    def _add(self, outgoing: Sequence[Outgoing]) -> list[bytes]:
        before = self._sql.total_changes
        self._for_rows(
            "INSERT INTO outbox (id, content_key, kind, lane, statement, contents, handed_over_at, routes, natural_key)"
            " VALUES * ON CONFLICT DO NOTHING",
            [
                (*one[:5], pack(one.contents), one.handed_over_at, join(one.routes), one.natural_key or None)
                for one in outgoing
                if not one.says
            ],
        )
        self._for_rows(
            "INSERT INTO outbox (id, kind, lane, statement, handed_over_at, routes, says) VALUES *",
            [
                (one.id, one.kind, one.lane, one.statement, one.handed_over_at, join(one.routes), one.says)
                for one in outgoing
                if one.says
            ],
        )
        are_new = self._sql.total_changes - before == len(outgoing)
        for one in outgoing:
            if one.refers:
                self._sql.executemany(
                    "INSERT INTO spoken (document, number) SELECT ?, number FROM outbox WHERE id = ?"
                    " ON CONFLICT DO NOTHING",
                    [(document, one.id) for document in one.refers],
                )
        if are_new:
            return [one.id for one in outgoing]
        return [one.id if one.content_key is None else self._known_as(one.content_key) for one in outgoing]

    def _known_as(self, content_key: bytes) -> bytes:
        row = self._sql.execute("SELECT id FROM outbox WHERE content_key = ?", (content_key,)).fetchone()
        known: bytes = row[0]
        return known

    def newest(self) -> int:
        """Number of the newest statement in the outbox; 0 if there is none."""
        number: int = self._sql.execute("SELECT COALESCE(MAX(number), 0) FROM outbox").fetchone()[0]
        return number

    def pending(self, until: int | None = None) -> list[Outgoing]:
        """What was handed over and has no receipt yet, in order.

        Args:
            until: number of the last one looked at; None: all.
        """
        rows = self._sql.execute(
            "SELECT id, content_key, kind, lane, statement, contents, handed_over_at, routes, COALESCE(says, ''),"
            " COALESCE(natural_key, '') FROM outbox WHERE state = 0 AND number <= COALESCE(?, number) ORDER BY number",
            (until,),
        )
        return [Outgoing._make((*row[:5], unpack(row[5]), row[6], split(row[7]), row[8], (), row[9])) for row in rows]

    def renew(self, old: bytes, new: Outgoing) -> None:
        """Put a statement that was signed anew in the place of one that expired unsent."""
        with self._sql as sql:
            sql.execute("BEGIN IMMEDIATE")
            sql.execute(
                "UPDATE outbox SET state = ?, renewed_as = ?, content_key = NULL, statement = NULL, contents = NULL"
                " WHERE id = ?",
                (_RENEWED, new.id, old),
            )
            self._add([new])

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
            self._hear(round_.answers)
            self._for_rows(
                "INSERT INTO remark VALUES * ON CONFLICT DO NOTHING",
                [(*one[:8], join(one.agencies)) for one in round_.remarks],
            )
            notices.keep(sql, round_.notices)
            self._for_rows(
                "WITH line (state, position, reason, id) AS (VALUES *)"
                " UPDATE outbox SET state = line.state, position = line.position, reason = line.reason,"
                # What a document says of itself stays, for its history and for what refers to it; its files go.
                " statement = CASE kind WHEN 'document' THEN statement END, contents = NULL"
                " FROM line WHERE outbox.id = line.id AND outbox.state = 0"
                # An acknowledgement in which nothing is wrong but time or key is said again at the next start: nobody
                # else would.
                " AND NOT (outbox.kind = 'acknowledgement' AND line.reason IN"
                " ('expired', 'future', 'key_revoked', 'key_not_valid', 'unknown_key'))",
                # Of several lines about one envelope the first counts; one statement must not choose.
                [self._verdict(line) for line in {line.id: line for line in reversed(round_.receipts)}.values()],
            )
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

    @staticmethod
    def _verdict(line: ReceiptLine) -> tuple[int, int, str, bytes]:
        # A duplicate is one that was accepted before: its receipt names the entry that counts.
        accepted = line.reason in ("", "duplicate")
        return (_ACCEPTED if accepted else _REJECTED, line.position, "" if accepted else line.reason, line.id)

    def cursors(self) -> dict[int, tuple[int, int]]:
        """Last sequence number taken and next offset, by lane."""
        rows = self._sql.execute("SELECT lane, sequence, next_offset FROM cursor")
        return {lane: (sequence, offset) for lane, sequence, offset in rows}

    def waiting(self, limit: int, after: dict[int, int], lanes: Sequence[int] | None = None) -> list[Arrival]:
        """Documents that wait to be settled, lane by lane in sequence, those after a number by lane only.

        They are marked as handed over to the caller. At most `limit` of each lane; of these lanes, or all.
        """
        found: list[Arrival] = []
        with self._sql as sql:
            sql.execute("BEGIN IMMEDIATE")
            for lane in sorted(self.cursors() if lanes is None else lanes):
                rows = sql.execute(
                    "SELECT lane, sequence, id, sender, thread, priority, subject, position, judged_at, handed, value,"
                    " addressed"
                    " FROM inbox WHERE said IS NULL AND lane = ? AND sequence > ? ORDER BY sequence LIMIT ?",
                    (lane, after.get(lane, 0), limit),
                )
                found.extend(_arrival(row) for row in rows)
            self._for_rows(
                "UPDATE inbox SET handed = 1 WHERE (lane, sequence) IN (VALUES *)",
                [(one.lane, one.sequence) for one in found if not one.handed],
            )
        return found

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

    def document(self, envelope_id: bytes) -> Document:
        """A document of the outbox as it was sent.

        Raises:
            ValueError: there is none under this id.
        """
        row = self._sql.execute(
            "SELECT statement FROM outbox WHERE id = ? AND kind = 'document' AND statement IS NOT NULL", (envelope_id,)
        ).fetchone()
        if row is None:
            raise ValueError(f"nothing was sent under id {envelope_id.hex()}")
        return document_of(decode_statement(row[0]))

    def received(self, envelope_id: bytes, agency: str) -> Received | None:
        """Something in the inbox that may be spoken of; None if nothing is there under this id."""
        with self._sql as sql:
            sql.execute("BEGIN")
            return received(sql, envelope_id, agency)

    def arrived(self, envelope_id: bytes) -> Arrival | None:
        """A document of the inbox, settled or not; a settled one has no value any more."""
        row = self._sql.execute(
            "SELECT lane, sequence, id, sender, thread, priority, subject, position, judged_at, handed, value,"
            " addressed"
            " FROM inbox WHERE id = ?",
            (envelope_id,),
        ).fetchone()
        return _arrival(row) if row else None

    def listing(self, limit: int) -> list[tuple[Arrival, str | None]]:
        """The newest documents of the inbox with the status they were settled with, newest first."""
        rows = self._sql.execute(
            "SELECT lane, sequence, id, sender, thread, priority, subject, position, judged_at, handed, value,"
            " addressed,"
            " CASE WHEN said IS NOT NULL THEN COALESCE((SELECT SUBSTR(says, 1, 2) FROM outbox WHERE number ="
            " MAX(said, COALESCE((SELECT MAX(number) FROM spoken WHERE document = inbox.id), 0))), '') END"
            " FROM inbox ORDER BY judged_at DESC LIMIT ?",
            (limit,),
        )
        return [(_arrival(row), row[12]) for row in rows]

    def find(self, beginning: bytes) -> list[bytes]:
        """Ids of documents in the outbox or inbox that begin so; at most ten."""
        end = beginning + b"\xff" * (32 - len(beginning))
        rows = self._sql.execute(
            "SELECT id FROM outbox WHERE kind = 'document' AND id BETWEEN ? AND ?"
            " UNION SELECT id FROM inbox WHERE id BETWEEN ? AND ? LIMIT 10",
            (beginning, end, beginning, end),
        )
        return [row[0] for row in rows]

    def summary(self) -> Summary:
        """Counts over the documents of the outbox.

        The first call looks at all of them; later ones at those that are new or were not finished.
        """
        finished, others = Counter(self._finished), Counter[str]()
        unfinished = []
        with self._sql as sql:
            sql.execute("BEGIN")
            newest = self.newest()
            for number, state, is_acknowledged in sql.execute(SUMMARY, {"seen": self._summed_until}):
                goes_on = state in (_PENDING, _ACCEPTED)
                is_finished = not goes_on or (state == _ACCEPTED and is_acknowledged)
                counts = finished if is_finished else others
                counts["documents"] += 1
                counts["accepted"] += state == _ACCEPTED
                counts["rejected"] += state == _REJECTED
                counts["acknowledged"] += goes_on and is_acknowledged
                if not is_finished:
                    unfinished.append((number,))
            sql.execute("DELETE FROM unfinished")
            sql.executemany("INSERT INTO unfinished VALUES (?)", unfinished)
        self._finished, self._summed_until = finished, newest
        return Summary(*(finished[name] + others[name] for name in Summary._fields))

    def progress(self, envelope_id: bytes) -> Progress | None:
        """What is known of something that was handed over; None if nothing was under this id."""
        row = self._sql.execute(
            "SELECT number, handed_over_at, lane, state, position, reason, renewed_as, routes, natural_key FROM outbox"
            " WHERE id = ?",
            (envelope_id,),
        ).fetchone()
        if row is None:
            return None
        number, handed_over_at, lane, state, position, reason, renewed_as, joined, natural_key = row
        routes = split(joined)
        # What is said by somebody it was not delivered to is kept, and counts for nothing.
        newest: dict[str, str] = {}
        for agency, status in self._sql.execute(
            "SELECT agency, status FROM answer WHERE number = ? ORDER BY place", (number,)
        ):
            # That it arrived is nothing new when more was said.
            if agency in routes and (status != "01" or agency not in newest):
                newest[agency] = status
        reached = _STATES[state]
        if newest and state != _REJECTED and len(newest) == len(routes):
            further = all(status != "01" for status in newest.values())
            reached = State.ACKNOWLEDGED if further else State.ARRIVED
        repeats = self._numbered_before(natural_key, number) if natural_key else ()
        unread = {
            agency: expired_at
            for agency, expired_at in notices.left_unread(self._sql, envelope_id).items()
            if agency in routes and agency not in newest
        }
        return Progress(
            envelope_id, reached, handed_over_at, lane, position, reason, newest, renewed_as, repeats, unread
        )

    def _numbered_before(self, natural_key: str, number: int) -> tuple[bytes, ...]:
        """Documents handed over before one that have its number, notation and year; not those signed anew as others."""
        rows = self._sql.execute(
            "SELECT id FROM outbox WHERE natural_key = ? AND number < ? AND state <> ? ORDER BY number",
            (natural_key, number, _RENEWED),
        )
        return tuple(identity for (identity,) in rows)


def _arrival(row: Sequence[Any]) -> Arrival:
    """A row of the inbox, its columns in the order of the fields; the value is empty once it is settled."""
    return Arrival._make((*row[:9], bool(row[9]), row[10] or b"", split(row[11])))
