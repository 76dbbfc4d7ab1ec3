"""What is unread and was not told: documents, what closes them, and notices."""

from typing import Any

import pytest

from lienthong.kernel.command import RESEND
from lienthong.kernel.deadline_rules import Expiry
from lienthong.kernel.fold import Count, ids_horizon_ms
from lienthong.kernel.lanes import lane_of
from lienthong.kernel.ledger import Outcome
from lienthong.kernel.limits import MAX_NAMED
from lienthong.kernel.reasons import Reason
from lienthong.kernel.statement import Kind, decode_statement, encode_statement
from lienthong.kernel.vietnam_time import day_of, end_of_day
from lienthong.reminder.unread import Left, notices
from unit.kernel.world import NOW
from unit.reminder.lane import BACKBONE, LANE, LANES, WITHIN_MS, Lane, all_due, read, reminder, say

OVER = NOW + WITHIN_MS + 1


def test_who_said_nothing_until_the_time_was_over_is_named() -> None:
    """Not before, and not who has said anything; in the last millisecond it is still in time."""
    lane, one = Lane(), reminder()
    sent = lane.document("G22", "H26", "H29", "H37")
    lane.acknowledgement("H29", "G22", sent)
    read(one, lane)
    assert not one.is_due(OVER - 1)
    assert [] == one.due(OVER - 1, 10)
    assert [
        Left(sent, 0, "G22", "H26", OVER - 1),
        Left(sent, 0, "G22", "H37", OVER - 1),
    ] == one.due(OVER, 10)
    assert [Left(sent, 0, "G22", "H26", OVER - 1)] == one.due(OVER, 1)


@pytest.mark.parametrize("status", ["01", "02", "03", "04", "05", "06", "13", "15", "16"])
def test_any_status_of_the_recipient_closes(status: str) -> None:
    """Whatever it says, it has seen it."""
    lane, one = Lane(), reminder()
    sent = lane.document("G22", "H26")
    lane.acknowledgement("H26", "G22", sent, status=status)
    read(one, lane)
    assert ([], 0) == (all_due(one, OVER), one.count)


def test_what_its_sender_does_not_hear_closes_nothing() -> None:
    """An acknowledgement said to somebody else, and one by a stranger; one that is routed to the sender counts."""
    lane, one = Lane(), reminder()
    sent = lane.document("G22", "H26")
    lane.acknowledgement("H26", "H53", sent)
    lane.acknowledgement("H29", "G22", sent)
    read(one, lane)
    assert [(sent, "H26")] == all_due(one, OVER)
    lane.acknowledgement("H26", "G09", sent, routes=["G22"])
    read(one, lane)
    assert 0 == one.count


@pytest.mark.parametrize("by_status", [False, True])
def test_what_was_taken_back_does_not_expire(by_status: bool) -> None:
    """By a recall or by status 13, at whom it went to, and only by the document's sender."""
    lane, one = Lane(), reminder()
    sent = lane.document("G22", "H26", "H29")
    asked = {lane.document("H53", "H26", kind=1, refers_to=[sent])}
    if by_status:
        lane.acknowledgement("G22", "H26", sent, status="13")
    else:
        asked.add(lane.document("G22", "H26", kind=1, refers_to=[sent]))
    read(one, lane)
    assert [(sent, "H29")] == [line for line in all_due(one, OVER) if line[0] not in asked]


def test_entries_that_do_not_count_say_nothing() -> None:
    """Void ones, rejected ones, receipts, and what the backbone itself sends."""
    lane, one = Lane(), reminder()
    lane.document("G22", "H26")
    lane.said[-1] = lane.said[-1]._replace(counts=Count.DUPLICATE)
    lane.add("G22", Kind.DOCUMENT, [], outcome=Outcome.REJECTED, reason="malformed")
    lane.add(BACKBONE, Kind.RECEIPT, ["G22"])
    lane.document(BACKBONE, "H26")
    lane.add("G22", Kind.DOCUMENT, [], id=None, outcome=Outcome.OPENED)
    read(one, lane)
    assert (0, 5) == (one.count, one.position)


def test_a_document_that_cannot_be_read_is_open_all_the_same() -> None:
    """Its header says all that is needed; an acknowledgement that cannot be read closes nothing."""
    lane, one = Lane(), reminder()
    sent = lane.add("G22", Kind.DOCUMENT, ["H26"])
    lane.add("H26", Kind.ACKNOWLEDGEMENT, ["G22"])
    read(one, lane)
    assert [(sent, "H26")] == all_due(one, OVER)


