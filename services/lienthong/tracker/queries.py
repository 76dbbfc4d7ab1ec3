"""What people ask the tracker: read-only, plain values out, as of one moment.

Nothing here knows a deadline: rows carry the times that deadlines are computed from.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, exists, func, or_, select

from lienthong.kernel.lifecycle import Flag
from lienthong.tracker import tables
from lienthong.tracker.tables import deliveries, documents, events, mentions, positions, rejected, statements, tallies

__all__ = [
    "Agency",
    "Happening",
    "Overview",
    "agencies",
    "beginning_with",
    "commands",
    "document",
    "history",
    "incoming",
    "outgoing",
    "overview",
    "rejection_counts",
    "rejections",
    "replaced",
    "state_of",
    "undelivered",
    "unfinished",
]

_OPEN = ("sent", "arrived", "accepted", "assigned", "processing")
"""Stages in which somebody still has to act."""
_FOR_EVER = 2**62


class Overview(NamedTuple):
    """The whole backbone in numbers."""

    documents: int
    stages: dict[str, int]
    """Deliveries by stage."""
    flags: dict[str, int]
    rejected: dict[str, int]
    """By reason."""
    statements: dict[str, int]
    """Accepted entries that count, by kind."""
    unread: int
    positions: dict[int, int]
    judged_at: int
    """Of the newest entry read, milliseconds since 1970 UTC; 0 if none was."""


class Agency(NamedTuple):
    """One agency that receives."""

    code: str
    stages: dict[str, int]
    oldest_unacknowledged_at: int
    """When that was sent; 0: nothing waits."""
    asked: int
    """Requests of senders that it has not answered."""
    expired: int = 0
    """What it has left unread and whose sender was told."""


class Happening(NamedTuple):
    """Something that was said of a document."""

    lane: int
    position: int
    statement: bytes
    """Envelope id."""
    sender: str
    event: str
    reason: str
    created: int
    judged_at: int
    recipient: str
    """The delivery it is about; empty: none."""
    flag: str
    stage: str
    request: str


def overview(connection: Connection) -> Overview:
    """The whole backbone in numbers that are kept: as quick with millions of documents as with one."""
    counts: dict[str, dict[str, int]] = {}
    summed = select(tallies.c.name, tallies.c.value, func.sum(tallies.c.count)).group_by(
        tallies.c.name, tallies.c.value
    )
    for name, value, count in connection.execute(summed):
        counts.setdefault(name, {})[value] = int(count)
    read = connection.execute(select(positions)).all()
    kinds = counts.get("kind", {})
    return Overview(
        kinds.get("document", 0) + counts.get("released", {}).get("document", 0),
        counts.get("stage", {}),
        counts.get("flag", {}),
        counts.get("rejected", {}),
        kinds,
        sum(counts.get("unread", {}).values()),
        {row.lane: row.next_offset for row in read},
        max((row.judged_at for row in read), default=0),
    )


def agencies(connection: Connection, code: str | None = None) -> list[Agency]:
    """Every agency that was sent something, by code; or one alone. Reads all its deliveries."""
    query = select(
        deliveries.c.route,
        deliveries.c.stage,
        func.count(),
        func.min(deliveries.c.sent_at),
        func.sum(case((deliveries.c.request != "none", 1), else_=0)),
        func.sum(case((deliveries.c.told_at > 0, 1), else_=0)),
    ).group_by(deliveries.c.route, deliveries.c.stage)
    if code is not None:
        query = query.where(deliveries.c.route == code)
    found: dict[str, Agency] = {}
    for route, stage, count, first, asked, told in connection.execute(query):
        known = found.setdefault(route, Agency(route, {}, 0, 0))
        known.stages[stage] = count
        since = first if stage == "sent" else known.oldest_unacknowledged_at
        expired = int(told) if stage == "sent" else known.expired
        found[route] = known._replace(oldest_unacknowledged_at=since, asked=known.asked + int(asked), expired=expired)
    return [found[one] for one in sorted(found)]


def replaced() -> ColumnElement[bool]:
    """Whether a row of `documents` joined with `deliveries` was replaced, by a document of the same sender."""
    by = documents.alias("replacing")
    return exists(
        select(mentions.c.document)
        .join(by, by.c.number == mentions.c.document)
        .where(
            mentions.c.named == documents.c.id,
            mentions.c.relation == "replaces",
            by.c.sender == documents.c.sender,
            or_(mentions.c.agency == "", mentions.c.agency.in_([deliveries.c.recipient, deliveries.c.route])),
        )
    )


def _rows() -> Select[Any]:
    """Deliveries, each with its document's data, whose own `number` it has as `document`."""
    return select(
        *documents.columns,
        *(one for one in deliveries.columns if one.name != "document"),
        replaced().label("replaced"),
    ).join(deliveries, deliveries.c.document == documents.c.number)


def _stream(connection: Connection, query: Select[Any]) -> Iterator[Row[Any]]:
    yield from connection.execution_options(yield_per=1_000).execute(query)


