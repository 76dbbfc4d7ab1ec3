"""The shell around the notary: reads the ledger, collects for a moment, signs, sends, commits."""

import asyncio

import structlog
from prometheus_client import Counter

from lienthong.kernel.bus import Bus, Publisher, Row
from lienthong.kernel.envelope import encode_envelope, envelope_id
from lienthong.kernel.fold import Count
from lienthong.kernel.keys import SigningKey
from lienthong.kernel.lanes import EXPRESS_LANE
from lienthong.kernel.seal import Purpose, seal_batch
from lienthong.kernel.statement import encode_statement
from lienthong.kernel.topics import Partition, outbox
from lienthong.notary.receipts import PendingReceipts
from lienthong.runtime.context import Context
from lienthong.runtime.ledger_follower import LedgerFollower
from lienthong.runtime.metrics import KafkaMetrics
from lienthong.runtime.session import keep_running, lane_count

__all__ = ["serve"]

_log = structlog.get_logger(__name__)
_GROUP = "lt.notary"
_ROUND_RECORDS = 2_000
_COLLECT_MS = 40
"""How long ordinary lanes collect, so that one receipt names many envelopes: every receipt goes through intake,
dispatch and the sender's client, and nobody waits for it."""


async def serve(context: Context, kafka: KafkaMetrics, stopping: asyncio.Event) -> None:
    """Run the notary until stopping.

    Raises:
        ValueError: there is no signing key for it.
        InvariantError: the ledger has a gap, or a record in it is no entry.
    """
    key = SigningKey.load(context.settings.home / "keys" / "notary.pem")
    async with context.connect(context.settings.kafka(), "lt-notary") as bus:
        lanes = await lane_count(bus)
        said = Counter("lienthong_notary_receipts", "Receipts sent", ["lane"], registry=context.registry)
        async with asyncio.TaskGroup() as tasks:
            for name, some in context.lane_groups(lanes).items():
                part = _Part(bus, some, lanes, key, context, kafka, said, f"notary/{name}")
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
        said: Counter,
        name: str,
    ) -> None:
        self.name = name
        self._bus = bus
        self._lanes = lanes
        self._lane_count = lane_count
        self._key = key
        self._context = context
        self._kafka = kafka
        self._said = said

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
            self._context.health.ready(self.name)
            _log.info("ready", part=self.name, lanes=self._lanes)
            while not stopping.is_set():
                for lane, record, entry, count in await follower.take(0.25, _ROUND_RECORDS):
                    first = None
                    if count is Count.DUPLICATE and entry.id is not None:
                        first = follower.position_of(lane, entry.id)
                    pending.take(lane, entry, count, record.value, first)
                if pending.count:
                    await self._say(pending, publisher)
                await follower.commit()
                self._kafka.last_progress.labels(self.name).set_to_current_time()
                for partition, position in follower.positions.items():
                    self._kafka.position.labels("notary", partition.number).set(position)
                for lane, lag in follower.lag().items():
                    self._kafka.lag.labels("notary", lane).set(lag)
            await follower.commit(at_once=True)

    async def _say(self, pending: PendingReceipts, publisher: Publisher) -> None:
        backbone = self._context.settings.backbone
        now = self._context.clock()
        said = pending.say(now)
        statements = [encode_statement(statement) for _, statement in said]
        seals = seal_batch(
            [envelope_id(statement) for statement in statements],
            key=self._key,
            origin=self._context.trust.origin,
            sender=backbone,
            purpose=Purpose.RECEIPT,
            signed_at=now,
        )
        rows: dict[Partition, list[Row]] = {}
        for (lane, _), statement, seal in zip(said, statements, seals, strict=True):
            rows.setdefault(Partition(outbox(backbone), lane), []).append(Row(encode_envelope(statement, (), seal)))
        await publisher.append(rows)
        for partition, some in rows.items():
            self._said.labels(partition.number).inc(len(some))