def test_what_the_operator_releases_is_open_from_the_command_on() -> None:
    """At the document's recipients, with the command's place and time; its sender is not one of them."""
    lane, one = Lane(), reminder()
    lane.add("G22", Kind.DOCUMENT, [], outcome=Outcome.REJECTED, reason="expired")
    lane.now += 5
    sent = lane.order(lane.statement("G22", "H26", "H29.DN.001"), "H26", "H29", "G22")
    lane.acknowledgement("H26", "G22", sent)
    read(one, lane)
    assert not one.is_due(OVER + 4)
    assert [Left(sent, 1, "G22", "H29", OVER + 4)] == one.due(OVER + 5, 10)
    (statement,) = say(one, OVER + 5)
    assert ["G22"] == statement.recipients
    lane.notice(statement)
    read(one, lane)
    assert 0 == one.count


def test_a_released_document_may_be_for_its_sender_too() -> None:
    """Then it is a recipient as any."""
    lane, one = Lane(), reminder()
    sent = lane.order(lane.statement("G22", "H26", "G22.01"), "H26", "G22")
    read(one, lane)
    assert [(sent, "H26"), (sent, "G22")] == all_due(one, OVER)


def test_a_resend_opens_nothing() -> None:
    """Neither what has been acknowledged, nor what the reminder does not know."""
    lane, one = Lane(), reminder()
    sent = lane.document("G22", "H26")
    lane.acknowledgement("H26", "G22", sent)
    lane.order(lane.statement("G22", "H26"), "H26", action=RESEND, named=sent)
    lane.order(lane.statement("G22", "H26"), "H26", action=RESEND)
    lane.add(BACKBONE, Kind.COMMAND, ["H26"])
    read(one, lane)
    assert (0, 5) == (one.count, one.settled)


@pytest.mark.parametrize("acknowledged", [False, True])
@pytest.mark.parametrize("released_first", [False, True])
def test_of_one_id_the_first_opens(acknowledged: bool, released_first: bool) -> None:
    """Released and accepted in either order, and released once more: one document, with the place of the first."""
    lane, one = Lane(), reminder()
    document = lane.statement("G22", "H26")
    sent = lane.order(document, "H26", "G22") if released_first else lane.document("G22", "H26")
    if acknowledged:
        lane.acknowledgement("H26", "G22", sent)
    lane.now += 5
    if released_first:
        lane.again(sent, "G22", "H26")
    lane.order(document, "H26", "G22", named=sent)
    for until in range(len(lane.said) + 1):
        read(one, lane, last=until)
        one = reminder(one.settled)  # it begins anew after each entry
    read(one, lane)
    assert ([] if acknowledged else [Left(sent, 0, "G22", "H26", OVER - 1)]) == one.due(OVER + 5, 10)


def test_what_was_released_is_known_until_its_sender_cannot_send_it_any_more() -> None:
    """So long a restart reads from the command on."""
    lane, one = Lane(), reminder()
    sent = lane.order(lane.statement("G22", "H26"), "H26", "G22")
    lane.acknowledgement("H26", "G22", sent)
    lane.now += ids_horizon_ms()
    lane.add(BACKBONE, Kind.RECEIPT, ["G22"])
    read(one, lane)
    assert (0, 0) == (one.count, one.settled)
    lane.now += 1
    lane.add(BACKBONE, Kind.RECEIPT, ["G22"])
    read(one, lane)
    assert 4 == one.settled


def test_a_released_recall_takes_back() -> None:
    """What it names does not expire at those to whom it goes."""
    lane, one = Lane(), reminder()
    sent = lane.document("G22", "H26", "H29")
    lane.order(lane.statement("G22", "H26", kind=1, refers_to=[sent]), "H26", "G22")
    read(one, lane)
    assert [(sent, "H29")] == [line for line in all_due(one, OVER) if line[0] == sent]