def incoming(connection: Connection, code: str, since: int = 0, until: int = _FOR_EVER) -> Iterator[Row[Any]]:
    """What was sent to an agency, or to a code behind it, in order of time; of each document its data and its state.

    Args:
        connection: a reading transaction.
        code: an agency's code.
        since: accepted by the backbone then or later, milliseconds since 1970 UTC.
        until: and before then.
    """
    mine = or_(
        deliveries.c.route == code, and_(deliveries.c.recipient == code, deliveries.c.recipient != deliveries.c.route)
    )
    query = _rows().where(mine, deliveries.c.sent_at >= since, deliveries.c.sent_at < until)
    return _stream(connection, query.order_by(deliveries.c.sent_at, deliveries.c.document, deliveries.c.recipient))


def outgoing(connection: Connection, code: str, since: int = 0, until: int = _FOR_EVER) -> Iterator[Row[Any]]:
    """What an agency sent, in order of time: a row for each recipient. Times as in `incoming`."""
    query = _rows().where(documents.c.sender == code, documents.c.accepted_at >= since, documents.c.accepted_at < until)
    return _stream(connection, query.order_by(documents.c.accepted_at, documents.c.number, deliveries.c.recipient))


def undelivered(connection: Connection, before: int, code: str | None = None) -> Iterator[Row[Any]]:
    """What was sent before a time and not acknowledged in any way, oldest first."""
    query = _rows().where(deliveries.c.stage == "sent", deliveries.c.sent_at < before)
    if code is not None:
        query = query.where(deliveries.c.route == code)
    return _stream(connection, query.order_by(deliveries.c.sent_at, deliveries.c.document, deliveries.c.recipient))


def unfinished(connection: Connection, code: str | None = None) -> Iterator[Row[Any]]:
    """What somebody still has to act on, oldest first: who asks which of it is late computes deadlines from it."""
    query = _rows().where(deliveries.c.stage.in_(_OPEN))
    if code is not None:
        query = query.where(deliveries.c.route == code)
    return _stream(connection, query.order_by(deliveries.c.sent_at, deliveries.c.document, deliveries.c.recipient))


def rejections(connection: Connection, since: int = 0, agency: str | None = None, limit: int = 100) -> list[Row[Any]]:
    """The newest rejected entries, newest first."""
    query = select(rejected).where(rejected.c.judged_at >= since)
    if agency is not None:
        query = query.where(rejected.c.agency == agency)
    newest = query.order_by(rejected.c.judged_at.desc(), rejected.c.lane, rejected.c.position.desc())
    return list(connection.execute(newest.limit(limit)))


def rejection_counts(connection: Connection, agency: str | None = None) -> dict[str, int]:
    """Rejected entries by reason; of all agencies from counts that are kept."""
    if agency is None:
        return {reason: count for reason, count in overview(connection).rejected.items() if count}
    query = select(rejected.c.reason, func.count()).where(rejected.c.agency == agency).group_by(rejected.c.reason)
    return {row[0]: row[1] for row in connection.execute(query.order_by(rejected.c.reason))}


def commands(connection: Connection, limit: int = 100, document: bytes | None = None) -> list[Row[Any]]:
    """What the operator ordered, newest first; of one document, or of all."""
    ordered = tables.commands
    query = select(ordered)
    if document is not None:
        query = query.where(ordered.c.document == document)
    newest = query.order_by(ordered.c.judged_at.desc(), ordered.c.lane, ordered.c.position.desc())
    return list(connection.execute(newest.limit(limit)))


def beginning_with(connection: Connection, beginning: bytes) -> list[bytes]:
    """Envelope ids of documents that begin so; at most ten."""
    last = beginning + b"\xff" * (32 - len(beginning))
    query = select(documents.c.id).where(documents.c.id.between(beginning, last)).order_by(documents.c.id).limit(10)
    return [bytes(one) for one in connection.execute(query).scalars()]


def document(connection: Connection, identity: bytes) -> Mapping[str, Any] | None:
    """A document's own data by its envelope id."""
    row = connection.execute(select(documents).where(documents.c.id == identity)).first()
    return dict(zip(row._fields, row, strict=True)) if row is not None else None


def state_of(connection: Connection, identity: bytes) -> Sequence[Row[Any]]:
    """A document at each of its recipients, with its data, by recipient."""
    query = _rows().where(documents.c.id == identity).order_by(deliveries.c.recipient)
    return connection.execute(query).all()


def history(connection: Connection, identity: bytes) -> list[Happening]:
    """Everything that was said of a document, in the order of its lane, then what was said in other lanes."""
    found = connection.execute(select(documents.c.number, documents.c.lane).where(documents.c.id == identity)).first()
    if found is None:
        return []
    number, lane = found
    named = and_(events.c.document.is_(None), events.c.named == identity)
    query = (
        select(
            events.c.lane, events.c.position, statements.c.id, statements.c.sender, statements.c.event,
            statements.c.reason, statements.c.created, statements.c.judged_at,
            events.c.recipient, events.c.flag, events.c.stage, events.c.request,
        )
        .join(statements, and_(statements.c.lane == events.c.lane, statements.c.position == events.c.position))
        .where(or_(events.c.document == number, named))
        .order_by(events.c.lane != lane, events.c.lane, events.c.position, events.c.item)
    )  # fmt: skip
    told = [Happening._make((*row[:2], bytes(row[2]), *row[3:])) for row in connection.execute(query)]
    # In a lane of its own nobody knows it, so the event says no more than that.
    return [one if one.lane == lane else one._replace(flag=Flag.OTHER_LANE.value) for one in told]
