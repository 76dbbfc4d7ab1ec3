"""Ranges that are read batch by batch are what a reader reads, or an error that says why not."""

import secrets
from collections.abc import AsyncIterator, Mapping

import pytest
from aiokafka.errors import OffsetOutOfRangeError, for_code

from integration.logs import make_topic
from lienthong.kernel.bus import Bus, KafkaSettings, Row
from lienthong.kernel.bus.batches import KeptRecord
from lienthong.kernel.bus.sweep import sweep
from lienthong.kernel.errors import InvariantError, UnavailableError
from lienthong.kernel.topics import Partition

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def settings(kafka: str) -> KafkaSettings:
    """How to reach Kafka."""
    return KafkaSettings(bootstrap=kafka, timeout_seconds=20)


@pytest.fixture
async def bus(settings: KafkaSettings) -> AsyncIterator[Bus]:
    """A connection."""
    async with Bus.connect(settings, "test-sweep") as connected:
        yield connected


async def swept(
    settings: KafkaSettings, ranges: Mapping[Partition, tuple[int, int]], **options: int
) -> dict[Partition, list[KeptRecord]]:
    """What comes, by partition."""
    found: dict[Partition, list[KeptRecord]] = {}
    async for partition, records in sweep(settings, "test-sweep", ranges, **options):
        assert {(one.topic, one.partition) for one in records} == {partition}
        found.setdefault(partition, []).extend(records)
    return found


async def test_ranges_are_read_as_a_reader_reads_them(bus: Bus, settings: KafkaSettings) -> None:
    """Offset, time, value and headers of every record, in order, whatever the size of an answer."""
    topic = await make_topic(bus, 3)
    partitions = [Partition(topic, number) for number in range(3)]
    async with bus.publisher() as publisher:
        for part in range(0, 90, 30):
            rows = [
                Row(None if number % 7 == 0 else secrets.token_bytes(number * 100), (("number", b"%d" % number),))
                for number in range(part, part + 30)
            ]
            await publisher.append(dict.fromkeys(partitions, rows))
    ranges = {partitions[0]: (0, 90), partitions[1]: (10, 71), partitions[2]: (40, 40)}
    expected: dict[Partition, list[tuple[object, ...]]] = {}
    async for records in bus.scan(ranges):
        for one in records:
            expected.setdefault(Partition(one.topic, one.partition), []).append(
                (one.offset, one.timestamp, one.value, list(one.headers))
            )

    for size in (1, 10_000, 1_000_000):
        found = await swept(settings, ranges, fetch_bytes=size)

        assert {part: [(*one[2:5], list(one.headers)) for one in some] for part, some in found.items()} == expected
    assert [len(expected[partitions[0]]), len(expected[partitions[1]])] == [90, 61]


async def test_many_partitions_are_read_to_their_ends(bus: Bus, settings: KafkaSettings) -> None:
    """More than one request asks for, most of them nearly empty."""
    topic = await make_topic(bus, 50)
    counts = {Partition(topic, number): number % 3 + 1 for number in range(50)}
    async with bus.publisher() as publisher:
        await publisher.append({part: [Row(b"%d" % at) for at in range(count)] for part, count in counts.items()})

    found = await swept(settings, {part: (0, count) for part, count in counts.items()})

    assert {part: len(records) for part, records in found.items()} == counts


async def test_what_is_not_there_is_an_error_within_the_time_out(bus: Bus, settings: KafkaSettings) -> None:
    """Past the end nothing comes; a topic that is not there has no leader; empty ranges ask nobody."""
    partition = Partition(await make_topic(bus), 0)
    async with bus.publisher() as publisher:
        await publisher.append({partition: [Row(b"1"), Row(b"2")]})
    hasty = settings.model_copy(update={"timeout_seconds": 2})

    with pytest.raises(UnavailableError, match="no record of"):
        await swept(hasty, {partition: (0, 5)})
    with pytest.raises(UnavailableError):
        await swept(hasty, {Partition("sweep.nothing", 0): (0, 5)})
    assert await swept(hasty, {Partition("sweep.nothing", 0): (0, 0)}) == {}


async def test_offsets_that_the_log_does_not_hold_are_an_alarm(bus: Bus, settings: KafkaSettings) -> None:
    """Beyond the end there never was such an offset: the topic was cut off or made again."""
    partition = Partition(await make_topic(bus), 0)
    async with bus.publisher() as publisher:
        await publisher.append({partition: [Row(b"1"), Row(b"2")]})

    with pytest.raises(InvariantError, match="truncated or made again"):
        await swept(settings, {partition: (7, 9)})


async def test_one_broker_that_has_not_caught_up_is_no_alarm(
    bus: Bus, settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever leads is asked again until brokers have said so for long."""
    partition = Partition(await make_topic(bus), 0)
    async with bus.publisher() as publisher:
        await publisher.append({partition: [Row(b"1"), Row(b"2")]})
    answers = [OffsetOutOfRangeError] * 3

    def said(code: int) -> type[BaseException]:
        found: type[BaseException] = answers.pop() if answers else for_code(code)
        return found

    monkeypatch.setattr("lienthong.kernel.bus.sweep.for_code", said)
    found = await swept(settings, {partition: (0, 2)})
    assert [b"1", b"2"] == [record.value for record in found[partition]]
    assert [] == answers


async def test_an_address_where_nothing_listens_is_unavailable() -> None:
    """The sentence says what to check."""
    nowhere = KafkaSettings(bootstrap="127.0.0.1:1", timeout_seconds=2)

    with pytest.raises(UnavailableError, match="cannot reach Kafka"):
        await swept(nowhere, {Partition("lt.ledger", 0): (0, 1)})
