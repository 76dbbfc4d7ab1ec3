"""The shell around intake: reads rounds, appends them, commits; express on connections of its own."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence

import structlog

from lienthong.intake.halt import GROUP, Brake, Halt, generation_of, write_note
from lienthong.intake.limit import Limit
from lienthong.intake.metrics import IntakeMetrics
from lienthong.intake.rounds import Round, judge_round
from lienthong.kernel.bus import Bus, Publisher, Reader
from lienthong.kernel.directory_reader import DirectoryReader
from lienthong.kernel.errors import InvariantError, UnavailableError
from lienthong.kernel.judge import Judge
from lienthong.kernel.lanes import EXPRESS_LANE
from lienthong.kernel.ledger import Record
from lienthong.kernel.reasons import TOLD_BY_DIRECTORY
from lienthong.kernel.topics import LEDGER, QUARANTINE, Partition, outbox
from lienthong.runtime.context import Context
from lienthong.runtime.metrics import KafkaMetrics
from lienthong.runtime.session import keep_running, lane_count, wait_or_stop

__all__ = ["serve"]

_log = structlog.get_logger(__name__)
_ROUND_RECORDS = 1_000
_COMMIT_SECONDS = 0.25
_LOGGED_REJECTIONS = 20
"""Most rejections of one round that are logged one by one: a flood must not become a flood of lines."""
_PULSE_SECONDS = 3.0
"""How often an idle part stores a position again: reading goes on where nothing can be written, and looks well."""
_GENERATION_CHECK_SECONDS = 15.0
_HALTED_LOOK_SECONDS = 0.25


async def serve(context: Context, kafka: KafkaMetrics, stopping: asyncio.Event) -> None:
    """Run intake until stopping.

    Raises:
        InvariantError: an out topic was truncated or made again while it was read.
    """
    async with context.connect(context.settings.kafka(), "lt-intake") as bus:
        follower = DirectoryReader(bus, context.trust)
        directory = await follower.load()
        lanes = await lane_count(bus)
        judge = Judge(directory, lanes)
        metrics = IntakeMetrics.register(context.registry, judge.roots)
        brake = _brake(context)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(follower.follow(stopping))
            for name, some in context.lane_groups(lanes).items():
                part = _Part(bus, judge, follower, brake, some, context, metrics, kafka, f"intake/{name}")
                tasks.create_task(keep_running(part, context, kafka, stopping))


def _brake(context: Context) -> Brake:
    settings = context.settings
    return Brake(
        Limit(settings.halt_share, settings.halt_agencies, settings.halt_records, settings.halt_window_seconds)
    )


class _Part:
    """Some lanes, read together."""

    def __init__(
        self,
        bus: Bus,
        judge: Judge,
        follower: DirectoryReader,
        brake: Brake,
        lanes: list[int],
        context: Context,
        metrics: IntakeMetrics,
        kafka: KafkaMetrics,
        name: str,
    ) -> None:
        self.name = name
        self._bus = bus
        self._judge = judge
        self._follower = follower
        self._brake = brake
        self._lanes = lanes
        self._context = context
        self._metrics = metrics
        self._kafka = kafka
        self._positions: dict[Partition, int] = {}
        self._committed: dict[Partition, int] = {}
        self._committed_at = 0.0
        self._generations: dict[str, str] = {}
        self._connected: set[str] = set()
        self._halted = False
        self._noted: set[int] = set()
        self._unproven: set[str] = set()
        """Topics of which nothing has been read in this session."""

    async def session(self, stopping: asyncio.Event) -> None:
        """From connecting until stopping, or until Kafka fails."""
        self._positions, self._committed, self._generations, self._connected = {}, {}, {}, set()
        self._halted, self._noted, self._unproven = False, set(), set()
        express = self._lanes == [EXPRESS_LANE]
        settings = self._context.settings
        reader = self._bus.reader(
            group=GROUP,
            rest_ms=0 if express else settings.ordinary_wait_ms,
            fair=True,
        )
        async with (
            reader,
            self._bus.publisher() as ledger,
            self._bus.publisher("-quarantine", quarantine=True) as quarantine,
        ):
            await ledger.know([LEDGER])
            await quarantine.know([QUARANTINE])
            await self._follow_directory(reader)
            if not self._stands_still():
                self._context.health.begin_rounds(self.name)
            _log.info("ready", part=self.name, lanes=self._lanes, agencies=len(self._connected))
            loop = asyncio.get_running_loop()
            committed_at = checked_at = loop.time()
            while not stopping.is_set():
                if self._stands_still():
                    await wait_or_stop(stopping, _HALTED_LOOK_SECONDS)
                elif records := await reader.take(0.25, _ROUND_RECORDS):
                    await self._prove_generations(records)
                    await self._judge_and_append(records, reader, ledger, quarantine)
                now = loop.time()
                if now - committed_at >= _COMMIT_SECONDS:
                    await self._commit(reader)
                    committed_at = now
                if now - checked_at >= _GENERATION_CHECK_SECONDS:
                    await self._check_generations()
                    checked_at = now
                if self._judge.directory.connected_count != len(self._connected):
                    await self._follow_directory(reader)
            await self._commit(reader)

    async def _judge_and_append(
        self,
        records: Mapping[Partition, Sequence[Record]],
        reader: Reader,
        ledger: Publisher,
        quarantine: Publisher,
    ) -> None:
        done = await self._judged(records)
        now, directory = asyncio.get_running_loop().time(), self._judge.directory
        if self._brake.admits(done, directory, part=self.name, now=now, at=self._context.clock()):
            await self._append(done, ledger, quarantine)
        else:
            # Nothing of it is said to anybody: it is read and judged again when the halt is lifted.
            reader.seek(self._positions)

    def _stands_still(self) -> bool:
        """Whether a halt stands; says so in readiness, metrics and log when that has changed."""
        halts = self._brake.standing(self._judge.directory, asyncio.get_running_loop().time())
        if bool(halts) != self._halted:
            self._halted = bool(halts)
            self._metrics.halted.set(self._halted)
            if halts:
                told = "; ".join(f"{halt.id.hex()[:16]}: {halt.why}" for halt in halts)
                self._context.health.waiting(self.name, f"halted until the operator resumes it, halt {told}")
                for halt in halts:
                    _log.error("halted", part=self.name, halt=halt.id.hex(), since=halt.at, why=halt.why)
            else:
                self._noted.clear()
                self._context.health.begin_rounds(self.name)
                _log.warning("resumed", part=self.name)
        return self._halted

    async def _judged(self, records: Mapping[Partition, Sequence[Record]]) -> Round:
        """One round, judged; whom the directory does not know, it does not know when it was read to its end."""
        done = await self._judged_once(records)
        if any(reason in TOLD_BY_DIRECTORY for _, reason in done.rejected):
            # An agency may use its key before we have heard of it, and a rejection is for ever.
            await self._follower.catch_up()
            done = await self._judged_once(records)
        return done

    async def _judged_once(self, records: Mapping[Partition, Sequence[Record]]) -> Round:
        """One round, judged in pieces: an express record that comes meanwhile waits for a piece, not for the round."""
        done = Round()
        positions = dict(self._positions)
        async for some in self._bus.pieces.cut_rounds(records):
            done.add(
                judge_round(
                    some,
                    positions=positions,
                    generations=self._generations,
                    judge=self._judge,
                    at=self._context.clock(),
                )
            )
            positions.update(done.positions)
        return done

    async def _append(self, done: Round, ledger: Publisher, quarantine: Publisher) -> None:
        if done.quarantine:
            # Before the ledger, so that whatever the ledger calls rejected can be looked at.
            await quarantine.append(done.quarantine)
        appended = await ledger.append(done.ledger)
        self._positions.update(done.positions)
        for (agency, kind), count in done.accepted.items():
            self._metrics.accepted.labels(agency, kind).inc(count)
        for (agency, reason), count in done.rejected.items():
            self._metrics.rejected.labels(agency, reason).inc(count)
        for one in done.rejections[:_LOGGED_REJECTIONS]:
            _log.warning(
                "rejected",
                part=self.name,
                agency=one.agency,
                lane=one.lane,
                offset=one.offset,
                envelope_id=one.id.hex() if one.id else None,
                reason=one.reason,
                detail=one.detail,
            )
        if len(done.rejections) > _LOGGED_REJECTIONS:
            _log.warning("rejected_more", part=self.name, count=len(done.rejections) - _LOGGED_REJECTIONS)
        for agency, size in done.received_bytes.items():
            self._metrics.received_bytes.labels(agency).inc(size)
        for partition, offsets in appended.items():
            self._kafka.position.labels("intake", partition.number).set(offsets.last + 1)

    async def _commit(self, reader: Reader) -> None:
        changed = {one: offset for one, offset in self._positions.items() if self._committed.get(one) != offset}
        now = asyncio.get_running_loop().time()
        pulse = now - self._committed_at >= _PULSE_SECONDS
        noted: dict[Partition, Halt] = {}
        if self._stands_still():
            if pulse:
                self._noted.clear()  # whatever is stored again is stored with its note
            if self._noted != set(self._lanes):
                # On one partition of each lane, for whoever serves that lane next.
                marked = {
                    one.number: one for one in sorted(self._positions, reverse=True) if one.number not in self._noted
                }
                (halt, *_) = self._brake.standing(self._judge.directory, now)
                noted = dict.fromkeys(marked.values(), halt)
                changed.update({one: self._positions[one] for one in noted})
        elif not changed and pulse:
            changed = dict(list(self._positions.items())[:1])
        if changed:
            notes = {one: write_note(self._generations[one.topic], noted.get(one)) for one in changed}
            await reader.commit(changed, notes)
            self._committed.update(changed)
            self._noted.update(one.number for one in noted)
            self._committed_at = now
        self._metrics.rejected_share.set(self._brake.share(now))
        self._context.health.alive(self.name)
        self._kafka.last_progress.labels(self.name).set_to_current_time()
        for lane in self._lanes:
            lag = sum(reader.lag(one) for one in self._positions if one.number == lane)
            self._kafka.lag.labels("intake", lane).set(lag)

    async def _follow_directory(self, reader: Reader) -> None:
        """Begin to read the out topics of agencies that were connected since the last look."""
        connected = self._judge.directory.connected()
        topics = [outbox(agency) for agency in connected]
        existing = await self._bus.generations(topics)
        new = [topic for topic in topics if topic in existing and topic not in self._generations]
        missing = [topic for topic in topics if topic not in existing]
        if missing:
            _log.warning("topics_missing", part=self.name, topics=missing[:10], count=len(missing))
        partitions = [Partition(topic, lane) for topic in new for lane in self._lanes]
        if partitions:
            await reader.assign({**self._positions, **dict.fromkeys(partitions, 0)})
            # The end last: another intake may read on and commit in between, and that is no truncation.
            marks = await reader.marks(partitions)
            begins = await reader.begins(partitions)
            ends = await reader.ends(partitions)
            for one in partitions:
                mark = marks.get(one)
                if mark and self._brake.found(mark.note, self._judge.directory):
                    self._noted.add(one.number)
                if mark and generation_of(mark.note) not in {None, existing[one.topic]}:
                    # Committed once more before anybody noticed; the new topic is taken whole.
                    _log.error("topic_made_again", part=self.name, topic=one.topic, lane=one.number, read=mark.offset)
                    mark = None
                start = mark.offset if mark else begins[one]
                if start > ends[one] or start < begins[one]:
                    raise InvariantError(
                        f"{one.topic} lane {one.number} was read up to offset {start} but now goes from"
                        f" {begins[one]} to {ends[one]}: it was truncated or made again"
                    )
                self._positions[one] = start
                self._committed[one] = mark.offset if mark else -1
            reader.seek(self._positions)
            self._unproven.update(new)
        self._generations.update({topic: existing[topic] for topic in new})
        if not missing:
            self._connected = set(connected)

    async def _prove_generations(self, read: Iterable[Partition]) -> None:
        """Ask once more for the ids of topics of which something was read for the first time in this session.

        A broker serves no record of a topic before it knows its id, so what it tells now is that of what was read.

        Raises:
            UnavailableError: another one, or none; the next session begins with what is told then.
        """
        topics = self._unproven.intersection(one.topic for one in read)
        if not topics:
            return
        if misnamed := await self._misnamed(topics):
            raise UnavailableError(f"brokers have told an id of {misnamed} that was that of one deleted since")
        self._unproven -= topics

    async def _check_generations(self) -> None:
        """A topic deleted and made again must stop us: its offsets would look like repeats."""
        if misnamed := await self._misnamed(self._generations):
            raise InvariantError(f"{misnamed} was deleted or made again while it was read")

    async def _misnamed(self, topics: Collection[str]) -> str | None:
        """One of these topics that has another id than we know, if one has."""
        now = await self._bus.generations(list(topics))
        return next((topic for topic in topics if now.get(topic) != self._generations[topic]), None)
