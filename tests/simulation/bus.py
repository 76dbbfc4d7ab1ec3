"""The bus over the model: the interface, the errors and the bounded waits of `lienthong.kernel.bus`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self, TypeVar, cast
from zlib import crc32

from lienthong.kernel.bus import Appended, Bus, Connect, KafkaSettings, Mark, Publisher, Reader, Row
from lienthong.kernel.errors import InvariantError, RejectedError, UnavailableError
from lienthong.kernel.ledger import Record
from lienthong.kernel.pace import Pace
from lienthong.kernel.pieces import Pieces
from lienthong.kernel.reasons import Reason
from lienthong.kernel.topics import Partition, TopicSettings
from simulation.kafka import BatchId, ModelRecord, OutOfRangeError, RowTooLargeError, UnknownTopicError, size_of
from simulation.network import Answer, Network

__all__ = ["ModelBus", "connector"]

_Result = TypeVar("_Result")
_HELD_SECONDS = 0.3
"""Longest time that one partition's answer takes more than the others'."""


def connector(network: Network, *, batch_bytes: int | None = None) -> Connect:
    """What stands for `Bus.connect` in a simulated world.

    Args:
        network: the way to the model.
        batch_bytes: largest batch of a publisher; None: as in production.
    """

    @asynccontextmanager
    async def connect(settings: KafkaSettings, name: str) -> AsyncIterator[Bus]:
        bus = ModelBus(settings, name, network, batch_bytes)
        await bus.reach()
        yield bus

    return connect


class ModelBus(Bus):
    """A connection to the model. `lanes` and `scan` are the production code."""

    def __init__(self, settings: KafkaSettings, name: str, network: Network, batch_bytes: int | None) -> None:
        super().__init__(settings, name)
        self._network = network
        self._batch_bytes = batch_bytes
        self._seconds = settings.timeout_seconds

    async def reach(self) -> None:
        """Ask for anything, to see that somebody answers."""
        await self._network.request(lambda: None, self._seconds, "Kafka")

    async def close(self) -> None:
        """There is nothing to close."""

    async def partition_counts(self, topics: Iterable[str]) -> dict[str, int]:
        """Number of partitions of each of the topics that exist, as far as the broker asked knows."""
        names, network = sorted(set(topics)), self._network

        def count() -> dict[str, int]:
            found = {name: network.brokers.partition_count(name) for name in names}
            return {name: count for name, count in found.items() if count and network.knows(name)}

        return await network.request(count, self._seconds, "Kafka")

    async def replication(self, topic: str) -> int:
        """Number of copies."""
        return await self._network.request(lambda: self._network.brokers.replication(topic), self._seconds, "Kafka")

    async def brokers(self) -> int:
        """Number of brokers that are there."""
        return await self._network.request(self._network.present, self._seconds, "Kafka")

    async def topic_names(self) -> set[str]:
        """Names of all topics."""
        return await self._network.request(self._network.brokers.topic_names, self._seconds, "Kafka")

    async def generations(self, topics: Sequence[str]) -> dict[str, str]:
        """Ids of the topics that exist, as far as the broker asked knows."""
        network = self._network

        def identify() -> dict[str, str]:
            found = {name: network.brokers.generation(name) for name in topics}
            return {name: found_id for name, found_id in found.items() if found_id and network.knows(name)}

        return await network.request(identify, self._seconds, "Kafka")

    async def create_topics(self, topics: Sequence[TopicSettings], *, replication: int) -> list[str]:
        """Create topics and wait until they are there."""
        network = self._network
        existing = await self.topic_names()
        missing = [topic for topic in topics if topic.name not in existing]
        if not missing:
            return []

        def create() -> list[str]:
            created = [topic.name for topic in missing if network.brokers.create(topic, replication)]
            for name in created:
                network.created(name)
                network.history.note("kafka", f"created {name}")
            return created

        created = await network.request(create, self._seconds, "Kafka", writes=True)
        await self._until({topic.name: topic.partitions for topic in missing if topic.name in created})
        return created

    async def delete_topics(self, topics: Sequence[str]) -> None:
        """Delete topics."""

        def delete() -> None:
            for name in topics:
                self._network.brokers.delete(name)

        await self._network.request(delete, self._seconds, "Kafka", writes=True)

    async def _until(self, counts: Mapping[str, int]) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._shows(counts)
        except TimeoutError as error:
            raise UnavailableError("no answer in time: Kafka") from error

    def publisher(self, name: str = "", *, quarantine: bool = False) -> Publisher:
        """A publisher."""
        production = super().publisher(name, quarantine=quarantine)
        size = min(self._batch_bytes or production._batch_bytes, production._batch_bytes)
        return ModelPublisher(self.settings, production._name, size, self.pieces, self._network)

    def reader(
        self,
        *,
        group: str | None = None,
        rest_ms: int = 0,
        always_rest: bool = False,
        max_wait_ms: int = 500,  # noqa: ARG002 - the model tells at once
        fair: bool = False,  # noqa: ARG002 - nor is there much of any partition
    ) -> Reader:
        """A reader."""
        return ModelReader(
            self.settings, f"{self._name}", group, Pace(rest_ms / 1000, always=always_rest), self._network
        )

    async def sweep(
        self, ranges: Mapping[Partition, tuple[int, int]]
    ) -> AsyncIterator[tuple[Partition, Sequence[Record]]]:
        """As a scan: the model knows no batches on the way."""
        async for records in self.scan(ranges):
            if records:
                yield Partition(records[0].topic, records[0].partition), records


class ModelPublisher(Publisher):
    """Appends in batches; each partition's batches one after the other, those of several beside each other."""

    def __init__(self, settings: KafkaSettings, name: str, batch_bytes: int, pieces: Pieces, network: Network) -> None:
        super().__init__(settings, name, batch_bytes, pieces)
        self._network = network
        self._id = 0
        self._number = 0

    async def __aenter__(self) -> Self:
        await self._begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._id = 0

    async def _begin(self) -> None:
        await self._network.request(lambda: None, self._settings.timeout_seconds, "Kafka")
        self._id = self._network.new_producer()

    async def know(self, topics: Iterable[str]) -> None:
        """Metadata of topics."""
        self._topics.update(topics)
        if not self._id:
            await self._begin()
        await self._network.request(lambda: None, self._settings.timeout_seconds, "metadata of the topics")

    async def append(self, rows: Mapping[Partition, Sequence[Row]]) -> dict[Partition, Appended]:
        """Append rows and wait for the acknowledgements."""
        if not self._id:
            await self._begin()
        unknown = {partition.topic for partition in rows} - self._topics
        try:
            if unknown:
                await self.know(unknown)
            async with asyncio.timeout(self._settings.timeout_seconds):
                return await self._send(rows)
        except TimeoutError as error:
            self._throw_away()
            raise UnavailableError("no answer in time: the acknowledgement of a write") from error
        except RowTooLargeError as error:
            self._throw_away()
            raise RejectedError(Reason.OVERSIZE, "the broker refused a batch for its size") from error
        except UnknownTopicError as error:
            self._throw_away()
            raise UnavailableError(f"there is no topic {error}") from error
        except BaseException:
            self._throw_away()
            raise

    def _throw_away(self) -> None:
        self._id = 0
        self.recreated += 1

    async def _send(self, rows: Mapping[Partition, Sequence[Row]]) -> dict[Partition, Appended]:
        seconds = self._settings.timeout_seconds
        batches = {partition: self._batches(some) for partition, some in rows.items()}
        first = {partition: self._send_batch(partition, some[0]) for partition, some in batches.items()}
        appended: dict[Partition, Appended] = {}
        for partition, some in batches.items():
            done = await self._network.answered(first[partition], seconds=seconds, what="a write")
            appended[partition] = done
            for batch in some[1:]:
                more = await self._network.answered(self._send_batch(partition, batch), seconds=seconds, what="a write")
                appended[partition] = Appended(done.first, more.last)
        return appended

    def _batches(self, rows: Sequence[Row]) -> list[list[Row]]:
        batches: list[list[Row]] = [[]]
        size = 0
        for row in rows:
            more = size_of(row)
            if batches[-1] and size + more > self._batch_bytes:
                batches.append([])
                size = 0
            batches[-1].append(row)
            size += more
        return batches

    def _send_batch(self, partition: Partition, rows: Sequence[Row]) -> "asyncio.Future[Answer[Appended]]":
        network = self._network
        self._number += 1
        batch = BatchId(self._id, self._number)

        def write() -> Appended:
            before = network.brokers.end(partition)
            done = network.brokers.append(partition, batch, rows, at=network.clock())
            if done.first == before:
                check = 0
                for row in rows:
                    check = crc32(row.value or b"", check)
                    for name, value in row.headers:
                        check = crc32(value, crc32(name.encode(), check))
                network.history.note(
                    self._name, f"appended {partition.topic} {partition.number} {done.first}-{done.last} {check:08x}"
                )
                network.tell(partition)
            return done

        return network.send(write, node=network.leader(partition), seconds=self._settings.timeout_seconds, writes=True)


