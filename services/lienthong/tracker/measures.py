"""What the metrics say, read by a few small queries."""

from typing import NamedTuple

from sqlalchemy import func, select

from lienthong.tracker.database import Database
from lienthong.tracker.tables import deliveries, tallies

__all__ = ["Measures", "measure"]


class Measures(NamedTuple):
    """Counts by what they count and its value, and when the oldest waiting document of an agency was sent."""

    tallies: dict[str, dict[str, int]]
    oldest_unacknowledged: dict[str, tuple[int, int]]
    """By agency: milliseconds since 1970 UTC, and how many documents wait."""


def measure(database: Database) -> Measures:
    """Read it all as of one moment: counts that are kept, and an index that holds only what waits.

    Raises:
        UnavailableError: the database does not answer.
    """
    counts: dict[str, dict[str, int]] = {}
    with database.reading() as connection:
        summed = select(tallies.c.name, tallies.c.value, func.sum(tallies.c.count)).group_by(
            tallies.c.name, tallies.c.value
        )
        for name, value, count in connection.execute(summed):
            counts.setdefault(name, {})[value] = int(count)
        waiting = (
            select(deliveries.c.route, func.min(deliveries.c.sent_at), func.count())
            .where(deliveries.c.stage == "sent")
            .group_by(deliveries.c.route)
        )
        oldest = {route: (since, count) for route, since, count in connection.execute(waiting)}
    return Measures(counts, oldest)
