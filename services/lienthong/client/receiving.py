"""Receiving: everything in the inbox topic is compared, verified and stored; documents wait for the caller."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import TypeVar

from lienthong.client.cursor import Cursor, GapError, may_lie_before, start
from lienthong.client.delivery import Delivery, Settler
from lienthong.client.documents import Status
from lienthong.client.history import History
from lienthong.client.opening import Opened, open_record
from lienthong.client.ready import Ready
from lienthong.client.rows import Arrival, Round
from lienthong.client.sorting import documents_named, sort
from lienthong.client.store import Store
from lienthong.client.turn import Turn
from lienthong.client.watchers import Watchers
from lienthong.kernel.bus import Bus, Reader
from lienthong.kernel.clock import Clock
from lienthong.kernel.command import RELEASE
from lienthong.kernel.directory_reader import DirectoryReader
from lienthong.kernel.envelope import OpenedEnvelope
from lienthong.kernel.errors import InvariantError, RejectedError, UnavailableError
from lienthong.kernel.fold import Order, compare
from lienthong.kernel.judge import Judge
from lienthong.kernel.lanes import EXPRESS_LANE
from lienthong.kernel.ledger import Delivery as DeliveryHeaders
from lienthong.kernel.ledger import Record, is_genesis, read_delivery
from lienthong.kernel.pieces import split
from lienthong.kernel.reasons import TOLD_BY_DIRECTORY
from lienthong.kernel.topics import Partition, inbox

__all__ = ["Receiver"]

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")
_ROUND_RECORDS = 1_000
_STORED_TOGETHER = 500
"""Most records of one transaction: an express document waits for it, as the store has one thread."""
_RELOADED = 2 * _STORED_TOGETHER
"""Most documents of a lane fetched from the store at once: more than a round leaves there, so that it has an end."""
_COMMIT_SECONDS = 1.0
_TURN_SECONDS = 0.25
"""How often it is looked whether another process of the agency still receives."""


class Receiver:
    """The way in: inbox topic, comparison, verification, store, caller.

    Args:
        judge: verifies; its directory must be loaded.
        directory: brings the judge's directory up to date.
        settler: takes what the caller says of documents.
        thread: the one thread that may touch the store.
        turn: with it, of several processes of the agency one hands documents to its caller.
    """

    def __init__(
        self,
        bus: Bus,
        agency: str,
        judge: Judge,
        directory: DirectoryReader,
        store: Store,
        thread: Executor,
        clock: Clock,
        settler: Settler,
        turn: Turn,
    ) -> None:
        self._bus = bus
        self._agency = agency
        self._judge = judge
        self._directory = directory
        self._store = store
        self._thread = thread
        self._clock = clock
        self._settler = settler
        self._turn = turn
        self._express = Ready([EXPRESS_LANE])
        self._ordinary = Ready([lane for lane in range(judge.lanes) if lane != EXPRESS_LANE])
        self._express_stored = asyncio.Event()
        """Set unless a round of the express lane is being stored."""
        self._express_stored.set()
        self._news = asyncio.Event()
        self._failure: InvariantError | None = None
        self.watchers = Watchers()
        """Told of every envelope of which something was read."""
        self._caught_up = asyncio.Event()
        """Set when the inbox topic has been read to its end once, or when reading has stopped."""
        self._caught_up_parts: set[int] = set()
        self._released: set[bytes] = set()
        """Ids of documents that the operator released to us: of these alone a second record may come."""
        self.refused = 0
        """Records that were not believed or not for us; they never reach the caller."""

    def wake(self) -> None:
        """Let whoever iterates look whether there is news."""
        self._news.set()

    # -- from the topic into the store

    async def pull(self, lanes: Sequence[int], stopping: asyncio.Event, *, rest_ms: int, parts: int) -> None:
        """Read some lanes of the inbox topic until stopping; waits out a Kafka that does not answer.

        A gap ends the reading: `receive` and `wait` then raise the alarm.
        """
        pause = 0.2
        while not stopping.is_set():
            try:
                await self._pull(lanes, stopping, rest_ms, parts)
            except InvariantError as error:
                self._failure = error
                self._caught_up.set()
                _log.error("receiving stopped: %s", error)
                self._news.set()
                self.watchers.tell_all()
                return
            except UnavailableError as error:
                _log.warning("receiving waits: %s", error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, 5.0)

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
                    # Nobody reads from these: they tell the operator how late this agency is.
                    await reader.commit({one: cursors[one.number][1] for one in partitions if one.number in cursors})
                    committed_at = loop.time()

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
        self._released |= await loop.run_in_executor(self._thread, self._store.released)  # by another process, too
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
                    await self._believe(record, headers, taken, fresh)
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

    async def _believe(self, record: Record, headers: DeliveryHeaders, taken: Round, fresh: list[Delivery]) -> None:
        """Verify one record and sort it; what cannot be believed is counted and left out."""
        if headers.known_at > self._judge.directory.known_at:
            # Groups and routes would be those of older facts, and nothing would be refused for it.
            await self._directory.know(headers.known_at)
        try:
            opened = await self._told(lambda: open_record(self._judge, self._agency, record, headers))
            if (opened.command or self._released) and await self._is_here(opened, taken):
                # The operator released it, and its sender sent it again: once is enough.
                opened = opened._replace(addressed=())
                if opened.command is None:
                    return
            arrival = sort(opened, record.partition, taken)
        except RejectedError as error:
            self.refused += 1
            _log.warning("%s lane %d sequence %d refused: %s", record.topic, record.partition, headers.sequence, error)
            return
        if arrival is not None:
            fresh.append(self._delivery(arrival, opened.envelope, redelivered=False))

    async def _is_here(self, opened: Opened, taken: Round) -> bool:
        """Whether a document that was released, or is now, has come before; others have no second record."""
        identity, command = opened.envelope.id, opened.command
        if command is None:
            return identity in self._released
        if command.action != RELEASE:
            return False
        self._released.add(identity)
        return any(one.id == identity for one in taken.arrivals) or await asyncio.get_running_loop().run_in_executor(
            self._thread, self._store.has, identity
        )

    async def _told(self, judgement: Callable[[], _Result]) -> _Result:
        """A judgement; one that more of the directory may turn is made again when it has been read to its end.

        Intake, or another process of the agency, which stored it, may have known more.
        """
        try:
            return judgement()
        except RejectedError as error:
            if error.reason not in TOLD_BY_DIRECTORY:
                raise
        await self._directory.catch_up()
        return judgement()

    # -- from the store to the caller

    def _ready_of(self, lane: int) -> Ready:
        return self._express if lane == EXPRESS_LANE else self._ordinary

    def _delivery(self, arrival: Arrival, opened: OpenedEnvelope, *, redelivered: bool) -> Delivery:
        return Delivery(
            arrival.id, arrival.sender, arrival.lane, arrival.sequence, arrival.position, arrival.judged_at,
            redelivered, opened.statement, opened.contents, len(arrival.value), self._settler,
            addressed=arrival.addressed, ordered=arrival.order,
        )  # fmt: skip

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
            elif not ready:
                await self._reload(ready)
            elif (delivery := await self._opened(ready.pop())) is not None:
                if delivery.event is not None:
                    delivery.about = await self._histories(delivery)
                yield delivery
                if not delivery.settled:
                    self._settler.settle(delivery, Status.ARRIVED, "")
                handed += 1
                if handed >= self._bus.pieces.size:
                    handed = 0
                    # A caller that waits for nothing would hand itself all there is before an express one is read.
                    await self._bus.pieces.give_way()
                    await self._express_stored.wait()

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
        while not self._turn.take():
            if idle_seconds is not None and now() - since >= idle_seconds:
                return False
            if self._failure is not None:
                raise self._failure
            await asyncio.sleep(_TURN_SECONDS)
        return True

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
            found = await asyncio.get_running_loop().run_in_executor(
                self._thread, self._store.waiting, _RELOADED, dict(ready.last), ready.lanes
            )
            ready.found(found, _RELOADED)

    async def _opened(self, one: Delivery | Arrival) -> Delivery | None:
        """A document from the store is verified again: None if it is not believed any more."""
        if isinstance(one, Delivery):
            return one
        try:
            while True:
                try:
                    opened = await self._told(lambda: self._judge.open(one.value, at=one.judged_at))
                    break
                except UnavailableError as error:
                    _log.warning("receiving waits: %s", error)
                    await asyncio.sleep(_TURN_SECONDS)
        except RejectedError as error:
            # It verified when it was stored: a key has been revoked since, from before that time on.
            self.refused += 1
            _log.warning("document %s in the store is not believed any more: %s", one.id.hex(), error)
            return None
        return self._delivery(one, opened, redelivered=one.handed)
