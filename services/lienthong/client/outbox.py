"""The outbox: what the agency has said and hands over to the backbone, and what the backbone has said of it."""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from lienthong.client import notices
from lienthong.client.database import Database
from lienthong.client.documents import Document, Progress, State, document_of
from lienthong.client.packing import join, pack, split, unpack
from lienthong.client.rows import Outgoing, ReceiptLine, Summary
from lienthong.client.tables import SUMMARY, UNFINISHED
from lienthong.kernel.statement import decode_statement

__all__ = ["Outbox"]

_PENDING, _ACCEPTED, _REJECTED, _RENEWED = range(4)
_STATES = {_PENDING: State.HANDED_OVER, _ACCEPTED: State.ACCEPTED, _REJECTED: State.REJECTED, _RENEWED: State.RENEWED}


class Outbox(Database):
    """The outbox in the file of an agency."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._sql.execute(UNFINISHED)
        self._finished: Counter[str] = Counter()
        self._summed_until = 0

    def add(self, outgoing: Sequence[Outgoing]) -> list[bytes]:
        """Put statements into the outbox; what is there already, by content, is not put in again.

        Unless it was rejected: whoever says it again has mended the cause, and means it.

        Returns:
            The id under which each is known, in order: its own, or that of the earlier hand-over.
        """
        with self._sql as sql:
            sql.execute("BEGIN IMMEDIATE")
            return self._add(outgoing)

    def _add(self, outgoing: Sequence[Outgoing]) -> list[bytes]:
        before = self._sql.total_changes
        rows = [
            (*one[:5], pack(one.contents), one.handed_over_at, join(one.routes), one.natural_key or None)
            for one in outgoing
            if not one.says
        ]
        self._add_rows(rows)
        if self._sql.total_changes - before < len(rows):
            let_go = self._sql.executemany(
                "UPDATE outbox SET content_key = NULL WHERE content_key = ? AND state = ?",
                [(row[1], _REJECTED) for row in rows],
            ).rowcount
            if let_go:
                before += let_go
                self._add_rows(rows)
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

    def _add_rows(self, rows: Sequence[Sequence[Any]]) -> None:
        self._for_rows(
            "INSERT INTO outbox (id, content_key, kind, lane, statement, contents, handed_over_at, routes, natural_key)"
            " VALUES * ON CONFLICT DO NOTHING",
            rows,
        )

    def _known_as(self, content_key: bytes) -> bytes:
        row = self._sql.execute("SELECT id FROM outbox WHERE content_key = ?", (content_key,)).fetchone()
        known: bytes = row[0]
        return known

    def newest(self) -> int:
        """Number of the newest statement in the outbox; 0 if there is none."""
        number: int = self._sql.execute("SELECT COALESCE(MAX(number), 0) FROM outbox").fetchone()[0]
        return number

    def pending(
        self, after: int = 0, until: int | None = None, most_bytes: int | None = None
    ) -> list[tuple[int, Outgoing]]:
        """What was handed over and has no receipt yet, in order, each with its number in the outbox.

        Args:
            after: number before the first one looked at.
            until: number of the last one looked at; None: all.
            most_bytes: no more than these of statements and contents, but at least one; None: all.
        """
        found: list[tuple[int, Outgoing]] = []
        size = 0
        with closing(
            self._sql.execute(
                "SELECT id, content_key, kind, lane, statement, contents, handed_over_at, routes, COALESCE(says, ''),"
                " COALESCE(natural_key, ''), number FROM outbox"
                " WHERE state = 0 AND number > ? AND number <= COALESCE(?, number) ORDER BY number",
                (after, until),
            )
        ) as rows:
            for row in rows:
                size += len(row[4]) + len(row[5] or b"")
                if found and most_bytes is not None and size > most_bytes:
                    break
                one = Outgoing._make((*row[:5], unpack(row[5]), row[6], split(row[7]), row[8], (), row[9]))
                found.append((row[10], one))
        return found

    def pending_ids(self) -> dict[bytes, int]:
        """Ids of what was handed over and has no receipt yet, each with its number in the outbox."""
        return dict(self._sql.execute("SELECT id, number FROM outbox WHERE state = 0"))

    def renew(self, old: bytes, new: Outgoing) -> bool:
        """Put a statement that was signed anew in the place of one that expired unsent.

        Returns:
            False where the old one has a receipt by now, or was renewed by another process: then nothing was done.
        """
        with self._sql as sql:
            sql.execute("BEGIN IMMEDIATE")
            renewed = sql.execute(
                "UPDATE outbox SET state = ?, renewed_as = ?, content_key = NULL, statement = NULL, contents = NULL"
                " WHERE id = ? AND state = ?",
                (_RENEWED, new.id, old, _PENDING),
            ).rowcount
            if renewed:
                self._add([new])
            return bool(renewed)

    def _told(self, receipts: Sequence[ReceiptLine]) -> None:
        """Note what the backbone says of our envelopes; within a transaction."""
        # Of several lines about one envelope the first counts, or the first that accepts: an SQL statement must not
        # choose.
        chosen: dict[bytes, ReceiptLine] = {}
        for line in sorted(receipts, key=lambda one: not self._accepts(one)):
            if not line.released:
                chosen.setdefault(line.id, line)
        self._for_rows(
            "WITH line (state, position, reason, id) AS (VALUES *)"
            " UPDATE outbox SET state = line.state, position = line.position, reason = line.reason,"
            # What a document says of itself stays, for its history and for what refers to it; its files go.
            " statement = CASE kind WHEN 'document' THEN statement END, contents = NULL"
            " FROM line WHERE outbox.id = line.id"
            # A rejection (2) may be followed by an acceptance (1) of the same bytes, never the other way round.
            " AND (outbox.state = 0 OR outbox.state = 2 AND line.state = 1)"
            # An acknowledgement in which nothing is wrong but time or key is said again at the next start: nobody
            # else would.
            " AND NOT (outbox.kind = 'acknowledgement' AND line.reason IN"
            " ('expired', 'future', 'key_revoked', 'key_not_valid', 'unknown_key'))",
            [self._verdict(line) for line in chosen.values()],
        )
        for line in receipts:
            if line.released:
                self._release(line)

    def _release(self, line: ReceiptLine) -> None:
        """What the backbone had rejected was delivered by the operator's order."""
        changed = self._sql.execute(
            "UPDATE outbox SET state = ?, position = ?, reason = '', routes = ?, contents = NULL"
            " WHERE id = ? AND state IN (?, ?)",
            (_ACCEPTED, line.position, join(line.routes), line.id, _PENDING, _REJECTED),
        ).rowcount
        if changed:
            self._sql.execute(
                "INSERT INTO released (id, why) VALUES (?, ?) ON CONFLICT DO NOTHING", (line.id, line.released)
            )

    @staticmethod
    def _accepts(line: ReceiptLine) -> bool:
        # A duplicate is one that was accepted before: its receipt names the entry that counts.
        return line.reason in ("", "duplicate")

    @classmethod
    def _verdict(cls, line: ReceiptLine) -> tuple[int, int, str, bytes]:
        accepted = cls._accepts(line)
        return (_ACCEPTED if accepted else _REJECTED, line.position, "" if accepted else line.reason, line.id)

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

    def summary(self) -> Summary:
        """Counts over the documents of the outbox.

        The first call looks at all of them; later ones at those that are new or were not finished.
        """
        unfinished = []
        with self._sql as sql:
            sql.execute("BEGIN")
            newest = self.newest()
            finished, others = Counter(self._finished), Counter[str]()
            for number, state, is_acknowledged in sql.execute(SUMMARY, {"seen": self._summed_until}):
                goes_on = state in (_PENDING, _ACCEPTED)
                # What was rejected may yet be accepted, or released by the operator.
                is_finished = state == _RENEWED or (state == _ACCEPTED and is_acknowledged)
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
            "SELECT number, handed_over_at, lane, state, position, reason, renewed_as, routes, natural_key, why"
            " FROM outbox LEFT JOIN released USING (id) WHERE id = ?",
            (envelope_id,),
        ).fetchone()
        if row is None:
            return None
        number, handed_over_at, lane, state, position, reason, renewed_as, joined, natural_key, why = row
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
            envelope_id, reached, handed_over_at, lane, position, reason, newest, renewed_as, repeats, unread, why or ""
        )

    def _numbered_before(self, natural_key: str, number: int) -> tuple[bytes, ...]:
        """Documents handed over before one that have its number, notation and year.

        Without those that were signed anew as others, and those that were rejected: these went nowhere.
        """
        rows = self._sql.execute(
            "SELECT id FROM outbox WHERE natural_key = ? AND number < ? AND state NOT IN (?, ?) ORDER BY number",
            (natural_key, number, _RENEWED, _REJECTED),
        )
        return tuple(identity for (identity,) in rows)
