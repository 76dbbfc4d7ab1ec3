"""Sending: what is handed over is stored express first, a bounded number at a time, and each caller is told."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from lienthong.client import sending as sending_module
from lienthong.client.leftovers import Leftovers
from lienthong.client.rows import Outgoing, ReceiptLine
from lienthong.client.sending import Identity, Sender
from lienthong.client.store import Store
from lienthong.kernel.bus import Bus, KafkaSettings, Row
from lienthong.kernel.envelope import decode_envelope, envelope_id
from lienthong.kernel.errors import RejectedError, UnavailableError
from lienthong.kernel.lanes import EXPRESS_LANE, thread_in_lane
from lienthong.kernel.pieces import Pieces
from lienthong.kernel.reasons import Reason
from lienthong.kernel.statement import encode_statement
from lienthong.kernel.topics import Partition
from unit.client.stored import heard, outgoing, pending
from unit.kernel.world import LANES, NOW, ORIGIN, SENDER, SENDER_KEY, document

BUS = Bus(KafkaSettings(bootstrap="localhost:1"), "not connected")


class RecordingStore(Store):
    """Notes what each transaction puts into the outbox; fails while it is told to."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.transactions: list[list[int]] = []
        self.fails = False

    def add(self, outgoing: Sequence[Outgoing]) -> list[bytes]:
        """As a store does."""
        if self.fails:
            raise UnavailableError("no room on the disk")
        self.transactions.append([one.lane for one in outgoing])
        return super().add(outgoing)


@pytest.fixture
def store(tmp_path: Path) -> RecordingStore:
    """A fresh store."""
    return RecordingStore(tmp_path / "store.sqlite")


def some(first: int, count: int, lane: int = 1) -> list[Outgoing]:
    """Documents of one lane."""
    return [outgoing(number, lane=lane) for number in range(first, first + count)]


async def hand_over(
    store: Store, *handed: Sequence[Outgoing], pieces: Pieces | None = None
) -> list[list[bytes] | UnavailableError]:
    """Hand all of them over before the first is stored; what each caller is told."""
    thread = ThreadPoolExecutor(1)
    bus = Bus(KafkaSettings(bootstrap="localhost:1"), "not connected")
    bus.pieces = pieces or bus.pieces
    sender = Sender(bus, Identity(SENDER, SENDER_KEY, ORIGIN), store, thread, lambda: NOW)
    stopping = asyncio.Event()

    async def told(one: Sequence[Outgoing]) -> list[bytes] | UnavailableError:
        try:
            return await sender.hand_over(one)
        except UnavailableError as error:
            return error

    async with asyncio.TaskGroup() as tasks:
        handing = [tasks.create_task(told(one)) for one in handed]
        await asyncio.sleep(0)
        tasks.create_task(sender.store_handed(stopping))
        await asyncio.wait(handing)
        stopping.set()
        sender.wake()
    thread.shutdown()
    return [one.result() for one in handing]


async def test_express_statements_are_stored_before_ordinary_ones_that_wait(store: RecordingStore) -> None:
    """In a transaction of their own, however many ordinary ones were handed over before."""
    handed = [some(0, 400), some(400, 300), some(700, 1, EXPRESS_LANE), some(800, 200), some(1_000, 1, EXPRESS_LANE)]
    told = await hand_over(store, *handed)
    assert [[one.id for one in each] for each in handed] == told
    assert [[EXPRESS_LANE] * 2, [1] * 400, [1] * 500] == store.transactions


@pytest.mark.parametrize(("lanes", "fine"), [((1, 2), False), ((1, EXPRESS_LANE), True)])
async def test_an_express_statement_that_is_handed_over_makes_pieces_fine(
    store: RecordingStore, lanes: tuple[int, int], *, fine: bool
) -> None:
    """As soon as the sender hears of it, for whatever works beside it; ordinary ones do not."""
    pieces = Pieces()
    await hand_over(store, *(some(lane * 100, 1, lane) for lane in lanes), pieces=pieces)
    assert fine == pieces.fine


async def test_what_is_handed_over_at_once_is_stored_at_once(store: RecordingStore) -> None:
    """However much it is, and whatever lanes it has."""
    mixed = [*some(1_000, 1, EXPRESS_LANE), *some(1_001, 600)]
    told = await hand_over(store, some(0, 1), mixed, some(1, 1))
    assert [1, 601, 1] == [len(one) for one in told if isinstance(one, list)]
    assert [1, 601, 1] == list(map(len, store.transactions))


async def test_each_caller_hears_that_the_outbox_cannot_be_written(store: RecordingStore) -> None:
    """Also those of later transactions."""
    store.fails = True
    told = await hand_over(store, some(0, 400), some(400, 400), some(800, 1, EXPRESS_LANE))
    assert [UnavailableError] * 3 == [type(one) for one in told]
    assert [] == pending(store)


async def test_nothing_can_be_handed_over_when_the_connection_is_closed(store: RecordingStore) -> None:
    """Whoever waits to be told then is told so, and so is whoever comes later: nobody waits for ever."""
    sender = Sender(BUS, Identity(SENDER, SENDER_KEY, ORIGIN), store, ThreadPoolExecutor(1), lambda: NOW)
    storing = asyncio.create_task(sender.store_handed(asyncio.Event()))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(sender.hand_over(some(0, 1)))
    await asyncio.sleep(0)
    storing.cancel()
    async with asyncio.timeout(5):
        for one in (waiting, sender.hand_over(some(1, 1))):
            with pytest.raises(UnavailableError, match="closed"):
                await one


