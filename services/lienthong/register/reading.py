"""Facts for registers, out of the tracker's database."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, or_, select

from lienthong.kernel.lifecycle import Request, Stage
from lienthong.kernel.vietnam_time import end_of_day, start_of_day
from lienthong.register.facts import Delivered, Issued, Paper
from lienthong.tracker.ends import replaced_at, taken_back_at
from lienthong.tracker.tables import deliveries, documents

__all__ = ["delivered_to", "issued_by"]

_REGISTERED = (0, 3)
"""Kinds with a line of their own; updates and recalls show in the state of the document they are about."""


def delivered_to(connection: Connection, agency: str, year: int) -> list[Delivered]:
    """Documents addressed to an agency and accepted in a year of Vietnam; in no order."""
    return list(_delivered(connection, and_(_accepted_in(deliveries.c.sent_at, year), _addressed_to(agency))))


def issued_by(connection: Connection, agency: str, year: int) -> list[Issued]:
    """Documents of an agency that bear a date of the year; without a date, those accepted in it. In no order.

    A document of 31 December that is sent on 2 January belongs to the year of its number (Decree 30/2020, Article 15).
    """
    undated = and_(documents.c.year == 0, _accepted_in(documents.c.accepted_at, year))
    theirs = and_(documents.c.sender == agency, or_(documents.c.year == year, undated))
    papers = {
        row.number: _paper(row)
        for row in connection.execute(select(documents).where(theirs, documents.c.business_type.in_(_REGISTERED)))
    }
    recipients: dict[bytes, list[Delivered]] = defaultdict(list)
    for delivery in _delivered(connection, theirs):
        recipients[delivery.paper.id].append(delivery)
    return [
        Issued(paper, tuple(sorted(recipients[paper.id], key=lambda delivery: delivery.recipient)))
        for paper in papers.values()
    ]


def _accepted_in(column: ColumnElement[int], year: int) -> ColumnElement[bool]:
    return column.between(start_of_day(date(year, 1, 1)), end_of_day(date(year, 12, 31)))


def _addressed_to(agency: str) -> ColumnElement[bool]:
    """Written so that each half has an index: a code with an inbox of its own, and one behind another's."""
    own = and_(deliveries.c.route == agency, deliveries.c.recipient == agency)
    return or_(own, and_(deliveries.c.recipient == agency, deliveries.c.recipient != deliveries.c.route))


def _delivered(connection: Connection, which: ColumnElement[bool]) -> Iterator[Delivered]:
    registered = and_(which, documents.c.business_type.in_(_REGISTERED))
    joined = deliveries.join(documents, documents.c.number == deliveries.c.document)
    taken_back = taken_back_at(connection, registered)
    replaced = replaced_at(connection, registered)
    wanted = select(deliveries, documents).select_from(joined).where(registered)
    for row in connection.execute(wanted):
        key = (row.document, row.route, row.recipient)
        yield Delivered(
            paper=_paper(row),
            recipient=row.recipient,
            for_information=row.for_information,
            stage=Stage(row.stage),
            request=Request(row.request),
            arrived_at=row.arrived_at or None,
            refused_at=row.refused_at or None,
            registered_at=row.registered_at or None,
            assigned_at=row.assigned_at or None,
            processing_at=row.processing_at or None,
            done_at=row.done_at or None,
            taken_back_at=taken_back.get(key),
            replaced_at=replaced.get(key),
            flags=row.flags,
        )


def _paper(row: Row[Any]) -> Paper:
    return Paper(
        id=bytes(row.id),
        lane=row.lane,
        position=row.position,
        sender=row.sender,
        kind=row.business_type,
        priority=row.priority,
        accepted_at=row.accepted_at,
        code_number=row.code_number,
        code_notation=row.code_notation,
        document_type=row.document_type,
        promulgated=row.promulgation_date,
        subject=row.subject,
        due_date=row.due_date,
    )
