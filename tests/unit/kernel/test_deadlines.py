"""Deadlines: what is due when, and how things stand at a moment."""

from datetime import date, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.kernel.deadline_rules import DeadlineRules, DueDate, Expiry, Level, Receipt, Sending, Submission, Urgent
from lienthong.kernel.deadlines import (
    DeadlineJudge,
    DeliveryFacts,
    Due,
    Rule,
    SendingFacts,
    Verdict,
    worst,
)
from lienthong.kernel.vietnam_time import end_of_day, local, moment
from lienthong.runtime.vietnam_calendar import vietnam_calendar
from unit.kernel.world import quick

LAW = DeadlineRules()
CALENDAR = vietnam_calendar()
HOUR = 3_600_000
TUESDAY = date(2025, 3, 11)


def at(day: date, hour: int = 9, minute: int = 0) -> int:
    """A moment of a day in Vietnam."""
    return moment(day, time(hour, minute))


def verdicts(facts: DeliveryFacts, now: int, rules: DeadlineRules = LAW) -> dict[Rule, Verdict]:
    """By rule."""
    return {verdict.rule: verdict for verdict in DeadlineJudge(rules, CALENDAR).delivery(facts, now)}


def told(facts: DeliveryFacts, said: str, when: int) -> DeliveryFacts:
    """The facts with one more of the recipient's statuses."""
    more: dict[str, Any] = {said: when}
    return facts._replace(**more)


def due(facts: DeliveryFacts, rule: Rule, rules: DeadlineRules = LAW) -> str:
    """When something is due, as a clock in Vietnam shows it."""
    return f"{local(verdicts(facts, facts.accepted_at, rules)[rule].due_at):%Y-%m-%d %H:%M:%S}"


@pytest.mark.parametrize(
    ("accepted", "receipt", "submission"),
    [
        (at(TUESDAY, 9), "2025-03-11", "2025-03-12"),
        (at(TUESDAY, 0, 0), "2025-03-11", "2025-03-12"),
        (at(TUESDAY, 23, 59), "2025-03-11", "2025-03-12"),
        (end_of_day(TUESDAY), "2025-03-11", "2025-03-12"),
        (end_of_day(TUESDAY) + 1, "2025-03-12", "2025-03-13"),
        (at(date(2025, 3, 14)), "2025-03-14", "2025-03-17"),  # Friday
        (at(date(2025, 3, 15)), "2025-03-17", "2025-03-18"),  # Saturday
        (at(date(2025, 1, 24)), "2025-01-24", "2025-02-03"),  # the Friday before Tết
        (at(date(2025, 1, 29)), "2025-02-03", "2025-02-04"),  # the first day of Tết
        (at(date(2025, 4, 25)), "2025-04-25", "2025-04-26"),  # Friday before a Saturday that is worked
        (at(date(2025, 4, 26)), "2025-04-26", "2025-04-28"),  # that Saturday
        (at(date(2025, 4, 29)), "2025-04-29", "2025-05-05"),  # before 30/4, 1/5 and Friday 2 May given for it
        (at(date(2025, 8, 29)), "2025-08-29", "2025-09-03"),  # before 2/9
        (at(date(2025, 12, 31)), "2025-12-31", "2026-01-02"),  # year's end
        (at(date(2022, 12, 30)), "2022-12-30", "2023-01-03"),  # 1 January on a Sunday: Monday in lieu
    ],
)
def test_receipt_the_same_day_and_submission_the_next_working_day(accepted: int, receipt: str, submission: str) -> None:
    """To the last second of the day in Vietnam; what comes on a day off counts from the next working day."""
    facts = DeliveryFacts(accepted)
    assert f"{receipt} 23:59:59" == due(facts, Rule.RECEIPT)
    assert f"{submission} 23:59:59" == due(facts, Rule.SUBMISSION)


def test_what_comes_after_closing_counts_from_the_next_day() -> None:
    """Where the owner names an hour of closing; the minute before it is still today."""
    rules = DeadlineRules(day_closes=time(16, 30))
    assert "2025-03-11 23:59:59" == due(DeliveryFacts(at(TUESDAY, 16, 29)), Rule.RECEIPT, rules)
    assert "2025-03-12 23:59:59" == due(DeliveryFacts(at(TUESDAY, 16, 30)), Rule.RECEIPT, rules)
    assert "2025-03-17 23:59:59" == due(DeliveryFacts(at(date(2025, 3, 15), 18)), Rule.RECEIPT, rules)


