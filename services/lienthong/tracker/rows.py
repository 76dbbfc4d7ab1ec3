"""Many rows at once, for both databases: put in, put over those that are there, and found by their keys.

SQLAlchemy writes the statements for people and for commands. The projection handles thousands of rows
a second, and there the statement is all that is wanted: SQLite takes rows one by one within the process,
PostgreSQL takes one array a column, so that a round is a few messages whatever its size.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, TypeAlias

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql

__all__ = ["add", "find", "keep", "put"]

Row: TypeAlias = Sequence[Any]
"""Values of a table's columns, in order."""

_AT_ONCE = 256
"""Keys looked up by one statement of SQLite."""
_POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call]


def put(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Store rows; a row that has the key of one that is there takes its place. No key may come twice."""
    _store(connection, table, rows, _replacing(table))


def keep(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Store rows; where one is there with the same key, that one stays."""
    _store(connection, table, rows, "ON CONFLICT DO NOTHING")


def add(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Store rows of counts; the last column is added to that of a row that is there. No key may come twice."""
    last = [column.name for column in table.columns][-1]
    keys = ", ".join(column.name for column in table.primary_key)
    _store(
        connection, table, rows,
        f"ON CONFLICT ({keys}) DO UPDATE SET {last} = {table.name}.{last} + excluded.{last}",
    )  # fmt: skip


def find(
    connection: Connection, table: Table, columns: Sequence[str], by: Sequence[str], keys: Sequence[Row]
) -> list[Row]:
    """Rows whose columns `by` have one of these combinations of values, in any order; a row once for each.

    Args:
        connection: in whose transaction.
        table: where they are.
        columns: what is wanted of them.
        by: names of columns that an index begins with.
        keys: a value for each of `by`; none twice.
    """
    if not keys:
        return []
    wanted = ", ".join(f"t.{name}" for name in columns)
    joined = " AND ".join(f"t.{name} = k.{name}" for name in by)
    if connection.dialect.name == "postgresql":
        arrays = ", ".join(f"CAST(%s AS {_type(table, name)}[])" for name in by)
        statement = f"SELECT {wanted} FROM unnest({arrays}) AS k ({', '.join(by)}) JOIN {table.name} AS t ON {joined}"
        return list(connection.exec_driver_sql(statement, tuple(_arrays(table, by, keys))))
    found: list[Row] = []
    for some in _portions(keys):
        marks = ", ".join([f"({', '.join('?' * len(by))})"] * len(some))
        statement = (
            f"WITH k ({', '.join(by)}) AS (VALUES {marks})"
            f" SELECT {wanted} FROM k CROSS JOIN {table.name} AS t ON {joined}"  # k first, each by the index
        )
        found.extend(connection.exec_driver_sql(statement, tuple(value for key in some for value in key)))
    return found


def _portions(keys: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """All keys, in a few sizes, so that SQLite has few statements to prepare."""
    at, size = 0, _AT_ONCE
    while at < len(keys):
        while size > len(keys) - at:
            size //= 2
        yield keys[at : at + size]
        at += size


@cache
def _replacing(table: Table) -> str:
    keys = [column.name for column in table.primary_key]
    others = [column.name for column in table.columns if column.name not in keys]
    changes = ", ".join(f"{name} = excluded.{name}" for name in others)
    return f"ON CONFLICT ({', '.join(keys)}) DO " + (f"UPDATE SET {changes}" if others else "NOTHING")


def _store(connection: Connection, table: Table, rows: Sequence[Row], conflict: str) -> None:
    if not rows:
        return
    names = [column.name for column in table.columns]
    into = f"INSERT INTO {table.name} ({', '.join(names)})"
    if connection.dialect.name == "postgresql":
        arrays = ", ".join(f"CAST(%s AS {_type(table, name)}[])" for name in names)
        connection.exec_driver_sql(
            f"{into} SELECT * FROM unnest({arrays}) {conflict}", tuple(_arrays(table, names, rows))
        )
    else:
        marks = ", ".join("?" * len(names))
        connection.exec_driver_sql(f"{into} VALUES ({marks}) {conflict}", list(map(tuple, rows)))


@cache
def _type(table: Table, name: str) -> str:
    """What PostgreSQL calls a column's type, without its collation."""
    return table.columns[name].type.compile(_POSTGRESQL).partition(" ")[0]


def _arrays(table: Table, names: Sequence[str], rows: Sequence[Row]) -> Iterator[str]:
    """Each column of some rows as the text of an array, which the driver would write value by value."""
    for name, values in zip(names, zip(*rows, strict=True), strict=True):
        write = _WRITERS[_type(table, name)]
        yield "{" + ",".join(map(write, values)) + "}"


def _bytes(value: bytes) -> str:
    return '"\\\\x' + value.hex() + '"'


def _text(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _number(value: int | None) -> str:
    return "NULL" if value is None else str(value)


def _truth(value: bool) -> str:
    return "t" if value else "f"


_WRITERS: dict[str, Callable[[Any], str]] = {
    "BYTEA": _bytes, "TEXT": _text, "BIGINT": _number, "INTEGER": _number, "SMALLINT": _number, "BOOLEAN": _truth,
}  # fmt: skip
