"""What the client's store keeps of notices: which recipients have left a document unread, as the backbone has said."""

import sqlite3
from collections.abc import Sequence

from lienthong.client.history import Unread
from lienthong.client.rows import NoticeLine, split_place

__all__ = ["keep", "left_unread", "unread_of"]


def keep(sql: sqlite3.Connection, lines: Sequence[NoticeLine]) -> None:
    """Store what notices say; of several about one document and recipient the first counts."""
    sql.executemany("INSERT INTO notice VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", lines)


def left_unread(sql: sqlite3.Connection, document: bytes) -> dict[str, int]:
    """When the time of a document was over at each recipient that let it pass, whatever it said afterwards."""
    rows = sql.execute("SELECT agency, expired_at FROM notice WHERE document = ? ORDER BY agency", (document,))
    return dict(rows.fetchall())


def unread_of(sql: sqlite3.Connection, document: bytes) -> tuple[Unread, ...]:
    """What notices have said of a document, in the order of the ledger."""
    rows = sql.execute(
        "SELECT agency, expired_at, judged_at, id, place, EXISTS (SELECT 1 FROM answer JOIN outbox USING (number)"
        " WHERE outbox.id = document AND answer.agency = notice.agency)"
        " FROM notice WHERE document = ? ORDER BY place, agency",
        (document,),
    )
    return tuple(
        Unread(agency, expired_at, told_at, identity, *split_place(place), read=bool(read))
        for agency, expired_at, told_at, identity, place, read in rows
    )
