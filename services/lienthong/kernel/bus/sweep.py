"""Reads ranges of partitions that are there already, as fast as Python can.

A consumer is made for what is still to come: it keeps positions, wakes waiters and makes an object of
twelve fields for each record, which costs three times what reading the record does. Here ranges are
known from the start, so whole batches are asked for, unpacked and handed on.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, TypeAlias, TypeVar

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, NoError, OffsetOutOfRangeError, for_code
from aiokafka.protocol.fetch import FetchRequest

from lienthong.kernel.bus.batches import KeptRecord, unpack
from lienthong.kernel.bus.mended import mend
from lienthong.kernel.bus.settings import KafkaSettings
from lienthong.kernel.bus.translation import BELIEVE_SECONDS, CLOSE_SECONDS, translated, unavailable, within
from lienthong.kernel.errors import InvariantError, UnavailableError
from lienthong.kernel.topics import Partition

__all__ = ["sweep"]

_FETCH_BYTES = 524_288
_TOGETHER = 16
"""Most partitions of one request: the first ones fill the answer, and each one costs something."""
_WAIT_MS = 100
_RETRY_SECONDS = 0.1
_READ_UNCOMMITTED = 0
"""There are no transactions here, and an open one of somebody else must not freeze a reader."""

_Found: TypeAlias = list[tuple[Partition, Sequence[KeptRecord]]]
_Value = TypeVar("_Value")


async def sweep(
    settings: KafkaSettings, name: str, ranges: Mapping[Partition, tuple[int, int]], *, fetch_bytes: int = _FETCH_BYTES
) -> AsyncGenerator[tuple[Partition, Sequence[KeptRecord]], None]:
    """Read each partition from a first offset up to, not including, an end.

    Args:
        settings: where Kafka is.
        name: client id, seen in the brokers' logs.
        ranges: what to read.
        fetch_bytes: most bytes of one answer, and so, within a small multiple, of what is in memory, as the next one
            comes while one is worked on; at least one batch comes whatever its size.

    Yields:
        Some records of one partition, in order.

    Raises:
        UnavailableError: nothing came for the settings' time-out.
        InvariantError: an offset asked for is not in the log any more.
    """
    left = {partition: span for partition, span in ranges.items() if span[0] < span[1]}
    if not left:
        return
    sweeping = _Sweep(settings, name, left, fetch_bytes)
    try:
        await sweeping.connect()
        async with aclosing(_ahead(sweeping.run())) as answers:
            async for some in answers:
                for found in some:
                    yield found
    finally:
        await sweeping.close()


async def _ahead(answers: AsyncGenerator[_Value, None]) -> AsyncGenerator[_Value, None]:
    """The same answers; the next one is on its way while whoever asked works on one."""

    async def ask() -> _Value | None:
        return await anext(answers, None)

    coming = asyncio.create_task(ask())
    try:
        while (some := await coming) is not None:
            coming = asyncio.create_task(ask())
            await asyncio.sleep(0)  # so that the request is written before the work begins
            yield some
    finally:
        coming.cancel()
        await asyncio.wait([coming])
        if not coming.cancelled():
            coming.exception()  # nobody asks for it any more, and asyncio would complain
        await answers.aclose()


class _Sweep:
    def __init__(
        self, settings: KafkaSettings, name: str, left: dict[Partition, tuple[int, int]], fetch_bytes: int
    ) -> None:
        self._settings = settings
        self._what = f"Kafka at {settings.bootstrap}"
        self._client = AIOKafkaClient(**settings.client_options(name))
        mend(self._client)
        self._left = left
        self._fetch_bytes = fetch_bytes
        self._trouble: BaseException | None = None
        self._beyond_since: dict[Partition, float] = {}

    async def connect(self) -> None:
        await translated(self._client.bootstrap(), self._settings.timeout_seconds, self._what)
        await translated(
            self._client.set_topics({one.topic for one in self._left}), self._settings.timeout_seconds, self._what
        )

    async def close(self) -> None:
        await within(CLOSE_SECONDS, self._client.close())

    async def run(self) -> AsyncGenerator[_Found, None]:
        """What came with each answer, in order within a partition."""
        now = asyncio.get_running_loop().time
        quiet_since = now()
        while self._left:
            for node, partitions in self._by_leader().items():
                found: _Found = []
                for partition, answer in self._answers(await self._send(node, partitions)):
                    first, end = self._left[partition]
                    try:
                        records, after = unpack(answer, partition, first, end)
                    except KafkaError as error:
                        raise unavailable(error, self._what) from error
                    if after > first:
                        quiet_since = now()
                        self._beyond_since.pop(partition, None)
                    if after < end:
                        self._left[partition] = (after, end)
                    else:
                        del self._left[partition]
                    if records:
                        found.append((partition, records))
                yield found
            if self._trouble is not None or now() - quiet_since > self._settings.timeout_seconds:
                await self._recover(now() - quiet_since)

    def _by_leader(self) -> dict[int, list[Partition]]:
        """What to ask of which node next."""
        found: dict[int, list[Partition]] = {}
        for partition in self._left:
            node = self._client.cluster.leader_for_partition(TopicPartition(*partition))
            if node is None or node < 0:
                self._trouble = UnavailableError(f"{partition.topic} lane {partition.number} has no leader")
            elif len(found.setdefault(node, [])) < _TOGETHER:
                found[node].append(partition)
        return found

    async def _send(self, node: int, partitions: list[Partition]) -> Any:
        """The node's answer, or None if there is trouble that may pass."""
        by_topic: dict[str, list[tuple[int, int, int]]] = {}
        for partition in partitions:
            by_topic.setdefault(partition.topic, []).append(
                (partition.number, self._left[partition][0], self._fetch_bytes)
            )
        request = FetchRequest(_WAIT_MS, 1, self._fetch_bytes, _READ_UNCOMMITTED, list(by_topic.items()))
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                return await self._client.send(node, request)
        except (KafkaError, TimeoutError, OSError) as error:
            self._note(error)
            return None

    def _answers(self, response: Any) -> Iterator[tuple[Partition, bytes]]:
        for topic, answers in response.topics if response is not None else ():
            for number, code, _, *rest in answers:
                partition = Partition(topic, number)
                error = for_code(code)
                if error is OffsetOutOfRangeError:
                    self._note_beyond(partition)
                elif error is not NoError:
                    self._note(error())
                elif rest[-1]:
                    yield partition, rest[-1]

    def _note_beyond(self, partition: Partition) -> None:
        """Remember that the log does not hold what was asked for; raise when it has been said long enough."""
        now = asyncio.get_running_loop().time()
        if now - self._beyond_since.setdefault(partition, now) >= BELIEVE_SECONDS:
            raise InvariantError(
                f"the log does not hold the next offset any more: {partition.topic} lane {partition.number} offset"
                f" {self._left[partition][0]}; it was truncated or made again"
            )
        self._trouble = UnavailableError(f"{partition.topic} lane {partition.number}: a broker has not caught up")

    def _note(self, error: BaseException) -> None:
        """Remember trouble that may pass; raise what will not."""
        if isinstance(error, KafkaError) and not error.retriable:
            raise unavailable(error, self._what) from error
        self._trouble = error

    async def _recover(self, quiet_seconds: float) -> None:
        """Wait a little and look up leaders anew, or give up.

        Raises:
            UnavailableError: nothing came for too long.
        """
        trouble, self._trouble = self._trouble, None
        if quiet_seconds > self._settings.timeout_seconds:
            raise UnavailableError(
                f"no record of {min(self._left)} came for {quiet_seconds:.0f} s" + (f": {trouble}" if trouble else "")
            ) from trouble
        await asyncio.sleep(_RETRY_SECONDS)
        await translated(self._client.force_metadata_update(), self._settings.timeout_seconds, self._what)
