"""The life of a document on a real Kafka: what sender and recipient know of it after every turn it may take."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable

import pytest

from backbone import Backbone
from lienthong.client import (
    Client,
    Delivery,
    Document,
    Event,
    File,
    Flag,
    History,
    Priority,
    Replacement,
    Request,
    Stage,
    State,
    Status,
)
from lienthong.kernel.bus import Row
from lienthong.kernel.clock import now_ms
from lienthong.kernel.envelope import encode_envelope, envelope_id
from lienthong.kernel.lanes import lane_of
from lienthong.kernel.seal import Purpose, seal_batch
from lienthong.kernel.statement import Kind, encode_statement, make_statement
from lienthong.kernel.topics import LEDGER, Partition, outbox

SENDER, RECIPIENT, OTHER = "G22", "H37", "H26"


class Pair:
    """A sender and a recipient, connected."""

    def __init__(self, sender: Client, recipient: Client) -> None:
        self.sender = sender
        self.recipient = recipient
        self._deliveries = recipient.receive()

    async def next(self) -> Delivery:
        """What the recipient's caller gets next."""
        async with asyncio.timeout(30):
            return await anext(self._deliveries)

    async def sent(self, *to: str, **fields: object) -> bytes:
        """A document that no other test sends, accepted by the backbone."""
        document = Document.model_validate(
            {"recipients": to or (RECIPIENT,), "subject": f"V/v {secrets.token_hex(8)}", **fields}
        )
        identity = await self.sender.send(document, File("noi-dung.txt", b"ban dau"))
        await self.sender.wait(identity, State.ACCEPTED)
        return identity

    async def until(self, identity: bytes, holds: Callable[[History], bool]) -> None:
        """Wait until sender and recipient both know of a document what is asked."""
        for client in (self.sender, self.recipient):
            async with asyncio.timeout(30):
                while True:
                    history = await client.history(identity)
                    if history is not None and holds(history):
                        break
                    await asyncio.sleep(0.02)

    async def until_received(self, identity: bytes) -> None:
        """Wait until the recipient's store has a document."""
        async with asyncio.timeout(30):
            while await self.recipient.history(identity) is None:
                await asyncio.sleep(0.02)

    async def stage(self, identity: bytes, stage: Stage, request: Request = Request.NONE) -> None:
        """Wait until both sides know it at this stage, and nothing else asked than this."""

        def holds(history: History) -> bool:
            life = history.lives[RECIPIENT]
            return (stage, request) == (life.stage, life.request)

        await self.until(identity, holds)

    async def accepted(self) -> bytes:
        """A document that was sent and accepted."""
        identity = await self.sent()
        delivery = await self.next()
        assert delivery.id == identity
        await delivery.acknowledge(Status.ACCEPTED)
        await self.stage(identity, Stage.ACCEPTED)
        return identity


@pytest.fixture
async def pair(backbone: Backbone) -> AsyncIterator[Pair]:
    """Sender and recipient; what an earlier test left in the inbox is out of the way."""
    async with backbone.client(SENDER) as sender, backbone.client(RECIPIENT) as recipient:
        await recipient.caught_up()
        async for _ in recipient.receive(idle_seconds=0.1):
            pass
        yield Pair(sender, recipient)


def said(history: History | None) -> list[tuple[str, str]]:
    """Who said what, in the order of the ledger."""
    assert history is not None
    return [(one.agency, one.event.value) for one in history.sayings]


async def both(pair: Pair, identity: bytes) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """What was said, as the sender and as the recipient have it."""
    return said(await pair.sender.history(identity)), said(await pair.recipient.history(identity))


