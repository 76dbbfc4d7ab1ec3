"""Reads partitions that it is told to, from offsets that it is told; commits only when asked."""

import asyncio
import time
from collections.abc import Awaitable, Collection, Iterable, Mapping
from types import TracebackType
from typing import Any, NamedTuple, NoReturn, Self, TypeVar, cast

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from lienthong.kernel.bus.fetch_sessions import Sessions
from lienthong.kernel.bus.mended import mend
from lienthong.kernel.bus.settings import KafkaSettings
from lienthong.kernel.bus.translation import BELIEVE_SECONDS, CLOSE_SECONDS, translated, unavailable, within
from lienthong.kernel.errors import InvariantError, UnavailableError
from lienthong.kernel.ledger import Record
from lienthong.kernel.pace import Pace
from lienthong.kernel.topics import Partition

__all__ = ["Mark", "Reader"]

_Result = TypeVar("_Result")
_LOOK_SECONDS = 0.2


def _told(positions: Mapping[Partition, int]) -> str:
    return ", ".join(f"{one.topic} lane {one.number} offset {offset}" for one, offset in positions.items())


class Mark(NamedTuple):
    """What a group has committed for a partition."""

    offset: int
    """To be read next."""
    note: str
    """Kept beside it; empty if there is none."""


class Reader:
    """Reads partitions that it is told to, from offsets that it is told; commits only when asked."""

    def __init__(
        self,
        settings: KafkaSettings,
        options: dict[str, Any],
        group: str | None,
        pace: Pace,
        max_wait_ms: int,
        *,
        fair: bool = False,
    ) -> None:
        self._settings = settings
        self._fair = fair
        self._pace = pace
        self._assigned: set[str] = set()
        self._known: set[str] = set()
        self._consumer = AIOKafkaConsumer(
            **options,
            group_id=group,
            enable_auto_commit=False,
            # Where to begin is always said; a position outside the log is an alarm, not a default.
            auto_offset_reset="none",
            # There are no transactions here, and an open one of somebody else must not freeze a reader.
            isolation_level="read_uncommitted",
            fetch_min_bytes=1,
            fetch_max_wait_ms=max_wait_ms,
            fetch_max_bytes=8_388_608,
            max_partition_fetch_bytes=2_097_152,
            check_crcs=True,
        )
        client = self._consumer._client  # noqa: SLF001 - there is no public way
        mend(client)
        self._sessions = Sessions(client)

    async def __aenter__(self) -> Self:
        try:
            await self._reach(self._consumer.start())
        except BaseException:
            await within(CLOSE_SECONDS, self._consumer.stop())
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await within(CLOSE_SECONDS, self._consumer.stop())
        # Whatever ended its fetcher also ended `stop` before this.
        await within(CLOSE_SECONDS, self._consumer._client.close())  # noqa: SLF001

    async def _reach(self, action: Awaitable[_Result]) -> _Result:
        return await translated(action, self._settings.timeout_seconds, f"Kafka at {self._settings.bootstrap}")

    async def assign(self, positions: Mapping[Partition, int]) -> None:
        """Read these partitions, each from its offset, and no others."""
        self._assigned = {partition.topic for partition in positions}
        # The consumer forgets how far each partition goes, which `lag` tells.
        self._sessions.begin_anew()
        self._consumer.assign([TopicPartition(*partition) for partition in positions])
        self._known = set(self._assigned)
        for partition, offset in positions.items():
            self._consumer.seek(TopicPartition(*partition), offset)

    async def committed(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Offsets committed under this reader's group; partitions without one are left out."""
        found = {}
        for partition in partitions:
            offset = await self._reach(self._consumer.committed(TopicPartition(*partition)))
            if offset is not None:
                found[partition] = cast("int", offset)
        return found

    async def _know(self, partitions: Iterable[Partition]) -> None:
        """Fetch the metadata of all topics at once; aiokafka waits 100 ms for each leader it does not know."""
        topics = {partition.topic for partition in partitions}
        client = self._consumer._client  # noqa: SLF001 - there is no public way
        if topics - self._known:
            self._known |= topics
            await self._reach(client.set_topics(self._known | self._assigned))

    async def begins(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """First offset in the log of each partition."""
        await self._know(partitions)
        answer = await self._reach(self._consumer.beginning_offsets([TopicPartition(*one) for one in partitions]))
        return {Partition(*partition): offset for partition, offset in answer.items()}

    async def ends(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """Offset that the next record of each partition will get."""
        await self._know(partitions)
        answer = await self._reach(self._consumer.end_offsets([TopicPartition(*one) for one in partitions]))
        return {Partition(*partition): offset for partition, offset in answer.items()}

    async def offsets_at(self, moments: Mapping[Partition, int]) -> dict[Partition, int | None]:
        """First offset of each partition appended at or after a time in milliseconds; None if there is none."""
        await self._know(moments)
        answer = await self._reach(
            self._consumer.offsets_for_times({TopicPartition(*one): moment for one, moment in moments.items()})
        )
        return {Partition(*one): found.offset if found else None for one, found in answer.items()}

    async def position(self, partition: Partition) -> int:
        """Offset that will be read next."""
        return cast("int", await self._reach(self._consumer.position(TopicPartition(*partition))))

    def lag(self, partition: Partition) -> int:
        """Records between the position and the end of the log, as far as the last fetch told."""
        tp = TopicPartition(*partition)
        state = self._consumer._subscription.subscription  # noqa: SLF001 - `position` would wait
        position = state.assignment.state_value(tp)._position if state else None  # noqa: SLF001
        end = self._consumer.highwater(tp)
        return max(0, end - position) if end is not None and position is not None else 0

    def pause(self, partition: Partition) -> None:
        """Fetch no more of a partition."""
        self._consumer.pause(TopicPartition(*partition))

    def seek(self, positions: Mapping[Partition, int]) -> None:
        """Read on from these offsets."""
        for partition, offset in positions.items():
            self._consumer.seek(TopicPartition(*partition), offset)

    async def take(self, timeout_seconds: float, max_records: int) -> dict[Partition, list[Record]]:
        """What has arrived, in order within a partition; empty when nothing came in time.

        Raises:
            InvariantError: a position lies outside the log: the topic was truncated or made again.
            UnavailableError: Kafka answers with an error that waiting may heal, or the consumer has ended by itself:
                nothing would come any more.
        """
        loop = asyncio.get_running_loop()
        if (ended := self._consumer._fetcher.error_future).done():  # noqa: SLF001 - there is no public way
            raise UnavailableError(f"reading from Kafka at {self._settings.bootstrap} has ended: {ended}")
        if rest := self._pace.rest(loop.time()):
            await asyncio.sleep(rest)
        try:
            timeout_ms = int(timeout_seconds * 1000)
            if self._fair:
                rounds = await self._take_fairly(timeout_ms, max_records)
            else:
                rounds = await self._consumer.getmany(timeout_ms=timeout_ms, max_records=max_records)
        except OffsetOutOfRangeError as error:
            await self._out_of_range({Partition(*tp): offset for tp, offset in error.args[0].items()})
        except KafkaError as error:
            raise unavailable(error, f"Kafka at {self._settings.bootstrap}") from error
        self._pace.took(sum(map(len, rounds.values())), now=loop.time(), cpu=time.process_time())
        return {Partition(*partition): records for partition, records in rounds.items()}

    async def _out_of_range(self, positions: Mapping[Partition, int]) -> NoReturn:
        """Look whether the log really does not hold these offsets, and raise what `take` says.

        See `BELIEVE_SECONDS`.
        """
        loop = asyncio.get_running_loop()
        believe_at = loop.time() + BELIEVE_SECONDS
        while True:
            await self._reach(self._consumer._client.force_metadata_update())  # noqa: SLF001 - there is no public way
            begins, ends = await self.begins(positions), await self.ends(positions)
            lost = {one: offset for one, offset in positions.items() if not begins[one] <= offset <= ends[one]}
            if not lost:
                raise UnavailableError(
                    f"a broker has not caught up: it did not hold {_told(positions)}, which is there"
                )
            if loop.time() >= believe_at or any(offset < begins[one] for one, offset in lost.items()):
                raise InvariantError(
                    f"the log does not hold the next offset any more: {_told(lost)}; it was truncated or made again"
                )
            await asyncio.sleep(_LOOK_SECONDS)

    async def marks(self, partitions: Collection[Partition]) -> dict[Partition, Mark]:
        """Offsets committed under this reader's group with their notes; partitions without one are left out."""
        asked = [TopicPartition(*one) for one in partitions]
        coordinator = self._consumer._coordinator  # noqa: SLF001 - `committed` leaves the notes away
        answer = await self._reach(coordinator.fetch_committed_offsets(asked))
        return {Partition(*one): Mark(found.offset, found.metadata) for one, found in answer.items()}

    async def _take_fairly(self, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Any]]:
        """Something of every partition that has something, however much others have.

        `getmany` empties what one partition has, up to some thousands of records, before it looks at the
        next. Here each gets an equal share first, what is left over goes round again, and what still has
        records after its share stands behind the others in the next round.
        """
        arrived = self._consumer._fetcher._records  # noqa: SLF001 - there is no public way to take a share
        take = self._consumer._fetcher.fetched_records  # noqa: SLF001
        errors = [tp for tp, one in arrived.items() if type(one) is not FetchResult]
        if errors:
            await take(errors, 0)  # raises the first of them
        rounds: dict[TopicPartition, list[Any]] = {}
        if not arrived:
            rounds.update(await self._consumer.getmany(timeout_ms=timeout_ms, max_records=1))
        left = max_records - len(rounds)
        while left and (waiting := [tp for tp, one in arrived.items() if type(one) is FetchResult]):
            share = max(1, left // len(waiting))
            for tp in waiting[:left]:
                for found in (await take([tp], 0, min(share, left))).values():
                    rounds.setdefault(tp, []).extend(found)
                    left -= len(found)
                if tp in arrived:
                    arrived.move_to_end(tp)
        return rounds

    async def commit(self, positions: Mapping[Partition, int], notes: Mapping[Partition, str] | None = None) -> None:
        """Store the offset to be read next of each partition under this reader's group.

        Args:
            positions: offsets.
            notes: for some of these partitions a text of at most 4,096 bytes to be kept beside the offset,
                until the next commit of the partition.

        Raises:
            UnavailableError: no answer in time; whether it was stored is unknown.
        """
        told = notes or {}
        await self._reach(
            self._consumer.commit({TopicPartition(*one): (at, told.get(one, "")) for one, at in positions.items()})
        )
