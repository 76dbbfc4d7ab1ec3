"""What the metrics say, read by a few small queries."""

from typing import NamedTuple

from sqlalchemy import Connection, case, func, select

from lienthong.kernel.lanes import EXPRESS_LANE
from lienthong.tracker.database import Database
from lienthong.tracker.tables import LANES, deliveries, tallies

__all__ = ["Measures", "Waiting", "measure", "waiting"]

_EVER = 2**62


class Waiting(NamedTuple):
    """What agencies have not acknowledged, by agency; times are milliseconds since 1970 UTC."""

    oldest: dict[str, tuple[int, int]]
    """When the oldest was sent, and how many wait."""
    express: dict[str, int]
    """When the oldest of the express lane was sent; only where one waits."""


class Measures(NamedTuple):
    """Counts by what they count and its value, and what waits."""

    tallies: dict[str, dict[str, int]]
    waiting: Waiting


def waiting(connection: Connection, before: int = _EVER) -> Waiting:
    """Of what was sent before a time, out of an index that holds only what waits."""
    query = (
        select(
            deliveries.c.route,
            func.min(deliveries.c.sent_at),
            func.count(),
            func.min(case((deliveries.c.document % LANES == EXPRESS_LANE, deliveries.c.sent_at))),
        )
        .where(deliveries.c.stage == "sent", deliveries.c.sent_at < before)
        .group_by(deliveries.c.route)
    )
    found = connection.execute(query).all()
    return Waiting(
        {route: (since, count) for route, since, count, _ in found},
        {route: express for route, _, _, express in found if express is not None},
    )


def measure(database: Database) -> Measures:
    """Read it all as of one moment: counts that are kept, and what waits.

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
        return Measures(counts, waiting(connection))
