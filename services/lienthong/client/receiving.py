"""Receiving: everything in the inbox topic is compared, verified and stored; documents wait for the caller."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import Executor

from lienthong.client.cursor import Cursor, GapError, may_lie_before, start
from lienthong.client.delivery import Delivery, Settler
from lienthong.client.documents import Status
from lienthong.client.history import History
from lienthong.client.ready import Ready
from lienthong.client.rows import Round
from lienthong.client.sorting import documents_named
from lienthong.client.store import Store
from lienthong.client.turn import Turn
from lienthong.client.verifier import Verifier
from lienthong.client.watchers import Watchers
from lienthong.kernel.bus import Bus, Reader
from lienthong.kernel.errors import InvariantError, UnavailableError
from lienthong.kernel.fold import Order, compare
from lienthong.kernel.lanes import EXPRESS_LANE
from lienthong.kernel.ledger import Record, is_genesis, read_delivery
from lienthong.kernel.pieces import split
from lienthong.kernel.topics import Partition, inbox

__all__ = ["Receiver"]

_log = logging.getLogger(__name__)
_ROUND_RECORDS = 1_000
_STORED_TOGETHER = 500
"""Most records of one transaction: an express document waits for it, as the store has one thread."""
_RELOADED = 2 * _STORED_TOGETHER
"""Most documents of a lane fetched from the store at once: more than a round leaves there, so that it has an end."""
_COMMIT_SECONDS = 1.0
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 5.0
_TURN_SECONDS = 0.25
"""How often it is looked whether another process of the agency still receives."""


class Receiver:
    """The way in: inbox topic, comparison, verification, store, caller.

    Args:
        lanes: number of lanes of the backbone.
        verifier: believes what was read, or not.
        thread: the one thread that may touch the store.
        settler: takes what the caller says of documents.
        turn: with it, of several processes of the agency one hands documents to its caller.
    """

    def __init__(
        self,
        bus: Bus,
        agency: str,
        lanes: int,
        verifier: Verifier,
        store: Store,
        thread: Executor,
        settler: Settler,
        turn: Turn,
    ) -> None:
        self._bus = bus
        self._agency = agency
        self.verifier = verifier
        self._store = store
        self._thread = thread
        self._settler = settler
        self._turn = turn
        self._express = Ready([EXPRESS_LANE])
        self._ordinary = Ready([lane for lane in range(lanes) if lane != EXPRESS_LANE])
        self._express_stored = asyncio.Event()
        """Set unless a round of the express lane is being stored."""
        self._express_stored.set()
        self._news = asyncio.Event()
        self._failure: InvariantError | UnavailableError | None = None
        self.watchers = Watchers()
        """Told of every envelope of which something was read."""
        self._caught_up = asyncio.Event()
        """Set when the inbox topic has been read to its end once, or when reading has stopped."""
        self._caught_up_parts: set[int] = set()

    def close(self) -> None:
        """Whoever still waits for documents, or for news of one, hears that nothing comes any more."""
        self._fail(self._failure or UnavailableError("the connection is closed"))

    def _fail(self, failure: InvariantError | UnavailableError) -> None:
        self._failure = failure
        self._caught_up.set()
        self._news.set()
        self.watchers.tell_all()

    # -- from the topic into the store

    async def pull(self, lanes: Sequence[int], stopping: asyncio.Event, *, rest_ms: int, parts: int) -> None:
        """Read some lanes of the inbox topic until stopping; waits out a Kafka that does not answer.

        A gap ends the reading: `receive` and `wait` then raise the alarm.
        """
        pause = _FIRST_PAUSE_SECONDS
        loop = asyncio.get_running_loop()
        while not stopping.is_set():
            began = loop.time()
            try:
                await self._pull(lanes, stopping, rest_ms, parts)
            except InvariantError as error:
                _log.error("receiving stopped: %s", error)
                self._fail(error)
                return
            except UnavailableError as error:
                if loop.time() - began > _LONGEST_PAUSE_SECONDS:
                    pause = _FIRST_PAUSE_SECONDS  # it went well meanwhile
                _log.warning("receiving waits: %s", error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _pull(self, lanes: Sequence[int], stopping: asyncio.Event, rest_ms: int, parts: int) -> None:
        partitions = [Partition(inbox(self._agency), lane) for lane in lanes]
        loop = asyncio.get_running_loop()
        async with self._bus.reader(group=f"{self._agency}.reader", rest_ms=rest_ms) as reader:
            cursors, ends = await self._assign(reader, partitions)
            looked_back: set[tuple[int, int]] = set()

            def before_ends() -> set[int]:
                return {one.number for one in partitions if ends[one] > cursors.get(one.number, (0, 0))[1]}

            if not (behind := before_ends()):
                self._part_caught_up(lanes[0], parts)
            committed_at = loop.time()
            while not stopping.is_set():
                rounds = await reader.take(0.25, _ROUND_RECORDS)
                if rounds:
                    for some in split(rounds, _STORED_TOGETHER):
                        try:
                            if await self._take(some, cursors):
                                continue
                            # Another process of this agency was quicker; its documents are in the store.
                            cursors, _ = await self._assign(reader, partitions)
                        except GapError as gap:
                            if (gap.lane, gap.last) in looked_back or not may_lie_before(cursors.get(gap.lane, (0, 0))):
                                raise
                            looked_back.add((gap.lane, gap.last))
                            _log.warning("%s, or stand elsewhere in a topic that was made again", gap)
                            cursors, _ = await self._assign(reader, partitions, back=gap.lane)
                        break
                    if behind and not (behind := behind & before_ends()):
                        self._part_caught_up(lanes[0], parts)
                if loop.time() - committed_at >= _COMMIT_SECONDS and cursors:
                    await self._commit(
                        reader, {one: cursors[one.number][1] for one in partitions if one.number in cursors}
                    )
                    committed_at = loop.time()

    async def _commit(self, reader: Reader, positions: Mapping[Partition, int]) -> None:
        """Tell the operator how late this agency is; nobody reads from there, so it may fail, and reading goes on."""
        try:
            await reader.commit(positions)
        except UnavailableError as error:
            _log.warning("how far the inbox was read cannot be stored in Kafka: %s", error)

    def _part_caught_up(self, part: int, parts: int) -> None:
        self._caught_up_parts.add(part)
        if len(self._caught_up_parts) >= parts:
            self._caught_up.set()

    async def caught_up(self) -> None:
        """Wait until the inbox topic has been read to its end once.

        Raises:
            InvariantError: reading stopped.
        """
        await self._caught_up.wait()
        if self._failure is not None:
            raise self._failure

    async def _assign(
        self, reader: Reader, partitions: Sequence[Partition], *, back: int | None = None
    ) -> tuple[dict[int, Cursor], dict[Partition, int]]:
        """Read on where the store says, one lane from further back; what is stored, and where the partitions end."""
        loop = asyncio.get_running_loop()
        cursors = await loop.run_in_executor(self._thread, self._store.cursors)
        await self.verifier.look_up_released()
        ends = await reader.ends(partitions)
        await reader.assign(
            {one: start(cursors.get(one.number, (0, 0)), ends[one], back=one.number == back) for one in partitions}
        )
        return {one.number: cursors[one.number] for one in partitions if one.number in cursors}, ends

    async def _take(self, rounds: Mapping[Partition, Sequence[Record]], cursors: dict[int, tuple[int, int]]) -> bool:
        """Verify and store some records of express lane or ordinary ones, and move the cursors; False: not stored."""
        taken = Round({}, {}, [], [], [], [], [])
        fresh: list[Delivery] = []
        ready = self._ready_of(next(iter(rounds)).number)
        async for some in self._bus.pieces.cut_rounds(rounds):
            if ready is self._ordinary:
                await self._express_stored.wait()
            for partition, records in some.items():
                lane = partition.number
                last = taken.cursors.get(lane, cursors.get(lane, (0, 0)))[0]
                for record in records:
                    if is_genesis(record):
                        continue
                    headers = read_delivery(record)
                    order = compare(last, headers.sequence)
                    if order is Order.GAP:
                        raise GapError(partition, last, headers.sequence)
                    if order is Order.REPEAT:
                        continue
                    taken.first.setdefault(lane, headers.sequence)
                    last = headers.sequence
                    if (delivery := await self.verifier.believe(record, headers, taken)) is not None:
                        fresh.append(delivery)
                taken.cursors[lane] = (last, records[-1].offset + 1)
        async with ready.moving:
            room = ready.room(one.size for one in fresh)
            taken.arrivals[room:] = [one._replace(handed=False) for one in taken.arrivals[room:]]
            stored = await self._store_round(taken, express=ready is self._express)
            if stored:
                cursors.update(taken.cursors)
                ready.put(fresh[:room])
            if room < len(fresh) or not stored:
                ready.in_store = True
        self._news.set()
        self.watchers.tell(
            {document for heard in taken.answers for document in heard.documents}
            | {line.id for line in taken.receipts}
            | {line.document for line in taken.notices}
        )
        return stored

    async def _store_round(self, taken: Round, *, express: bool) -> bool:
        storing = asyncio.get_running_loop().run_in_executor(self._thread, self._store.take, taken)
        if not express:
            return await storing
        # Meanwhile ordinary records rest: the store's thread must wait for the interpreter's lock, at each of its
        # steps up to five milliseconds, as long as there is something to compute here.
        self._express_stored.clear()
        try:
            return await storing
        finally:
            self._express_stored.set()

    # -- from the store to the caller

    def _ready_of(self, lane: int) -> Ready:
        return self._express if lane == EXPRESS_LANE else self._ordinary

    async def next_change(self, changed: asyncio.Event) -> None:
        """Wait until a watched event is set, or a moment, and clear it.

        Raises:
            InvariantError: reading stopped.
        """
        if self._failure is not None:
            raise self._failure
        try:
            # Another process of this agency may be the one that reads: look again soon.
            async with asyncio.timeout(0.5):
                await changed.wait()
        except TimeoutError:
            pass
        changed.clear()

    async def receive(self, idle_seconds: float | None) -> AsyncIterator[Delivery]:
        """Documents, express ones before all others, each lane in sequence; see `Client.receive`."""
        if not await self._is_our_turn(idle_seconds):
            return
        handed = 0
        while True:
            if self._failure is not None:
                raise self._failure
            ready = next((one for one in (self._express, self._ordinary) if one or one.in_store), None)
            if ready is None:
                self._news.clear()
                if not await self._wait_for_news(idle_seconds):
                    return
            elif (delivery := await self._next(ready)) is not None:
                yield delivery
                if not delivery.settled:
                    self._settler.settle(delivery, Status.ARRIVED, "")
                handed += 1
                if handed >= self._bus.pieces.size:
                    handed = 0
                    # A caller that waits for nothing would hand itself all there is before an express one is read.
                    await self._bus.pieces.give_way()
                    await self._express_stored.wait()

    async def _next(self, ready: Ready) -> Delivery | None:
        """The next document to hand over, with what it speaks of; None if there is none yet: then look again."""
        try:
            if not ready:
                await self._reload(ready)
                return None
            one = ready.pop()
            try:
                delivery = one if isinstance(one, Delivery) else await self.verifier.believe_again(one)
                if delivery is not None and delivery.event is not None:
                    delivery.about = await self._histories(delivery)
            except BaseException:
                ready.put_back(one)  # the caller has not got it, and may go on
                raise
            return delivery
        except UnavailableError as error:
            _log.warning("receiving waits: %s", error)
            await asyncio.sleep(_TURN_SECONDS)
            return None

    async def _histories(self, delivery: Delivery) -> list[History]:
        """The documents of the inbox that a delivery speaks of."""
        loop = asyncio.get_running_loop()
        found = [
            await loop.run_in_executor(self._thread, self._store.received, one, self._agency)
            for one in documents_named(delivery.statement)
        ]
        return [one.history for one in found if one is not None]

    async def _is_our_turn(self, idle_seconds: float | None) -> bool:
        """Wait until no other process of the agency receives; whether that was in time."""
        now = asyncio.get_running_loop().time
        since = now()
        while True:
            if self._failure is not None:
                raise self._failure
            if self._turn.take():
                return True
            if idle_seconds is not None and now() - since >= idle_seconds:
                return False
            await asyncio.sleep(_TURN_SECONDS)

    async def _wait_for_news(self, idle_seconds: float | None) -> bool:
        """Whether something was read within the time, counted from when all there was had been read."""
        if idle_seconds is not None:
            await self.caught_up()
        try:
            async with asyncio.timeout(idle_seconds):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    async def _reload(self, ready: Ready) -> None:
        """Fetch waiting documents from the store: those of an earlier run, and those memory had no room for."""
        async with ready.moving:
            found, more = await asyncio.get_running_loop().run_in_executor(
                self._thread, self._store.waiting, _RELOADED, dict(ready.last), ready.lanes, ready.most_bytes
            )
            ready.found(found, more=more)
