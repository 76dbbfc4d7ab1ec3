"""Receipts: every sender learns what became of each of its records; none about receipts."""

from hashlib import sha256
from typing import Any

import pytest

from lienthong.kernel.fold import Count
from lienthong.kernel.lanes import lane_of
from lienthong.kernel.ledger import Entry, Outcome, Source
from lienthong.kernel.limits import MAX_NAMED
from lienthong.kernel.reasons import Reason
from lienthong.kernel.statement import Kind, Statement, decode_statement, encode_statement
from lienthong.notary.receipts import PendingReceipts
from unit.kernel.world import NOW

BACKBONE = "LT"
LANES = 4
LANE = 2


def entry(number: int, agency: str = "G22", **changes: Any) -> Entry:
    """An accepted entry; `changes` replace fields."""
    return Entry(
        number, NOW, Outcome.ACCEPTED, Source(agency, 100 + number, "a" * 32), NOW + number, NOW,
        sha256(b"%d" % number).digest(), Kind.DOCUMENT, ("H37",), "", "", b"",
    )._replace(**changes)  # fmt: skip


def pending(*entries: Entry, count: Count = Count.COUNTS, first_position: int | None = None) -> PendingReceipts:
    """What is pending after these entries."""
    receipts = PendingReceipts(BACKBONE, LANES)
    for one in entries:
        receipts.take(LANE, one, count, b"value", first_position)
    return receipts


def said(receipts: PendingReceipts) -> list[Statement]:
    """The statements, checked as intake will check them."""
    statements = []
    for lane, recipient, lines, statement in receipts.say(NOW + 50):
        assert lane == lane_of(statement.thread, LANES)
        assert [recipient] == statement.recipients
        assert [line.body for line in lines] == statement.body["entries"]
        statements.append(decode_statement(encode_statement(statement)))
    return statements


def test_one_receipt_names_everything_of_a_sender_in_ledger_order() -> None:
    """Accepted ones have no reason; the id, the digest, both places and the moment are said."""
    receipts = pending(entry(7), entry(9))
    assert receipts.count == 2
    (statement,) = said(receipts)

    assert (BACKBONE, ["G22"], Kind.RECEIPT, NOW + 50) == (
        statement.sender, statement.recipients, statement.kind, statement.created,
    )  # fmt: skip
    line = {"digest": sha256(b"value").digest(), "reason": ""}
    assert {
        "lane": LANE,
        "entries": [
            {**line, "envelope_id": entry(7).id, "source_offset": 107, "position": 7, "judged_at": NOW + 7},
            {**line, "envelope_id": entry(9).id, "source_offset": 109, "position": 9, "judged_at": NOW + 9},
        ],
    } == statement.body


def test_a_rejection_says_why_and_which_record() -> None:
    """Even when the envelope could not be told: source offset and digest name the record."""
    digest = sha256(b"what was rejected").digest()
    rejected = entry(3, outcome=Outcome.REJECTED, id=None, kind=None, reason=Reason.MALFORMED, digest=digest)
    (statement,) = said(pending(rejected))
    (line,) = statement.body["entries"]
    assert (None, "malformed", digest, 103) == (
        line["envelope_id"], line["reason"], line["digest"], line["source_offset"],
    )  # fmt: skip


@pytest.mark.parametrize(("first_position", "position"), [(2, 2), (None, 8)])
def test_a_duplicate_is_told_where_the_entry_that_counts_stands(first_position: int | None, position: int) -> None:
    """The first position while it is remembered, otherwise its own."""
    (statement,) = said(pending(entry(8), count=Count.DUPLICATE, first_position=first_position))
    (line,) = statement.body["entries"]
    assert ("duplicate", position) == (line["reason"], line["position"])


def test_nothing_is_said_about_receipts_openings_and_repeats() -> None:
    """The backbone's own entries, a source's first record, and what intake appended twice."""
    own = entry(1, BACKBONE, kind=Kind.RECEIPT)
    opened = entry(2, outcome=Outcome.OPENED, id=None, kind=None)
    receipts = pending(own, opened)
    receipts.take(LANE, entry(3), Count.REPEAT, b"value", None)
    assert (0, []) == (receipts.count, said(receipts))


def test_acknowledgements_get_receipts_too() -> None:
    """They are statements of an agency like documents."""
    (statement,) = said(pending(entry(1, "H37", kind=Kind.ACKNOWLEDGEMENT)))
    assert ["H37"] == statement.recipients


def test_a_receipt_names_at_most_five_hundred() -> None:
    """More are said in several, none twice and none left out."""
    statements = said(pending(*(entry(number) for number in range(2 * MAX_NAMED + 1))))
    assert [MAX_NAMED, MAX_NAMED, 1] == [len(one.body["entries"]) for one in statements]
    assert list(range(2 * MAX_NAMED + 1)) == [line["position"] for one in statements for line in one.body["entries"]]
    assert len({one.thread for one in statements}) == 3


