"""Receiving: express before all else, each lane in sequence, every document once, however little memory there is."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest

from lienthong.client.database import StoreThread
from lienthong.client.delivery import Delivery, Settler
from lienthong.client.documents import Status
from lienthong.client.ready import Ready
from lienthong.client.receiving import Receiver
from lienthong.client.rows import Outgoing, Round
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
from lienthong.kernel.statement import Kind, decode_statement, encode_statement
from lienthong.kernel.topics import Partition, inbox
from unit.intake.test_rounds import Rec
from unit.kernel.world import (
    BENEATH,
    EPOCH,
    LANES,
    NOW,
    RECIPIENT,
    SENDER,
    SENDER_KEY,
    TRUST,
    document,
    group,
    judge_of,
    key_named,
    key_of,
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
@pytest.mark.parametrize("memory", [{"documents": 5}, {"size": 4_000}])
async def test_nothing_is_lost_or_repeated_when_memory_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, memory: Any
) -> None:
    """Room for a few documents or bytes, rounds cut into small pieces, a caller that is now quick and now slow."""
    monkeypatch.setattr("lienthong.client.receiving.Ready", partial(Ready, **memory))
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


class FullDisk(Store):
    """A store that cannot be written now and then."""

    failures = 4

    def _fail(self) -> None:
        self.failures -= 1
        if self.failures > 0 and self.failures % 2:
            raise sqlite3.OperationalError("database or disk is full")

    def take(self, round_: Round) -> bool:
        """As a store does, when it can."""
        self._fail()
        return super().take(round_)

    def settle(self, settled: Sequence[tuple[int, int, int]], acknowledgements: Sequence[Outgoing]) -> None:
        """As a store does, when it can."""
        self._fail()
        super().settle(settled, acknowledgements)


async def test_a_disk_that_was_full_for_a_while_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading and acknowledging wait until it can be written, and go on; nothing comes or is said twice."""
    monkeypatch.setattr("lienthong.client.delivery._STORE_PAUSE_SECONDS", 0.01)
    topic = Inbox()
    topic.add(1, 30)
    topic.add(EXPRESS_LANE, 5)
    agency = Agency(topic, tmp_path, store=FullDisk)
    async with agency.running() as receiver:
        found = [one async for one in receiver.receive(0.3)]
    in_sequence(found, topic)
    named = [document for one in agency.said for document in decode_statement(one.statement).body["documents"]]
    assert 35 == len(named) == len(set(named))
    assert cast("FullDisk", agency.store).failures <= 0


async def test_reading_goes_on_when_how_far_it_came_cannot_be_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit is for the operator's eyes alone: without it nothing is read again, and nothing waits."""
    monkeypatch.setattr("lienthong.client.receiving._COMMIT_SECONDS", 0.0)
    topic = Inbox()
    topic.commits_fail = True
    topic.add(1, 100)
    async with Agency(topic, tmp_path).running() as receiver:
        found = await take(receiver, 100)
        topic.add(1, 100)
        found += await take(receiver, 100)
    in_sequence(found, topic)
    assert topic.commits > 1
    assert 2 == topic.sessions


async def test_nobody_waits_for_a_connection_that_is_closed(tmp_path: Path) -> None:
    """Neither for documents nor for news of one, and what is said of a document is refused, not lost."""
    topic = Inbox()
    topic.add(1, 2)
    agency = Agency(topic, tmp_path)
    async with agency.running() as receiver:
        (_, one) = await take(receiver, 2)
        waiting = asyncio.create_task(take(receiver, 1))
        await asyncio.sleep(0.01)
    async with asyncio.timeout(5):
        for pending in (waiting, receiver.next_change(asyncio.Event()), receiver.caught_up()):
            with pytest.raises(UnavailableError, match="closed"):
                await pending
    with pytest.raises(UnavailableError, match="closed"):
        agency.settler.settle(one, Status.ACCEPTED, "")
    assert not one.settled
    # Nor does it take the turn from the next connection.
    with pytest.raises(UnavailableError, match="closed"):
        await take(receiver, 1)
    async with Agency(topic, tmp_path).running() as again:
        assert [one.id] == [found.id for found in await take(again, 1)]


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


