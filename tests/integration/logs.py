"""Topics of a test's own, and what stands in them."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence

from lienthong.kernel.bus import Appended, Bus, Reader, Row
from lienthong.kernel.ledger import Record
from lienthong.kernel.topics import Partition, TopicSettings


async def make_topic(bus: Bus, lanes: int = 1, **configuration: str) -> str:
    """A fresh topic of a name that no other test has."""
    name = f"log.{secrets.token_hex(6)}"
    named = {key.replace("_", "."): value for key, value in configuration.items()}
    assert [name] == await bus.create_topics([TopicSettings(name, lanes, named)], replication=1)
    return name


async def append(bus: Bus, rows: Mapping[Partition, Sequence[Row]]) -> Mapping[Partition, Appended]:
    """Append with a publisher of its own."""
    async with bus.publisher() as publisher:
        return await publisher.append(rows)


async def read(bus: Bus, partition: Partition, first: int, end: int) -> list[Record]:
    """A range of a partition."""
    return [record async for some in bus.scan({partition: (first, end)}) for record in some]


async def take(reader: Reader, count: int, most: int = 1_000) -> list[Record]:
    """The next records of all partitions a reader was given."""
    found: list[Record] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            rounds = await reader.take(0.25, most)
            assert sum(map(len, rounds.values())) <= most
            for partition, records in rounds.items():
                assert {partition} == {Partition(record.topic, record.partition) for record in records}
                found += records
    return found


def numbered(numbers: Sequence[int]) -> list[Row]:
    """Rows that say their number."""
    return [Row(b"%d" % number) for number in numbers]
