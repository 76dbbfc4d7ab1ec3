"""Where an audit reads from: anything that can tell spans of partitions and read them. Kafka, as a rule."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Protocol

from lienthong.kernel.bus import Bus
from lienthong.kernel.ledger import Record
from lienthong.kernel.topics import Partition

__all__ = ["BusSource", "RecordSource", "Span"]

Span = tuple[int, int]
"""First offset, and the offset after the last one."""


class RecordSource(Protocol):
    """What an audit needs: reading, and nothing else."""

    async def partition_counts(self, topics: Collection[str]) -> dict[str, int]:
        """Number of partitions of each of the topics that exist."""

    async def generations(self, topics: Collection[str]) -> dict[str, str]:
        """Id of each of the topics that exist."""

    async def spans(self, partitions: Collection[Partition]) -> dict[Partition, Span]:
        """What each partition holds now."""

    async def offsets_at(self, partitions: Collection[Partition], moment: int) -> dict[Partition, int | None]:
        """First offset appended at or after a time, milliseconds since 1970 UTC; None if there is none."""

    def read(self, spans: Mapping[Partition, Span]) -> AsyncIterator[tuple[Partition, Sequence[Record]]]:
        """Records of these spans, each partition in order, in batches."""


class BusSource:
    """Reads from Kafka without a group, so that the right to read topics is all it needs."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def partition_counts(self, topics: Collection[str]) -> dict[str, int]:
        """Number of partitions of each of the topics that exist."""
        return await self._bus.partition_counts(topics)

    async def generations(self, topics: Collection[str]) -> dict[str, str]:
        """Id of each of the topics that exist."""
        return await self._bus.generations(list(topics))

    async def spans(self, partitions: Collection[Partition]) -> dict[Partition, Span]:
        """What each partition holds now."""
        if not partitions:
            return {}
        async with self._bus.reader() as reader:
            # The end first: what is deleted in between makes the span shorter, never longer.
            ends = await reader.ends(partitions)
            begins = await reader.begins(partitions)
        return {one: (begins[one], ends[one]) for one in partitions}

    async def offsets_at(self, partitions: Collection[Partition], moment: int) -> dict[Partition, int | None]:
        """First offset appended at or after a time, milliseconds since 1970 UTC; None if there is none."""
        if not partitions:
            return {}
        async with self._bus.reader() as reader:
            return await reader.offsets_at(dict.fromkeys(partitions, moment))

    async def read(self, spans: Mapping[Partition, Span]) -> AsyncIterator[tuple[Partition, Sequence[Record]]]:
        """Records of these spans, each partition in order, in batches."""
        async for partition, records in self._bus.sweep(spans):
            yield partition, records