@pytest.mark.parametrize(
    ("priority", "accepted", "expected"),
    [
        (1, at(TUESDAY, 9), "2025-03-11 11:00:00"),
        (1, at(TUESDAY, 11), "2025-03-11 14:00:00"),
        (1, at(TUESDAY, 16), "2025-03-12 09:00:00"),
        (2, at(TUESDAY, 20), "2025-03-12 09:00:00"),
        (2, at(date(2025, 1, 24), 16, 30), "2025-02-03 08:30:00"),  # over Tết
        (3, at(TUESDAY, 23, 45), "2025-03-12 00:15:00"),
        (3, at(date(2025, 1, 29), 1), "2025-01-29 01:30:00"),
        (4, at(date(2025, 12, 31), 23, 50), "2026-01-01 00:20:00"),
    ],
)
def test_urgent_documents_are_due_right_away(priority: int, accepted: int, expected: str) -> None:
    """Instead of the next working day; hỏa tốc at night and over Tết as well."""
    facts = DeliveryFacts(accepted, priority=priority)
    assert expected == due(facts, Rule.URGENT)
    assert Rule.SUBMISSION not in verdicts(facts, accepted)


def test_own_due_dates_end_with_their_day() -> None:
    """Also on a Sunday, unless the owner moves them; a date before the document came is due the day it came."""
    sunday = DeliveryFacts(at(TUESDAY), due_date=date(2025, 3, 16))
    assert "2025-03-16 23:59:59" == due(sunday, Rule.DUE_DATE)
    moved = DeadlineRules(due_date=DueDate(moves_to_working_day=True))
    assert "2025-03-17 23:59:59" == due(sunday, Rule.DUE_DATE, moved)
    assert "2025-03-11 23:59:59" == due(DeliveryFacts(at(TUESDAY), due_date=date(2025, 3, 1)), Rule.DUE_DATE)
    assert Rule.DUE_DATE not in verdicts(DeliveryFacts(at(TUESDAY)), at(TUESDAY))


def test_the_last_millisecond_is_in_time() -> None:
    """And the next one is late, by a millisecond."""
    last = end_of_day(TUESDAY)
    facts = DeliveryFacts(at(TUESDAY))
    assert (Due.WARNING, 0) == verdicts(facts, last)[Rule.RECEIPT][2:4]
    assert (Due.OVERDUE, -1, 1) == verdicts(facts, last + 1)[Rule.RECEIPT][2:]
    assert (Due.MET, 0, 0) == verdicts(facts._replace(arrived_at=last), last + HOUR)[Rule.RECEIPT][2:]
    assert (Due.LATE, -1, 0) == verdicts(facts._replace(arrived_at=last + 1), last + HOUR)[Rule.RECEIPT][2:]


@pytest.mark.parametrize(
    ("said", "met"),
    [
        ("arrived_at", {Rule.RECEIPT, Rule.EXPIRY}),
        ("entered_at", {Rule.RECEIPT, Rule.EXPIRY}),
        ("assigned_at", {Rule.RECEIPT, Rule.SUBMISSION, Rule.EXPIRY}),
        ("processing_at", {Rule.RECEIPT, Rule.SUBMISSION, Rule.EXPIRY}),
        ("done_at", {Rule.RECEIPT, Rule.SUBMISSION, Rule.DUE_DATE, Rule.EXPIRY}),
        ("refused_at", {Rule.RECEIPT, Rule.SUBMISSION, Rule.EXPIRY}),
    ],
)
def test_which_status_fulfils_what(said: str, met: set[Rule]) -> None:
    """Each status fulfils what comes before it too; a refusal ends the rest."""
    facts = told(DeliveryFacts(at(TUESDAY), due_date=date(2025, 3, 20)), said, at(TUESDAY, 10))
    found = verdicts(facts, at(TUESDAY, 11))
    assert met == {rule for rule, verdict in found.items() if verdict.state is Due.MET}
    assert (Rule.DUE_DATE in found) == (said != "refused_at")


def test_for_information_only_the_receipt_is_owed() -> None:
    """And updates and recalls, which are no work of their own, likewise."""
    urgent = DeliveryFacts(at(TUESDAY), priority=2, due_date=TUESDAY)
    for facts in (urgent._replace(for_action=False), urgent._replace(kind=1), urgent._replace(kind=2)):
        assert {Rule.RECEIPT, Rule.EXPIRY} == verdicts(facts, at(TUESDAY)).keys()
    assert {Rule.RECEIPT, Rule.URGENT, Rule.DUE_DATE, Rule.EXPIRY} == verdicts(urgent, at(TUESDAY)).keys()
    assert verdicts(urgent, at(TUESDAY)) == verdicts(urgent._replace(kind=3), at(TUESDAY))


