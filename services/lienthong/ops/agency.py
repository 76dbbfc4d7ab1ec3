"""What one agency sent and how its own entries were judged."""

from typing import NamedTuple

from sqlalchemy import Connection, case, func, select

from lienthong.tracker.queries import rejection_counts
from lienthong.tracker.tables import deliveries, documents

__all__ = ["Sent", "sent_by"]


class Sent(NamedTuple):
    """What an agency sent."""

    documents: int
    stages: dict[str, int]
    """Its documents at their recipients, by stage."""
    expired: int
    """Of these unread at a recipient, as it was told by a notice."""
    rejected: dict[str, int]
    """Its rejected entries, by reason."""


def sent_by(connection: Connection, code: str) -> Sent:
    """Counts over all its documents."""
    count = connection.execute(select(func.count()).select_from(documents).where(documents.c.sender == code)).scalar()
    stages = (
        select(deliveries.c.stage, func.count(), func.sum(case((deliveries.c.told_at > 0, 1), else_=0)))
        .join(documents, documents.c.number == deliveries.c.document)
        .where(documents.c.sender == code)
        .group_by(deliveries.c.stage)
    )
    rows = connection.execute(stages).all()
    return Sent(
        int(count or 0),
        {row[0]: row[1] for row in rows},
        sum(int(row[2]) for row in rows if row[0] == "sent"),
        rejection_counts(connection, code),
    )
