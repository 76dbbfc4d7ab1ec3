"""Notices on their way into the backbone's own out topic, in a model of Kafka."""

from pathlib import Path
from random import Random

from lienthong.kernel.envelope import decode_envelope, envelope_id
from lienthong.kernel.limits import MAX_TREE_SIZE
from lienthong.kernel.seal import VerifiedRoots
from lienthong.kernel.statement import decode_statement
from lienthong.kernel.topics import Partition, TopicSettings, outbox
from lienthong.reminder.metrics import ReminderMetrics
from lienthong.reminder.service import _Part
from lienthong.reminder.unread import Left
from lienthong.runtime.context import Context
from lienthong.runtime.metrics import KafkaMetrics
from lienthong.runtime.settings import Settings
from simulation.bus import ModelBus
from simulation.history import History
from simulation.kafka import Brokers
from simulation.network import Network
from unit.kernel.world import NOW, RECEIPT_KEY, TRUST
from unit.reminder.lane import BACKBONE, EXPIRY, LANE, LANES, reminder


async def test_more_senders_than_a_seal_covers_are_all_told(tmp_path: Path) -> None:
    """Each of 4,097 senders hears of its unread document, under as many seals as it takes."""
    brokers = Brokers()
    brokers.create(TopicSettings(outbox(BACKBONE), LANES, {}), 1)
    context = Context(Settings(home=tmp_path, backbone=BACKBONE, timeout_seconds=60.0), TRUST)
    kafka, metrics = KafkaMetrics.register(context.registry), ReminderMetrics(context.registry)
    network = Network(brokers, Random(1), lambda: NOW, History())
    bus = ModelBus(context.settings.kafka(), "test", network, None)
    part = _Part(bus, [LANE], LANES, RECEIPT_KEY, EXPIRY, context, kafka, metrics)
    part._lanes[LANE] = reminder()
    senders = [f"S{number}" for number in range(MAX_TREE_SIZE + 1)]
    left = [Left(b"%032d" % at, at, sender, "H26", NOW - 1) for at, sender in enumerate(senders)]

    await part._say({LANE: left}, NOW)

    roots, told = VerifiedRoots(), []
    for record in brokers.fetch(Partition(outbox(BACKBONE), LANE), 0, len(senders) + 1):
        sealed = decode_envelope(record.value or b"")
        statement = decode_statement(sealed.statement)
        roots.verify(envelope_id(sealed.statement), BACKBONE, sealed.seal, [RECEIPT_KEY.public_key])
        told.append((statement.recipients, [line["document"] for line in statement.body["entries"]]))
    assert [([one.sender], [one.document]) for one in left] == told
