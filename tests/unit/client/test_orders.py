"""What the operator orders reaches the caller once for each command, and the document's sender learns of a release."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lienthong.client.delivery import Delivery
from lienthong.client.documents import State, Status
from lienthong.client.opening import Opened, open_record
from lienthong.client.rows import Outgoing, ReceiptLine, Round
from lienthong.client.sorting import sort
from lienthong.client.store import Store
from lienthong.kernel.command import RELEASE, RESEND, Original, make_command
from lienthong.kernel.envelope import OpenedEnvelope, decode_envelope, envelope_id
from lienthong.kernel.errors import RejectedError
from lienthong.kernel.lanes import lane_of
from lienthong.kernel.ledger import Delivery as DeliveryHeaders
from lienthong.kernel.ledger import read_delivery, write_delivery
from lienthong.kernel.seal import Purpose
from lienthong.kernel.statement import Kind, decode_statement, encode_statement
from lienthong.kernel.topics import inbox
from unit.client.agency import Agency, Inbox
from unit.intake.test_rounds import Rec
from unit.kernel.world import (
    BACKBONE,
    BENEATH,
    DAY_MS,
    EPOCH,
    LANES,
    NOW,
    OPERATOR_KEY,
    RECIPIENT,
    SENDER,
    THREAD,
    agency,
    document,
    judge_of,
    key_named,
    one_of_each_kind,
    seal,
)

LANE = lane_of(THREAD, LANES)
THEN = NOW - 2 * DAY_MS
(GOOD,) = seal([document(created=THEN)], signed_at=THEN)
GOOD_ID = envelope_id(decode_envelope(GOOD).statement)
(LATE,) = seal([document(created=NOW - 8 * DAY_MS, recipients=[BENEATH])], signed_at=NOW - 8 * DAY_MS)
LATE_ID = envelope_id(decode_envelope(LATE).statement)


def add(topic: Inbox, value: bytes, kind: Kind, **changes: Any) -> None:
    """Append any envelope to the lane."""
    records = topic.lanes[LANE]
    number = len(records)
    headers = DeliveryHeaders(number + 1, 100 + number, NOW, EPOCH, envelope_id(decode_envelope(value).statement), kind)
    records.append(Rec(inbox(RECIPIENT), LANE, number, value, write_delivery(headers._replace(**changes))))


def order(topic: Inbox, value: bytes, action: str, *to: str, why: str = "mất đĩa", **by: Any) -> None:
    """Append a command."""
    original = Original(value, 7, THEN, EPOCH)
    recipients = to or ((RECIPIENT,) if action == RESEND else (RECIPIENT, SENDER))
    statement = make_command(action, original, recipients, why, backbone=BACKBONE, now=NOW)
    signer = by.get("signer", OPERATOR_KEY)
    add(topic, seal([statement], signer=signer, purpose=Purpose.COMMAND, contents=[value])[0], Kind.COMMAND)


async def handed(agency: Agency, *, settle: bool = True) -> list[Delivery]:
    """Everything that waits."""
    found = []
    async with asyncio.timeout(20), agency.running() as receiver:
        async for delivery in receiver.receive(idle_seconds=0.05):
            found.append(delivery)
            if not settle:
                break
            await delivery.acknowledge(Status.ACCEPTED)
    return found


async def test_what_was_settled_is_handed_over_again_once_a_command(tmp_path: Path) -> None:
    """With its own place and time and the operator's words, whatever is started anew; and it is answered again."""
    topic = Inbox()
    add(topic, GOOD, Kind.DOCUMENT, position=7, judged_at=THEN)
    first = Agency(topic, tmp_path)
    assert [(GOOD_ID, None)] == [(one.id, one.ordered) for one in await handed(first)]
    order(topic, GOOD, RESEND)
    order(topic, GOOD, RESEND, why="lần nữa")
    second = Agency(topic, tmp_path)
    found = await handed(second)
    assert [(GOOD_ID, (RESEND, "mất đĩa")), (GOOD_ID, (RESEND, "lần nữa"))] == [(one.id, one.ordered) for one in found]
    assert {(7, THEN, False)} == {(one.position, one.accepted_at, one.redelivered) for one in found}
    assert [RECIPIENT] == list(found[0].addressed)
    assert found[0].contents
    named = [decode_statement(one.statement).body["documents"] for one in second.said]
    assert {(GOOD_ID,)} == set(map(tuple, named))
    third = Agency(topic, tmp_path)
    assert [] == await handed(third)
    assert 0 == third.receiver.verifier.refused