def test_a_document_taken_back_is_owed_no_more() -> None:
    """What was not due yet falls away; what was overdue by then stays late, by the time until then."""
    ended = at(date(2025, 3, 12), 10)
    facts = DeliveryFacts(at(TUESDAY), due_date=date(2025, 3, 20), ended_at=ended)
    later = verdicts(facts, at(date(2025, 4, 1)))
    assert {Rule.RECEIPT: (Due.LATE, end_of_day(TUESDAY) - ended)} == {
        rule: verdict[2:4] for rule, verdict in later.items()
    }


def test_a_warning_comes_in_working_hours() -> None:
    """Two hours of work before the day's end is three in the afternoon; a day of work before a Monday is Friday."""
    facts = DeliveryFacts(at(TUESDAY), due_date=date(2025, 3, 17))
    assert Due.OPEN is verdicts(facts, at(TUESDAY, 14, 59))[Rule.RECEIPT].state
    assert Due.WARNING is verdicts(facts, at(TUESDAY, 15))[Rule.RECEIPT].state
    monday = at(date(2025, 3, 17), 8)
    assert [Due.OPEN, Due.WARNING] == [verdicts(facts, now)[Rule.DUE_DATE].state for now in (monday - 1, monday)]
    express = DeliveryFacts(at(TUESDAY, 23), priority=3)
    assert Due.OPEN is verdicts(express, at(TUESDAY, 23, 14))[Rule.URGENT].state
    assert Due.WARNING is verdicts(express, at(TUESDAY, 23, 15))[Rule.URGENT].state


@pytest.mark.parametrize(
    ("now", "level"),
    [
        (end_of_day(TUESDAY) + 1, 1),
        (end_of_day(TUESDAY) + 4 * HOUR, 1),
        (end_of_day(TUESDAY) + 4 * HOUR + 1, 2),
        (end_of_day(date(2025, 3, 12)), 2),
        (end_of_day(date(2025, 3, 12)) + 1, 3),
        (end_of_day(date(2025, 3, 14)), 3),
        (end_of_day(date(2025, 3, 14)) + 1, 4),
        (at(date(2026, 3, 14)), 4),
    ],
)
def test_escalation(now: int, level: int) -> None:
    """Clerk at once, office after four hours, head after a working day, the agency above after three."""
    assert level == verdicts(DeliveryFacts(at(TUESDAY)), now)[Rule.RECEIPT].level


def test_escalation_waits_over_tet() -> None:
    """Working days are counted, not days; without a list there are no levels."""
    facts = DeliveryFacts(at(date(2025, 1, 24)))
    assert 2 == verdicts(facts, at(date(2025, 2, 3), 23, 59))[Rule.RECEIPT].level
    assert 3 == verdicts(facts, at(date(2025, 2, 4), 0, 0))[Rule.RECEIPT].level
    nobody = DeadlineRules(escalation=())
    assert (Due.OVERDUE, 0) == verdicts(facts, at(date(2025, 3, 1)), nobody)[Rule.RECEIPT][2::2]


@pytest.mark.parametrize(
    ("promulgated", "accepted", "priority", "state"),
    [
        (TUESDAY, at(TUESDAY, 23, 59), 0, Due.MET),
        (TUESDAY, at(date(2025, 3, 12), 12), 0, Due.MET),
        (TUESDAY, at(date(2025, 3, 12), 12) + 1, 0, Due.LATE),
        (date(2025, 3, 14), at(date(2025, 3, 15), 20), 0, Due.MET),  # Friday, sent on Saturday night
        (date(2025, 3, 14), at(date(2025, 3, 17), 11), 0, Due.MET),
        (date(2025, 3, 14), at(date(2025, 3, 17), 13), 0, Due.LATE),
        (date(2025, 1, 24), at(date(2025, 2, 3), 11), 0, Due.MET),  # over Tết
        (date(2025, 12, 31), at(date(2026, 1, 2), 12), 0, Due.MET),  # over New Year
        (TUESDAY, at(date(2025, 3, 12), 8), 1, Due.LATE),
        (TUESDAY, at(TUESDAY, 23), 1, Due.MET),
        (date(2025, 3, 15), at(date(2025, 3, 15), 23), 1, Due.MET),
        (date(9999, 12, 31), at(TUESDAY), 0, Due.MET),
        (date(1, 1, 1), at(TUESDAY), 0, Due.LATE),
    ],
)
def test_sending(promulgated: date, accepted: int, priority: int, state: Due) -> None:
    """The day of promulgation, at the latest the next working day's morning; urgent ones the same day."""
    verdict = DeadlineJudge(LAW, CALENDAR).sending(SendingFacts(accepted, 0, priority, promulgated), accepted)
    assert verdict is not None
    assert (Rule.SENDING, state) == (verdict.rule, verdict.state)
    assert verdict.margin_ms == verdict.due_at - accepted