async def test_an_update_is_agreed_to(pair: Pair) -> None:
    """It travels in the thread of its document, says what it changes, and both sides have the same history of it."""
    identity = await pair.accepted()
    update = await pair.sender.update(
        identity, Document(recipients=(RECIPIENT,), subject="V/v sửa đổi", reason="sai số"), File("moi.txt", b"da sua")
    )
    delivery = await pair.next()
    assert (update, Event.UPDATE, [identity]) == (delivery.id, delivery.event, [one.id for one in delivery.about])
    assert (2, 1, "sai số", b"da sua") == (
        delivery.document.business_type, delivery.document.changes, delivery.document.reason, delivery.files[0].content,
    )  # fmt: skip
    assert Request.UPDATE is delivery.about[0].lives[RECIPIENT].request
    await pair.stage(identity, Stage.ACCEPTED, Request.UPDATE)
    await delivery.agree()
    await pair.stage(identity, Stage.ACCEPTED)

    expected = [(RECIPIENT, "03"), (SENDER, "update"), (RECIPIENT, "15")]
    assert (expected, expected) == await both(pair, identity)
    history, theirs = await pair.sender.history(identity), await pair.recipient.history(identity)
    assert history is not None
    assert theirs is not None
    assert history.lives == theirs.lives
    assert [(one.id, one.position) for one in history.sayings] == [(one.id, one.position) for one in theirs.sayings]
    own = await pair.sender.history(update)
    assert own is not None
    assert (history.thread, history.lane) == (own.thread, own.lane)
    assert all(not one.flags for one in history.sayings)


async def test_an_update_is_refused_and_said_again(pair: Pair) -> None:
    """With a reason that the sender reads; a second update waits for an answer of its own."""
    identity = await pair.accepted()
    document = Document(recipients=(RECIPIENT,), subject="V/v sửa đổi", reason="sai ngày")
    first = await pair.sender.update(identity, document)
    assert first == await pair.sender.update(identity, document)
    await (await pair.next()).refuse("đã xử lý")
    await pair.until(identity, lambda history: "16" == history.sayings[-1].event.value)
    second = await pair.sender.update(identity, document)
    assert first != second
    delivery = await pair.next()
    assert second == delivery.id
    await delivery.agree()
    await pair.until(identity, lambda history: "15" == history.sayings[-1].event.value)
    history = await pair.sender.history(identity)
    assert history is not None
    assert [("16", "đã xử lý"), ("15", "")] == [
        (one.event.value, one.reason) for one in history.sayings if one.event.value in ("15", "16")
    ]
    assert {RECIPIENT: "agreed"} == {agency: life.answer.value for agency, life in history.lives.items()}


async def test_a_recall_before_acceptance_takes_back_at_once(pair: Pair) -> None:
    """Also of an express document, in its lane. The recipient can only say that it cancelled it."""
    identity = await pair.sent(priority=Priority.EXPRESS)
    recall = await pair.sender.recall(identity, "gửi nhầm")
    document, delivery = await pair.next(), await pair.next()
    assert [identity, recall] == [document.id, delivery.id]
    assert (0, 0) == (document.lane, delivery.lane)
    assert Stage.TAKEN_BACK is delivery.about[0].lives[RECIPIENT].stage
    with pytest.raises(ValueError, match="had not been accepted"):
        await delivery.refuse("không đồng ý")
    await delivery.agree()
    await pair.stage(identity, Stage.TAKEN_BACK)
    await pair.until(identity, lambda history: "agreed" == history.lives[RECIPIENT].answer.value)
    # The document itself had been acknowledged by the next one being asked for: 01 is no fault.
    history = await pair.sender.history(identity)
    assert history is not None
    assert {(SENDER, "recall"), (RECIPIENT, "01"), (RECIPIENT, "15")} == set(said(history))
    assert all(not one.flags for one in history.sayings)
    with pytest.raises(ValueError, match="it was taken back"):
        await pair.sender.update(identity, Document(recipients=(RECIPIENT,), subject="V/v sửa"))
    with pytest.raises(ValueError, match="it was taken back"):
        await pair.recipient.acknowledge(identity, Status.DONE)


async def test_a_recall_after_acceptance_needs_consent(pair: Pair) -> None:
    """Asked, then agreed to, in another process of the recipient than the one that received it."""
    identity = await pair.accepted()
    recall = await pair.sender.recall(identity, "có sai sót")
    delivery = await pair.next()
    assert (recall, "có sai sót", []) == (delivery.id, delivery.document.reason, list(delivery.flags))
    await pair.stage(identity, Stage.ACCEPTED, Request.TAKE_BACK)
    await pair.recipient.agree(recall)
    await pair.stage(identity, Stage.TAKEN_BACK)
    expected = [(RECIPIENT, "03"), (SENDER, "recall"), (RECIPIENT, "15")]
    assert (expected, expected) == await both(pair, identity)


