"""Provisioning: creates the backbone's topics and touches every partition once. Safe to repeat."""

from collections.abc import Iterable

from lienthong.kernel.bus import Bus, Row
from lienthong.kernel.ledger import GENESIS_HEADERS
from lienthong.kernel.topics import DIRECTORY, LEDGER, QUARANTINE, Partition, inbox, outbox, topic_settings

__all__ = ["provision", "usual_copies"]

_TOPICS_AT_ONCE = 100
_TWO, _MOST_COPIES = 2, 3
_GENESIS_KEY = b"genesis"


async def provision(bus: Bus, *, lanes: int, replication: int, connected: Iterable[str]) -> list[str]:
    """Create what is missing: ledger, directory, quarantine, and in and out of the connected agencies.

    Each partition gets a first record, its genesis, so that no document pays for the index files
    that Kafka makes at a partition's first use.

    Args:
        bus: a connection that may create topics.
        lanes: number of lanes, at least 2.
        replication: copies of each partition; 3 where there are three brokers.
        connected: codes of the agencies with topics of their own.

    Returns:
        Names of the topics created now.
    """
    names = [LEDGER, DIRECTORY, QUARANTINE]
    for agency in connected:
        names += [outbox(agency), inbox(agency)]
    created: list[str] = []
    for at in range(0, len(names), _TOPICS_AT_ONCE):
        settings = [
            topic_settings(name, lanes=lanes, replication=replication) for name in names[at : at + _TOPICS_AT_ONCE]
        ]
        created += await bus.create_topics(settings, replication=replication)
    await _touch(bus, names)
    return created


def usual_copies(brokers: int) -> int:
    """How many copies of each partition a new backbone gets when nobody says.

    Args:
        brokers: how many are there at the moment.

    Returns:
        1 where there is one broker, 3 where there are three or more.

    Raises:
        ValueError: there are two: a third may be down, and two copies survive no loss and take no writes
            when one is lost.
    """
    if brokers == _TWO:
        raise ValueError(
            "Kafka has two brokers at the moment: start the third, or say with --replication how many copies you want"
        )
    return min(brokers, _MOST_COPIES)


async def _touch(bus: Bus, names: list[str]) -> None:
    counts = await bus.partition_counts(names)
    partitions = [Partition(name, number) for name in names for number in range(counts.get(name, 0))]
    async with bus.reader() as reader:
        ends = await reader.ends(partitions)
    untouched = [partition for partition in partitions if ends[partition] == 0]
    if untouched:
        async with bus.publisher() as publisher:
            await publisher.know({partition.topic for partition in untouched})
            for at in range(0, len(untouched), _TOPICS_AT_ONCE):
                await publisher.append(
                    {one: [Row(None, GENESIS_HEADERS, _GENESIS_KEY)] for one in untouched[at : at + _TOPICS_AT_ONCE]}
                )