def test_of_what_nothing_is_said_about_sending() -> None:
    """No date, no document, not accepted yet, or the rule is off."""
    facts = SendingFacts(at(TUESDAY), 0, 0, TUESDAY)
    off = DeadlineRules(sending=Sending(enabled=False))
    for other, rules, now in (
        (facts._replace(promulgated=None), LAW, facts.accepted_at),
        (facts._replace(kind=1), LAW, facts.accepted_at),
        (facts._replace(kind=2), LAW, facts.accepted_at),
        (facts, LAW, facts.accepted_at - 1),
        (facts, off, facts.accepted_at),
    ):
        assert DeadlineJudge(rules, CALENDAR).sending(other, now) is None


def test_unread_documents_expire() -> None:
    """After the days of the calendar, to the end of the last one; any status stops it."""
    rules = DeadlineRules(expiry=Expiry(days=7))
    facts = DeliveryFacts(at(TUESDAY))
    last = end_of_day(date(2025, 3, 18))
    assert Due.WARNING is verdicts(facts, last, rules)[Rule.EXPIRY].state
    assert Due.OVERDUE is verdicts(facts, last + 1, rules)[Rule.EXPIRY].state
    assert Due.MET is verdicts(facts._replace(arrived_at=last), last + 1, rules)[Rule.EXPIRY].state


def test_unread_documents_may_expire_by_the_clock() -> None:
    """In place of days; it is said by the same numbers to who asks without a calendar."""
    given = Expiry(within=timedelta(hours=8), warn_minutes=60)
    rules, facts = DeadlineRules(expiry=given), DeliveryFacts(at(TUESDAY, 20))
    last = at(TUESDAY, 20) + 8 * 3_600_000
    assert last == given.ends_at(at(TUESDAY, 20))
    assert Due.OVERDUE is verdicts(facts, last + 1, rules)[Rule.EXPIRY].state
    assert Due.WARNING is verdicts(facts, last, rules)[Rule.EXPIRY].state
    assert last == verdicts(facts, at(TUESDAY, 21), rules)[Rule.EXPIRY].due_at
    for expiry, longest in ((given, timedelta(hours=8)), (Expiry(days=7), timedelta(days=8))):
        assert longest // timedelta(milliseconds=1) == expiry.longest_ms
    assert end_of_day(date(2025, 3, 18)) == Expiry(days=7).ends_at(at(TUESDAY))
    for wrong in (timedelta(seconds=-1), timedelta(days=3651)):
        with pytest.raises(ValueError, match="within"):
            Expiry(within=wrong)


def test_rules_can_be_switched_off() -> None:
    """Nothing is owed then."""
    off = DeadlineRules(
        receipt=Receipt(enabled=False),
        submission=Submission(enabled=False),
        urgent=Urgent(enabled=False),
        due_date=DueDate(enabled=False),
        expiry=Expiry(enabled=False),
    )
    assert {} == verdicts(DeliveryFacts(at(TUESDAY), due_date=TUESDAY), at(date(2026, 1, 1)), off)


def test_urgent_without_its_rule_is_due_as_others() -> None:
    """The next working day is still the law."""
    off = DeadlineRules(urgent=Urgent(enabled=False))
    assert "2025-03-12 23:59:59" == due(DeliveryFacts(at(TUESDAY), priority=3), Rule.SUBMISSION, off)


def test_what_to_look_at_first() -> None:
    """Overdue before warning before open before what is over; among equals, what is due first."""
    states = [Due.OVERDUE, Due.WARNING, Due.OPEN, Due.LATE, Due.MET]
    ordered = [Verdict(Rule.RECEIPT, due_at, state, 0) for state in states for due_at in (1, 2)]
    for number, expected in enumerate(ordered):
        assert expected == worst(reversed(ordered[number:]))
    assert worst([]) is None


MOMENTS = st.integers(at(date(2018, 1, 1)), at(date(2059, 12, 31)))
LATER = st.none() | st.integers(0, 40 * 24 * HOUR)
RULES = st.builds(
    DeadlineRules,
    day_closes=st.sampled_from([time(0), time(16, 30)]),
    receipt=st.builds(Receipt, working_days=st.integers(0, 3), warn_minutes=st.integers(0, 2_000)),
    submission=st.builds(Submission, working_days=st.integers(0, 3)),
    due_date=st.builds(DueDate, moves_to_working_day=st.booleans()),
    urgent=st.builds(Urgent, around_the_clock_from=st.integers(1, 5)),
    escalation=st.sampled_from([(), DeadlineRules().escalation, (Level(tell="x", after_working_days=2),)]),
)


