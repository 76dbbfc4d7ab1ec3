"""Appends rows in batches: acks of all in-sync copies, idempotent, bounded waits."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, NamedTuple, Self

from aiokafka import AIOKafkaProducer

from lienthong.kernel.bus.mended import mend
from lienthong.kernel.bus.settings import KafkaSettings
from lienthong.kernel.bus.translation import CLOSE_SECONDS, translated, within
from lienthong.kernel.ledger import Headers
from lienthong.kernel.pieces import Pieces
from lienthong.kernel.topics import Partition

__all__ = ["Appended", "Publisher", "Row"]

_BYTES_ON_THE_WAY = 8_388_608
"""Most bytes sent and not acknowledged. A broker gets all that waits for it in one request, and closes the
connection at `socket.request.max.bytes`; a large document to very many inboxes would never arrive."""


class Row(NamedTuple):
    """One record to append: value (or none) and headers."""

    value: bytes | None
    headers: Headers = ()
    key: bytes | None = None


class Appended(NamedTuple):
    """Offsets of the first and the last of the records appended to one partition.

    They lie side by side unless somebody else wrote between two batches.
    """

    first: int
    last: int


class Publisher:
    """Appends rows in batches: acks of all in-sync copies, idempotent, bounded waits.

    Not for concurrent use: one task appends at a time, so that order is what the task says.
    """

    def __init__(self, settings: KafkaSettings, name: str, batch_bytes: int, pieces: Pieces) -> None:
        self._settings = settings
        self._name = name
        self._batch_bytes = batch_bytes
        self._pieces = pieces
        self._producer: AIOKafkaProducer | None = None
        self._topics: set[str] = set()
        self.recreated = 0
        """How many times a producer that failed was thrown away."""

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._producer is not None:
            producer, self._producer = self._producer, None
            await _discard(producer)

    async def _open(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **self._settings.client_options(self._name),
            acks="all",
            enable_idempotence=True,
            max_batch_size=self._batch_bytes,
            max_request_size=2 * self._batch_bytes,
            linger_ms=0,
            compression_type=None,
        )
        mend(producer.client)
        try:
            await translated(producer.start(), self._settings.timeout_seconds, f"Kafka at {self._settings.bootstrap}")
            await self._know(producer, self._topics)
        except BaseException:
            await _discard(producer)
            raise
        self._producer = producer
        return producer

    async def know(self, topics: Iterable[str]) -> None:
        """Fetch the metadata of all topics at once; one by one costs the square of their number."""
        self._topics.update(topics)
        await self._know(self._producer or await self._open(), self._topics)

    async def _know(self, producer: AIOKafkaProducer, topics: set[str]) -> None:
        if topics:
            await translated(
                producer.client.set_topics(topics), self._settings.timeout_seconds, "metadata of the topics"
            )

    async def append(self, rows: Mapping[Partition, Sequence[Row]]) -> dict[Partition, Appended]:
        """Append rows, those of one partition in order, and wait until all copies in sync have them.

        Raises:
            UnavailableError: no answer in time. Whether the rows were written is **unknown**; append
                them again and let the reader's comparison drop the repeats.
            RejectedError: OVERSIZE, the broker refuses a row for its size; nothing of its partition after
                it was written.
        """
        unknown = {partition.topic for partition in rows} - self._topics
        producer = self._producer or await self._open()
        try:
            if unknown:
                await self.know(unknown)
            return await translated(
                self._append(producer, rows), self._settings.timeout_seconds, "the acknowledgement of a write"
            )
        except BaseException:
            # Wedged or not, this producer's state is unknown: the next append starts with a fresh one.
            self._producer = None
            self.recreated += 1
            await _discard(producer)
            raise

    async def _append(
        self, producer: AIOKafkaProducer, rows: Mapping[Partition, Sequence[Row]]
    ) -> dict[Partition, Appended]:
        pending: list[tuple[Partition, int, asyncio.Future[Any]]] = []
        appended: dict[Partition, Appended] = {}
        on_the_way = 0

        async def settle() -> None:
            for partition, count, future in pending:
                base = (await future).offset
                first = appended[partition].first if partition in appended else base
                appended[partition] = Appended(first, base + count - 1)
            pending.clear()

        for partition, some in rows.items():
            topic, number = partition
            batch = producer.create_batch()
            add = batch.append
            count = 0
            async for piece in self._pieces.cut(some, light=True):
                for value, headers, key in piece:
                    if add(timestamp=None, key=key, value=value, headers=list(headers)) is None:
                        pending.append((partition, count, await producer.send_batch(batch, topic, partition=number)))
                        on_the_way += batch.size()
                        if on_the_way > _BYTES_ON_THE_WAY:
                            await settle()
                            on_the_way = 0
                        batch = producer.create_batch()
                        add = batch.append
                        count = 0
                        # An empty batch takes any row; one too large for the topic is refused by the broker.
                        add(timestamp=None, key=key, value=value, headers=list(headers))
                    count += 1
            pending.append((partition, count, await producer.send_batch(batch, topic, partition=number)))
            on_the_way += batch.size()
            if on_the_way > _BYTES_ON_THE_WAY:
                await settle()
                on_the_way = 0
        await settle()
        return appended


async def _discard(producer: AIOKafkaProducer) -> None:
    """Throw a producer away without flushing: what is pending has an unknown outcome anyhow."""
    producer._closed = True  # noqa: SLF001 - `stop` would wait for pending batches, perhaps for ever
    sender = producer._sender  # noqa: SLF001
    if sender is not None and sender.sender_task is not None:
        sender.sender_task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await asyncio.wait([sender.sender_task], timeout=CLOSE_SECONDS)
        await within(CLOSE_SECONDS, sender.close())
    await within(CLOSE_SECONDS, producer.client.close())
