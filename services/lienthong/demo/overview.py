"""What the tracker knows of the story, and whether that is what happened."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import Row

from lienthong.demo.story import Episode, Told, Turn, inbox_of, turn_of
from lienthong.kernel.bus import Bus
from lienthong.kernel.clock import now_ms
from lienthong.kernel.deadline_rules import DeadlineRules
from lienthong.kernel.deadlines import DeadlineJudge, DeliveryFacts, Due, Verdict, worst
from lienthong.kernel.vietnam_time import local
from lienthong.kernel.working_days import WorkingCalendar
from lienthong.runtime.settings import Settings
from lienthong.tracker import queries
from lienthong.tracker.caught_up import caught_up
from lienthong.tracker.database import Database

__all__ = ["Line", "Overview", "differences_of", "look"]

_LATER_MS = timedelta(hours=1) // timedelta(milliseconds=1)
"""The story is judged an hour ahead, when the half hour is over that an express document is given: nobody waits."""


class Line(NamedTuple):
    """A document of the story at one recipient, as the tracker has it."""

    document: str
    """Number and notation."""
    recipient: str
    inbox: str
    """Who receives for it."""
    stage: str
    request: str
    answer: str
    overdue: Verdict | None = None
    """What it is late with at the moment of the overview."""

    @property
    def turn(self) -> Turn | None:
        """What became of it, in the words of the story."""
        return turn_of(self.stage, self.request, self.answer)

    @property
    def state(self) -> str:
        """For people."""
        more = {Turn.UNREAD: ", not read", Turn.UPDATED: ", updated with consent"}
        asked = f", {self.request} asked" if self.request != "none" else ""
        return self.stage + asked + (more.get(self.turn, "") if self.turn is not None else "")

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        late = self.overdue
        return {
            "document": self.document,
            "recipient": self.recipient,
            "inbox": self.inbox,
            "state": self.stage,
            "asked": self.request,
            "answer": self.answer,
            "turn": self.turn.value if self.turn is not None else None,
            "late": late and {"rule": late.rule.value, "due_at": local(late.due_at).isoformat(timespec="seconds")},
        }


class Overview(NamedTuple):
    """The story as the tracker has it."""

    lines: Sequence[Line]
    as_of: int
    """The moment at which lateness was judged, milliseconds since 1970 UTC."""
    differences: Sequence[str]
    """Where this is not what was done; empty if all is well."""

    def having(self, turn: Turn) -> list[Line]:
        """Lines with this end."""
        return [one for one in self.lines if one.turn is turn]

    @property
    def late(self) -> list[Line]:
        """Lines with something overdue."""
        return [one for one in self.lines if one.overdue is not None]

    @property
    def merged(self) -> list[Line]:
        """Lines of recipients for which another agency receives."""
        return [one for one in self.lines if one.inbox != one.recipient]

    def as_json(self) -> dict[str, Any]:
        """For programs; times in Vietnam's zone."""

        def named(lines: Iterable[Line]) -> list[str]:
            return [f"{one.document} {one.recipient}" for one in lines]

        return {
            "deliveries": [one.as_json() for one in self.lines],
            "as_of": local(self.as_of).isoformat(timespec="seconds"),
            "late": named(self.late),
            "refused": named(self.having(Turn.REFUSED)),
            "updated": named(self.having(Turn.UPDATED)),
            "taken_back": named(self.having(Turn.TAKEN_BACK)),
            "merged": named(self.merged),
            "differences": list(self.differences),
        }


async def look(told: Sequence[Told], settings: Settings, bus: Bus, *, timeout_seconds: float) -> Overview:
    """Wait until the tracker has read the ledger to its present end, and read the story out of its database.

    Raises:
        UnavailableError: the tracker does not get there, or its database does not answer.
    """
    database = Database.of(settings)
    try:
        await caught_up(database, bus, timeout_seconds=timeout_seconds)
        as_of = now_ms() + _LATER_MS
        return await asyncio.to_thread(_read, told, database, as_of)
    finally:
        database.close()


def _read(told: Sequence[Told], database: Database, as_of: int) -> Overview:
    # By the law's rules. Days off do not matter within the hour: urgent minutes count around the clock.
    judge = DeadlineJudge(DeadlineRules(), WorkingCalendar())
    lines, differences = [], list[str]()
    with database.reading() as connection:
        for identity, episode in told:
            found = [_line(row, episode, judge, as_of) for row in queries.state_of(connection, identity)]
            lines += found
            differences += differences_of(episode, found)
    return Overview(lines, as_of, differences)


def _line(row: Row[Any], episode: Episode, judge: DeadlineJudge, as_of: int) -> Line:
    facts = DeliveryFacts(
        accepted_at=row.accepted_at,
        kind=row.business_type,
        priority=row.priority,
        for_action=not row.for_information,
        arrived_at=row.arrived_at or None,
        refused_at=row.refused_at or None,
        entered_at=row.registered_at or None,
        assigned_at=row.assigned_at or None,
        processing_at=row.processing_at or None,
        done_at=row.done_at or None,
        ended_at=row.agreed_at if row.stage == "taken back" else None,
    )
    overdue = worst(one for one in judge.delivery(facts, as_of) if one.state is Due.OVERDUE)
    return Line(episode.name, row.recipient, row.route, row.stage, row.request, row.answer, overdue)


def differences_of(episode: Episode, found: Iterable[Line]) -> list[str]:
    """Sentences on where the tracker's lines of an episode are not what was done in it."""
    lines = {one.recipient: one for one in found}
    said = [
        f"{episode.name}: the tracker has a delivery to {code} that was not sent"
        for code in sorted(lines.keys() - episode.turns)
    ]
    for code, turn in episode.turns.items():
        line, where = lines.get(code), f"{episode.name} at {code}"
        if line is None:
            said.append(f"{where}: the tracker does not know it")
            continue
        if line.turn is not turn:
            said.append(f"{where}: {turn.value} was done, the tracker has {line.state}")
        if line.inbox != inbox_of(code):
            said.append(f"{where}: {inbox_of(code)} received it, the tracker has {line.inbox}")
        if (line.overdue is not None) != (turn is Turn.UNREAD):
            said.append(f"{where}: it is {'not ' if line.overdue is None else ''}late for the tracker")
    return said
