"""What is due, met, late or overdue, at a moment: computed from facts whenever somebody asks, never stored.

A moment that is named sees only what had happened by then, so that yesterday's answer can be given again today.
"""

from collections.abc import Iterable, Iterator
from datetime import date, time, timedelta
from enum import StrEnum
from typing import NamedTuple

from lienthong.kernel.deadline_rules import DeadlineRules
from lienthong.kernel.vietnam_time import MINUTE_MS, day_of, end_of_day, moment
from lienthong.kernel.working_days import WorkingCalendar

__all__ = ["DeadlineJudge", "DeliveryFacts", "Due", "Rule", "SendingFacts", "Verdict", "worst"]

_OF_DOCUMENTS = (0, 3)
"""Kinds that bring work: new and replacing documents. Updates and recalls are part of the life of another one."""
_HOUR_MS = 60 * MINUTE_MS
_MIDNIGHT = time(0)


class Rule(StrEnum):
    """Which rule a verdict is about."""

    RECEIPT = "receipt"
    SUBMISSION = "submission"
    URGENT = "urgent"
    DUE_DATE = "due_date"
    SENDING = "sending"
    EXPIRY = "expiry"


class Due(StrEnum):
    """How things stand with one rule."""

    MET = "met"
    """Done in time."""
    LATE = "late"
    """Done, or no longer to be done, but after it was due."""
    OPEN = "open"
    """Not done, and time is left."""
    WARNING = "warning"
    """Not done, and little time is left."""
    OVERDUE = "overdue"
    """Not done, and it should be."""


class DeliveryFacts(NamedTuple):
    """What is known of one document and one of its recipients; times are milliseconds UTC."""

    accepted_at: int
    """When the backbone accepted it, which is when the recipient could have it."""
    kind: int = 0
    """0 new, 1 recall, 2 update, 3 replace."""
    priority: int = 0
    for_action: bool = True
    """False: the recipient gets it for information and owes no more than the receipt."""
    due_date: date | None = None
    arrived_at: int | None = None
    """First status 01; likewise below."""
    refused_at: int | None = None
    """02."""
    entered_at: int | None = None
    """03: entered in the incoming register."""
    assigned_at: int | None = None
    """04."""
    processing_at: int | None = None
    """05."""
    done_at: int | None = None
    """06."""
    ended_at: int | None = None
    """When it was taken back or replaced: what was not due by then is no longer owed."""


class SendingFacts(NamedTuple):
    """What is known of one document at its sender."""

    accepted_at: int
    kind: int = 0
    priority: int = 0
    promulgated: date | None = None


class Verdict(NamedTuple):
    """How things stand with one rule at a moment."""

    rule: Rule
    due_at: int
    """The last millisecond that is in time."""
    state: Due
    margin_ms: int
    """From when it was done, or from the moment asked for, to `due_at`; negative: by how much it is late."""
    level: int = 0
    """How many levels of the escalation list an overdue one has reached, 0 for all others."""


class _Duty(NamedTuple):
    rule: Rule
    due_at: int
    warn_at: int
    met_at: int | None
    ended_at: int | None


_MOST_ENDS = 20_000
"""Days whose ends are remembered; dates of documents are their senders' to choose."""


