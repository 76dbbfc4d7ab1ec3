"""The shell around the notary: reads the ledger, collects for a moment, signs, sends, commits."""

import asyncio

import structlog

from lienthong.kernel.bus import Bus, Publisher, Row
from lienthong.kernel.envelope import encode_envelope, envelope_id
from lienthong.kernel.fold import Count
from lienthong.kernel.keys import SigningKey
from lienthong.kernel.lanes import EXPRESS_LANE
from lienthong.kernel.seal import Purpose, seal_batch
from lienthong.kernel.statement import encode_statement
from lienthong.kernel.topics import Partition, outbox
from lienthong.notary.metrics import NotaryMetrics
from lienthong.notary.receipts import PendingReceipts
from lienthong.runtime.context import Context
from lienthong.runtime.ledger_follower import LedgerFollower
from lienthong.runtime.metrics import KafkaMetrics
from lienthong.runtime.session import keep_running, lane_count, wait_or_stop

__all__ = ["serve"]

_log = structlog.get_logger(__name__)
_GROUP = "lt.notary"
_ROUND_RECORDS = 2_000
_COLLECT_MS = 40
"""How long ordinary lanes collect, so that one receipt names many envelopes: every receipt goes through intake,
dispatch and the sender's client, and nobody waits for it."""
_FIRST_REST_SECONDS = 1.0
_LONGEST_REST_SECONDS = 30.0
_LOGGED_REJECTIONS = 20


async def serve(context: Context, kafka: KafkaMetrics, stopping: asyncio.Event) -> None:
    """Run the notary until stopping.

    Raises:
        ValueError: there is no signing key for it.
        InvariantError: the ledger has a gap, or a record in it is no entry.
    """
    key = SigningKey.load(context.settings.home / "keys" / "notary.pem")
    async with context.connect(context.settings.kafka(), "lt-notary") as bus:
        lanes = await lane_count(bus)
        metrics = NotaryMetrics.register(context.registry)
        async with asyncio.TaskGroup() as tasks:
            for name, some in context.lane_groups(lanes).items():
                part = _Part(bus, some, lanes, key, context, kafka, metrics, f"notary/{name}")
                tasks.create_task(keep_running(part, context, kafka, stopping))


class _Part:
    """Some lanes, read together."""

    def __init__(
        self,
        bus: Bus,
        lanes: list[int],
        lane_count: int,
        key: SigningKey,
        context: Context,
        kafka: KafkaMetrics,
        metrics: NotaryMetrics,
        name: str,
    ) -> None:
        self.name = name
        self._bus = bus
        self._lanes = lanes
        self._lane_count = lane_count
        self._key = key
        self._context = context
        self._kafka = kafka
        self._metrics = metrics
        self._rest_seconds = 0.0
        """How long to wait when a receipt is rejected; longer each time, until one arrives."""

    async def session(self, stopping: asyncio.Event) -> None:
        """From connecting until stopping, or until Kafka fails."""
        express = self._lanes == [EXPRESS_LANE]
        follower = LedgerFollower(
            self._bus,
            group=_GROUP,
            lanes=self._lanes,
            clock=self._context.clock,
            rest_ms=0 if express else _COLLECT_MS,
            always_rest=True,
        )
        pending = PendingReceipts(self._context.settings.backbone, self._lane_count)
        async with follower, self._bus.publisher() as publisher:
            await publisher.know([outbox(self._context.settings.backbone)])
            self._context.health.begin_rounds(self.name)
            _log.info("ready", part=self.name, lanes=self._lanes)
            while not stopping.is_set():
                arrived = pending.arrived
                for lane, record, entry, count in await follower.take(0.25, _ROUND_RECORDS):
                    first = None
                    if count is Count.DUPLICATE and entry.id is not None:
                        first = follower.position_of(lane, entry.id)
                    pending.take(lane, entry, count, record.value, first)
                if pending.arrived > arrived:
                    self._rest_seconds = 0.0
                if self._tell_rejected(pending):
                    await self._rest(stopping)
                    if stopping.is_set():
                        break
                if pending.count:
                    await self._say(pending, publisher)
                await follower.commit(up_to=pending.unsaid_from())
                self._context.health.alive(self.name)
                self._kafka.last_progress.labels(self.name).set_to_current_time()
                for partition, position in follower.positions.items():
                    self._kafka.position.labels("notary", partition.number).set(position)
                for lane, lag in follower.lag().items():
                    self._kafka.lag.labels("notary", lane).set(lag)
            await follower.commit(at_once=True, up_to=pending.unsaid_from())

    def _tell_rejected(self, pending: PendingReceipts) -> bool:
        """Tell of receipts that were rejected; whether some are to be said again."""
        for receipt, entry, again in pending.rejected[:_LOGGED_REJECTIONS]:
            _log.error(
                "receipt_rejected",
                part=self.name,
                lane=receipt.lane,
                agency=receipt.recipient,
                entries=len(receipt.lines),
                offset=entry.source.offset,
                reason=entry.reason,
                detail=entry.detail,
                again=again,
            )
        for one in pending.rejected:
            self._metrics.rejected.labels(one.entry.reason).inc()
        some_again = any(one.again for one in pending.rejected)
        pending.rejected.clear()
        return some_again

    async def _rest(self, stopping: asyncio.Event) -> None:
        """Wait before anything more is said: as long as the clock or the key is wrong it would be rejected as well."""
        left = self._rest_seconds
        self._rest_seconds = min(max(_FIRST_REST_SECONDS, 2 * left), _LONGEST_REST_SECONDS)
        while left > 0 and not stopping.is_set():
            self._context.health.alive(self.name)
            await wait_or_stop(stopping, min(left, 1.0))
            left -= 1.0

    async def _say(self, pending: PendingReceipts, publisher: Publisher) -> None:
        backbone = self._context.settings.backbone
        now = self._context.clock()
        said = pending.say(now)
        statements = [encode_statement(receipt.statement) for receipt in said]
        seals = seal_batch(
            [envelope_id(statement) for statement in statements],
            key=self._key,
            origin=self._context.trust.origin,
            sender=backbone,
            purpose=Purpose.RECEIPT,
            signed_at=now,
        )
        rows: dict[Partition, list[Row]] = {}
        for receipt, statement, seal in zip(said, statements, seals, strict=True):
            value = encode_envelope(statement, (), seal)
            pending.sent(value, receipt)
            rows.setdefault(Partition(outbox(backbone), receipt.lane), []).append(Row(value))
        await publisher.append(rows)
        for partition, some in rows.items():
            self._metrics.said.labels(partition.number).inc(len(some))
