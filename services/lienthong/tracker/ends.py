"""When a delivery ended otherwise than by being handled: taken back, or replaced. Milliseconds UTC."""

from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from lienthong.kernel.lifecycle import Stage
from lienthong.tracker.tables import deliveries, documents, events, mentions, statements

__all__ = ["Place", "replaced_at", "taken_back_at"]

Place: TypeAlias = tuple[int, str, str]
"""A row of `deliveries`: number of the document, route, recipient. A divided agency has a row for each of its parts."""

_PLACE = (deliveries.c.document, deliveries.c.route, deliveries.c.recipient)


def taken_back_at(connection: Connection, which: ColumnElement[bool]) -> dict[Place, int]:
    """When it was taken back; `which` chooses rows of `deliveries` joined with `documents`."""
    return _times(connection, _taken_back(which))


def replaced_at(connection: Connection, which: ColumnElement[bool]) -> dict[Place, int]:
    """Likewise of what was replaced."""
    return _times(connection, _replaced(which))


def _taken_back(which: ColumnElement[bool]) -> Select[Any]:
    """When the first event left a delivery taken back."""
    said = and_(
        events.c.document == deliveries.c.document,
        events.c.route == deliveries.c.route,
        events.c.recipient == deliveries.c.recipient,
        events.c.stage == Stage.TAKEN_BACK.value,
    )
    joined = (
        deliveries.join(documents, documents.c.number == deliveries.c.document)
        .join(events, said)
        .join(statements, and_(statements.c.lane == events.c.lane, statements.c.position == events.c.position))
    )
    return (
        select(*_PLACE, func.min(statements.c.judged_at))
        .select_from(joined)
        .where(which, deliveries.c.stage == Stage.TAKEN_BACK.value)
        .group_by(*_PLACE)
    )


def _replaced(which: ColumnElement[bool]) -> Select[Any]:
    """When a document of the same sender replaced it, for all, for this recipient or for the inbox it is behind."""
    newer = documents.alias("newer")
    says = and_(
        mentions.c.named == documents.c.id,
        mentions.c.relation == "replaces",
        or_(mentions.c.agency == "", mentions.c.agency.in_([deliveries.c.recipient, deliveries.c.route])),
    )
    joined = (
        deliveries.join(documents, documents.c.number == deliveries.c.document)
        .join(mentions, says)
        .join(newer, and_(newer.c.number == mentions.c.document, newer.c.sender == documents.c.sender))
    )
    return select(*_PLACE, func.min(newer.c.accepted_at)).select_from(joined).where(which).group_by(*_PLACE)


def _times(connection: Connection, query: Select[Any]) -> dict[Place, int]:
    return {(document, route, recipient): at for document, route, recipient, at in connection.execute(query)}
