"""Receiving: express before all else, each lane in sequence, every document once, however little memory there is."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest

from lienthong.client.delivery import Delivery, Settler
from lienthong.client.documents import Status
from lienthong.client.ready import Ready
from lienthong.client.receiving import Receiver
from lienthong.client.rows import Outgoing
from lienthong.client.store import Store
from lienthong.client.turn import Turn
from lienthong.kernel.bus import Bus
from lienthong.kernel.directory_reader import DirectoryReader
from lienthong.kernel.envelope import envelope_id
from lienthong.kernel.lanes import EXPRESS_LANE, EXPRESS_PRIORITY, thread_in_lane
from lienthong.kernel.ledger import Delivery as DeliveryHeaders
from lienthong.kernel.ledger import write_delivery
from lienthong.kernel.pieces import Pieces
from lienthong.kernel.statement import Kind, decode_statement, encode_statement
from lienthong.kernel.topics import Partition, inbox
from unit.intake.test_rounds import Rec
from unit.kernel.world import LANES, NOW, RECIPIENT, document, judge_of, seal


class Inbox:
    """An inbox topic in memory, and the part of a `Bus` that a receiver uses."""

    def __init__(self) -> None:
        self.lanes: dict[int, list[Rec]] = {lane: [] for lane in range(LANES)}
        self.pieces = Pieces()

    def add(self, lane: int, count: int) -> None:
        """Append documents to a lane."""
        records = self.lanes[lane]
        priority = EXPRESS_PRIORITY if lane == EXPRESS_LANE else 0
        statements = [document(thread=thread_in_lane(lane, LANES), priority=priority) for _ in range(count)]
        for statement, value in zip(statements, seal(statements), strict=True):
            number = len(records)
            headers = write_delivery(
                DeliveryHeaders(number + 1, number, NOW, NOW, envelope_id(encode_statement(statement)), Kind.DOCUMENT)
            )
            records.append(Rec(inbox(RECIPIENT), lane, number, value, headers))

    @asynccontextmanager
    async def reader(self, **_: object) -> AsyncIterator["InboxReader"]:
        """One that reads it."""
        yield InboxReader(self)


class InboxReader:
    """The part of a `Reader` that a receiver uses."""

    def __init__(self, topic: Inbox) -> None:
        self._topic = topic
        self._positions: dict[Partition, int] = {}

    async def assign(self, positions: Mapping[Partition, int]) -> None:
        """Read from there."""
        self._positions = dict(positions)

    async def ends(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """Where lanes end."""
        return {one: len(self._topic.lanes[one.number]) for one in partitions}

    async def commit(self, positions: Mapping[Partition, int]) -> None:
        """Tells only the operator."""

    async def take(self, _: float, max_records: int) -> dict[Partition, list[Rec]]:
        """What has come, of one lane after the other."""
        await asyncio.sleep(0)
        for partition, position in self._positions.items():
            if some := self._topic.lanes[partition.number][position : position + max_records]:
                self._positions[partition] = position + len(some)
                return {partition: some}
        await asyncio.sleep(0.001)
        return {}


class Agency:
    """A receiver with what belongs to it."""

    def __init__(self, topic: Inbox, folder: Path) -> None:
        self.stopping = asyncio.Event()
        self.thread = ThreadPoolExecutor(1)
        self.store = Store(folder / "store.sqlite")
        self.turn = Turn(folder / "turn")
        self.said: list[Outgoing] = []
        bus = cast("Bus", topic)
        self.settler = Settler(RECIPIENT, self.store, self.thread, lambda: NOW, self.said.extend)
        self.receiver = Receiver(
            bus, RECIPIENT, judge_of(), cast("DirectoryReader", None), self.store, self.thread, lambda: NOW,
            self.settler, self.turn,
        )  # fmt: skip

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Receiver]:
        """Reads the topic meanwhile."""
        async with asyncio.TaskGroup() as tasks:
            for lanes in ([EXPRESS_LANE], list(range(1, LANES))):
                tasks.create_task(self.receiver.pull(lanes, self.stopping, rest_ms=0, parts=2))
            settling = tasks.create_task(self.settler.run(self.stopping))
            try:
                yield self.receiver
            finally:
                self.stopping.set()
                self.settler.wake()
                await settling
        self.turn.give_back()
        self.thread.submit(self.store.close)
        self.thread.shutdown()


def in_sequence(deliveries: Sequence[Delivery], topic: Inbox) -> None:
    """Each lane whole and in order, nothing twice."""
    for lane, records in topic.lanes.items():
        assert list(range(1, len(records) + 1)) == [one.sequence for one in deliveries if one.lane == lane]


async def take(receiver: Receiver, count: int, moments: Random | None = None) -> list[Delivery]:
    """So many documents; a caller with moments waits now and then."""
    found: list[Delivery] = []
    documents = receiver.receive(None)
    async with asyncio.timeout(60):
        async for delivery in documents:
            found.append(delivery)
            if moments is not None and moments.random() < 0.1:
                await asyncio.sleep(moments.choice([0, 0.002]))
            if len(found) == count:
                break
    await cast("Any", documents).aclose()
    return found


async def test_express_documents_pass_all_that_wait(tmp_path: Path) -> None:
    """Also those that come while ordinary ones are handed over; ordinary ones go on in sequence."""
    topic = Inbox()
    topic.add(1, 200)
    topic.add(2, 200)
    topic.add(EXPRESS_LANE, 3)
    async with Agency(topic, tmp_path).running() as receiver:
        await receiver.caught_up()
        first = await take(receiver, 10)
        topic.add(EXPRESS_LANE, 2)
        then = await take(receiver, 395)
    in_sequence([*first, *then], topic)
    assert [0, 0, 0, 1] == [one.lane for one in first[:4]]
    # They have to be read first, which happens at the next turn of the caller.
    assert max(place for place, one in enumerate(then) if one.lane == EXPRESS_LANE) < 200


async def test_a_caller_that_never_waits_lets_express_documents_be_read(tmp_path: Path) -> None:
    """It takes what is ready without a pause; what comes meanwhile does not wait for the last of it."""
    topic = Inbox()
    topic.add(1, 1_000)
    found = []
    async with Agency(topic, tmp_path).running() as receiver:
        await receiver.caught_up()
        async with asyncio.timeout(60):
            async for delivery in receiver.receive(None):
                found.append(delivery)
                if len(found) == 10:
                    topic.add(EXPRESS_LANE, 1)
                if len(found) == 1_001:
                    break
    in_sequence(found, topic)
    assert EXPRESS_LANE in [one.lane for one in found[:900]]


async def test_an_express_document_that_is_read_makes_pieces_fine(tmp_path: Path) -> None:
    """Ordinary ones do not."""
    topic = Inbox()
    topic.add(1, 10)
    async with Agency(topic, tmp_path).running() as receiver:
        await take(receiver, 10)
        assert not topic.pieces.fine
        topic.add(EXPRESS_LANE, 1)
        await take(receiver, 1)
        assert topic.pieces.fine


@pytest.mark.parametrize("seed", range(6))
async def test_nothing_is_lost_or_repeated_when_memory_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Room for a few documents, rounds cut into small pieces, a caller that is now quick and now slow."""
    monkeypatch.setattr("lienthong.client.receiving.Ready", partial(Ready, documents=5))
    monkeypatch.setattr("lienthong.client.receiving._STORED_TOGETHER", 7)
    monkeypatch.setattr("lienthong.client.receiving._RELOADED", 9)
    monkeypatch.setattr("lienthong.kernel.pieces.FINE_PIECE", 2)
    monkeypatch.setattr("lienthong.kernel.pieces.COARSE_PIECE", 3)
    topic, moments = Inbox(), Random(seed)
    for lane in range(LANES):
        topic.add(lane, 20)

    async def write() -> None:
        for _ in range(20):
            await asyncio.sleep(moments.choice([0, 0.001, 0.005]))
            topic.add(moments.randrange(LANES), 5)

    async with Agency(topic, tmp_path).running() as receiver, asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        found = await take(receiver, 20 * LANES + 100, moments)
    in_sequence(found, topic)


