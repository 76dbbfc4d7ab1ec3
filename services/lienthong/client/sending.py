"""Sending: what is handed over is stored at once, sealed in batches, and appended until Kafka has it."""

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import NamedTuple, TypeAlias

from lienthong.client.rows import Outgoing
from lienthong.client.store import Store
from lienthong.kernel.bus import Bus, Publisher, Row
from lienthong.kernel.clock import Clock
from lienthong.kernel.envelope import encode_envelope, envelope_id
from lienthong.kernel.errors import RejectedError, UnavailableError
from lienthong.kernel.keys import SigningKey
from lienthong.kernel.lanes import EXPRESS_LANE
from lienthong.kernel.limits import ACCEPTANCE_WINDOW_MS, FUTURE_TOLERANCE_MS
from lienthong.kernel.seal import Purpose, seal_batch
from lienthong.kernel.statement import decode_statement, encode_statement
from lienthong.kernel.topics import Partition, outbox

__all__ = ["BATCH_BYTES", "BATCH_STATEMENTS", "Identity", "Sender"]

_log = logging.getLogger(__name__)
BATCH_STATEMENTS = 500
"""Most statements under one seal."""
BATCH_BYTES = 4_194_304
"""Most bytes of them; one that is larger goes alone."""
_COLLECT_SECONDS = 0.004
"""How long ordinary statements wait for company under one seal."""
_UNSENT_BYTES = 67_108_864
_UNSENT_STATEMENTS = 20_000
_LONG_SECONDS = 5.0
"""Kafka may keep a write waiting without an error, for instance when too few copies are in sync."""
_STORED_TOGETHER = 500
"""Most statements of several hand-overs in one transaction: an express one waits for it."""
_RENEWAL_MS = ACCEPTANCE_WINDOW_MS - 24 * 3_600_000
"""A statement older than this is signed anew rather than sent: it might expire on its way. So is one from the future,
which a clock that was wrong has made."""
_FIRST_PAUSE_SECONDS = 0.2
_CLOSED = "the connection is closed"


class Identity(NamedTuple):
    """Who sends: code, key, and the backbone the seals are for."""

    agency: str
    key: SigningKey
    origin: str


_HandedOver: TypeAlias = tuple[Sequence[Outgoing], asyncio.Future[list[bytes]]]


def _together(handed: deque[_HandedOver]) -> list[_HandedOver]:
    """Take from a queue what one transaction stores: what was handed over at once stays together, however much."""
    some = [handed.popleft()]
    count = len(some[0][0])
    while handed and count + len(handed[0][0]) <= _STORED_TOGETHER:
        some.append(handed.popleft())
        count += len(some[-1][0])
    return some


@contextmanager
def _told_when_it_takes_long() -> Iterator[None]:
    """Write a line to the log when the block has not ended after some seconds."""
    why = "sending waits: Kafka has not acknowledged a write for %.0f s; what was handed over is safe in the store"
    timer = asyncio.get_running_loop().call_later(_LONG_SECONDS, _log.warning, why, _LONG_SECONDS)
    try:
        yield
    finally:
        timer.cancel()


