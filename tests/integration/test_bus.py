"""The bus on a real broker: what it promises, what it says when it cannot, and a broker that dies in the middle."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiokafka import TopicPartition as AIOTopicPartition
from aiokafka.errors import OffsetOutOfRangeError
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource

from integration.logs import append, make_topic, numbered, read, take
from lienthong.demo.stage import free_port
from lienthong.directory.provisioning import provision
from lienthong.embedded import EmbeddedKafka
from lienthong.kernel.bus import Appended, Bus, KafkaSettings, Mark, Publisher, Row
from lienthong.kernel.errors import InvariantError, RejectedError, UnavailableError
from lienthong.kernel.ledger import is_genesis
from lienthong.kernel.topics import (
    DIRECTORY,
    LEDGER,
    QUARANTINE,
    Partition,
    TopicSettings,
    inbox,
    outbox,
    topic_settings,
)

LANES = 3


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A Kafka of this file's own, for one test kills it; on a port that no other would choose meanwhile."""
    with EmbeddedKafka(tmp_path_factory.mktemp("kafka"), port=free_port(), heap_mib=512) as running:
        yield running


@pytest.fixture
def settings(node: EmbeddedKafka) -> KafkaSettings:
    """How to reach it."""
    return KafkaSettings(bootstrap=node.up(), timeout_seconds=20)


@pytest.fixture
async def bus(settings: KafkaSettings) -> AsyncIterator[Bus]:
    """A connection."""
    async with Bus.connect(settings, "test-bus") as connected:
        yield connected


@pytest.fixture
def admin(settings: KafkaSettings) -> AdminClient:
    """Another client's way to look at the cluster and to damage it."""
    return AdminClient({"bootstrap.servers": settings.bootstrap})


# -- nobody there


async def test_an_address_where_nothing_listens_is_unavailable_within_the_time_out() -> None:
    """The sentence names the address and what to check."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(UnavailableError, match=f"^cannot reach Kafka at {address}: check the address"):
            async with Bus.connect(KafkaSettings(bootstrap=address, timeout_seconds=3), "test-bus"):
                pass

    assert time.monotonic() - began < 10


async def test_something_that_listens_and_never_answers_is_unavailable_within_the_time_out() -> None:
    """A port that takes the connection and is silent does not hold anybody for ever."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = KafkaSettings(bootstrap=f"127.0.0.1:{silent.getsockname()[1]}", timeout_seconds=2)
        began = time.monotonic()
        with pytest.raises(UnavailableError, match=f"Kafka at {settings.bootstrap}"):
            async with Bus.connect(settings, "test-bus"):
                pass

    assert time.monotonic() - began < 15


# -- appending and reading


async def test_what_was_appended_is_read_committed_and_found_again(bus: Bus) -> None:
    """Append, read, commit, and go on after what was committed."""
    topic = await make_topic(bus, 2)
    zero, one = Partition(topic, 0), Partition(topic, 1)
    async with bus.publisher() as publisher:
        appended = await publisher.append({zero: numbered(range(5)), one: numbered(range(3))})
    assert {zero: Appended(0, 4), one: Appended(0, 2)} == appended

    async with bus.reader(group=f"{topic}.group") as reader:
        assert {} == await reader.committed([zero, one])
        assert {zero: 0, one: 0} == await reader.begins([zero, one])
        assert {zero: 5, one: 3} == await reader.ends([zero, one])
        await reader.assign({zero: 0, one: 1})
        records = await take(reader, 7)
        assert (5, 3) == (await reader.position(zero), await reader.position(one))
        assert (0, 0) == (reader.lag(zero), reader.lag(one))
        await reader.commit({zero: 4})
    assert [b"0", b"1", b"2", b"3", b"4"] == [record.value for record in records if record.partition == 0]
    assert [b"1", b"2"] == [record.value for record in records if record.partition == 1]

    async with bus.reader(group=f"{topic}.group") as reader:
        assert {zero: 4} == await reader.committed([zero, one])
        await reader.assign(await reader.committed([zero]))
        assert [(4, b"4")] == [(record.offset, record.value) for record in await take(reader, 1)]


async def test_nothing_after_an_oversize_row_is_written(bus: Bus) -> None:
    """What stands before it in its partition may be written, what comes after it is not."""
    partition = Partition(await make_topic(bus, max_message_bytes="1048576"), 0)
    rows = [*numbered(range(3)), Row(bytes(1_100_000)), *numbered([4])]
    async with bus.publisher() as publisher:
        with pytest.raises(RejectedError):
            await publisher.append({partition: rows})
        after = (await publisher.append({partition: numbered([5])}))[partition]

    values = [record.value for record in await read(bus, partition, 0, after.last + 1)]
    assert values in ([b"5"], [b"0", b"1", b"2", b"5"])