async def test_an_order_that_was_not_settled_comes_again_with_its_word(tmp_path: Path) -> None:
    """As any document does."""
    topic = Inbox()
    order(topic, GOOD, RESEND)
    agency = Agency(topic, tmp_path)
    agency.receiver._ready_of(LANE)._documents = 0  # memory is full: it waits in the store
    assert [(RESEND, "mất đĩa")] == [one.ordered for one in await handed(agency)]


async def test_a_released_document_comes_once(tmp_path: Path) -> None:
    """By its place in the command; neither a second release, nor its sender's own repeat after a restart, does more."""
    topic = Inbox()
    order(topic, LATE, RELEASE)
    (only,) = await handed(Agency(topic, tmp_path))
    assert (LATE_ID, (RELEASE, "mất đĩa"), 100, NOW, [BENEATH]) == (
        only.id, only.ordered, only.position, only.accepted_at, list(only.addressed),
    )  # fmt: skip
    order(topic, LATE, RELEASE)
    add(topic, LATE, Kind.DOCUMENT)
    add(topic, GOOD, Kind.DOCUMENT)
    agency = Agency(topic, tmp_path)
    assert [GOOD_ID] == [one.id for one in await handed(agency)]
    assert 0 == agency.receiver.verifier.refused
    assert {LANE: (4, 4)} == Store(tmp_path / "store.sqlite").cursors()


async def test_all_in_one_round_is_the_same(tmp_path: Path) -> None:
    """What has come is known before it is stored; an accepted document is not released as well."""
    topic = Inbox()
    add(topic, GOOD, Kind.DOCUMENT)
    order(topic, GOOD, RELEASE)
    order(topic, LATE, RELEASE)
    order(topic, LATE, RELEASE)
    add(topic, LATE, Kind.DOCUMENT)
    found = await handed(Agency(topic, tmp_path))
    assert [(GOOD_ID, None), (LATE_ID, (RELEASE, "mất đĩa"))] == [(one.id, one.ordered) for one in found]


async def test_what_the_operator_did_not_order_is_refused(tmp_path: Path) -> None:
    """Whoever put it into the inbox: signed by another, for others, or around a forged document. The rest goes on."""
    topic = Inbox()
    order(topic, GOOD, RESEND, signer=key_named("sender"))
    order(topic, GOOD, RESEND, SENDER)
    order(topic, GOOD, RELEASE, RECIPIENT)
    order(topic, GOOD.replace(decode_envelope(GOOD).seal.signatures[0].signature, bytes(64)), RESEND)
    order(topic, GOOD, RESEND)
    agency = Agency(topic, tmp_path)
    agency.receiver.verifier._directory = _Nothing()  # type: ignore[assignment]
    assert [(RESEND, "mất đĩa")] == [one.ordered for one in await handed(agency)]
    assert 4 == agency.receiver.verifier.refused


class _Nothing:
    """A directory with nothing new in it."""

    async def catch_up(self) -> None:
        """Nothing."""


def test_a_successor_gets_what_its_predecessor_got() -> None:
    """Sent again to an agency that has retired since, it comes to whoever took over, still meant for the old code."""
    judge = judge_of(agency(RECIPIENT, version=2, valid_until=NOW - 1, successors=["NEW"]), agency("NEW"))
    topic = Inbox()
    order(topic, GOOD, RESEND)
    (record,) = topic.lanes[LANE]
    opened = open_record(judge, "NEW", record, read_delivery(record))
    assert ([RECIPIENT], 7, GOOD_ID) == (list(opened.addressed), opened.headers.position, opened.envelope.id)
    with pytest.raises(RejectedError, match="it is not addressed to G22"):
        open_record(judge, SENDER, record, read_delivery(record))


def test_the_sender_of_a_release_is_told_to_whom_it_goes() -> None:
    """And is handed nothing, unless it is a recipient itself."""
    judge = judge_of()
    topic = Inbox()
    order(topic, LATE, RELEASE)
    (record,) = topic.lanes[LANE]
    opened = open_record(judge, SENDER, record, read_delivery(record))
    assert ([], [RECIPIENT]) == (list(opened.addressed), list(opened.routes))
    assert () == tuple(open_record(judge, RECIPIENT, record, read_delivery(record)).routes)
    (own,) = seal([document(recipients=[SENDER, RECIPIENT])])
    topic = Inbox()
    order(topic, own, RELEASE)
    (record,) = topic.lanes[LANE]
    opened = open_record(judge, SENDER, record, read_delivery(record))
    assert ([SENDER], {RECIPIENT, SENDER}) == (list(opened.addressed), set(opened.routes))


