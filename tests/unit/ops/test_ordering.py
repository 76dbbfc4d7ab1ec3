"""Orders on their way through a model of Kafka: about the right document, and never twice without anybody's will."""

from pathlib import Path
from random import Random

import pytest

from lienthong.cli import ops_orders
from lienthong.cli.ops_orders import _Asked, _find
from lienthong.kernel.bus import Row
from lienthong.kernel.command import RELEASE, RESEND
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.ledger import GENESIS_HEADERS, read_entry
from lienthong.kernel.topics import LEDGER, QUARANTINE, Partition, TopicSettings, outbox
from lienthong.ops.ordering import append
from lienthong.ops.traces import Place, Traces
from lienthong.runtime.settings import Settings
from simulation.bus import ModelBus, ModelReader
from simulation.history import History
from simulation.kafka import BatchId, Brokers
from simulation.network import Network
from unit.intake.test_rounds import Rec
from unit.kernel.world import BACKBONE, LANES, NOW, RECIPIENT, judge_of
from unit.ops.test_orders import GOOD, LANE, LATE, entry_record, id_of

STRANGER = "H99"


class Ledger:
    """A ledger and its quarantine in the model; each lane begins with its genesis."""

    def __init__(self, home: Path) -> None:
        self.brokers = Brokers()
        for topic in (LEDGER, QUARANTINE, outbox(BACKBONE)):
            self.brokers.create(TopicSettings(topic, LANES, {}), 1)
        self.settings = Settings(home=home, backbone=BACKBONE, timeout_seconds=5.0)
        network = Network(self.brokers, Random(1), lambda: NOW, History())
        self.bus = ModelBus(self.settings.kafka(), "test", network, None)
        self._batches = 0
        for lane in range(LANES):
            self._append(Partition(LEDGER, lane), Row(None, GENESIS_HEADERS))

    def _append(self, partition: Partition, row: Row) -> int:
        self._batches += 1
        return self.brokers.append(partition, BatchId(0, self._batches), [row], at=NOW).first

    def judge(self, value: bytes, *, agency: str, lane: int) -> Place:
        """Intake judges a record of an agency's out topic; the place of its entry."""
        position = self.brokers.end(Partition(LEDGER, lane))
        record: Rec = entry_record(value, position, agency=agency, lane=lane)
        if record.value is None:
            self._append(Partition(QUARANTINE, lane), Row(value, record.headers))
        self._append(Partition(LEDGER, lane), Row(record.value, record.headers))
        assert position == read_entry(record).position
        return Place(lane, position)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """One whose lanes hold nothing yet."""
    return Ledger(tmp_path)


@pytest.mark.parametrize(("action", "value"), [(RESEND, GOOD), (RELEASE, LATE)])
async def test_an_order_is_about_the_document_that_was_named(action: str, value: bytes, ledger: Ledger) -> None:
    """Though somebody else has put a copy of it into another lane before, where it was rejected."""
    other = LATE if action == RESEND else GOOD
    ledger.judge(value, agency=STRANGER, lane=0)
    ledger.judge(other, agency=STRANGER, lane=0)
    place = ledger.judge(value, agency="G22", lane=LANE)
    ledger.judge(value, agency=STRANGER, lane=0)
    asked = _Asked(action, id_of(value).hex()[:12], [RECIPIENT] if action == RESEND else [], "x", 0, dry_run=False)
    order = await _find(ledger.bus, judge_of(), asked, ledger.settings, None)
    assert (action, place, id_of(value), value) == (order.action, order.place, order.document, order.original.value)


@pytest.mark.parametrize("action", [RESEND, RELEASE])
async def test_an_entry_about_another_document_is_refused(
    action: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For instance when the tracker's database is of another ledger, and names a place where another one stands."""
    ledger.judge(GOOD if action == RESEND else LATE, agency="G22", lane=LANE)
    named = bytes.fromhex("ab" * 32)

    def known(_settings: Settings, _database: str | None, _beginning: str, traces: Traces) -> dict[int, int]:
        found = traces.of(named)
        assert found is not None
        if action == RESEND:
            found.accepted = Place(LANE, 1)
        else:
            found.rejected[Place(LANE, 1)] = "expired"
        return {}

    monkeypatch.setattr(ops_orders, "_known", known)
    asked = _Asked(action, named.hex(), [RECIPIENT], "x", 0, dry_run=False)
    with pytest.raises(ValueError, match=rf"the entry at {LANE}:1 is about document \w+, not about {'ab' * 8}"):
        await _find(ledger.bus, judge_of(), asked, ledger.settings, None)


async def test_an_order_that_was_written_is_told_as_written_though_kafka_fails_then(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever were told of an error would order it once more."""

    async def fail(*_: object) -> None:
        raise UnavailableError("cannot reach Kafka")

    monkeypatch.setattr(ModelReader, "take", fail)
    assert await append(ledger.bus, LANE, id_of(GOOD), GOOD, BACKBONE, 5.0) is None
    (written,) = ledger.brokers.fetch(Partition(outbox(BACKBONE), LANE), 0, 9)
    assert GOOD == written.value