@st.composite
def all_facts(draw: st.DrawFn) -> DeliveryFacts:
    """Facts in any combination, each after acceptance."""
    accepted = draw(MOMENTS)
    named = ("arrived_at", "refused_at", "entered_at", "assigned_at", "processing_at", "done_at", "ended_at")
    times = {name: None if (after := draw(LATER)) is None else accepted + after for name in named}
    day = draw(st.none() | st.integers(-3, 40))
    return DeliveryFacts(
        accepted,
        draw(st.integers(0, 3)),
        draw(st.integers(0, 4)),
        draw(st.booleans()),
        None if day is None else local(accepted).date() + timedelta(days=day),
        **times,
    )


@quick
@given(all_facts(), RULES, st.integers(0, 60 * 24 * HOUR))
def test_a_verdict_agrees_with_itself(facts: DeliveryFacts, rules: DeadlineRules, after: int) -> None:
    """Never due before it came; state, margin and level say the same; one verdict a rule."""
    found = DeadlineJudge(rules, CALENDAR).delivery(facts, facts.accepted_at + after)
    assert len(found) == len({verdict.rule for verdict in found})
    for verdict in found:
        assert verdict.due_at >= facts.accepted_at
        assert (verdict.margin_ms < 0) == (verdict.state in {Due.LATE, Due.OVERDUE})
        assert verdict.level == 0 or (verdict.state is Due.OVERDUE and verdict.level <= len(rules.escalation))


@quick
@given(all_facts(), RULES, st.integers(0, 60 * 24 * HOUR), st.integers(0, 60 * 24 * HOUR))
def test_time_goes_one_way(facts: DeliveryFacts, rules: DeadlineRules, after: int, more: int) -> None:
    """What is met stays met and what is late stays late; open, warning, overdue come in this order, levels rise."""
    order = [Due.OPEN, Due.WARNING, Due.OVERDUE]
    now = facts.accepted_at + after
    sooner = {verdict.rule: verdict for verdict in DeadlineJudge(rules, CALENDAR).delivery(facts, now)}
    later = {verdict.rule: verdict for verdict in DeadlineJudge(rules, CALENDAR).delivery(facts, now + more)}
    assert later.keys() <= sooner.keys()
    for rule, verdict in later.items():
        before = sooner[rule]
        assert before.due_at == verdict.due_at
        if before.state in {Due.MET, Due.LATE}:
            assert before == verdict
        elif verdict.state in order:
            assert order.index(before.state) <= order.index(verdict.state)
            assert before.level <= verdict.level
        else:
            assert (verdict.state is Due.MET) <= (before.state is not Due.OVERDUE)


@quick
@given(all_facts(), RULES, st.integers(0, 60 * 24 * HOUR), st.sampled_from(["arrived_at", "assigned_at", "done_at"]))
def test_saying_something_never_makes_it_worse(
    facts: DeliveryFacts, rules: DeadlineRules, after: int, said: str
) -> None:
    """Another status at this very moment turns no verdict from good to bad."""
    now = facts.accepted_at + after
    better = {Due.OVERDUE: 0, Due.LATE: 0, Due.WARNING: 1, Due.OPEN: 1, Due.MET: 2}
    before = verdicts(facts, now, rules)
    more = facts if getattr(facts, said) is not None else told(facts, said, now)
    for rule, verdict in verdicts(more, now, rules).items():
        assert rule not in before or better[verdict.state] >= better[before[rule].state]


@quick
@given(all_facts(), RULES)
def test_what_has_not_happened_yet_is_not_known(facts: DeliveryFacts, rules: DeadlineRules) -> None:
    """At the moment of acceptance nothing is overdue, and before it nothing is judged."""
    assert [] == DeadlineJudge(rules, CALENDAR).delivery(facts, facts.accepted_at - 1)
    for verdict in DeadlineJudge(rules, CALENDAR).delivery(facts, facts.accepted_at):
        assert verdict.state in {Due.OPEN, Due.WARNING, Due.MET}


@quick
@given(st.lists(all_facts(), max_size=8), RULES, st.integers(0, 60 * 24 * HOUR))
def test_what_is_remembered_changes_nothing(many: list[DeliveryFacts], rules: DeadlineRules, after: int) -> None:
    """One judge for all says what a new one for each says."""
    judge = DeadlineJudge(rules, CALENDAR)
    for facts in [*many, *many]:
        now = facts.accepted_at + after
        assert DeadlineJudge(rules, CALENDAR).delivery(facts, now) == judge.delivery(facts, now)
