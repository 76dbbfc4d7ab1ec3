"""An agency that reads an inbox in memory, with a directory of which others may know more."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, cast

from lienthong.client.database import StoreThread
from lienthong.client.delivery import Delivery, Settler
from lienthong.client.receiving import Receiver
from lienthong.client.rows import Outgoing
from lienthong.client.store import Store
from lienthong.client.turn import Turn
from lienthong.client.verifier import Verifier
from lienthong.kernel.bus import Bus
from lienthong.kernel.directory import Agency as Agency_
from lienthong.kernel.directory import Group, Key
from lienthong.kernel.directory_reader import DirectoryReader
from lienthong.kernel.envelope import envelope_id
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.judge import Judge
from lienthong.kernel.keys import SigningKey
from lienthong.kernel.lanes import EXPRESS_LANE, EXPRESS_PRIORITY, thread_in_lane
from lienthong.kernel.ledger import Delivery as DeliveryHeaders
from lienthong.kernel.ledger import write_delivery
from lienthong.kernel.pieces import Pieces
from lienthong.kernel.statement import Kind, encode_statement
from lienthong.kernel.topics import Partition, inbox
from unit.intake.test_rounds import Rec
from unit.kernel.world import (
    EPOCH,
    LANES,
    NOW,
    RECIPIENT,
    SENDER_KEY,
    TRUST,
    document,
    judge_of,
    record,
    seal,
)


class Inbox:
    """An inbox topic in memory, and the part of a `Bus` that a receiver uses."""

    def __init__(self) -> None:
        self.lanes: dict[int, list[Rec]] = {lane: [] for lane in range(LANES)}
        self.pieces = Pieces()
        self.commits = 0
        self.commits_fail = False
        self.sessions = 0

    def add(
        self, lane: int, count: int, *, known: int = EPOCH, signer: SigningKey = SENDER_KEY, **changes: Any
    ) -> None:
        """Append documents to a lane, judged by facts known then; `changes` replace fields of their statements."""
        records = self.lanes[lane]
        priority = EXPRESS_PRIORITY if lane == EXPRESS_LANE else 0
        fields = {"priority": priority, **changes}
        statements = [document(thread=thread_in_lane(lane, LANES), **fields) for _ in range(count)]
        for statement, value in zip(statements, seal(statements, signer=signer), strict=True):
            number = len(records)
            headers = write_delivery(
                DeliveryHeaders(number + 1, number, NOW, known, envelope_id(encode_statement(statement)), Kind.DOCUMENT)
            )
            records.append(Rec(inbox(RECIPIENT), lane, number, value, headers))

    @asynccontextmanager
    async def reader(self, **_: object) -> AsyncIterator["InboxReader"]:
        """One that reads it."""
        self.sessions += 1
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
        assert positions
        self._topic.commits += 1
        if self._topic.commits_fail:
            raise UnavailableError("the group's coordinator is away")

    async def take(self, _: float, max_records: int) -> dict[Partition, list[Rec]]:
        """What has come, of one lane after the other."""
        await asyncio.sleep(0)
        for partition, position in self._positions.items():
            if some := self._topic.lanes[partition.number][position : position + max_records]:
                self._positions[partition] = position + len(some)
                return {partition: some}
        await asyncio.sleep(0.001)
        return {}


class Following(DirectoryReader):
    """Follows a directory that others know more of; they do not tell it before it asks."""

    def __init__(self, *facts: tuple[Agency_ | Group | Key, int]) -> None:
        super().__init__(cast("Bus", None), TRUST)
        self.directory = judge_of().directory
        self.facts = facts
        """What is new, and when it was recorded."""
        self.asked = 0
        self.failures = 0
        """How many times Kafka does not answer."""

    async def catch_up(self) -> None:
        """Hear what is new."""
        self.asked += 1
        await asyncio.sleep(0)
        if self.failures:
            self.failures -= 1
            raise UnavailableError("Kafka does not answer")
        for fact, created in self.facts:
            self.directory.apply(record(fact, created=created))


class Agency:
    """A receiver with what belongs to it."""

    def __init__(
        self, topic: Inbox, folder: Path, following: Following | None = None, store: type[Store] = Store
    ) -> None:
        self.stopping = asyncio.Event()
        self.thread = StoreThread(RECIPIENT)
        self.store = store(folder / "store.sqlite")
        self.turn = Turn(folder / "turn")
        self.said: list[Outgoing] = []
        bus = cast("Bus", topic)
        following = following or Following()
        self.settler = Settler(RECIPIENT, self.store, self.thread, lambda: NOW, self.said.extend)
        judge = Judge(following.directory, LANES)
        verifier = Verifier(RECIPIENT, judge, following, self.store, self.thread, self.settler)
        self.receiver = Receiver(bus, RECIPIENT, LANES, verifier, self.store, self.thread, self.settler, self.turn)

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
        self.receiver.close()
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