async def test_a_scan_past_the_end_says_that_nothing_comes(settings: KafkaSettings) -> None:
    """What is asked for and not there is an error within the time-out, not a wait for ever."""
    async with Bus.connect(settings.model_copy(update={"timeout_seconds": 2}), "test-bus") as bus:
        partition = Partition(await make_topic(bus), 0)
        await append(bus, {partition: numbered(range(2))})
        with pytest.raises(UnavailableError, match="no record of"):
            await read(bus, partition, 0, 5)


# -- topics made anew, cut off, and provisioned


async def test_a_truncated_log_is_an_alarm(bus: Bus, admin: AdminClient) -> None:
    """A reader whose next offset was removed from the log raises, and so does a scan."""
    partition = Partition(await make_topic(bus), 0)
    await append(bus, {partition: numbered(range(10))})
    async with bus.reader() as reader:
        await reader.assign({partition: 0})
        await take(reader, 10)
        for deleted in admin.delete_records([TopicPartition(*partition, 8)]).values():
            await asyncio.to_thread(deleted.result)
        reader.seek({partition: 3})
        with pytest.raises(InvariantError, match="truncated or made again"):
            await take(reader, 1)

    with pytest.raises(InvariantError, match="truncated or made again"):
        await read(bus, partition, 0, 10)


async def test_one_broker_that_has_not_caught_up_is_no_alarm(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that starts and lost the end of its files answers for what it led before; the log holds the offset."""
    partition = Partition(await make_topic(bus), 0)
    await append(bus, {partition: numbered(range(10))})

    async def answer_of_old(*_: object, **__: object) -> None:
        raise OffsetOutOfRangeError({AIOTopicPartition(*partition): 7})

    async with bus.reader() as reader:
        await reader.assign({partition: 7})
        with monkeypatch.context() as patched:
            patched.setattr(reader._consumer, "getmany", answer_of_old)
            with pytest.raises(UnavailableError, match=f"{partition.topic} lane 0 offset 7, which is there"):
                await reader.take(0.25, 10)
        assert 3 == len(await take(reader, 3))


async def test_a_topic_made_again_is_an_alarm_and_another_generation(bus: Bus) -> None:
    """A position beyond the new log raises; the topic's id tells that it is another one."""
    topic = await make_topic(bus)
    partition = Partition(topic, 0)
    before = await bus.generations([topic, "bus.nowhere"])
    assert [topic] == list(before)
    assert 32 == len(before[topic])
    assert before == await bus.generations([topic])
    await append(bus, {partition: numbered(range(10))})
    async with bus.reader() as reader:
        await reader.assign({partition: 0})
        await take(reader, 10)
        await bus.delete_topics([topic])
        assert {} == await bus.generations([topic])
        await bus.create_topics([TopicSettings(topic, 1, {})], replication=1)
        async with bus.publisher() as publisher:
            await publisher.append({partition: numbered([0])})
        with pytest.raises(InvariantError, match="truncated or made again"):
            await take(reader, 1)

    assert before[topic] != (await bus.generations([topic]))[topic]


async def test_provisioned_topics_have_their_settings_and_a_first_record(bus: Bus, admin: AdminClient) -> None:
    """Every setting is set on the topic itself, each partition is touched once, and again changes nothing."""
    agencies = ["G22", "H37.DN.001"]
    names = [LEDGER, DIRECTORY, QUARANTINE, *(name(one) for one in agencies for name in (outbox, inbox))]
    assert names == await provision(bus, lanes=LANES, replication=1, connected=agencies)
    assert [] == await provision(bus, lanes=LANES, replication=1, connected=agencies)

    wanted = {name: topic_settings(name, lanes=LANES, replication=1) for name in names}
    described = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, name) for name in names])
    own = {}
    for resource, future in described.items():
        entries = await asyncio.to_thread(future.result)
        own[resource.name] = {
            key: entry.value for key, entry in entries.items() if not entry.is_default and entry.source == 1
        }
    assert {name: one.configuration for name, one in wanted.items()} == own
    assert {name: one.partitions for name, one in wanted.items()} == await bus.partition_counts(names)

    partitions = [Partition(name, lane) for name in names for lane in range(wanted[name].partitions)]
    async with bus.reader() as reader:
        assert dict.fromkeys(partitions, 1) == await reader.ends(partitions)
    first = [record async for some in bus.scan(dict.fromkeys(partitions, (0, 1))) for record in some]
    assert len(partitions) == sum(is_genesis(record) for record in first)


# -- a broker that dies