def test_only_what_is_for_an_inbox_is_sorted() -> None:
    """A kind that nobody sends to an inbox is neither receipt nor notice."""
    headers = DeliveryHeaders(1, 1, NOW, NOW, bytes(32), Kind.NOTICE)
    for kind, (statement, _, _) in one_of_each_kind().items():
        taken = Round({}, {}, [], [], [], [], [])
        envelope = OpenedEnvelope(envelope_id(encode_statement(statement)), statement, [], decode_envelope(GOOD).seal)
        opened = Opened(envelope, headers, [SENDER], b"")
        if kind in (Kind.AGENCY, Kind.KEY, Kind.GROUP, Kind.COMMAND):
            with pytest.raises(RejectedError, match="is not for an inbox"):
                sort(opened, 1, taken)
        else:
            sort(opened, 1, taken)
        assert (kind is Kind.RECEIPT) == bool(taken.receipts)
        assert (kind is Kind.DOCUMENT) == bool(taken.arrivals)
        assert (kind is Kind.NOTICE) == bool(taken.notices)


# -- the sender's side


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """With one document in the outbox."""
    opened = Store(tmp_path / "store.sqlite")
    opened.add([_outgoing(1)])
    yield opened
    opened.close()


def _outgoing(number: int) -> Outgoing:
    data = encode_statement(document(created=NOW + number))
    return Outgoing(envelope_id(data), b"%d" % number, Kind.DOCUMENT, LANE, data, [b"file"], NOW, ["H99"])


def _heard(sequence: int, *lines: ReceiptLine) -> Round:
    return Round({LANE: sequence}, {LANE: (sequence, sequence)}, [], [], list(lines), [], [])


def test_what_was_rejected_and_released_is_accepted(store: Store) -> None:
    """At the command's place, for those it goes to, with the operator's words; a summary counts it anew."""
    identity = _outgoing(1).id
    store.take(_heard(1, ReceiptLine(identity, "expired", 50)))
    assert (1, 0) == (store.summary().rejected, store.summary().accepted)
    store.take(_heard(2, ReceiptLine(identity, "", 60, "chờ lâu", ["H26", "H37"])))
    progress = store.progress(identity)
    assert progress is not None
    assert (State.ACCEPTED, 60, "", "chờ lâu") == (
        progress.state, progress.position, progress.reason, progress.released,
    )  # fmt: skip
    assert (1, 0, 1) == (store.summary().documents, store.summary().rejected, store.summary().accepted)
    history = store.history(identity, SENDER)
    assert history is not None
    assert ("", ["H26", "H37"], 60) == (history.rejected, list(history.lives), history.position)


@pytest.mark.parametrize("late", [False, True])
def test_a_receipt_that_comes_late_takes_nothing_back(store: Store, late: bool) -> None:
    """The rejection may be told after the release, in the same round or a later one."""
    identity = _outgoing(1).id
    release, receipt = ReceiptLine(identity, "", 60, "x", ["H37"]), ReceiptLine(identity, "future", 50)
    if late:
        store.take(_heard(1, release))
        store.take(_heard(2, receipt))
    else:
        store.take(_heard(1, release, receipt))
    progress = store.progress(identity)
    assert progress is not None
    assert (State.ACCEPTED, 60, "x") == (progress.state, progress.position, progress.released)


def test_a_release_of_what_was_accepted_changes_nothing(store: Store) -> None:
    """It stands where it stood first; of what is not ours nothing is kept."""
    identity = _outgoing(1).id
    store.take(_heard(1, ReceiptLine(identity, "", 50)))
    store.take(_heard(2, ReceiptLine(identity, "", 60, "x", ["H37"]), ReceiptLine(bytes(32), "", 61, "y", ["H37"])))
    progress = store.progress(identity)
    assert progress is not None
    assert (State.ACCEPTED, 50, "") == (progress.state, progress.position, progress.released)
    assert store.progress(bytes(32)) is None