async def test_what_was_not_settled_comes_again_express_first(tmp_path: Path) -> None:
    """From the store, by the next process of the agency."""
    topic = Inbox()
    topic.add(1, 30)
    topic.add(EXPRESS_LANE, 30)
    async with Agency(topic, tmp_path).running() as receiver:
        await receiver.caught_up()
    async with Agency(topic, tmp_path).running() as receiver:
        found = await take(receiver, 60)
    in_sequence(found, topic)
    assert [EXPRESS_LANE] * 30 == [one.lane for one in found[:30]]


async def test_many_settled_together_are_said_a_bounded_number_at_a_time_express_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An express document that comes meanwhile waits for one transaction of the store, not for all."""
    monkeypatch.setattr("lienthong.client.delivery._SETTLED_TOGETHER", 20)
    topic = Inbox()
    topic.add(1, 50)
    topic.add(EXPRESS_LANE, 5)
    agency = Agency(topic, tmp_path)
    async with agency.running() as receiver:
        await receiver.caught_up()
        found = [one async for one in receiver.receive(0.1)]
        agency.said.clear()
        for one in sorted(found, key=lambda one: -one.lane):
            agency.settler.settle(one, Status.ACCEPTED, "")
    assert [EXPRESS_LANE, 1, 1, 1] == [one.lane for one in agency.said]
    named = [decode_statement(one.statement).body["documents"] for one in agency.said]
    assert [5, 15, 20, 15] == list(map(len, named))
    assert {one.id for one in found} == {document for some in named for document in some}
