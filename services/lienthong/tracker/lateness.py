"""Who is late: deadlines of what the database holds, by the rules, at the moment somebody asks."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from lienthong.kernel.deadlines import DeadlineJudge, DeliveryFacts, Due, Rule, Verdict
from lienthong.kernel.vietnam_time import day_stated
from lienthong.tracker.ends import Place, replaced_at, taken_back_at
from lienthong.tracker.tables import deliveries, documents

__all__ = ["Judged", "Lateness", "judged", "lateness"]

_OPEN = ("sent", "arrived", "accepted", "assigned", "processing")
_NEVER = 2**62
_CHUNK = 1_000


class Judged(NamedTuple):
    """A document at one recipient, and what is due of it. Texts are the sender's."""

    id: bytes
    sender: str
    route: str
    recipient: str
    code: str
    """Number and notation: 12/BC-VPCP."""
    subject: str
    priority: int
    stage: str
    sent_at: int
    verdicts: tuple[Verdict, ...]
    expired_at: int = 0
    """When its time was over, if its sender was told that it is unread; 0: was not told."""
    told_at: int = 0
    """When that was."""


class Lateness(NamedTuple):
    """Duties of recipients by rule."""

    overdue: dict[Rule, int]
    """Not done, and they should be."""
    near: dict[Rule, int]
    """Not done, and little time is left."""
    in_time: dict[Rule, int]
    """Of documents accepted lately: done in time."""
    due: dict[Rule, int]
    """Of these: all that fell due, done in time or not."""

    def on_time_share(self, rule: Rule) -> float | None:
        """In time of what fell due, 0 to 1; None where nothing fell due, and for expiry, which is no duty."""
        due = self.due.get(rule, 0)
        return self.in_time.get(rule, 0) / due if due and rule is not Rule.EXPIRY else None


def judged(
    connection: Connection, judge: DeadlineJudge, now: int, *, since: int = _NEVER, agency: str | None = None
) -> Iterator[Judged]:
    """Everything that is not finished, and all that was accepted since a time; in no order, a part in memory.

    Args:
        connection: a reading transaction.
        judge: rules and calendar.
        now: moment for which deadlines are judged, milliseconds since 1970 UTC.
        since: likewise; by default only what is not finished.
        agency: only what was sent to this inbox, or to this code behind one.
    """
    which: ColumnElement[bool] = or_(deliveries.c.stage.in_(_OPEN), deliveries.c.sent_at >= since)
    if agency is not None:
        which = and_(which, or_(deliveries.c.route == agency, deliveries.c.recipient == agency))
    ends: dict[Place, int] = replaced_at(connection, which)
    for key, at in taken_back_at(connection, which).items():
        ends[key] = min(at, ends.get(key, at))
    named = (documents.c.id, documents.c.sender, documents.c.code_number, documents.c.code_notation,
             documents.c.subject, documents.c.priority, documents.c.business_type, documents.c.due_date)  # fmt: skip
    query = select(deliveries, *named).join(documents, documents.c.number == deliveries.c.document).where(which)
    for row in connection.execution_options(yield_per=_CHUNK).execute(query):
        place = (row.document, row.route, row.recipient)
        verdicts = judge.delivery(_facts(row, ends.get(place)), now)
        yield Judged(
            bytes(row.id), row.sender, row.route, row.recipient,
            "/".join(part for part in (row.code_number, row.code_notation) if part),
            row.subject, row.priority, row.stage, row.sent_at, tuple(verdicts), row.expired_at, row.told_at,
        )  # fmt: skip


def _facts(row: Any, ended_at: int | None) -> DeliveryFacts:
    return DeliveryFacts(
        accepted_at=row.sent_at,
        kind=row.business_type,
        priority=row.priority,
        for_action=not row.for_information,
        due_date=day_stated(row.due_date),
        arrived_at=row.arrived_at or None,
        refused_at=row.refused_at or None,
        entered_at=row.registered_at or None,
        assigned_at=row.assigned_at or None,
        processing_at=row.processing_at or None,
        done_at=row.done_at or None,
        ended_at=ended_at,
    )


def lateness(
    connection: Connection,
    judge: DeadlineJudge,
    now: int,
    *,
    since: int,
    agency: str | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Lateness | None:
    """Count; arguments as in `judged`. None if it was stopped meanwhile, which is asked now and then."""
    overdue, near, in_time, due = Counter[Rule](), Counter[Rule](), Counter[Rule](), Counter[Rule]()
    for number, one in enumerate(judged(connection, judge, now, since=since, agency=agency)):
        if number % _CHUNK == 0 and stopped():
            return None
        for verdict in one.verdicts:
            overdue[verdict.rule] += verdict.state is Due.OVERDUE
            near[verdict.rule] += verdict.state is Due.WARNING
            if one.sent_at >= since:
                in_time[verdict.rule] += verdict.state is Due.MET
                due[verdict.rule] += verdict.state in {Due.MET, Due.LATE, Due.OVERDUE}
    return Lateness(dict(overdue), dict(near), dict(in_time), dict(due))
