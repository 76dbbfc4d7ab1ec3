"""Which agencies do not read.

An agency counts as not reading when a document has waited in its inbox for longer than some minutes, and the agency has
acknowledged nothing at all since that document was sent. One that is left lying while others are acknowledged is late
(`lienthong.ops.late`), but its agency reads. Nobody can tell an agency without a connection from one that does
not want to answer; both are called.
"""

from typing import NamedTuple

from sqlalchemy import Connection, func, select

from lienthong.kernel.vietnam_time import MINUTE_MS
from lienthong.tracker.tables import deliveries

__all__ = ["Silent", "not_reading"]

_SAID = (
    deliveries.c.arrived_at, deliveries.c.refused_at, deliveries.c.registered_at, deliveries.c.assigned_at,
    deliveries.c.processing_at, deliveries.c.done_at, deliveries.c.agreed_at, deliveries.c.change_refused_at,
)  # fmt: skip
"""What only a recipient says."""


class Silent(NamedTuple):
    """An agency that does not read. Times are milliseconds since 1970 UTC."""

    code: str
    waiting: int
    """Documents that were sent after its last acknowledgement."""
    since: int
    """When the first of them was sent."""
    last_heard_at: int
    """When its last acknowledgement was accepted; 0: there is none."""


def not_reading(connection: Connection, now: int, minutes: int, code: str | None = None) -> list[Silent]:
    """Those agencies, the longest silent one first; or one alone, if it is one of them.

    Reads all deliveries of agencies that let something wait.
    """
    before = now - minutes * MINUTE_MS
    waits = select(deliveries.c.route).where(deliveries.c.stage == "sent", deliveries.c.sent_at < before)
    if code is not None:
        waits = waits.where(deliveries.c.route == code)
    heard = (
        select(deliveries.c.route, *(func.max(column) for column in _SAID))
        .where(deliveries.c.route.in_(waits))
        .group_by(deliveries.c.route)
    )
    found = []
    for route, *times in connection.execute(heard).all():
        last = max(times)
        waiting = select(func.count(), func.min(deliveries.c.sent_at)).where(
            deliveries.c.route == route, deliveries.c.stage == "sent", deliveries.c.sent_at > last
        )
        count, since = connection.execute(waiting).one()
        if count and since < before:
            found.append(Silent(route, count, since, last))
    return sorted(found, key=lambda one: (one.since, one.code))
