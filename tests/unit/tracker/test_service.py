"""The tracker as a service, in a model of Kafka, with a database that keeps it waiting."""

import asyncio
import threading
from pathlib import Path
from random import Random

import pytest

from lienthong.kernel.bus import Row
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.ledger import GENESIS_HEADERS
from lienthong.kernel.topics import LEDGER, Partition, TopicSettings
from lienthong.runtime.context import Context
from lienthong.runtime.metrics import KafkaMetrics
from lienthong.runtime.settings import Settings
from lienthong.tracker import service
from lienthong.tracker.database import Database
from lienthong.tracker.lease import Lease
from simulation.bus import connector
from simulation.history import History
from simulation.kafka import BatchId, Brokers
from simulation.network import Network
from unit.kernel.world import LANES, NOW, TRUST


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """Of a tracker whose ledger holds nothing yet, and whose database is a file."""
    brokers = Brokers()
    brokers.create(TopicSettings(LEDGER, LANES, {}), 1)
    for lane in range(LANES):
        brokers.append(Partition(LEDGER, lane), BatchId(0, lane), [Row(None, GENESIS_HEADERS)], at=NOW)
    network = Network(brokers, Random(1), lambda: NOW, History())
    return Context(Settings(home=tmp_path), TRUST, connect=connector(network))


def start(context: Context, stopping: asyncio.Event) -> "asyncio.Task[None]":
    """Run it."""
    return asyncio.create_task(service.serve(context, KafkaMetrics.register(context.registry), stopping))


async def test_a_tracker_that_has_stopped_leaves_its_lanes_to_another(context: Context) -> None:
    """As soon as it has ended."""
    stopping = asyncio.Event()
    task = start(context, stopping)
    async with asyncio.timeout(30):
        while context.health.not_ready() or not context.health._alive:
            await asyncio.sleep(0.05)
        stopping.set()
        await task
    lease = Lease(Database.of(context.settings), range(LANES))
    lease.take()
    lease.give_back()


async def test_a_database_that_does_not_answer_holds_nobody_up(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tracker that is cancelled meanwhile ends, and everything else in its process goes on; its lanes become free
    when the database answers after all.
    """
    asked, answers = threading.Event(), threading.Event()

    def measure(_: Database) -> None:
        asked.set()
        answers.wait(60)

    monkeypatch.setattr(service, "measure", measure)
    release = threading.Timer(20, answers.set)  # or the defect would be a test that never ends
    release.start()
    task = start(context, asyncio.Event())
    async with asyncio.timeout(30):
        while not asked.is_set():
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()
    assert not answers.is_set()
    release.cancel()
    answers.set()
    lease = Lease(Database.of(context.settings), range(LANES))
    async with asyncio.timeout(30):
        while True:
            try:
                lease.take()
            except UnavailableError:
                await asyncio.sleep(0.02)
            else:
                break
    lease.give_back()