async def append_until_written(publisher: Publisher, partition: Partition, numbers: Sequence[int]) -> list[float]:
    """Append as intake does, the same rows again after an unknown outcome; seconds each failure took."""
    failures = []
    async with asyncio.timeout(120):
        while True:
            began = time.monotonic()
            try:
                await publisher.append({partition: numbered(numbers)})
            except UnavailableError:
                failures.append(time.monotonic() - began)
                await asyncio.sleep(0.2)
            else:
                return failures


async def test_a_broker_that_dies_holds_nobody_and_loses_nothing(node: EmbeddedKafka, settings: KafkaSettings) -> None:
    """Appending fails within its time-out, closing does not hang, and afterwards nothing is lost or reordered."""
    hasty = settings.model_copy(update={"timeout_seconds": 3})
    numbers = range(20, 2_000, 20)
    async with Bus.connect(hasty, "test-bus") as bus, AsyncExitStack() as doomed:
        partition = Partition(await make_topic(bus), 0)
        group = f"{partition.topic}.group"
        other = await doomed.enter_async_context(Bus.connect(hasty, "test-doomed"))
        other_publisher = await doomed.enter_async_context(other.publisher())
        other_reader = await doomed.enter_async_context(other.reader(group=group))
        async with bus.publisher() as publisher, bus.reader() as reader:
            await reader.assign({partition: 0})
            await append_until_written(publisher, partition, range(20))
            await take(reader, 20)
            await other_reader.assign({partition: 0})
            await take(other_reader, 20)

            async def go_on() -> list[float]:
                return [
                    seconds
                    for at in numbers
                    for seconds in await append_until_written(publisher, partition, range(at, at + 20))
                ]

            async with asyncio.TaskGroup() as tasks:
                appending = tasks.create_task(go_on())
                await asyncio.sleep(0.1)
                await asyncio.to_thread(node.kill)
                # Whatever is used, opened and closed meanwhile comes to an end.
                with pytest.raises(UnavailableError):
                    await other_publisher.append({Partition(partition.topic, 0): numbered([0])})
                with pytest.raises(UnavailableError):
                    await other_reader.commit({partition: 20})
                began = time.monotonic()
                await doomed.aclose()
                assert time.monotonic() - began < 10
                with pytest.raises(UnavailableError):
                    async with bus.publisher():
                        pass
                with pytest.raises(UnavailableError):
                    async with bus.reader(group=group):
                        pass
                await asyncio.to_thread(node.up)
            failures = appending.result()

            async with asyncio.timeout(60):
                end = (await reader.ends([partition]))[partition]
            found = [int(record.value or b"") for record in await take(reader, end - 20)]

    assert failures
    assert max(failures) < 10
    # The one comparison: a number may come again, but none is left out. (0 is the doomed publisher's.)
    newest = 19
    for number in (one for one in found if one):
        assert number <= newest + 1
        newest = max(newest, number)
    assert newest == 1_999


async def test_a_broker_that_has_moved_is_found_at_its_other_address(tmp_path: Path) -> None:
    """All brokers a client knew are gone; it asks the addresses it was given, and goes on with what it had open."""
    here, there = free_port(), free_port()
    settings = KafkaSettings(bootstrap=f"127.0.0.1:{here},127.0.0.1:{there}", timeout_seconds=20)
    await asyncio.to_thread(EmbeddedKafka(tmp_path / "kafka", port=here, heap_mib=256).up)
    moved = EmbeddedKafka(tmp_path / "kafka", port=there, heap_mib=256)
    try:
        async with Bus.connect(settings, "test-bus") as bus, bus.publisher() as publisher, bus.reader() as reader:
            partition = Partition(await make_topic(bus), 0)
            await reader.assign({partition: 0})
            await publisher.append({partition: numbered([0])})
            await take(reader, 1)
            await asyncio.to_thread(moved.down)
            await asyncio.to_thread(moved.up)
            assert {partition.topic: 1} == await bus.partition_counts([partition.topic])
            await append_until_written(publisher, partition, [1])
            assert b"1" == (await take(reader, 1))[0].value
            assert publisher.recreated == 0
    finally:
        await asyncio.to_thread(moved.down)


async def test_a_reader_that_has_ended_says_so(bus: Bus) -> None:
    """Whatever ended the consumer's own task: a reader that is silent for ever would look like one without news."""
    partition = Partition(await make_topic(bus), 0)
    async with bus.reader() as reader:
        await reader.assign({partition: 0})
        reader._consumer._fetcher._fetch_task.cancel()
        assert {} == await reader.take(0.25, 10)
        with pytest.raises(UnavailableError, match="has ended"):
            await reader.take(0.25, 10)


# -- much at once


