"""The shell around the reminder: reads the ledger, rests, and tells what is unread once it has read all there is."""

import asyncio
from collections.abc import Mapping

import structlog

from lienthong.kernel.bus import Bus, Row
from lienthong.kernel.command import Command, read_command
from lienthong.kernel.deadline_rules import Expiry
from lienthong.kernel.envelope import decode_envelope, encode_envelope, envelope_id
from lienthong.kernel.errors import OverloadedError, RejectedError, UnavailableError
from lienthong.kernel.fold import Count, ids_horizon_ms
from lienthong.kernel.keys import SigningKey
from lienthong.kernel.ledger import Entry, Outcome, Record
from lienthong.kernel.limits import MAX_TREE_SIZE
from lienthong.kernel.seal import Purpose, seal_batch
from lienthong.kernel.statement import Kind, Statement, decode_statement, encode_statement
from lienthong.kernel.topics import LEDGER, Partition, outbox
from lienthong.kernel.vietnam_time import DAY_MS
from lienthong.reminder.metrics import ReminderMetrics
from lienthong.reminder.unread import SAYING, Left, UnreadLane, notices
from lienthong.runtime.context import Context
from lienthong.runtime.deadline_file import read_rules
from lienthong.runtime.ledger_follower import LedgerFollower
from lienthong.runtime.metrics import KafkaMetrics
from lienthong.runtime.session import keep_running, lane_count, wait_or_stop

__all__ = ["serve"]

_log = structlog.get_logger(__name__)
_GROUP = "lt.reminder"
_ROUND_RECORDS = 2_000
_TAKE_SECONDS = 1.0
_REST_SECONDS = 1.0
"""How long entries gather once it has read nearly all: nobody waits for it, and a round costs about the same for one
and for many."""
_FETCH_MS = 1_000
"""A request that waits holds the connection, and what else is asked waits behind it: a round takes three seconds."""
_LOOK_SECONDS = 5.0
"""How often it looks for what has expired, and stores from where it would have to read again."""
_MARGIN_MS = 7 * DAY_MS
"""Where it has never stored a position it tells of what expired within so long, and of nothing older."""
_AT_ONCE = 10_000
"""Most documents that one look tells of, each counted once for every recipient: the next one tells of the rest."""


async def serve(context: Context, kafka: KafkaMetrics, stopping: asyncio.Event) -> None:
    """Run the reminder until stopping.

    With a file of deadlines that is wrong it is not ready and says why; other services of the process go on.

    Raises:
        ValueError: there is no signing key for it.
        InvariantError: the ledger has a gap, or a record in it is no entry.
    """
    try:
        expiry = read_rules(context.settings.deadlines_file).expiry
    except (ValueError, OSError) as error:
        _log.error("no_expiry", error=str(error))
        context.health.waiting("reminder", str(error))
        await stopping.wait()
        return
    if not expiry.enabled:
        _log.info("expiry_disabled")
        context.health.ready("reminder")
        await stopping.wait()
        return
    key = SigningKey.load(context.settings.home / "keys" / "notary.pem")
    async with context.connect(context.settings.kafka(), "lt-reminder") as bus:
        count = await lane_count(bus)
        lanes = [lane for some in context.lane_groups(count).values() for lane in some]
        metrics = ReminderMetrics(context.registry)  # once: what can fail until here is begun again
        part = _Part(bus, lanes, count, key, expiry, context, kafka, metrics)
        await keep_running(part, context, kafka, stopping)


