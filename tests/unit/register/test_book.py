"""Registers: numbers, what needs handling, totals."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.kernel.deadlines import Due, Rule
from lienthong.kernel.lifecycle import Stage
from lienthong.register.book import Totals
from lienthong.register.facts import Delivered, day_stated
from unit.kernel.world import quick
from unit.register.register_world import HOUR, at, book, delivered, handled, issued, paper


def test_arrival_numbers_follow_the_order_of_acceptance() -> None:
    """By time, then by lane and position, whatever the order in which a database gives them."""
    late, early, other_lane = (
        delivered(of=paper(7, accepted_at=at(10))),
        delivered(of=paper(9, accepted_at=at(8))),
        delivered(of=paper(1, lane=2, accepted_at=at(8))),
    )
    entries = book(late, other_lane, early).incoming
    assert [(1, early), (2, other_lane), (3, late)] == [(entry.arrival_number, entry.delivered) for entry in entries]


@pytest.mark.parametrize(
    ("one", "needs", "is_handled"),
    [
        (delivered(), True, False),
        (handled(), True, True),
        (delivered(stage=Stage.PROCESSING), True, False),
        (handled(for_information=True), False, True),
        (delivered(for_information=True), False, False),
        (delivered(stage=Stage.REFUSED), False, False),
        (delivered(stage=Stage.TAKEN_BACK), False, False),
        (delivered(replaced_at=at(11)), False, False),
        (handled(replaced_at=at(11)), True, True),
    ],
)
def test_what_needs_handling(one: Delivered, needs: bool, is_handled: bool) -> None:
    """For action, not returned, not taken back, not replaced before it was handled."""
    assert (needs, is_handled) == (one.needs_handling, one.handled)
    totals = book(one).totals
    assert (1, int(needs), int(needs and is_handled)) == (totals.received, totals.needing, totals.handled)


def test_totals() -> None:
    """Each figure, counted by hand."""
    incoming = (
        handled(0),  # receipt and submission in time
        handled(1, assigned_at=at(9, 0, date(2023, 3, 8)), done_at=at(9, 0, date(2023, 3, 9))),  # submission late
        delivered(2, Stage.ARRIVED, arrived_at=at(9, 1)),  # receipt in time, submission overdue
        delivered(3, Stage.ARRIVED, for_information=True, arrived_at=at(9, 1)),  # receipt in time
        delivered(4, Stage.REFUSED, refused_at=at(9, 30)),  # receipt and submission in time
    )
    outgoing = (
        issued(5),
        issued(6, promulgated="2023-03-03"),  # a Friday, sent on Monday morning
        issued(7, promulgated="2023-03-02"),  # late
        issued(8, promulgated=""),
    )
    totals = book(*incoming, outgoing=outgoing).totals
    assert Totals(5, 3, 2, 4, in_time=7, late=1, overdue=1, sent_in_time=2, sent_late=1) == totals
    assert pytest.approx(2 / 3) == totals.handled_share
    assert pytest.approx(7 / 9) == totals.on_time_share
    assert pytest.approx(2 / 3) == totals.sent_on_time_share


def test_of_nothing_there_is_no_share() -> None:
    """An empty year has no ratio, neither 0 nor 1."""
    totals = book().totals
    assert (None, None, None) == (totals.handled_share, totals.on_time_share, totals.sent_on_time_share)
    assert 0 == totals.received + totals.issued


def test_the_deadline_of_a_line() -> None:
    """What is overdue is shown before what is done; expiry is no deadline of the recipient."""
    verdict = book(delivered(stage=Stage.ARRIVED, arrived_at=at(9, 1))).incoming[0].deadline
    assert verdict is not None
    assert (Rule.SUBMISSION, Due.OVERDUE) == (verdict.rule, verdict.state)
    after = book(delivered(for_information=True), as_of=at(9) + 90 * 24 * HOUR).incoming[0]
    assert [(Rule.RECEIPT, Due.OVERDUE)] == [(verdict.rule, verdict.state) for verdict in after.verdicts]


def test_a_document_taken_back_is_late_no_further() -> None:
    """Taken back or replaced, whichever came first."""
    assert at(10) == delivered(taken_back_at=at(10), replaced_at=at(11)).ended_at
    assert [] == list(book(delivered(stage=Stage.TAKEN_BACK, taken_back_at=at(10))).incoming[0].verdicts)


def test_an_outgoing_line_knows_all_its_recipients() -> None:
    """How many are how far, and the deadline that is worst."""
    line = book(outgoing=(issued(to=(handled(), delivered(recipient="H37"), handled(recipient="H26"))),)).outgoing[0]
    assert {Stage.SENT: 1, Stage.DONE: 2} == line.stages
    assert [Stage.SENT, Stage.DONE] == list(line.stages)
    assert line.deadline is not None
    assert Due.OVERDUE is line.deadline.state
    assert line.sending is not None
    assert Due.MET is line.sending.state


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2023-03-06", date(2023, 3, 6)),
        ("2024-02-29", date(2024, 2, 29)),
        ("2023-02-30", None),
        ("", None),
        ("06/03/2023", None),
        ("20230306", None),
        ("2023-W10-1", None),
    ],
)
def test_dates_that_documents_state(text: str, expected: date | None) -> None:
    """A sender may write what it likes; what is no date is no date."""
    assert expected == day_stated(text)


@quick
@given(st.lists(st.builds(
    lambda position, stage, info, replaced: delivered(
        position, stage, for_information=info, replaced_at=at(11) if replaced else None
    ),
    st.integers(0, 1_000), st.sampled_from(Stage), st.booleans(), st.booleans(),
), max_size=30))  # fmt: skip
def test_totals_hold_together(many: list[Delivered]) -> None:
    """Handled are some of those needing it, which are some of those received; numbers are 1, 2, 3 …"""
    kept = book(*many)
    totals = kept.totals
    assert totals.handled <= totals.needing <= totals.received == len(many)
    assert list(range(1, len(many) + 1)) == [entry.arrival_number for entry in kept.incoming]
    assert totals.handled_share is None or 0 <= totals.handled_share <= 1