def test_what_was_said_is_not_said_again_and_a_notice_in_the_ledger_settles_it() -> None:
    """Neither while it is on its way, nor when it has come, nor when another reminder said it too."""
    lane, one, double = Lane(), reminder(), reminder()
    sent = lane.document("G22", "H26")
    read(one, lane)
    read(double, lane)
    (mine,), (other,) = say(one, OVER), say(double, OVER + 5)
    assert [] == say(one, OVER + WITHIN_MS)
    assert (1, 0) == (one.count, one.settled)
    lane.notice(mine)
    read(one, lane)
    assert (0, 2) == (one.count, one.settled)
    lane.notice(other)
    read(one, lane)
    read(double, lane)
    assert ([], [], 0, 0) == (say(one, OVER), say(double, OVER), one.count, double.count)
    assert [(sent, "H26")] * 2 == lane.lines()


def test_a_notice_about_another_position_settles_nothing() -> None:
    """It is none about this document."""
    lane, one = Lane(), reminder()
    sent = lane.document("G22", "H26")
    read(one, lane)
    (statement,) = say(one, OVER)
    statement.body["entries"][0]["position"] = 7
    lane.notice(statement)
    read(one, lane)
    assert [(sent, "H26")] == all_due(reminder_after(lane), OVER)


def reminder_after(lane: Lane) -> Any:
    """One that has read it all."""
    one = reminder()
    read(one, lane)
    return one


def test_after_a_restart_it_reads_from_the_oldest_open_document() -> None:
    """What was settled before it need not be read."""
    lane, one = Lane(), reminder()
    first, second = lane.document("G22", "H26"), lane.document("G22", "H29")
    lane.acknowledgement("H26", "G22", first)
    read(one, lane)
    assert 1 == one.settled
    again = reminder(one.settled)
    read(again, lane)
    assert [(second, "H29")] == all_due(again, OVER)
    lane.acknowledgement("H29", "G22", second)
    read(again, lane)
    again.read_until(9)
    assert 9 == again.settled


def test_a_rejected_notice_is_said_again_a_minute_later() -> None:
    """Unless there is nobody any more whom it could reach."""
    lane, one = Lane(), reminder()
    sent = lane.document("G22", "H26")
    read(one, lane)
    for reason, again in ((Reason.KEY_REVOKED, [(sent, "H26")]), (Reason.UNKNOWN_RECIPIENT, [])):
        lane.now = max(lane.now, OVER) + WITHIN_MS
        (statement,) = say(one, lane.now)
        lane.notice(statement)
        entry = lane.said[-1].entry._replace(outcome=Outcome.REJECTED, reason=reason.value, routes=())
        assert reason == one.take(entry, Count.COUNTS, None)
        assert [] == all_due(one, lane.now + 59_999)
        assert again == all_due(one, lane.now + 60_000)
    assert 0 == one.count


def test_what_may_not_have_arrived_is_said_again() -> None:
    """Once it is known what has."""
    lane, one = Lane(), reminder()
    sent = lane.document("G22", "H26")
    read(one, lane)
    say(one, OVER)
    one.forget_said()
    assert [(sent, "H26")] == all_due(one, OVER)


def test_one_notice_names_all_of_a_sender() -> None:
    """In ledger order, at most 500; each is what intake accepts, and travels in the documents' lane."""
    some = [
        Left(b"%032d" % number, number, ("G22", "G09")[number % 2], "H26", NOW) for number in range(2 * MAX_NAMED + 2)
    ]
    made = notices(some, backbone=BACKBONE, lane=LANE, lanes=LANES, now=OVER)
    assert [("G22", MAX_NAMED), ("G22", 1), ("G09", MAX_NAMED), ("G09", 1)] == [
        (statement.recipients[0], len(statement.body["entries"])) for statement, _ in made
    ]
    for statement, named in made:
        told = decode_statement(encode_statement(statement))
        assert (BACKBONE, Kind.NOTICE, LANE, LANE, OVER) == (
            told.sender, told.kind, told.body["lane"], lane_of(told.thread, LANES), told.created,
        )  # fmt: skip
        assert told.body["entries"] == [
            {"document": one.document, "position": one.position, "recipient": "H26", "expired_at": NOW} for one in named
        ]
        assert [one.position for one in named] == sorted(one.position for one in named)


def test_days_of_the_calendar_end_at_midnight_in_vietnam() -> None:
    """By the rule that deadlines know."""
    lane, one = Lane(), reminder(expiry=Expiry(days=2))
    lane.document("G22", "H26")
    read(one, lane)
    end = end_of_day(day_of(NOW)) + 2 * 86_400_000
    assert not one.is_due(end)
    assert [end] == [left.expired_at for left in one.due(end + 1, 10)]