class _Part:
    """All lanes, read together: nobody waits for the reminder, the express lane neither.

    What it knows outlives a session that Kafka has failed: the next one reads on from there.
    """

    name = "reminder/ledger"

    def __init__(
        self,
        bus: Bus,
        lanes: list[int],
        lane_count: int,
        key: SigningKey,
        expiry: Expiry,
        context: Context,
        kafka: KafkaMetrics,
        metrics: ReminderMetrics,
    ) -> None:
        self._bus = bus
        self._numbers = lanes
        self._lane_count = lane_count
        self._key = key
        self._expiry = expiry
        self._context = context
        self._kafka = kafka
        self._metrics = metrics
        self._backbone = context.settings.backbone
        self._lanes: dict[int, UnreadLane] = {}
        self._said_before: dict[int, int] | None = None
        """By lane, the end of what may have been said and not be known; None: to be asked for."""
        self._generation = ""
        self._looked_at = 0.0

    async def session(self, stopping: asyncio.Event) -> None:
        """From connecting until stopping, or until Kafka fails."""
        await self._begin()
        follower = LedgerFollower(
            self._bus,
            group=_GROUP,
            lanes=self._numbers,
            clock=self._context.clock,
            rest_ms=0,
            stored={number: lane.position for number, lane in self._lanes.items()},
            max_wait_ms=_FETCH_MS,
        )
        async with follower:
            self._context.health.begin_rounds(self.name)
            _log.info("ready", part=self.name, lanes=self._numbers)
            while not stopping.is_set():
                await self._read(follower, _TAKE_SECONDS)
                if self._has_rested():
                    await self._tell(follower, stopping)
                    await follower.commit(up_to=self._settled())
                self._show(follower)
                if sum(follower.lag().values()) < _ROUND_RECORDS:
                    await wait_or_stop(stopping, _REST_SECONDS)
            await follower.commit(up_to=self._settled(), at_once=True)

    async def _begin(self) -> None:
        """Find out where to read from, and what of our own is on its way into the ledger."""
        partitions = [Partition(LEDGER, number) for number in self._numbers]
        if not self._lanes:
            since = max(0, self._context.clock() - self._expiry.longest_ms - _MARGIN_MS)
            async with self._bus.reader(group=_GROUP) as reader:
                committed = await reader.committed(partitions)
                recent = await reader.offsets_at(dict.fromkeys(partitions, since))
                ends = await reader.ends(partitions)
            for one in partitions:
                first = recent[one]
                start = committed.get(one, ends[one] if first is None else first)
                self._lanes[one.number] = UnreadLane(self._backbone, self._expiry, start)
        self._forget_said()
        self._said_before = await self._ends_of_said()

    def _forget_said(self) -> None:
        for lane in self._lanes.values():
            lane.forget_said()
        self._said_before = None

    async def _ends_of_said(self) -> dict[int, int]:
        """By lane, where our out topic ends now, if anything in it may still come to stand in the ledger."""
        own = outbox(self._backbone)
        self._generation = (await self._bus.generations([own])).get(own, "")
        partitions = [Partition(own, number) for number in self._numbers]
        since = max(0, self._context.clock() - ids_horizon_ms())
        async with self._bus.reader() as reader:
            recent = await reader.offsets_at(dict.fromkeys(partitions, since))
            ends = await reader.ends(partitions)
        return {one.number: ends[one] for one in partitions if recent[one] is not None}

    async def _read(self, follower: LedgerFollower, seconds: float) -> None:
        """Take a round, piece by piece: services that are in a hurry may run in the same process."""
        async for some in self._bus.pieces.cut(await follower.take(seconds, _ROUND_RECORDS)):
            for number, record, entry, counts in some:
                said = _said(record, entry, counts)
                # It is known of the whole round already, so what comes after the command is there, too.
                accepted_at = follower.position_of(number, said.document) if isinstance(said, Command) else None
                reason = self._lanes[number].take(entry, counts, said, accepted_at=accepted_at)
                if reason:
                    self._metrics.rejected.labels(reason).inc()
                    _log.error("notice_rejected", lane=number, position=entry.position, reason=reason)
        for partition, position in follower.positions.items():
            self._lanes[partition.number].read_until(position)
        self._context.health.alive(self.name)
        self._kafka.last_progress.labels(self.name).set_to_current_time()

    def _has_rested(self) -> bool:
        """Whether it is time to look again."""
        now = asyncio.get_running_loop().time()
        if now - self._looked_at < _LOOK_SECONDS:
            return False
        self._looked_at = now
        return True

    async def _tell(self, follower: LedgerFollower, stopping: asyncio.Event) -> None:
        """Say what is unread now, if there is anything; not before all is read that was said by now."""
        now = self._context.clock()
        if not any(lane.is_due(now) for lane in self._lanes.values()):
            return
        ends = await follower.ends()
        while any(follower.positions[one] < end for one, end in ends.items()):
            if stopping.is_set():
                return
            await self._read(follower, 0.25)
        if self._said_before is None:
            self._said_before = await self._ends_of_said()
        unknown = [number for number, end in self._said_before.items() if self._last_said(follower, number) < end - 1]
        if unknown:
            _log.info("waits_for_intake", lanes=unknown)
            return
        due = {number: lane.due(now, _AT_ONCE) for number, lane in self._lanes.items()}
        if any(due.values()):
            await self._say({number: some for number, some in due.items() if some}, now)

    def _last_said(self, follower: LedgerFollower, number: int) -> int:
        last = follower.last_offset(number, self._backbone, self._generation)
        return -1 if last is None else last

    async def _say(self, due: Mapping[int, list[Left]], now: int) -> None:
        """Sign notices and append them to the backbone's own out topic."""
        said = [
            (number, encode_statement(statement), some)
            for number, left in due.items()
            for statement, some in notices(left, backbone=self._backbone, lane=number, lanes=self._lane_count, now=now)
        ]
        ids = [envelope_id(statement) for _, statement, _ in said]
        seals = [
            seal
            for at in range(0, len(ids), MAX_TREE_SIZE)
            for seal in seal_batch(
                ids[at : at + MAX_TREE_SIZE],
                key=self._key,
                origin=self._context.trust.origin,
                sender=self._backbone,
                purpose=Purpose.RECEIPT,
                signed_at=now,
            )
        ]
        rows: dict[Partition, list[Row]] = {}
        for (number, statement, some), identity, seal in zip(said, ids, seals, strict=True):
            rows.setdefault(Partition(outbox(self._backbone), number), []).append(
                Row(encode_envelope(statement, (), seal))
            )
            self._lanes[number].said(identity, some)
        try:
            # There is a connection only while something is said: most of the time nothing is.
            async with self._bus.publisher() as publisher:
                await publisher.append(rows)
        except (UnavailableError, OverloadedError) as error:
            self._forget_said()
            self._kafka.errors.labels(self.name).inc()
            _log.warning("not_said", part=self.name, error=str(error))
            return
        for number, _, some in said:
            self._metrics.notices.labels(number).inc()
            self._metrics.lines.labels(number).inc(len(some))
        _log.info("said", notices=len(said), unread=sum(len(some) for _, _, some in said))

    def _settled(self) -> dict[int, int]:
        return {number: lane.settled for number, lane in self._lanes.items()}

    def _show(self, follower: LedgerFollower) -> None:
        for number, lane in self._lanes.items():
            self._kafka.position.labels("reminder", number).set(lane.position)
            self._metrics.open.labels(number).set(lane.count)
        for number, lag in follower.lag().items():
            self._kafka.lag.labels("reminder", number).set(lag)


def _said(record: Record, entry: Entry, counts: Count) -> Statement | Command | None:
    """What an entry says, if it says anything here: kinds stand in headers, and most values are not looked at."""
    if counts is not Count.COUNTS or entry.outcome is not Outcome.ACCEPTED or entry.kind not in SAYING:
        return None
    try:
        sealed = decode_envelope(record.value or b"")
        statement = decode_statement(sealed.statement)
        return read_command(statement, sealed.contents) if statement.kind is Kind.COMMAND else statement
    except RejectedError as error:
        # The ledger is trusted, so this is of a newer version; a document without its data is open all the same.
        _log.warning("entry_unreadable", lane=record.partition, position=entry.position, error=str(error))
        return None
