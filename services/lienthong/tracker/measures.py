"""What the metrics say, read by a few small queries."""

from typing import NamedTuple

from sqlalchemy import case, func, select

from lienthong.kernel.lanes import EXPRESS_LANE
from lienthong.tracker.database import Database
from lienthong.tracker.tables import LANES, deliveries, tallies

__all__ = ["Measures", "measure"]


class Measures(NamedTuple):
    """Counts by what they count and its value, and when the oldest waiting document of an agency was sent."""

    tallies: dict[str, dict[str, int]]
    oldest_unacknowledged: dict[str, tuple[int, int]]
    """By agency: milliseconds since 1970 UTC, and how many documents wait."""
    oldest_express: dict[str, int]
    """By agency: when the oldest waiting one of the express lane was sent; only where one waits."""


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
            select(
                deliveries.c.route,
                func.min(deliveries.c.sent_at),
                func.count(),
                func.min(case((deliveries.c.document % LANES == EXPRESS_LANE, deliveries.c.sent_at))),
            )
            .where(deliveries.c.stage == "sent")
            .group_by(deliveries.c.route)
        )
        found = connection.execute(waiting).all()
    oldest = {route: (since, count) for route, since, count, _ in found}
    return Measures(counts, oldest, {route: express for route, _, _, express in found if express is not None})