class Answerless:
    """The part of a bus that a sender uses: what is appended arrives, but that it did is not always heard."""

    def __init__(self, *, unheard: int) -> None:
        self.pieces = Pieces()
        self.unheard = unheard
        self.refused = 0
        """How many appends are refused for their size."""
        self.refusals: list[int] = []
        self.appended: list[list[bytes]] = []
        self.heard = asyncio.Event()
        self.fell_silent = asyncio.Event()

    @asynccontextmanager
    async def publisher(self) -> AsyncIterator["Answerless"]:
        """One that appends."""
        yield self

    async def know(self, _: Sequence[str]) -> None:
        """It knows everything."""

    async def append(self, rows: Mapping[Partition, Sequence[Row]]) -> None:
        """Append, and now and then do not say so."""
        await asyncio.sleep(0)
        if self.refused:
            self.refused -= 1
            self.refusals.append(sum(map(len, rows.values())))
            raise RejectedError(Reason.OVERSIZE, "the broker refuses a row")
        self.appended.append(
            [envelope_id(decode_envelope(row.value).statement) for some in rows.values() for row in some if row.value]
        )
        if self.unheard:
            self.unheard -= 1
            self.fell_silent.set()
            raise UnavailableError("no answer in time")
        self.heard.set()


class Sending:
    """A sender that pumps ordinary statements."""

    def __init__(self, store: Store, bus: Answerless) -> None:
        self.now = NOW
        self.bus = bus
        thread = ThreadPoolExecutor(1)
        identity = Identity(SENDER, SENDER_KEY, ORIGIN)
        self.sender = Sender(cast("Bus", bus), identity, store, thread, lambda: self.now)
        self.leftovers = Leftovers(self.sender, store, thread)
        self.stopping = asyncio.Event()

    @asynccontextmanager
    async def pumping(self) -> AsyncIterator[None]:
        """Until all is said."""
        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            tasks.create_task(self.sender.pump(self.stopping, express=False))
            yield
            self.stopping.set()
            self.sender.wake()


def real(number: int) -> Outgoing:
    """A statement that can be sealed and signed anew."""
    statement = encode_statement(document(created=NOW, thread=thread_in_lane(1, LANES)))
    return outgoing(number, id=envelope_id(statement), statement=statement, contents=[], handed_over_at=NOW)


async def test_what_may_have_been_written_is_never_signed_anew(store: RecordingStore) -> None:
    """After a week without an answer as well: under another id its recipient would get it twice."""
    sending = Sending(store, Answerless(unheard=1))
    one, later = real(1), real(2)
    store.add([one, later])
    async with sending.pumping():
        sending.sender.queue([one])
        await sending.bus.fell_silent.wait()
        sending.now += 7 * 86_400_000
        sending.sender.queue([later])
        await sending.bus.heard.wait()
    (first, *_), then = sending.bus.appended[0], sending.bus.appended[1:]
    assert [one.id] == [first]
    assert then[0][0] == one.id
    assert later.id not in [identity for some in then for identity in some]
    assert 2 == sum(map(len, then))


async def test_what_has_a_receipt_by_now_is_not_said_any_more(store: RecordingStore) -> None:
    """It waited in the queue until it was too old to be sent as it is, and another process of the agency said it."""
    sending = Sending(store, Answerless(unheard=0))
    one, other = real(1), real(2)
    store.add([one, other])
    store.take(heard(1, ReceiptLine(one.id, "", 40)))
    sending.now += 7 * 86_400_000
    async with sending.pumping():
        sending.sender.queue([one, other])
        await sending.bus.heard.wait()
    assert [1] == list(map(len, sending.bus.appended))
    assert one.id not in sending.bus.appended[0]


async def test_a_statement_that_the_broker_refuses_is_tried_alone_and_more_and_more_seldom(
    store: RecordingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those beside it are not written again and again meanwhile, and when the broker takes it all go on."""
    monkeypatch.setattr(sending_module, "_FIRST_PAUSE_SECONDS", 0.01)
    running = Sending(store, Answerless(unheard=0))
    running.bus.refused = 3
    some_ = [real(number) for number in range(4)]
    store.add(some_)
    began = asyncio.get_running_loop().time()
    async with running.pumping():
        running.sender.queue(some_)
        await running.bus.heard.wait()
    assert [4, 1, 1] == running.bus.refusals
    assert asyncio.get_running_loop().time() - began > 0.01 + 0.02 + 0.04
    assert [one.id for one in some_] == [identity for some in running.bus.appended for identity in some]


async def test_a_write_that_takes_long_is_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kafka may keep a write waiting without an error: the log says so, once, and nothing of one that is quick."""
    monkeypatch.setattr(sending_module, "_LONG_SECONDS", 0.02)
    with caplog.at_level(logging.WARNING), sending_module._told_when_it_takes_long():
        pass
    await asyncio.sleep(0.04)
    assert [] == caplog.messages
    with caplog.at_level(logging.WARNING), sending_module._told_when_it_takes_long():
        await asyncio.sleep(0.06)
    assert 1 == len(caplog.messages)
    assert "sending waits" in caplog.messages[0]