class DeadlineJudge:
    """Judges by some rules and a calendar. The same question has the same answer; only ends of days are remembered.

    Attributes:
        rules: what is due when.
        calendar: which days count.
    """

    def __init__(self, rules: DeadlineRules, calendar: WorkingCalendar) -> None:
        self.rules = rules
        self.calendar = calendar
        self._ends: dict[tuple[Rule, date], tuple[int, int]] = {}
        self._levels: dict[date, list[int]] = {}

    def delivery(self, facts: DeliveryFacts, moment_ms: int) -> list[Verdict]:
        """Verdicts on what a recipient owes, in the order of `Rule`; none before the document was accepted."""
        if moment_ms < facts.accepted_at:
            return []
        judged = (self._judge(duty, moment_ms) for duty in self._duties(facts))
        return [verdict for verdict in judged if verdict is not None]

    def sending(self, facts: SendingFacts, moment_ms: int) -> Verdict | None:
        """The verdict on the sender: from promulgation to acceptance; None where the rule says nothing.

        It says nothing of a document without a date, of updates and recalls, and before acceptance.
        """
        given = self.rules.sending
        if not given.enabled or facts.promulgated is None or facts.kind not in _OF_DOCUMENTS:
            return None
        if moment_ms < facts.accepted_at:
            return None
        due_at = end_of_day(facts.promulgated)
        if given.working_days and not (facts.priority and given.urgent_same_day):
            last = self.calendar.later(facts.promulgated, given.working_days)
            due_at = max(due_at, self.calendar.morning_ends(last))
        return self._judge(_Duty(Rule.SENDING, due_at, due_at, facts.accepted_at, None), moment_ms)

    def _duties(self, facts: DeliveryFacts) -> Iterator[_Duty]:
        rules = self.rules
        submitted = _first(facts.refused_at, facts.assigned_at, facts.processing_at, facts.done_at)
        read = _first(facts.arrived_at, facts.entered_at, submitted)
        came = self._came(facts.accepted_at)
        works = facts.for_action and facts.kind in _OF_DOCUMENTS
        if rules.receipt.enabled:
            yield _Duty(Rule.RECEIPT, *self._end(Rule.RECEIPT, came), read, facts.ended_at)
        if works and facts.priority and rules.urgent.enabled:
            yield _Duty(Rule.URGENT, *self._right_away(facts), submitted, facts.ended_at)
        elif works and rules.submission.enabled:
            yield _Duty(Rule.SUBMISSION, *self._end(Rule.SUBMISSION, came), submitted, facts.ended_at)
        if works and rules.due_date.enabled and facts.due_date is not None:
            # Nobody is late with what came after its own date: it is due on the day it came.
            day = max(facts.due_date, came)
            ended = _first(facts.ended_at, facts.refused_at)
            yield _Duty(Rule.DUE_DATE, *self._end(Rule.DUE_DATE, day), facts.done_at, ended)
        if rules.expiry.enabled:
            yield _Duty(Rule.EXPIRY, *self._expires(facts.accepted_at), read, facts.ended_at)

    def _came(self, accepted_at: int) -> date:
        """The day on which a document counts as having come: a working day."""
        today = day_of(accepted_at)
        closes = self.rules.day_closes
        if closes > _MIDNIGHT and accepted_at >= moment(today, closes) and self.calendar.is_working(today):
            return self.calendar.later(today, 1)
        return self.calendar.working_day(today)

    def _end(self, rule: Rule, day: date) -> tuple[int, int]:
        """When a rule that counts days from this day is due, and when the warning begins."""
        found = self._ends.get((rule, day))
        if found is None:
            if len(self._ends) >= _MOST_ENDS:
                self._ends.clear()
            found = self._ends[rule, day] = self._count(rule, day)
        return found

    def _count(self, rule: Rule, day: date) -> tuple[int, int]:
        rules, calendar = self.rules, self.calendar
        if rule is Rule.RECEIPT:
            last, warn_minutes = calendar.later(day, rules.receipt.working_days), rules.receipt.warn_minutes
        elif rule is Rule.SUBMISSION:
            last, warn_minutes = calendar.later(day, rules.submission.working_days), rules.submission.warn_minutes
        elif rule is Rule.DUE_DATE:
            last = calendar.working_day(day) if rules.due_date.moves_to_working_day else day
            warn_minutes = rules.due_date.warn_minutes
        else:
            last, warn_minutes = day + timedelta(days=rules.expiry.days), rules.expiry.warn_minutes
        due_at = end_of_day(last)
        return due_at, calendar.shift(due_at, -warn_minutes)

    def _expires(self, accepted_at: int) -> tuple[int, int]:
        given = self.rules.expiry
        if not given.within:
            return self._end(Rule.EXPIRY, day_of(accepted_at))
        due_at = given.ends_at(accepted_at)
        return due_at, self.calendar.shift(due_at, -given.warn_minutes)

    def _right_away(self, facts: DeliveryFacts) -> tuple[int, int]:
        given = self.rules.urgent
        level = min(facts.priority, len(given.minutes))
        minutes = given.minutes[level - 1]
        if level >= given.around_the_clock_from:
            due_at = facts.accepted_at + minutes * MINUTE_MS
            return due_at, due_at - given.warn_minutes * MINUTE_MS
        due_at = self.calendar.shift(facts.accepted_at, minutes)
        return due_at, self.calendar.shift(due_at, -given.warn_minutes)

    def _judge(self, duty: _Duty, moment_ms: int) -> Verdict | None:
        met_at, ended_at = _by(moment_ms, duty.met_at), _by(moment_ms, duty.ended_at)
        if ended_at is not None and (met_at is None or ended_at < met_at):
            if ended_at <= duty.due_at:
                return None
            met_at = ended_at
        if met_at is not None:
            margin = duty.due_at - met_at
            return Verdict(duty.rule, duty.due_at, Due.MET if margin >= 0 else Due.LATE, margin)
        margin = duty.due_at - moment_ms
        if margin < 0:
            return Verdict(duty.rule, duty.due_at, Due.OVERDUE, margin, self._level(duty.due_at, moment_ms))
        return Verdict(duty.rule, duty.due_at, Due.WARNING if moment_ms >= duty.warn_at else Due.OPEN, margin)

    def _level(self, due_at: int, moment_ms: int) -> int:
        """The last level that is reached, 1 for the first of the list."""
        day = day_of(due_at)
        ends = self._levels.get(day)
        if ends is None:
            if len(self._levels) >= _MOST_ENDS:
                self._levels.clear()
            ends = self._levels[day] = [
                end_of_day(self.calendar.later(day, level.after_working_days or 0)) for level in self.rules.escalation
            ]
        for number in range(len(ends), 0, -1):
            level = self.rules.escalation[number - 1]
            after = ends[number - 1] if level.after_hours is None else due_at + level.after_hours * _HOUR_MS
            if moment_ms > after:
                return number
        return 0


def worst(verdicts: Iterable[Verdict]) -> Verdict | None:
    """What to look at first: overdue before warning before open before late before met, then what is due first."""
    return min(verdicts, key=lambda verdict: (_SEVERITY[verdict.state], verdict.due_at), default=None)


_SEVERITY = {Due.OVERDUE: 0, Due.WARNING: 1, Due.OPEN: 2, Due.LATE: 3, Due.MET: 4}


def _first(*times: int | None) -> int | None:
    return min((at for at in times if at is not None), default=None)


def _by(moment_ms: int, at: int | None) -> int | None:
    return at if at is not None and at <= moment_ms else None