# -- what others know of the directory

LATER = EPOCH + 1_000
GROUP = "@TINH"
CHANGED = ((group(GROUP, RECIPIENT), EPOCH), (group(GROUP, BENEATH, version=2), LATER))
"""A group whose members have changed; by its first version we are one."""


async def test_who_is_addressed_is_told_by_the_facts_that_intake_knew(tmp_path: Path) -> None:
    """Nothing of it would be refused by the older facts: only the delivery says that there are newer ones."""
    topic, following = Inbox(), Following(*CHANGED)
    following.directory.apply(record(CHANGED[0][0]))
    topic.add(1, 1, recipients=[GROUP])
    topic.add(1, 50, known=LATER, recipients=[GROUP])
    async with Agency(topic, tmp_path, following).running() as receiver:
        found = await take(receiver, 51)
    assert [(RECIPIENT,), *[(BENEATH,)] * 50] == [tuple(one.addressed) for one in found]
    assert (1, 0) == (following.asked, receiver.verifier.refused)


async def test_facts_that_nobody_recorded_are_not_looked_for_with_every_record(tmp_path: Path) -> None:
    """Whoever writes the inbox may claim what he likes; documents come all the same, and nobody waits for ever."""
    topic, following = Inbox(), Following()
    for lane in range(LANES):
        topic.add(lane, 100, known=NOW + 1)
    async with Agency(topic, tmp_path, following).running() as receiver:
        found = await take(receiver, 100 * LANES)
    in_sequence(found, topic)
    assert 1 <= following.asked <= 10


async def test_reading_waits_for_facts_while_kafka_does_not_answer(tmp_path: Path) -> None:
    """It does not judge by older ones meanwhile, and loses nothing."""
    topic, following = Inbox(), Following(*CHANGED)
    following.failures = 2
    topic.add(1, 20, known=LATER, recipients=[GROUP])
    async with Agency(topic, tmp_path, following).running() as receiver:
        found = await take(receiver, 20)
    in_sequence(found, topic)
    assert {(BENEATH,)} == {tuple(one.addressed) for one in found}
    assert (3, 0) == (following.asked, receiver.verifier.refused)


async def test_a_document_that_another_process_stored_is_judged_by_the_facts_it_had(tmp_path: Path) -> None:
    """One process of the agency reads under a new key; another one, which has not heard of the key, hands it over."""
    topic, key = Inbox(), key_of(SENDER, key_named("new"))
    topic.add(1, 30, signer=key_named("new"), known=LATER)
    async with Agency(topic, tmp_path, Following((key, LATER))).running() as receiver:
        await receiver.caught_up()
    following = Following((key, LATER))
    following.failures = 1
    async with Agency(topic, tmp_path, following).running() as receiver:
        found = await take(receiver, 30)
    in_sequence(found, topic)
    assert (2, 0) == (following.asked, receiver.verifier.refused)


class Silent(Following):
    """Asks a Kafka that says nothing until it is told to."""

    def __init__(self, *facts: tuple[Agency_ | Group | Key, int]) -> None:
        super().__init__(*facts)
        self.speak = asyncio.Event()

    async def catch_up(self) -> None:
        """Hear what is new, when Kafka speaks."""
        await self.speak.wait()
        await super().catch_up()


async def test_a_document_that_was_waited_for_in_vain_is_the_next_one(tmp_path: Path) -> None:
    """A caller that gives up waiting while it is verified again has not got it, and gets it when it asks again."""
    topic, key = Inbox(), key_of(SENDER, key_named("new"))
    topic.add(1, 30, signer=key_named("new"), known=LATER)
    async with Agency(topic, tmp_path, Following((key, LATER))).running() as receiver:
        await receiver.caught_up()
    following = Silent((key, LATER))
    async with Agency(topic, tmp_path, following).running() as receiver:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(aiter(receiver.receive(None))), 0.05)
        following.speak.set()
        found = await take(receiver, 30)
    in_sequence(found, topic)