class ModelReader(Reader):
    """Reads from the model; what several partitions hold arrives in any order and in pieces."""

    def __init__(self, settings: KafkaSettings, name: str, group: str | None, pace: Pace, network: Network) -> None:
        # Not the production reader's: it makes a consumer of aiokafka.
        self._settings = settings
        self._pace = pace
        self._name = name
        self._group = group
        self._network = network
        self._positions: dict[Partition, int] = {}
        self._paused: set[Partition] = set()
        self._held: dict[Partition, float] = {}
        self._ends: dict[Partition, int] = {}

    async def __aenter__(self) -> Self:
        await self._ask(lambda: None)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._positions = {}

    async def _ask(self, action: Callable[[], _Result], node: int | None = None, *, writes: bool = False) -> _Result:
        try:
            return await self._network.request(
                action, self._settings.timeout_seconds, "Kafka", node=node, writes=writes
            )
        except UnknownTopicError as error:
            raise UnavailableError(f"there is no topic {error}") from error

    async def assign(self, positions: Mapping[Partition, int]) -> None:
        """Read these partitions and no others."""
        # In one order, whatever the order of the caller's set.
        self._positions = dict(sorted(positions.items()))
        self._paused, self._held = set(), {}

    async def committed(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """What the group has committed."""
        group = self._group
        if group is None:
            raise AssertionError("a reader without a group has committed nothing")
        wanted, brokers = list(partitions), self._network.brokers
        found = await self._ask(
            lambda: {one: brokers.committed(group, one) for one in wanted}, self._network.node_of(group)
        )
        return {one: offset for one, offset in found.items() if offset is not None}

    async def marks(self, partitions: Collection[Partition]) -> dict[Partition, Mark]:
        """What the group has committed, and the notes beside it."""
        group, brokers = self._group, self._network.brokers
        if group is None:
            raise AssertionError("a reader without a group has committed nothing")
        found = await self._ask(
            lambda: {one: (brokers.committed(group, one), brokers.note(group, one)) for one in partitions},
            self._network.node_of(group),
        )
        return {one: Mark(offset, note) for one, (offset, note) in found.items() if offset is not None}

    async def begins(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """First offsets."""
        return await self._ask(lambda: {one: self._network.brokers.begin(one) for one in partitions})

    async def ends(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """Next offsets."""
        return await self._ask(lambda: {one: self._network.brokers.end(one) for one in partitions})

    async def offsets_at(self, moments: Mapping[Partition, int]) -> dict[Partition, int | None]:
        """Offsets by time."""
        brokers = self._network.brokers
        return await self._ask(lambda: {one: brokers.offset_at(one, moment) for one, moment in moments.items()})

    async def position(self, partition: Partition) -> int:
        """What is read next."""
        return self._positions[partition]

    def lag(self, partition: Partition) -> int:
        """As far as the last answer told."""
        position = self._positions.get(partition)
        return 0 if position is None else max(0, self._ends.get(partition, 0) - position)

    def pause(self, partition: Partition) -> None:
        """Fetch no more of it."""
        self._paused.add(partition)

    def seek(self, positions: Mapping[Partition, int]) -> None:
        """Read on from here."""
        self._positions.update(positions)

    async def take(self, timeout_seconds: float, max_records: int) -> dict[Partition, list[Record]]:
        """What has arrived."""
        loop = asyncio.get_running_loop()
        if rest := self._pace.rest(loop.time()):
            await asyncio.sleep(rest)
        until = loop.time() + timeout_seconds
        rounds = self._fetch(max_records)
        while not rounds and (left := until - loop.time()) > 0:
            held = min((moment for moment in self._held.values()), default=until)
            await self._network.news(
                [one for one in self._positions if one not in self._paused], max(0.001, min(left, held - loop.time()))
            )
            rounds = self._fetch(max_records)
        if rounds and (delay := self._network.latency()):
            await asyncio.sleep(delay)
        for partition, records in rounds.items():
            # A seek, or another assignment, while the answer was on its way makes it worthless.
            if self._positions.get(partition) != records[0].offset:
                return {}
        for partition, records in rounds.items():
            self._positions[partition] = records[-1].offset + 1
        # Without processor time: how fast this machine is must not decide anything here.
        self._pace.took(sum(map(len, rounds.values())), now=loop.time(), cpu=0.0)
        return cast("dict[Partition, list[Record]]", rounds)

    def _fetch(self, most: int) -> dict[Partition, list[ModelRecord]]:
        network, now = self._network, asyncio.get_running_loop().time()
        self._held = {one: moment for one, moment in self._held.items() if moment > now}
        rounds: dict[Partition, list[ModelRecord]] = {}
        for partition, position in self._positions.items():
            if most <= 0 or partition in self._paused or partition in self._held:
                continue
            if network.is_away(network.leader(partition)):
                continue
            try:
                records = network.brokers.fetch(partition, position, most)
                self._ends[partition] = network.brokers.end(partition)
            except OutOfRangeError as error:
                raise InvariantError(
                    f"the log does not hold the next offset any more: {partition} {position};"
                    " it was truncated or made again"
                ) from error
            except UnknownTopicError:
                continue
            if not records:
                continue
            if network.weather.slow:
                drawn = network.draw()
                if drawn < network.weather.slow:
                    self._held[partition] = now + drawn / network.weather.slow * _HELD_SECONDS
                    continue
                if drawn > 0.7:
                    records = records[: 1 + int((drawn - 0.7) / 0.3 * len(records))]
            rounds[partition] = list(records)
            most -= len(records)
        return rounds

    async def commit(self, positions: Mapping[Partition, int], notes: Mapping[Partition, str] | None = None) -> None:
        """Store positions under the group, and notes beside them."""
        group, network = self._group, self._network
        if group is None:
            raise AssertionError("a reader without a group commits nothing")
        if not positions.keys() <= self._positions.keys():
            raise UnavailableError("Kafka: only what was assigned is committed")

        def store() -> None:
            network.brokers.commit(group, positions, notes or {})
            said = " ".join(f"{one.topic}-{one.number}={offset}" for one, offset in sorted(positions.items()))
            network.history.note(self._name, f"committed {group} {said}")

        await self._ask(store, network.node_of(group), writes=True)