async def test_a_recall_is_refused(pair: Pair) -> None:
    """The document stays where it was and goes on; there is nothing left to answer."""
    identity = await pair.accepted()
    await pair.sender.recall(identity, "có sai sót")
    await (await pair.next()).refuse("đã ban hành văn bản thực hiện")
    await pair.until(identity, lambda history: "refused" == history.lives[RECIPIENT].answer.value)
    with pytest.raises(ValueError, match="opposite was answered"):
        await pair.recipient.agree(identity)
    await pair.recipient.acknowledge(identity, Status.DONE)
    await pair.stage(identity, Stage.DONE)
    assert [(RECIPIENT, "03"), (SENDER, "recall"), (RECIPIENT, "16"), (RECIPIENT, "06")] == said(
        await pair.sender.history(identity)
    )


async def test_both_paths_of_a_recall_cross_on_the_way(pair: Pair) -> None:
    """Status 13 and kind 1 were both said before the answer to the first arrived: one consent, nothing flagged."""
    identity = await pair.accepted()
    (asked,) = await pair.sender.ask_back(identity, "gửi nhầm")
    recall = await pair.sender.recall(identity, "gửi nhầm")
    by_status = await pair.next()
    assert (asked, Event.TAKE_BACK_ASKED, [identity]) == (
        by_status.id, by_status.event, [one.id for one in by_status.about],
    )  # fmt: skip
    assert (1, "gửi nhầm", (identity,)) == (
        by_status.document.business_type, by_status.document.reason, by_status.document.refers_to,
    )  # fmt: skip
    await by_status.agree()
    by_document = await pair.next()
    assert recall == by_document.id
    await pair.stage(identity, Stage.TAKEN_BACK)
    await by_document.agree()
    await pair.until(identity, lambda history: 5 == len(history.sayings) and None is not history.sayings[-1].position)
    history = await pair.sender.history(identity)
    assert history is not None
    expected = [(RECIPIENT, "03"), (SENDER, "13"), (SENDER, "recall"), (RECIPIENT, "15"), (RECIPIENT, "15")]
    assert (expected, expected) == await both(pair, identity)
    assert all(not one.flags for one in history.sayings)
    assert {RECIPIENT: Stage.TAKEN_BACK} == {agency: life.stage for agency, life in history.lives.items()}


async def test_several_documents_are_replaced(pair: Pair) -> None:
    """By one of another thread, for all or for some of those that got them; their state stays as it was."""
    first, second, third = await pair.accepted(), await pair.sent(RECIPIENT, OTHER), await pair.sent(RECIPIENT, OTHER)
    replacing = await pair.sender.replace(
        Document(recipients=(RECIPIENT, OTHER), subject="V/v thay thế"),
        [first, second, Replacement(document=third, agencies=(OTHER,))],
    )
    await pair.sender.wait(replacing, State.ACCEPTED)
    deliveries = {one.id: one for one in [await pair.next() for _ in range(3)]}
    await pair.until(first, lambda history: history.lives[RECIPIENT].replaced)
    await pair.until(second, lambda history: history.lives[RECIPIENT].replaced)
    # In other lanes than theirs it may have come before them, and yet it speaks of them.
    assert {first} <= {one.id for one in deliveries[replacing].about} <= {first, second, third}
    history, mine = await pair.sender.history(third), await pair.recipient.history(third)
    assert history is not None
    assert mine is not None
    assert {RECIPIENT: False, OTHER: True} == {agency: life.replaced for agency, life in history.lives.items()}
    assert not mine.lives[RECIPIENT].replaced
    history = await pair.sender.history(first)
    assert history is not None
    assert (Stage.ACCEPTED, []) == (history.lives[RECIPIENT].stage, [one for one in history.sayings if one.flags])


async def test_a_document_is_answered_before_it_is_handed_over(pair: Pair) -> None:
    """By its id, as a command does; that it is handed over afterwards takes nothing back."""
    identity = await pair.sent()
    await pair.until_received(identity)
    await pair.recipient.acknowledge(identity, Status.ASSIGNED)
    assert identity == (await pair.next()).id
    await pair.sent()
    await pair.next()
    await pair.stage(identity, Stage.ASSIGNED)
    assert {(RECIPIENT, "04")} <= set(said(await pair.recipient.history(identity)))


