"""A digest of all that a tracker's database holds: two databases of the same ledger entries have the same.

For each table its rows are hashed in the order of its key, each value with its type and length, so that
neither the kind of database nor the order of writing shows.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import select

from lienthong.tracker.database import Database
from lienthong.tracker.tables import TABLES

__all__ = ["Digest", "TableDigest", "digest"]

_AT_ONCE = 5_000


class TableDigest(NamedTuple):
    """A table, how many rows it has, and their digest in hex."""

    table: str
    rows: int
    sha256: str


class Digest(NamedTuple):
    """All tables, positions among them, and the digest of their digests in hex."""

    tables: tuple[TableDigest, ...]
    sha256: str


def digest(database: Database) -> Digest:
    """Read a whole database, as of one moment.

    Raises:
        UnavailableError: the database does not answer.
    """
    found = []
    with database.reading() as connection:
        for table in TABLES:
            rows, whole = 0, sha256()
            answer = connection.execution_options(yield_per=_AT_ONCE).execute(
                select(table).order_by(*table.primary_key.columns)
            )
            for row in answer:
                rows += 1
                whole.update(b"".join(_canonical(row)))
            found.append(TableDigest(table.name, rows, whole.hexdigest()))
    text = "".join(f"{one.table} {one.rows} {one.sha256}\n" for one in found)
    return Digest(tuple(found), sha256(text.encode()).hexdigest())


def _canonical(row: Sequence[Any]) -> Iterator[bytes]:
    for value in row:
        if value is None:
            yield b"n"
        elif isinstance(value, str):
            data = value.encode()
            yield b"t%d:" % len(data) + data
        elif isinstance(value, int):  # true and false too
            yield b"i%d;" % value
        else:
            data = bytes(value)
            yield b"b%d:" % len(data) + data