async def test_a_fair_reader_serves_everybody_in_each_round(bus: Bus) -> None:
    """Four partitions with thousands of records do not stand before one with a few; nothing is lost or turned round."""
    topic = await make_topic(bus, 5)
    # Together they fit into one answer of the broker.
    floods, quiet = [Partition(topic, number) for number in range(4)], Partition(topic, 4)
    await append(bus, {quiet: numbered(range(30))})
    async with bus.publisher() as publisher:
        await publisher.append({one: [Row(b"%0600d" % number) for number in range(3_000)] for one in floods})
    taken: dict[Partition, list[int]] = {one: [] for one in (*floods, quiet)}
    rounds, before = 0, 0
    async with bus.reader(fair=True) as reader:
        await reader.assign(dict.fromkeys(taken, 0))
        async with asyncio.timeout(60):
            while sum(map(len, taken.values())) < 12_030:
                found = await reader.take(0.25, 1_000)
                assert sum(map(len, found.values())) <= 1_000
                waited = sum(len(some) for one, some in taken.items() if one != quiet)
                for one, records in found.items():
                    taken[one] += [int(record.value or b"") for record in records]
                if found.get(quiet):
                    rounds, before = rounds + 1, waited
    assert {**{one: list(range(3_000)) for one in floods}, quiet: list(range(30))} == taken
    assert (1, True) == (rounds, before <= 1_000)


async def test_a_fair_reader_that_is_moved_reads_from_there(bus: Bus) -> None:
    """What had arrived from before does not come any more."""
    topic = await make_topic(bus, 2)
    partitions = [Partition(topic, 0), Partition(topic, 1)]
    async with bus.publisher() as publisher:
        await publisher.append({one: numbered(range(100)) for one in partitions})
    async with bus.reader(fair=True) as reader:
        await reader.assign(dict.fromkeys(partitions, 0))
        first = await reader.take(5, 10)
        reader.seek(dict.fromkeys(partitions, 0))
        again: dict[Partition, list[int]] = {one: [] for one in partitions}
        async with asyncio.timeout(30):
            while min(map(len, again.values())) < 100:
                for one, records in (await reader.take(0.25, 7)).items():
                    again[one] += [int(record.value or b"") for record in records]
    assert 10 == sum(map(len, first.values()))
    assert {one: list(range(100)) for one in partitions} == again


async def test_a_fair_reader_says_that_a_log_was_truncated(bus: Bus, admin: AdminClient) -> None:
    """Also while another partition has records without end."""
    topic = await make_topic(bus, 2)
    short, full = Partition(topic, 0), Partition(topic, 1)
    async with bus.publisher() as publisher:
        await publisher.append({short: numbered(range(10)), full: [Row(bytes(500))] * 5_000})
    deleted = admin.delete_records([TopicPartition(topic, 0, 5)])
    await asyncio.to_thread(next(iter(deleted.values())).result, 30)
    async with bus.reader(fair=True) as reader:
        await reader.assign({short: 2, full: 0})

        async def take_all() -> None:
            while True:
                await reader.take(0.25, 10)

        with pytest.raises(InvariantError, match=f"{topic} lane 0"):
            await asyncio.wait_for(take_all(), 30)


async def test_more_than_one_request_may_hold_is_appended_in_several(bus: Bus) -> None:
    """A large document to very many inboxes is more than a broker takes at once, and must not stop dispatch."""
    topic = await make_topic(bus, 120)
    rows = {Partition(topic, number): [Row(bytes(1_000_000))] for number in range(120)}
    async with bus.publisher() as publisher:
        await publisher.know([topic])
        assert dict.fromkeys(rows, Appended(0, 0)) == await publisher.append(rows)
        assert 0 == publisher.recreated


async def test_a_note_stands_beside_an_offset_until_the_next_commit(bus: Bus) -> None:
    """Whoever reads under the same name finds it."""
    topic = await make_topic(bus, 2)
    zero, one = Partition(topic, 0), Partition(topic, 1)
    group = f"{topic}.group"
    async with bus.reader(group=group) as reader:
        await reader.assign({zero: 0, one: 0})
        assert {} == await reader.marks([zero, one])
        await reader.commit({zero: 0, one: 0}, {one: "đứng lại"})
    async with bus.reader(group=group) as reader:
        assert {zero: Mark(0, ""), one: Mark(0, "đứng lại")} == await reader.marks([zero, one])
        assert {zero: 0, one: 0} == await reader.committed([zero, one])
        await reader.assign({zero: 0, one: 0})
        await reader.commit({one: 0})
        assert {zero: Mark(0, ""), one: Mark(0, "")} == await reader.marks([zero, one])