class Sender:
    """The way out: outbox, seal, out topic.

    Args:
        store: the agency's file.
        thread: the one thread that may touch the store.
    """

    def __init__(self, bus: Bus, identity: Identity, store: Store, thread: Executor, clock: Clock) -> None:
        self._bus = bus
        self._identity = identity
        self._store = store
        self._thread = thread
        self._clock = clock
        self._handing: dict[bool, deque[_HandedOver]] = {True: deque(), False: deque()}
        self._handing_any = asyncio.Event()
        self._queues: dict[bool, deque[Outgoing]] = {True: deque(), False: deque()}
        self._queued = {True: asyncio.Event(), False: asyncio.Event()}
        self._known: set[bytes] = set()
        self._tried: set[bytes] = set()
        """Ids of what is queued and may have been written, or may not: nobody knows, until a receipt says so."""
        self.own: set[bytes] = set()
        """Ids of what was queued here; those that have a receipt are taken out now and then."""
        self._closed = False
        self._unsent = 0
        self._unsent_bytes = 0
        self._room = asyncio.Event()
        self._room.set()

    async def hand_over(self, outgoing: Sequence[Outgoing]) -> list[bytes]:
        """Store statements in the outbox and queue them; returns when they are on disk.

        Waits while too much is unsent, so that a slow Kafka slows the caller and does not fill memory.

        Returns:
            The ids under which they are known, in order: their own, or those of an earlier hand-over of
            the same content.

        Raises:
            UnavailableError: the outbox cannot be written, or the connection is closed.
        """
        await self.wait_for_room()
        if self._closed:
            raise UnavailableError(_CLOSED)
        future: asyncio.Future[list[bytes]] = asyncio.get_running_loop().create_future()
        for one in outgoing:
            self._count(one, 1)
        express = all(one.lane == EXPRESS_LANE for one in outgoing)
        if express:
            self._bus.pieces.express_seen()
        self._handing[express].append((outgoing, future))
        self._handing_any.set()
        return await future

    async def wait_for_room(self) -> None:
        """Wait while too much is unsent, or until the connection closes."""
        while not self._room.is_set():
            await self._room.wait()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is queued."""
        return not self._known

    async def store_handed(self, stopping: asyncio.Event) -> None:
        """Store what is handed over, express first, many in one transaction; runs until stopping and empty.

        From its end on nothing can be handed over any more; whoever waits to is told.
        """
        try:
            while not (stopping.is_set() and not any(self._handing.values())):
                await self._handing_any.wait()
                self._handing_any.clear()
                while handed := next(filter(None, self._handing.values()), None):
                    await self._store_some(_together(handed))
        finally:
            self._closed = True
            self._room.set()
            for _, future in itertools.chain.from_iterable(self._handing.values()):
                if not future.done():
                    future.set_exception(UnavailableError(_CLOSED))

    async def _store_some(self, handed: Sequence[_HandedOver]) -> None:
        together = [one for outgoing, _ in handed for one in outgoing]
        try:
            ids = await asyncio.get_running_loop().run_in_executor(self._thread, self._store.add, together)
        except BaseException as error:
            # The callers are told, each by its future.
            for one in together:
                self._count(one, -1)
            for _, future in handed:
                if not future.done():
                    future.set_exception(UnavailableError(f"the outbox cannot be written: {str(error) or _CLOSED}"))
            if not isinstance(error, Exception):
                raise
            return
        at = 0
        for outgoing, future in handed:
            if not future.done():
                future.set_result(ids[at : at + len(outgoing)])
            at += len(outgoing)
        self.queue([one for one, known_as in zip(together, ids, strict=True) if known_as == one.id], counted=True)
        for one, known_as in zip(together, ids, strict=True):
            if known_as != one.id:
                self._count(one, -1)

    def wake(self) -> None:
        """Let the tasks look whether they are to stop."""
        self._handing_any.set()
        for event in self._queued.values():
            event.set()

    def queue(self, outgoing: Sequence[Outgoing], *, counted: bool = False, tried: bool = False) -> None:
        """Queue statements that are in the store, unless they are queued already.

        Args:
            outgoing: the statements.
            counted: they count as unsent already.
            tried: they may have been written, by somebody else.
        """
        if tried:
            self._tried.update(one.id for one in outgoing)
        for one in outgoing:
            if one.id in self._known:
                if counted:
                    self._count(one, -1)
                continue
            self._known.add(one.id)
            self.own.add(one.id)
            if not counted:
                self._count(one, 1)
            express = one.lane == EXPRESS_LANE
            self._queues[express].append(one)
            self._queued[express].set()

    def is_expired(self, one: Outgoing) -> bool:
        """Whether a statement is too old to be sent as it is."""
        return not -FUTURE_TOLERANCE_MS <= self._clock() - one.handed_over_at < _RENEWAL_MS

    async def _renewed(self, one: Outgoing) -> Outgoing | None:
        """The same said anew, in the store as well; None if there is nothing to say: it has a receipt by now."""
        now = self._clock()
        data = encode_statement(decode_statement(one.statement)._replace(created=now))
        new = one._replace(id=envelope_id(data), statement=data, handed_over_at=now)
        if not await asyncio.get_running_loop().run_in_executor(self._thread, self._store.renew, one.id, new):
            return None
        self._known.discard(one.id)
        self._known.add(new.id)
        self.own.add(new.id)
        return new

    def _count(self, one: Outgoing, sign: int) -> None:
        self._unsent += sign
        self._unsent_bytes += sign * (len(one.statement) + sum(map(len, one.contents)))
        if self._closed or (self._unsent_bytes <= _UNSENT_BYTES and self._unsent <= _UNSENT_STATEMENTS):
            self._room.set()
        else:
            self._room.clear()

    async def pump(self, stopping: asyncio.Event, *, express: bool) -> None:
        """Seal and append what is queued, until stopping and empty; waits out a Kafka that does not answer."""
        queue, queued = self._queues[express], self._queued[express]
        pause, most = _FIRST_PAUSE_SECONDS, BATCH_STATEMENTS
        while True:
            if not queue:
                queued.clear()
                if stopping.is_set():
                    return
                await queued.wait()
                continue
            try:
                async with self._bus.publisher() as publisher:
                    await publisher.know([outbox(self._identity.agency)])
                    while queue:
                        await self._send_some(queue, publisher, most, express=express)
                        pause, most = _FIRST_PAUSE_SECONDS, BATCH_STATEMENTS
                        if not queue and not stopping.is_set():
                            queued.clear()
                            await queued.wait()
            except (RejectedError, UnavailableError) as error:
                if stopping.is_set():
                    return
                if isinstance(error, RejectedError):
                    # A broker that refuses a row for its size has another limit than it should have, and somebody may
                    # mend that. One by one no others are written again meanwhile.
                    most = 1
                _log.warning("sending waits: %s", error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, 5.0)

    async def _send_some(self, queue: deque[Outgoing], publisher: Publisher, most: int, *, express: bool) -> None:
        if not express and len(queue) < BATCH_STATEMENTS:
            await asyncio.sleep(_COLLECT_SECONDS)
        batch: list[Outgoing] = []
        size = 0
        while len(batch) < min(most, len(queue)):
            one = queue[len(batch)]
            size += len(one.statement) + sum(map(len, one.contents))
            if batch and size > BATCH_BYTES:
                break
            # What may have been written is written again as it was: under another id it would come twice.
            if self.is_expired(one) and one.id not in self._tried:
                renewed = await self._renewed(one)
                if renewed is None:
                    del queue[len(batch)]
                    self._done_with(one)
                    continue
                queue[len(batch)] = one = renewed
            batch.append(one)
        if not batch:
            return
        rows = await self._seal(batch)
        try:
            with _told_when_it_takes_long():
                await publisher.append(rows)
        except (RejectedError, UnavailableError):
            self._tried.update(one.id for one in batch)
            raise
        for one in batch:
            queue.popleft()
            self._done_with(one)

    def _done_with(self, one: Outgoing) -> None:
        self._known.discard(one.id)
        self._tried.discard(one.id)
        self._count(one, -1)

    async def _seal(self, batch: Sequence[Outgoing]) -> dict[Partition, list[Row]]:
        agency, key, origin = self._identity
        seals = seal_batch(
            [one.id for one in batch],
            key=key,
            origin=origin,
            sender=agency,
            purpose=Purpose.EXCHANGE,
            signed_at=self._clock(),
        )
        topic = outbox(agency)
        rows: dict[Partition, list[Row]] = {}
        async for some in self._bus.pieces.cut(list(zip(batch, seals, strict=True))):
            for one, seal in some:
                value = encode_envelope(one.statement, one.contents, seal)
                rows.setdefault(Partition(topic, one.lane), []).append(Row(value))
        return rows
