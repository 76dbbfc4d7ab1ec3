"""The shell around dispatch: reads the ledger, appends to inboxes, commits."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence

import structlog

from lienthong.dispatch.acknowledged import AcceptanceTimes
from lienthong.dispatch.inboxes import Inbox, Inboxes, inbox_state
from lienthong.dispatch.metrics import DispatchMetrics
from lienthong.kernel.bus import Bus, Publisher
from lienthong.kernel.fold import Count
from lienthong.kernel.lanes import EXPRESS_LANE
from lienthong.kernel.ledger import Outcome, Record
from lienthong.kernel.topics import Partition, inbox
from lienthong.runtime.context import Context
from lienthong.runtime.ledger_follower import LedgerFollower, Taken
from lienthong.runtime.metrics import KafkaMetrics
from lienthong.runtime.session import keep_running, lane_count

__all__ = ["serve"]

_log = structlog.get_logger(__name__)
_GROUP = "lt.dispatch"
_ROUND_RECORDS = 1_000
_TAIL_RECORDS = 5_000
"""How far back a disturbed inbox is read: more than two dispatchers can have in flight."""


async def serve(context: Context, kafka: KafkaMetrics, stopping: asyncio.Event) -> None:
    """Run dispatch until stopping.

    Raises:
        InvariantError: the ledger has a gap, or a record in it is no entry.
    """
    async with Bus.connect(context.settings.kafka(), "lt-dispatch") as bus:
        lanes = await lane_count(bus)
        metrics = DispatchMetrics.register(context.registry)
        async with asyncio.TaskGroup() as tasks:
            for name, some in context.lane_groups(lanes).items():
                part = _Part(bus, some, context, metrics, kafka, f"dispatch/{name}")
                tasks.create_task(keep_running(part, context, kafka, stopping))


class _Part:
    """Some lanes, read together."""

    def __init__(
        self, bus: Bus, lanes: list[int], context: Context, metrics: DispatchMetrics, kafka: KafkaMetrics, name: str
    ) -> None:
        self.name = name
        self._bus = bus
        self._lanes = lanes
        self._context = context
        self._metrics = metrics
        self._kafka = kafka
        self._inboxes = Inboxes()
        self._times = AcceptanceTimes()

    async def session(self, stopping: asyncio.Event) -> None:
        """From connecting until stopping, or until Kafka fails."""
        self._inboxes = Inboxes()
        express = self._lanes == [EXPRESS_LANE]
        follower = LedgerFollower(
            self._bus,
            group=_GROUP,
            lanes=self._lanes,
            clock=self._context.clock,
            rest_ms=0 if express else self._context.settings.ordinary_wait_ms,
        )
        async with follower, self._bus.publisher() as publisher:
            self._context.health.ready(self.name)
            _log.info("ready", part=self.name, lanes=self._lanes)
            while not stopping.is_set():
                taken = await follower.take(0.25, _ROUND_RECORDS)
                if taken:
                    await self._deliver(taken, publisher)
                await follower.commit()
                self._tell(follower)
            await follower.commit(at_once=True)

    async def _deliver(self, taken: Sequence[Taken], publisher: Publisher) -> None:
        counting = []
        for one in taken:
            if one.counts is not Count.COUNTS:
                self._metrics.void.labels(one.counts.name.lower()).inc()
            elif one.entry.outcome is Outcome.ACCEPTED:
                counting.append(one)
        unknown = {
            partition
            for one in counting
            for agency in one.entry.routes
            if (partition := Partition(inbox(agency), one.lane)) not in self._inboxes
        }
        if unknown:
            await publisher.know({partition.topic for partition in unknown})
            self._inboxes.set(await self._read_states(unknown))
        rows = self._inboxes.number(counting)
        if rows:
            appended = await publisher.append(rows)
            for partition in self._inboxes.written(rows, appended):
                await self._resynchronise(partition)
        now = self._context.clock()
        metrics = self._metrics
        delivered = {lane: metrics.delivery_seconds.labels(lane) for lane in self._lanes}
        acknowledged = {lane: metrics.acknowledgement_seconds.labels(lane) for lane in self._lanes}
        for one in counting:
            delivered[one.lane].observe(max(0, now - one.entry.appended_at) / 1000)
            for seconds in self._times.take(one.entry, one.record.value):
                acknowledged[one.lane].observe(seconds)
        for partition, some in rows.items():
            agency = partition.topic.removeprefix(inbox(""))
            for kind, count in Counter(row.headers[-1][1] for row in some).items():
                self._metrics.dispatched.labels(agency, kind.decode()).inc(count)
            self._metrics.dispatched_bytes.labels(agency).inc(sum(len(row.value or b"") for row in some))

    async def _read_states(self, partitions: Iterable[Partition]) -> dict[Partition, Inbox]:
        """Where each inbox partition stands, from its last record; from many where numbers were repeated."""
        wanted = list(partitions)
        async with self._bus.reader() as reader:
            ends = await reader.ends(wanted)
            begins = await reader.begins(wanted)
        states = await self._read_tails(wanted, begins, ends, 1)
        # In an inbox without repeats the number is the offset; otherwise look further back.
        disturbed = [one for one in wanted if ends[one] > 1 and states[one].sequence != ends[one] - 1]
        states.update(await self._read_tails(disturbed, begins, ends, _TAIL_RECORDS))
        return states

    async def _read_tails(
        self, partitions: list[Partition], begins: dict[Partition, int], ends: dict[Partition, int], depth: int
    ) -> dict[Partition, Inbox]:
        tails: dict[Partition, list[Record]] = {partition: [] for partition in partitions}
        ranges = {one: (max(begins[one], ends[one] - depth), ends[one]) for one in partitions}
        async for records in self._bus.scan(ranges):
            for record in records:
                tails[Partition(record.topic, record.partition)].append(record)
        return {one: inbox_state(ends[one], records) for one, records in tails.items()}

    async def _resynchronise(self, partition: Partition) -> None:
        self._metrics.resynchronised.inc()
        state = (await self._read_states([partition]))[partition]
        ahead = self._inboxes.ahead_of(partition, state)
        _log.warning("another_dispatcher", part=self.name, topic=partition.topic, lane=partition.number, ahead=ahead)

    def _tell(self, follower: LedgerFollower) -> None:
        self._context.health.alive(self.name)
        self._kafka.last_progress.labels(self.name).set_to_current_time()
        for partition, position in follower.positions.items():
            self._kafka.position.labels("dispatch", partition.number).set(position)
        for lane, lag in follower.lag().items():
            self._kafka.lag.labels("dispatch", lane).set(lag)
