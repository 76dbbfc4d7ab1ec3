"""The shell around the tracker: reads the ledger, and stores rounds in a thread of their own."""

import asyncio
from collections.abc import Mapping
from functools import partial

import structlog

from lienthong.kernel.bus import Bus
from lienthong.kernel.topics import Partition
from lienthong.runtime.context import Context
from lienthong.runtime.ledger_follower import LedgerFollower, Taken
from lienthong.runtime.metrics import KafkaMetrics
from lienthong.runtime.session import keep_running, lane_count
from lienthong.tracker.database import Database, DatabaseThread
from lienthong.tracker.lateness_watch import LatenessWatch
from lienthong.tracker.lease import Lease
from lienthong.tracker.measures import measure
from lienthong.tracker.metrics import TrackerMetrics
from lienthong.tracker.migration import check, migrate
from lienthong.tracker.reading import read_item
from lienthong.tracker.store import Step, Store

__all__ = ["serve"]

_log = structlog.get_logger(__name__)
_ROUND_RECORDS = 2_000
_COLLECT_MS = 250
"""How long entries gather: nobody waits for the tracker, and a transaction costs the same for one and for many."""
_MEASURE_SECONDS = 5.0
_LEAVE_SECONDS = 2.0
"""How long the end of the tracker waits for its database, which closes by itself if it answers later."""


async def serve(context: Context, kafka: KafkaMetrics, stopping: asyncio.Event) -> None:
    """Run the tracker until stopping.

    Raises:
        UnavailableError: there is no ledger, the database does not answer, or its tables are of another version.
        ValueError: the database's URL or the lanes asked for are wrong.
        InvariantError: the ledger has a gap, or a record in it is no entry.
    """
    # One thread, so that the database is not asked by several, and the event loop never waits for it.
    database, thread = Database.of(context.settings), DatabaseThread("tracker")
    try:
        async with context.connect(context.settings.kafka(), "lt-tracker") as bus:
            lanes = [lane for some in context.lane_groups(await lane_count(bus)).values() for lane in some]
            metrics = TrackerMetrics(context.registry)
            watch = LatenessWatch(context)
            part = _Part(bus, lanes, database, thread, context, kafka, metrics, watch)
            await keep_running(part, context, kafka, stopping)
    finally:
        await asyncio.wait([thread.end(database.close)], timeout=_LEAVE_SECONDS)


class _Part:
    """All lanes, stored together: nobody waits for the tracker, the express lane neither."""

    name = "tracker/ledger"

    def __init__(
        self,
        bus: Bus,
        lanes: list[int],
        database: Database,
        thread: DatabaseThread,
        context: Context,
        kafka: KafkaMetrics,
        metrics: TrackerMetrics,
        watch: LatenessWatch,
    ) -> None:
        self._bus = bus
        self._lanes = lanes
        self._database = database
        self._store = Store(database)
        self._thread = thread
        self._context = context
        self._kafka = kafka
        self._metrics = metrics
        self._watch = watch
        self._measured_at = 0.0

    async def session(self, stopping: asyncio.Event) -> None:
        """From connecting until stopping, or until Kafka or the database fails."""
        lease = Lease(self._database, self._lanes)
        try:
            await self._thread.ask(lease.take)
            await self._thread.ask(partial(check if self._database.is_postgresql else migrate, self._database))
            watching = asyncio.create_task(self._watch.run())
            try:
                await self._follow(stopping, watching)
            finally:
                watching.cancel()
                await asyncio.wait([watching])
        finally:
            self._thread.ask(lease.give_back)  # in its turn: whatever is asked for next comes after it

    async def _follow(self, stopping: asyncio.Event, watching: asyncio.Task[None]) -> None:
        stored = await self._thread.ask(self._store.positions)
        follower = LedgerFollower(
            self._bus,
            group=None,
            lanes=self._lanes,
            clock=self._context.clock,
            rest_ms=_COLLECT_MS,
            always_rest=True,
            with_positions=False,
            stored=stored,
        )
        async with follower:
            begins = dict(follower.positions)
            await self._thread.ask(partial(self._store.begin, {one.number: at for one, at in begins.items()}))
            self._context.health.begin_rounds(self.name)
            _log.info("ready", part=self.name, lanes=self._lanes, database=str(self._database))
            while not stopping.is_set():
                before = dict(follower.positions)
                taken = await follower.take(0.25, _ROUND_RECORDS)
                await self._keep(before, follower.positions, taken)
                self._context.health.alive(self.name)
                self._kafka.last_progress.labels(self.name).set_to_current_time()
                for partition, position in follower.positions.items():
                    self._kafka.position.labels("tracker", partition.number).set(position)
                for lane, lag in follower.lag().items():
                    self._kafka.lag.labels("tracker", lane).set(lag)
                await self._measure()
                if watching.done():
                    watching.result()

    async def _keep(self, before: Mapping[Partition, int], after: Mapping[Partition, int], taken: list[Taken]) -> None:
        steps = {one.number: Step(before[one], position) for one, position in after.items() if position != before[one]}

        def keep() -> None:
            items = [read_item(lane, record, entry, counts) for lane, record, entry, counts in taken]
            self._store.apply(steps, items)

        if steps:
            await self._thread.ask(keep)

    async def _measure(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._measured_at >= _MEASURE_SECONDS:
            self._metrics.show(await self._thread.ask(partial(measure, self._database)), self._context.clock())
            self._measured_at = now
