"""What the bus promises, asked of a real broker and of the model that the simulation runs on: one test for both."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from integration.logs import append, make_topic, numbered, read, take
from lienthong.kernel.bus import Appended, Bus, Connect, KafkaSettings, Publisher, Row
from lienthong.kernel.clock import now_ms
from lienthong.kernel.errors import InvariantError, RejectedError, UnavailableError
from lienthong.kernel.ledger import Record
from lienthong.kernel.reasons import Reason
from lienthong.kernel.topics import Partition, TopicSettings
from simulation.bus import connector
from simulation.history import History
from simulation.kafka import Brokers
from simulation.network import Network, Weather

_ROUGH = Weather(retried=0.2, slow=0.2, latency_seconds=0.002, slow_seconds=0.02)
"""Nothing gets lost, but much comes late and is tried twice."""


class Trim(Protocol):
    """Removes what a partition holds before an offset."""

    async def __call__(self, partition: Partition, before: int) -> None:
        """Remove it."""


@dataclass(frozen=True)
class Side:
    """A real Kafka or the model of one."""

    connect: Connect
    settings: KafkaSettings
    trim: Trim


@pytest.fixture(params=["real", "model"])
def side(request: pytest.FixtureRequest) -> Side:
    """Both, one after the other."""
    if request.param == "real":
        address: str = request.getfixturevalue("kafka")
        admin = AdminClient({"bootstrap.servers": address})

        async def trim_real(partition: Partition, before: int) -> None:
            for deleted in admin.delete_records([TopicPartition(*partition, before)]).values():
                await asyncio.to_thread(deleted.result)

        return Side(Bus.connect, KafkaSettings(bootstrap=address, timeout_seconds=20), trim_real)
    network = Network(Brokers(), Random(20_261_124), now_ms, History())
    network.weather = _ROUGH

    async def trim_model(partition: Partition, before: int) -> None:
        network.brokers.delete_records(partition, before)

    return Side(connector(network), KafkaSettings(bootstrap="model:9092", timeout_seconds=20), trim_model)


@pytest.fixture
async def bus(side: Side) -> AsyncIterator[Bus]:
    """A connection."""
    async with side.connect(side.settings, "test-contract") as connected:
        yield connected


def as_told(record: Record) -> tuple[object, ...]:
    """All that a record says."""
    return record.topic, record.partition, record.offset, record.timestamp, record.value, list(record.headers)


async def test_what_was_appended_is_read_in_order_from_where_one_says(bus: Bus) -> None:
    """Offsets are dense, each partition keeps its order, the position is the next offset."""
    topic = await make_topic(bus, 2)
    zero, one = Partition(topic, 0), Partition(topic, 1)
    assert {zero: Appended(0, 4), one: Appended(0, 2)} == await append(
        bus, {zero: numbered(range(5)), one: numbered(range(3))}
    )
    async with bus.reader() as reader:
        await reader.assign({zero: 1, one: 0})
        records = await take(reader, 7)
        assert [1, 2, 3, 4] == [record.offset for record in records if record.partition == 0]
        assert [b"0", b"1", b"2"] == [record.value for record in records if record.partition == 1]
        assert (5, 3) == (await reader.position(zero), await reader.position(one))
        assert (0, 0) == (reader.lag(zero), reader.lag(one))
        assert {} == await reader.take(0.05, 10)
        reader.seek({zero: 3})
        assert [3, 4] == [record.offset for record in await take(reader, 2)]
        await reader.assign({one: 2})
        assert [(1, 2)] == [(record.partition, record.offset) for record in await take(reader, 1)]


async def test_a_reader_takes_no_more_than_it_asks_for_and_nothing_that_is_paused(bus: Bus) -> None:
    """What is left comes with the next round."""
    topic = await make_topic(bus, 2)
    zero, one = Partition(topic, 0), Partition(topic, 1)
    await append(bus, {zero: numbered(range(30)), one: numbered(range(30))})
    async with bus.reader() as reader:
        await reader.assign({zero: 0, one: 0})
        reader.pause(one)
        assert list(range(30)) == [record.offset for record in await take(reader, 30, most=7)]
        assert {} == await reader.take(0.1, 100)


async def test_a_reader_that_waits_gets_what_is_appended_meanwhile(bus: Bus) -> None:
    """It need not ask again."""
    partition = Partition(await make_topic(bus), 0)
    async with bus.reader() as reader, bus.publisher() as publisher:
        await reader.assign({partition: 0})
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(reader.take(20, 10))
            await asyncio.sleep(0.05)
            tasks.create_task(publisher.append({partition: numbered([0])}))
    assert [b"0"] == [record.value for record in waiting.result()[partition]]


async def test_offsets_are_committed_by_group_and_whoever_commits_last_is_right(bus: Bus) -> None:
    """Also backwards: nothing fences a process that was paused, so what is committed may be old."""
    topic = await make_topic(bus, 2)
    zero, one = Partition(topic, 0), Partition(topic, 1)
    await append(bus, {zero: numbered(range(9))})
    group = f"{topic}.group"
    async with bus.reader(group=group) as mine, bus.reader(group=group) as old, bus.reader(group="other") as other:
        for reader in (mine, old, other):
            await reader.assign({zero: 0, one: 0})
        assert {} == await mine.committed([zero, one])
        await mine.commit({zero: 7})
        assert {zero: 7} == await old.committed([zero, one])
        await old.commit({zero: 4, one: 0})
        assert {zero: 4, one: 0} == await mine.committed([zero, one])
        assert {} == await other.committed([zero, one])


async def test_a_reader_commits_only_what_it_was_given(bus: Bus) -> None:
    """Anything else is refused, and nothing is stored."""
    topic = await make_topic(bus, 2)
    zero, one = Partition(topic, 0), Partition(topic, 1)
    async with bus.reader(group=f"{topic}.group") as reader:
        with pytest.raises(UnavailableError):
            await reader.commit({zero: 7})
        await reader.assign({zero: 0})
        with pytest.raises(UnavailableError):
            await reader.commit({zero: 7, one: 1})
        assert {} == await reader.committed([zero, one])


async def test_begins_and_ends(bus: Bus) -> None:
    """Of empty and of filled partitions."""
    topic = await make_topic(bus, 2)
    zero, one = Partition(topic, 0), Partition(topic, 1)
    await append(bus, {zero: numbered(range(9))})
    async with bus.reader() as reader:
        assert {zero: 0, one: 0} == await reader.begins([zero, one])
        assert {zero: 9, one: 0} == await reader.ends([zero, one])


async def test_offsets_are_found_by_time(bus: Bus) -> None:
    """The first record at or after a moment, or none when all are older."""
    partition = Partition(await make_topic(bus, message_timestamp_type="LogAppendTime"), 0)
    await append(bus, {partition: numbered([0])})
    await asyncio.sleep(0.01)
    await append(bus, {partition: numbered([1])})
    first, second = await read(bus, partition, 0, 2)
    assert first.timestamp < second.timestamp
    async with bus.reader() as reader:
        await reader.assign({partition: 0})
        assert {partition: 0} == await reader.offsets_at({partition: first.timestamp})
        assert {partition: 1} == await reader.offsets_at({partition: first.timestamp + 1})
        assert {partition: None} == await reader.offsets_at({partition: second.timestamp + 60_000})


async def test_rows_come_back_as_they_were(bus: Bus) -> None:
    """Missing and empty values, headers in order, repeated and empty ones."""
    partition = Partition(await make_topic(bus), 0)
    rows = [
        Row(None),
        Row(None, (("verdict", b"accepted"), ("id", bytes(range(256)))), b"key"),
        Row(b"", (("twice", b"1"), ("twice", b""), ("ậ", "ệ".encode()))),
    ]
    await append(bus, {partition: rows})
    records = await read(bus, partition, 0, 3)
    assert [row.value for row in rows] == [record.value for record in records]
    assert [tuple(row.headers) for row in rows] == [tuple(record.headers) for record in records]


async def test_many_rows_are_split_into_batches_and_stay_in_order(bus: Bus) -> None:
    """More than one batch holds."""
    partition = Partition(await make_topic(bus, max_message_bytes="1048576"), 0)
    # A real broker takes no batch above a mebibyte, and these are four.
    rows = [Row(b"%d:" % number + bytes(20_000)) for number in range(200)]
    assert {partition: Appended(0, 199)} == await append(bus, {partition: rows})
    records = await read(bus, partition, 0, 200)
    assert [row.value for row in rows] == [record.value for record in records]
    assert list(range(200)) == [record.offset for record in records]


async def test_an_oversize_row_is_rejected_and_the_publisher_works_on(bus: Bus) -> None:
    """The producer, which is wedged now, is replaced; nothing of its partition after the row is written."""
    partition = Partition(await make_topic(bus, max_message_bytes="10000"), 0)
    other = Partition(await make_topic(bus), 0)
    async with bus.publisher() as publisher:
        await publisher.append({partition: numbered([0]), other: numbered([0])})
        with pytest.raises(RejectedError, match="for its size") as oversize:
            await publisher.append({partition: [Row(secrets.token_bytes(50_000))]})
        assert Reason.OVERSIZE == oversize.value.reason
        assert {partition: Appended(1, 1), other: Appended(1, 1)} == await publisher.append(
            {partition: numbered([1]), other: numbered([1])}
        )
    assert publisher.recreated == 1


async def test_two_publishers_see_each_other_in_the_offsets(bus: Bus) -> None:
    """Offsets that do not follow our own last one say that somebody else has written."""
    partition = Partition(await make_topic(bus), 0)
    async with bus.publisher() as one, bus.publisher() as other:
        assert Appended(0, 2) == (await one.append({partition: numbered(range(3))}))[partition]
        assert Appended(3, 4) == (await other.append({partition: numbered(range(2))}))[partition]
        assert Appended(5, 5) == (await one.append({partition: numbered([3])}))[partition]


async def test_an_append_to_a_topic_that_does_not_exist_is_unavailable(side: Side) -> None:
    """It is not made on the way."""
    hasty = side.settings.model_copy(update={"timeout_seconds": 1})
    name = f"contract.{secrets.token_hex(6)}"
    async with side.connect(hasty, "test-contract") as bus, bus.publisher() as publisher:
        with pytest.raises(UnavailableError):
            await publisher.append({Partition(name, 0): numbered([0])})
        assert 0 == await bus.lanes(name)


async def test_a_cancelled_append_is_unknown_and_the_publisher_works_on(bus: Bus) -> None:
    """What it had sent may be there or not; what comes after is there once."""
    partition = Partition(await make_topic(bus), 0)
    async with bus.publisher() as publisher:
        await publisher.append({partition: numbered([0])})
        appending = asyncio.create_task(_append(publisher, partition, numbered([1])))
        await asyncio.sleep(0)
        appending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await appending
        last = (await publisher.append({partition: numbered([2])}))[partition].last
    values = [record.value for record in await read(bus, partition, 0, last + 1)]
    assert values in ([b"0", b"2"], [b"0", b"1", b"2"])


async def _append(publisher: Publisher, partition: Partition, rows: Sequence[Row]) -> None:
    await publisher.append({partition: rows})


async def test_a_scan_reads_exactly_the_ranges_asked_for(bus: Bus) -> None:
    """First offset included, end not; each partition its own range."""
    topic = await make_topic(bus, 3)
    partitions = [Partition(topic, number) for number in range(3)]
    await append(bus, {partition: numbered(range(100)) for partition in partitions})
    ranges = {partitions[0]: (10, 60), partitions[1]: (0, 1), partitions[2]: (40, 40)}
    found: dict[int, list[int]] = {}
    async for records in bus.scan(ranges, max_records=7):
        for record in records:
            found.setdefault(record.partition, []).append(record.offset)
    assert {0: list(range(10, 60)), 1: [0]} == found


async def test_a_sweep_reads_what_a_scan_reads(bus: Bus) -> None:
    """The same ranges, and of every record place, time, value and headers."""
    topic = await make_topic(bus, 3)
    partitions = [Partition(topic, number) for number in range(3)]
    for first in (0, 40):
        await append(bus, {partition: numbered(range(first, first + 40)) for partition in partitions})
    ranges = {partitions[0]: (10, 60), partitions[1]: (0, 1), partitions[2]: (40, 40)}
    scanned = [record async for records in bus.scan(ranges) for record in records]
    swept = [record async for _, records in bus.sweep(ranges) for record in records]
    for found in (scanned, swept):
        found.sort(key=lambda record: (record.partition, record.offset))
    assert [as_told(record) for record in scanned] == [as_told(record) for record in swept]
    assert 51 == len(swept)


async def test_a_sweep_says_whose_records_they_are(bus: Bus) -> None:
    """Some records of one partition at a time, never none."""
    topic = await make_topic(bus, 2)
    partitions = [Partition(topic, number) for number in range(2)]
    await append(bus, {partition: numbered(range(20)) for partition in partitions})
    came = dict.fromkeys(partitions, 0)
    async for partition, records in bus.sweep(dict.fromkeys(partitions, (0, 20))):
        assert {partition} == {Partition(record.topic, record.partition) for record in records}
        came[partition] += len(records)
    assert dict.fromkeys(partitions, 20) == came


async def test_a_position_outside_the_log_is_an_alarm(side: Side, bus: Bus) -> None:
    """Before its begin, after records were removed, and beyond its end."""
    partition = Partition(await make_topic(bus), 0)
    await append(bus, {partition: numbered(range(10))})
    await side.trim(partition, 8)
    async with bus.reader() as reader:
        assert {partition: 8} == await reader.begins([partition])
        assert {partition: 10} == await reader.ends([partition])
        for wrong in (3, 11):
            await reader.assign({partition: wrong})
            with pytest.raises(InvariantError, match="truncated or made again"):
                await take(reader, 1)
    assert [8, 9] == [record.offset for record in await read(bus, partition, 8, 10)]


async def test_topics_are_counted_and_created_once_and_have_an_id(bus: Bus) -> None:
    """A topic deleted and made again has another id and is empty."""
    topic = await make_topic(bus, 4)
    assert {topic: 4} == await bus.partition_counts([topic, "contract.nowhere"])
    assert (4, 0) == (await bus.lanes(topic), await bus.lanes("contract.nowhere"))
    assert (1, 0) == (await bus.replication(topic), await bus.replication("contract.nowhere"))
    assert topic in await bus.topic_names()
    assert [] == await bus.create_topics([TopicSettings(topic, 1, {})], replication=1)
    assert 4 == await bus.lanes(topic)
    before = await bus.generations([topic, "contract.nowhere"])
    assert [topic] == list(before)
    assert before == await bus.generations([topic])
    await append(bus, {Partition(topic, 0): numbered([0])})

    await bus.delete_topics([topic])
    assert {} == await bus.generations([topic])
    await bus.create_topics([TopicSettings(topic, 2, {})], replication=1)
    assert before != await bus.generations([topic])
    async with bus.reader() as reader:
        assert {Partition(topic, 0): 0} == await reader.ends([Partition(topic, 0)])
