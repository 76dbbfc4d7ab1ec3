"""A model of Kafka's brokers, pure: topics, logs, committed offsets. No time passes and nothing gets lost here."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

from lienthong.kernel.bus import Appended, Row
from lienthong.kernel.ledger import Headers
from lienthong.kernel.topics import Partition, TopicSettings

__all__ = ["Brokers", "ModelRecord", "OutOfRangeError", "RowTooLargeError", "UnknownTopicError"]

_FRAME_BYTES = 70
"""What a record costs a batch beside value, key and headers, about."""
_LARGEST_MESSAGE = 1_048_588
"""Kafka's default of max.message.bytes."""


class OutOfRangeError(Exception):
    """A position lies outside the log."""


class RowTooLargeError(Exception):
    """A batch is larger than its topic allows."""


class UnknownTopicError(Exception):
    """There is no such topic, or no such partition of it."""


class ModelRecord(NamedTuple):
    """A record as a reader gets it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    value: bytes | None
    headers: Headers
    key: bytes | None


class BatchId(NamedTuple):
    """What an idempotent producer writes on a batch: it is appended once however often it is sent."""

    producer: int
    number: int


@dataclass(slots=True)
class _Log:
    begin: int = 0
    records: list[ModelRecord] = field(default_factory=list)
    batches: dict[BatchId, Appended] = field(default_factory=dict)

    @property
    def end(self) -> int:
        return self.begin + len(self.records)


@dataclass(slots=True)
class _Topic:
    generation: str
    replication: int
    largest: int
    logs: list[_Log]


def size_of(row: Row) -> int:
    """Bytes that a row takes within a batch, about."""
    headers = sum(len(name) + len(value) for name, value in row.headers)
    return _FRAME_BYTES + len(row.value or b"") + len(row.key or b"") + headers


class Brokers:
    """What all brokers together hold. Every method happens at one moment."""

    def __init__(self) -> None:
        self._topics: dict[str, _Topic] = {}
        self._committed: dict[tuple[str, Partition], int] = {}
        self._notes: dict[tuple[str, Partition], str] = {}
        self._created = 0

    # -- topics

    def create(self, topic: TopicSettings, replication: int) -> bool:
        """Create a topic; whether it was not there."""
        if topic.name in self._topics:
            return False
        self._created += 1
        generation = sha256(b"%d %s" % (self._created, topic.name.encode())).hexdigest()[:32]
        largest = int(topic.configuration.get("max.message.bytes", _LARGEST_MESSAGE))
        self._topics[topic.name] = _Topic(generation, replication, largest, [_Log() for _ in range(topic.partitions)])
        return True

    def delete(self, name: str) -> None:
        """Delete a topic with all it holds, and what was committed for it."""
        if self._topics.pop(name, None) is None:
            raise UnknownTopicError(name)
        self._committed = {key: offset for key, offset in self._committed.items() if key[1].topic != name}
        self._notes = {key: note for key, note in self._notes.items() if key[1].topic != name}

    def topic_names(self) -> set[str]:
        """All topics."""
        return set(self._topics)

    def partition_count(self, name: str) -> int:
        """Number of partitions; 0 if there is no such topic."""
        topic = self._topics.get(name)
        return len(topic.logs) if topic else 0

    def replication(self, name: str) -> int:
        """Number of copies; 0 if there is no such topic."""
        topic = self._topics.get(name)
        return topic.replication if topic else 0

    def generation(self, name: str) -> str | None:
        """Id of a topic."""
        topic = self._topics.get(name)
        return topic.generation if topic else None

    def _log(self, partition: Partition) -> _Log:
        topic = self._topics.get(partition.topic)
        if topic is None or partition.number >= len(topic.logs):
            raise UnknownTopicError(f"{partition.topic} {partition.number}")
        return topic.logs[partition.number]

    # -- records

    def append(self, partition: Partition, batch: BatchId, rows: Sequence[Row], *, at: int) -> Appended:
        """Append a batch, or say where it stands if it was appended before.

        Args:
            partition: where.
            batch: the producer's name for it.
            rows: at least one.
            at: log append time, milliseconds since 1970 UTC.
        """
        log = self._log(partition)
        done = log.batches.get(batch)
        if done is None:
            if sum(map(size_of, rows)) > self._topics[partition.topic].largest:
                raise RowTooLargeError(partition.topic)
            base = log.end
            log.records.extend(
                ModelRecord(*partition, base + place, at, row.value, tuple(row.headers), row.key)
                for place, row in enumerate(rows)
            )
            done = log.batches[batch] = Appended(base, base + len(rows) - 1)
        return done

    def begin(self, partition: Partition) -> int:
        """First offset in the log."""
        return self._log(partition).begin

    def end(self, partition: Partition) -> int:
        """Offset that the next record will get."""
        return self._log(partition).end

    def fetch(self, partition: Partition, offset: int, count: int) -> Sequence[ModelRecord]:
        """At most so many records from an offset on."""
        log = self._log(partition)
        if not log.begin <= offset <= log.end:
            raise OutOfRangeError(partition, offset)
        first = offset - log.begin
        return log.records[first : first + count]

    def offset_at(self, partition: Partition, moment: int) -> int | None:
        """First offset appended at or after a moment; None if all are older."""
        log = self._log(partition)
        place = bisect_left(log.records, moment, key=lambda record: record.timestamp)
        return log.begin + place if place < len(log.records) else None

    def delete_records(self, partition: Partition, before: int) -> None:
        """Remove what stands before an offset: retention, or an administrator."""
        log = self._log(partition)
        if not log.begin <= before <= log.end:
            raise OutOfRangeError(partition, before)
        del log.records[: before - log.begin]
        log.begin = before

    # -- committed offsets

    def commit(self, group: str, positions: Mapping[Partition, int], notes: Mapping[Partition, str]) -> None:
        """Store offsets and notes beside them under a group, whoever says so and however old they are."""
        for partition, offset in positions.items():
            self._log(partition)
            self._committed[group, partition] = offset
            self._notes[group, partition] = notes.get(partition, "")

    def note(self, group: str, partition: Partition) -> str:
        """The note beside what a group has committed; empty if there is none."""
        return self._notes.get((group, partition), "")

    def committed(self, group: str, partition: Partition) -> int | None:
        """What a group has committed."""
        return self._committed.get((group, partition))

    def forget_group(self, group: str) -> None:
        """Forget a group's offsets, as brokers do when nobody has used it for the retention of offsets."""
        self._committed = {key: offset for key, offset in self._committed.items() if key[0] != group}
        self._notes = {key: note for key, note in self._notes.items() if key[0] != group}
