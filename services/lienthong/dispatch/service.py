"""The shell around dispatch: reads the ledger, appends to inboxes, commits."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import NoReturn

import structlog

from lienthong.dispatch.acknowledged import AcceptanceTimes
from lienthong.dispatch.inboxes import Inbox, Inboxes, Strange
from lienthong.dispatch.metrics import DispatchMetrics
from lienthong.dispatch.portions import parts, portions
from lienthong.dispatch.tails import Tail
from lienthong.kernel.bus import Appended, Bus, Publisher, Row
from lienthong.kernel.errors import InvariantError, UnavailableError
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


async def serve(context: Context, kafka: KafkaMetrics, stopping: asyncio.Event) -> None:
    """Run dispatch until stopping.

    Raises:
        InvariantError: the ledger has a gap, or a record in it is no entry.
    """
    async with context.connect(context.settings.kafka(), "lt-dispatch") as bus:
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
        self._misplaced: dict[Partition, Appended] = {}
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
            with_positions=False,
            with_routes=True,
        )
        async with follower, self._bus.publisher() as publisher:
            self._context.health.begin_rounds(self.name)
            _log.info("ready", part=self.name, lanes=self._lanes)
            while not stopping.is_set():
                taken = await follower.take(0.25, _ROUND_RECORDS)
                if taken:
                    await self._deliver(taken, follower, publisher)
                await follower.commit()
                self._tell(follower)
            await follower.commit(at_once=True)

    async def _deliver(self, taken: Sequence[Taken], follower: LedgerFollower, publisher: Publisher) -> None:
        counting = []
        for one in taken:
            if one.counts is not Count.COUNTS:
                self._metrics.void.labels(one.counts.name.lower()).inc()
            elif one.entry.outcome is Outcome.ACCEPTED:
                counting.append(one)
        unknown = {
            partition: follower.last_routed(one.lane, agency)
            for one in counting
            for agency in one.entry.routes
            if (partition := Partition(inbox(agency), one.lane)) not in self._inboxes
        }
        if unknown:
            await publisher.know({partition.topic for partition in unknown})
            self._inboxes.set(await self._read_states(unknown, follower))
        for part in parts(counting):
            rows: dict[Partition, list[Row]] = {}
            async for some in self._bus.pieces.cut(part, light=True):
                for partition, more in self._inboxes.number(some).items():
                    rows.setdefault(partition, []).extend(more)
            for portion in portions(rows):
                await self._append(portion, publisher)
        now = self._context.clock()
        metrics = self._metrics
        delivered = {lane: metrics.delivery_seconds.labels(lane) for lane in self._lanes}
        acknowledged = {lane: metrics.acknowledgement_seconds.labels(lane) for lane in self._lanes}
        async for some in self._bus.pieces.cut(counting, light=True):
            for one in some:
                delivered[one.lane].observe(max(0, now - one.entry.appended_at) / 1000)
                for seconds in self._times.take(one.entry, one.record.value):
                    acknowledged[one.lane].observe(seconds)

    async def _append(self, rows: Mapping[Partition, Sequence[Row]], publisher: Publisher) -> None:
        """Append, and look at what somebody else has written meanwhile.

        Raises:
            UnavailableError: an inbox is not the one we knew; the next session looks anew where all of them stand.
        """
        appended = await publisher.append(rows)
        if misplaced := self._inboxes.misplaced(appended):
            self._misplaced.update(misplaced)
            for one, offsets in misplaced.items():
                _log.error("inbox_made_again", part=self.name, topic=one.topic, lane=one.number, offset=offsets.first)
            raise UnavailableError(
                f"{min(misplaced).topic} was truncated or made again while it was written: it is read anew"
            )
        if disturbed := self._inboxes.written(rows, appended):
            await self._resynchronise(disturbed)
        metrics = self._metrics
        for partition, some in rows.items():
            agency = partition.topic.removeprefix(inbox(""))
            for kind, count in Counter(row.headers[-1][1] for row in some).items():
                metrics.dispatched.labels(agency, kind.decode()).inc(count)
            metrics.dispatched_bytes.labels(agency).inc(sum(len(row.value or b"") for row in some))

    async def _read_states(
        self, delivered: Mapping[Partition, int | None], follower: LedgerFollower
    ) -> dict[Partition, Inbox]:
        """Where each inbox partition stands, given the last entry that is known to be in it.

        Raises:
            UnavailableError: an inbox lacks what was delivered; the next session writes it again. Or it was made
                again while it was read.
        """
        async with self._bus.reader() as reader:
            begins = await reader.begins(delivered)
            ends = await reader.ends(delivered)
        tails = {
            one: Tail(begins[one], ends[one], position, self._misplaced.get(one)) for one, position in delivered.items()
        }
        while ranges := {one: tail.further() for one, tail in tails.items() if not tail.proven}:
            async for records in self._scan(ranges):
                for record in records:
                    tails[Partition(record.topic, record.partition)].take(record)
            for one in ranges:
                tails[one].read()
        for one, tail in tails.items():
            self._tell_strange(one, tail.strange)
        if lacking := {one: tail for one, tail in tails.items() if tail.lacking}:
            await self._go_back(lacking, follower)
        return {one: tail.state for one, tail in tails.items()}

    async def _go_back(self, lacking: Mapping[Partition, Tail], follower: LedgerFollower) -> NoReturn:
        """Commit where the first of these inboxes ends, so that the next session goes on there.

        Everything an inbox holds is left out then, and every entry gets the number it had.
        """
        back: dict[int, int] = {}
        for one, tail in lacking.items():
            start = tail.state.position + 1
            back[one.number] = min(start, back.get(one.number, start))
            _log.error(
                "delivered_missing",
                part=self.name,
                topic=one.topic,
                lane=one.number,
                delivered=tail.delivered,
                again_from=start,
            )
        await follower.go_back(back)
        first = min(lacking)
        raise UnavailableError(
            f"{first.topic} lane {first.number} lacks what was delivered to it: it was made again, or another"
            f" dispatcher committed; it is written again from ledger position {back[first.number]}"
        )

    async def _resynchronise(self, disturbed: Mapping[Partition, int]) -> None:
        """Read what was written since we knew where these partitions ended, by us and by somebody else."""
        async with self._bus.reader() as reader:
            ends = await reader.ends(disturbed)
        before = {one: self._inboxes.sequence(one) for one in disturbed}
        strange = {one: Strange() for one in disturbed}
        # As they come: of a long pause's worth nothing may be kept.
        async for records in self._scan({one: (since, ends[one]) for one, since in disturbed.items()}):
            if records:
                one = Partition(records[0].topic, records[0].partition)
                self._inboxes.read_on(one, records, strange[one])
        for one, end in ends.items():
            self._inboxes.ends(one, end)
            self._metrics.resynchronised.inc()
            ahead = self._inboxes.sequence(one) == before[one]
            _log.warning("another_dispatcher", part=self.name, topic=one.topic, lane=one.number, ahead=ahead)
            self._tell_strange(one, strange[one])

    async def _scan(self, ranges: Mapping[Partition, tuple[int, int]]) -> AsyncIterator[Sequence[Record]]:
        """Read inboxes.

        Raises:
            UnavailableError: Kafka does not answer, or an inbox was made again meanwhile; the next session looks anew.
        """
        try:
            async for records in self._bus.scan(ranges):
                yield records
        except InvariantError as error:
            raise UnavailableError(str(error)) from error

    def _tell_strange(self, partition: Partition, strange: Strange) -> None:
        """An inbox with records that are not ours concerns its agency; the others have their documents all the same."""
        if strange.count:
            self._metrics.strange.labels(partition.topic.removeprefix(inbox(""))).inc(strange.count)
            _log.error("strange_in_inbox", part=self.name, records=strange.count, first=strange.first)

    def _tell(self, follower: LedgerFollower) -> None:
        self._context.health.alive(self.name)
        self._kafka.last_progress.labels(self.name).set_to_current_time()
        for partition, position in follower.positions.items():
            self._kafka.position.labels("dispatch", partition.number).set(position)
        for lane, lag in follower.lag().items():
            self._kafka.lag.labels("dispatch", lane).set(lag)