def test_senders_and_lanes_are_told_apart() -> None:
    """A receipt is for one sender and about one lane, and travels in that lane."""
    receipts = PendingReceipts(BACKBONE, LANES)
    for lane, agency in ((0, "G22"), (0, "H37"), (3, "G22")):
        receipts.take(lane, entry(lane, agency), Count.COUNTS, b"value", None)
    assert [(["G22"], 0, 0), (["H37"], 0, 0), (["G22"], 3, 3)] == [
        (one.recipients, one.body["lane"], lane_of(one.thread, LANES)) for one in said(receipts)
    ]


def test_what_was_said_is_not_said_again() -> None:
    """After saying it nothing is pending."""
    receipts = pending(entry(1))
    assert len(said(receipts)) == 1
    assert (0, []) == (receipts.count, said(receipts))


# -- what becomes of a receipt


def sent(receipts: PendingReceipts, at: int = NOW) -> list[bytes]:
    """Say what is pending, as values of records."""
    values = []
    for receipt in receipts.say(at):
        value = encode_statement(receipt.statement)
        receipts.sent(value, receipt)
        values.append(value)
    return values


def own(number: int, value: bytes, reason: str = "", **changes: Any) -> Entry:
    """The ledger's entry for a receipt: accepted, or rejected for a reason."""
    told = entry(number, BACKBONE, kind=Kind.RECEIPT)
    if reason:
        told = told._replace(outcome=Outcome.REJECTED, reason=reason, digest=sha256(value).digest())
    return told._replace(**changes)


def test_a_receipt_is_on_its_way_until_the_ledger_holds_it() -> None:
    """Whoever begins again where the first unsaid entry stands leaves nobody out."""
    receipts = pending(entry(7), entry(9))
    receipts.take(3, entry(4, "H37"), Count.COUNTS, b"value", None)
    assert {LANE: 7, 3: 4} == receipts.unsaid_from()
    first, second = sent(receipts)
    assert (0, {LANE: 7, 3: 4}) == (receipts.count, receipts.unsaid_from())
    receipts.take(LANE, entry(11), Count.COUNTS, b"value", None)
    receipts.take(LANE, own(12, first), Count.COUNTS, first, None)
    assert (1, {LANE: 11, 3: 4}) == (receipts.arrived, receipts.unsaid_from())
    receipts.take(3, own(5, second), Count.COUNTS, second, None)
    (third,) = sent(receipts)
    receipts.take(LANE, own(13, third), Count.COUNTS, third, None)
    assert (3, {}, []) == (receipts.arrived, receipts.unsaid_from(), receipts.rejected)


@pytest.mark.parametrize(
    "reason",
    [
        Reason.EXPIRED, Reason.FUTURE, Reason.KEY_NOT_VALID, Reason.KEY_REVOKED, Reason.UNKNOWN_KEY,
        Reason.UNKNOWN_SENDER,
    ],
)  # fmt: skip
def test_a_receipt_in_which_only_time_or_key_was_wrong_is_said_again(reason: Reason) -> None:
    """The same lines, made anew now, before what is newer; by itself it would be rejected again."""
    receipts = pending(entry(7), entry(9))
    (value,) = sent(receipts)
    receipts.take(LANE, entry(11), Count.COUNTS, b"value", None)
    receipts.take(LANE, own(12, value, reason), Count.COUNTS, None, None)
    assert (3, {LANE: 7}, 0) == (receipts.count, receipts.unsaid_from(), receipts.arrived)
    ((receipt, told, again),) = receipts.rejected
    assert (["G22"], 2, reason, True) == (receipt.statement.recipients, len(receipt.lines), told.reason, again)
    (statement,) = said(receipts)
    assert [7, 9, 11] == [line["position"] for line in statement.body["entries"]]
    assert (NOW + 50, True) == (statement.created, statement.salt != receipt.statement.salt)


@pytest.mark.parametrize("reason", [Reason.UNKNOWN_RECIPIENT, Reason.MALFORMED, Reason.BAD_SEAL])
def test_a_receipt_that_would_be_rejected_again_is_not_said_again(reason: Reason) -> None:
    """Its recipient is gone for good, or the software is at fault: it is told of, and holds up nothing."""
    receipts = pending(entry(7))
    (value,) = sent(receipts)
    receipts.take(LANE, own(8, value, reason), Count.COUNTS, None, None)
    assert (0, {}, [False]) == (receipts.count, receipts.unsaid_from(), [one.again for one in receipts.rejected])


def test_what_another_process_said_or_intake_appended_twice_says_nothing() -> None:
    """A receipt is heard of once; those of another notary are its own business."""
    receipts = pending(entry(7))
    (value,) = sent(receipts)
    receipts.take(LANE, own(8, b"another", Reason.FUTURE), Count.COUNTS, None, None)
    receipts.take(LANE, own(9, value, Reason.FUTURE), Count.REPEAT, None, None)
    assert (0, [], {LANE: 7}) == (receipts.count, receipts.rejected, receipts.unsaid_from())
    for _ in range(2):
        receipts.take(LANE, own(10, value, Reason.FUTURE), Count.COUNTS, None, None)
    assert (1, 1) == (receipts.count, len(receipts.rejected))