async def test_what_is_impossible_is_refused_here(pair: Pair) -> None:
    """Each with a sentence that says why; nothing is sent."""
    identity = await pair.sent()
    await (await pair.next()).refuse("sai thẩm quyền")
    await pair.stage(identity, Stage.REFUSED)
    before = (await pair.sender.summary()).documents
    for attempt in (pair.sender.recall(identity, "gửi nhầm"), pair.sender.ask_back(identity, "gửi nhầm")):
        with pytest.raises(ValueError, match=f"impossible at {RECIPIENT}: it was refused and returned"):
            await attempt
    with pytest.raises(ValueError, match="not a document that H37 sent: it was received"):
        await pair.recipient.recall(identity, "không phải của tôi")
    with pytest.raises(ValueError, match="nothing was sent under this id"):
        await pair.sender.recall(bytes(32), "không có")
    with pytest.raises(ValueError, match="none of its recipients is named"):
        await pair.sender.update(identity, Document(recipients=(OTHER,), subject="V/v sửa"))
    with pytest.raises(ValueError, match="give a reason"):
        await pair.sender.recall(identity, "")
    with pytest.raises(ValueError, match="has not received"):
        await pair.recipient.agree(bytes(32))
    assert before == (await pair.sender.summary()).documents


async def say(backbone: Backbone, agency: str, to: str, thread: bytes, document: bytes, status: str) -> None:
    """An acknowledgement with an agency's key that its own client would refuse to make."""
    now = now_ms()
    data = encode_statement(
        make_statement(
            sender=agency, recipients=[to], thread=thread, created=now, kind=Kind.ACKNOWLEDGEMENT,
            body={"documents": [document], "status": status, "reason": "không thể"},
        )
    )  # fmt: skip
    (seal,) = seal_batch(
        [envelope_id(data)], key=backbone.key(agency), origin=backbone.trust.origin, sender=agency,
        purpose=Purpose.EXCHANGE, signed_at=now,
    )  # fmt: skip
    async with backbone.bus() as bus, bus.publisher() as publisher:
        lane = lane_of(thread, await bus.lanes(LEDGER))
        await publisher.append({Partition(outbox(agency), lane): [Row(encode_envelope(data, (), seal))]})


async def test_impossible_acknowledgements_are_kept_and_flagged(pair: Pair, backbone: Backbone) -> None:
    """Whoever says them, and whatever they say: they stand in the history with the reason, and change nothing."""
    identity = await pair.accepted()
    history = await pair.sender.history(identity)
    assert history is not None
    expected = [
        (RECIPIENT, Event.REFUSED, Flag.AFTER_ACCEPTANCE),
        (RECIPIENT, Event.AGREED, Flag.NOTHING_ASKED),
        (RECIPIENT, Event.TAKE_BACK_ASKED, Flag.NOT_HIS_TO_SAY),
        (OTHER, Event.DONE, Flag.NOT_HIS_TO_SAY),
    ]
    for agency, event, _ in expected:
        await say(backbone, agency, SENDER, history.thread, identity, event.value)

    async with asyncio.timeout(30):
        while len(history.sayings) < 1 + len(expected):
            await asyncio.sleep(0.05)
            history = await pair.sender.history(identity)
            assert history is not None
    flagged = [(one.agency, one.event, *one.flags.values()) for one in history.sayings if one.flags]
    assert sorted(expected) == sorted(flagged)
    assert Stage.ACCEPTED is history.lives[RECIPIENT].stage
    # At the recipient, what the sender may not say of its own document.
    await say(backbone, SENDER, RECIPIENT, history.thread, identity, "06")
    async with asyncio.timeout(30):
        while True:
            mine = await pair.recipient.history(identity)
            assert mine is not None
            if any(one.agency == SENDER for one in mine.sayings):
                break
            await asyncio.sleep(0.05)
    assert [(SENDER, {RECIPIENT: Flag.NOT_HIS_TO_SAY})] == [
        (one.agency, one.flags) for one in mine.sayings if one.flags
    ]
    assert Stage.ACCEPTED is mine.lives[RECIPIENT].stage
