"""What the tracker writes: one transaction a round, rows and positions together.

A position moves by comparison: from where this process read to where it has read now. If it stands
elsewhere, another tracker, or a rebuild, has written meanwhile; then nothing is stored and the caller
begins again from the positions that are there. So any number of trackers may write to one database.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, func, select

from lienthong.kernel.command import RELEASE
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.lifecycle import Stage
from lienthong.tracker import tables
from lienthong.tracker.database import Database
from lienthong.tracker.item import REQUESTS, Item, answered, wanted
from lienthong.tracker.known_documents import KnownDocument, KnownDocuments
from lienthong.tracker.projection import Projection
from lienthong.tracker.rows import add, find, keep, put

__all__ = ["Step", "Store"]

_DELIVERY = [column.name for column in tables.deliveries.columns]
_ASKING = ("recalls", "updates")
_KNOWN = ("lane", "id", "number", "sender", "business_type")


class Step(NamedTuple):
    """How far a lane was read by a round: from an offset to before another one."""

    first: int
    after: int


class Store:
    """The tracker's writing side. Blocking; everything from one thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def positions(self) -> dict[int, int]:
        """Next ledger offset of each lane that was begun."""
        with self._database.reading() as connection:
            rows = connection.execute(select(tables.positions.c.lane, tables.positions.c.next_offset))
            return {row.lane: row.next_offset for row in rows}

    def begin(self, positions: Mapping[int, int]) -> None:
        """Say where lanes begin that were not begun yet."""
        with self._database.writing() as connection:
            keep(connection, tables.positions, [(lane, offset, 0, 0) for lane, offset in positions.items()])

    def apply(self, steps: Mapping[int, Step], items: Sequence[Item]) -> None:
        """Store what entries say, and that they were read.

        Args:
            steps: by lane, how far it was read, with what needed no entry.
            items: the entries in between, each lane in order.

        Raises:
            UnavailableError: a lane's position is not that from which was read, or the database does not answer.
                Nothing was stored, or, if the answer was lost, perhaps all: `positions` tells.
        """
        with self._database.writing() as connection:
            self._move(connection, steps, items)
            if items:
                _write(connection, _project(connection, items))

    def _move(self, connection: Connection, steps: Mapping[int, Step], items: Sequence[Item]) -> None:
        positions = tables.positions
        for lane, (first, after) in sorted(steps.items()):
            mine = [item.entry for item in items if item.lane == lane]
            newest = max((entry.judged_at for entry in mine), default=0)
            moved = connection.execute(
                positions.update()
                .where(positions.c.lane == lane, positions.c.next_offset == first)
                .values(
                    next_offset=after,
                    entries=positions.c.entries + len(mine),
                    judged_at=_later(connection, newest),
                )
            )
            if moved.rowcount != 1:
                raise UnavailableError(
                    f"another tracker, or a rebuild, has written to {self._database}:"
                    f" lane {lane} does not stand at {first}"
                )


def _later(connection: Connection, newest: int) -> ColumnElement[int]:
    larger = func.greatest if connection.dialect.name == "postgresql" else func.max
    return larger(tables.positions.c.judged_at, newest)


def _project(connection: Connection, items: Sequence[Item]) -> Projection:
    projection = Projection(KnownDocuments(_known(connection, items)))
    pairs, whole = projection.wanted(items)
    deliveries = tables.deliveries
    rows = find(connection, deliveries, _DELIVERY, ("document", "route"), sorted(pairs))
    rows += find(connection, deliveries, _DELIVERY, ("document",), [(number,) for number in sorted(whole)])
    projection.know(rows)
    for item in items:
        projection.take(item)
    return projection


def _known(connection: Connection, items: Sequence[Item]) -> dict[tuple[int, bytes], KnownDocument]:
    """The documents that entries name, and those that recalls and updates among them are about.

    Of what answers name also the recalls and updates that are about it, and unread where it is answered.
    """
    found = _documents(connection, wanted(items) | _released(connection, items))
    found |= _unread_about(connection, answered(items))
    asking = [one.number for one in found.values() if one.business_type in REQUESTS]
    if asking:
        targets: dict[int, list[bytes]] = {}
        keys = [(number, relation) for number in sorted(asking) for relation in _ASKING]
        for document, named in find(connection, tables.mentions, ("document", "named"), ("document", "relation"), keys):
            targets.setdefault(document, []).append(bytes(named))
        for key, one in found.items():
            if one.number in targets:
                found[key] = one._replace(targets=tuple(sorted(targets[one.number])))
        missing = {named for some in targets.values() for named in some} - {identity for _, identity in found}
        found |= {key: one for key, one in _documents(connection, missing).items() if key not in found}
    return found


def _unread_about(connection: Connection, named: set[tuple[bytes, str]]) -> dict[tuple[int, bytes], KnownDocument]:
    """Recalls and updates that are about documents and unread in an inbox, given ids of documents with inboxes.

    Of what was read nothing is brought: anybody may have asked for one document ten thousand times.
    """
    inboxes: dict[bytes, list[str]] = {}
    for identity, inbox in sorted(named):
        inboxes.setdefault(identity, []).append(inbox)
    keys = [(identity, relation) for identity in inboxes for relation in _ASKING]
    asking = find(connection, tables.mentions, ("document", "named"), ("named", "relation"), keys)
    places = {(number, inbox) for number, identity in asking for inbox in inboxes[bytes(identity)]}
    rows = find(connection, tables.deliveries, ("document", "stage"), ("document", "route"), sorted(places))
    unread = {number for number, stage in rows if stage == Stage.SENT.value}
    return _by_lane(find(connection, tables.documents, _KNOWN, ("number",), [(one,) for one in sorted(unread)]))


def _released(connection: Connection, items: Sequence[Item]) -> set[bytes]:
    """Ids of accepted documents that the operator released before."""
    commands = tables.commands
    if connection.execute(select(commands.c.lane).where(commands.c.action == RELEASE).limit(1)).first() is None:
        return set()
    accepted = {item.entry.id for item in items if item.order is None and item.document is not None and item.entry.id}
    rows = find(connection, commands, ("document", "action"), ("document",), [(one,) for one in sorted(accepted)])
    return {bytes(identity) for identity, action in rows if action == RELEASE}


def _documents(connection: Connection, ids: set[bytes]) -> dict[tuple[int, bytes], KnownDocument]:
    return _by_lane(find(connection, tables.documents, _KNOWN, ("id",), [(identity,) for identity in sorted(ids)]))


def _by_lane(rows: Iterable[Sequence[Any]]) -> dict[tuple[int, bytes], KnownDocument]:
    return {
        (lane, bytes(identity)): KnownDocument(number, sender, kind) for lane, identity, number, sender, kind in rows
    }


def _write(connection: Connection, made: Projection) -> None:
    put(connection, tables.documents, made.documents)
    put(connection, tables.mentions, made.mentions)
    put(connection, tables.deliveries, made.deliveries)
    put(connection, tables.statements, made.statements)
    put(connection, tables.events, made.events)
    put(connection, tables.rejected, made.rejected)
    put(connection, tables.commands, made.commands)
    put(connection, tables.unread, made.unread)
    add(connection, tables.tallies, made.tallies)
