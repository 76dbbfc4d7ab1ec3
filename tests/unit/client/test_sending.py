"""Sending: what is handed over is stored express first, a bounded number at a time, and each caller is told."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lienthong.client import sending
from lienthong.client.rows import Outgoing
from lienthong.client.sending import Identity, Sender
from lienthong.client.store import Store
from lienthong.kernel.bus import Bus, KafkaSettings
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.lanes import EXPRESS_LANE
from lienthong.kernel.pieces import Pieces
from unit.client.test_store import outgoing
from unit.kernel.world import NOW, ORIGIN, SENDER, SENDER_KEY


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
    assert [] == store.pending()


async def test_a_write_that_takes_long_is_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kafka may keep a write waiting without an error: the log says so, once, and nothing of one that is quick."""
    monkeypatch.setattr(sending, "_LONG_SECONDS", 0.02)
    with caplog.at_level(logging.WARNING), sending._told_when_it_takes_long():
        pass
    await asyncio.sleep(0.04)
    assert [] == caplog.messages
    with caplog.at_level(logging.WARNING), sending._told_when_it_takes_long():
        await asyncio.sleep(0.06)
    assert 1 == len(caplog.messages)
    assert "sending waits" in caplog.messages[0]
