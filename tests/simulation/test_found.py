"""Defects that the simulation found, each by itself."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from random import Random

import pytest

from lienthong.client import Client, Document
from lienthong.directory.listing import ListedAgency
from lienthong.directory.operator import Operator, make_trust
from lienthong.intake.service import serve as intake
from lienthong.kernel.agency import agency_code
from lienthong.kernel.bus import Row
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.ledger import Outcome, Source, is_genesis, read_entry, write_opened
from lienthong.kernel.topics import DIRECTORY, LEDGER, Partition, TopicSettings, inbox, outbox
from lienthong.runtime.context import Context
from lienthong.runtime.ledger_follower import LedgerFollower
from lienthong.runtime.metrics import KafkaMetrics
from lienthong.runtime.settings import Settings
from simulation.bus import ModelBus, connector
from simulation.history import History
from simulation.kafka import BatchId, Brokers, ModelRecord
from simulation.loop import VirtualLoop
from simulation.network import Network
from simulation.surroundings import key_named

NOW = 1_790_000_000_000
FOLLOWED_RECORDS = 1_000


class BusyBrokers(Brokers):
    """As soon as somebody has asked where a partition ends, another process of the service goes on and commits."""

    def __init__(self, topic: str, group: str) -> None:
        super().__init__()
        self.busy = False
        self._asked: set[Partition] = set()
        self._busy_topic = topic
        self._group = group

    def end(self, partition: Partition) -> int:
        """Where it ended before the other process went on."""
        end = super().end(partition)
        if self.busy and partition.topic == self._busy_topic and partition not in self._asked:
            self._asked.add(partition)
            headers = write_opened(Source("H01", end, "g"), at=NOW, known=NOW)
            self.append(partition, BatchId(-1, end), [Row(None, headers, b"x")], at=NOW)
            self.commit(self._group, {partition: end + 1}, {})
        return end


def on_virtual_time(brokers: Brokers, action: Callable[[Network], Awaitable[None]]) -> None:
    """Run something over a calm model."""
    loop = VirtualLoop(Random(1))
    network = Network(brokers, Random(2), lambda: NOW, History())
    try:
        loop.run_until_complete(action(network))
    finally:
        loop.discard()


def test_a_projection_that_starts_while_another_commits_raises_no_alarm(tmp_path: Path) -> None:
    """What the other has committed in between lies beyond the end that was looked up, and nothing is truncated."""
    brokers = BusyBrokers(LEDGER, "g")

    async def start(network: Network) -> None:
        brokers.create(TopicSettings(LEDGER, 1, {}), 1)
        brokers.busy = True
        settings = Settings(home=tmp_path, bootstrap="model:1")
        async with (
            connector(network)(settings.kafka(), "test") as bus,
            LedgerFollower(bus, group="g", lanes=[0], clock=lambda: NOW, rest_ms=0) as follower,
        ):
            assert {Partition(LEDGER, 0): 0} == follower.positions

    on_virtual_time(brokers, start)


def test_an_intake_that_starts_while_another_commits_raises_no_alarm(tmp_path: Path) -> None:
    """The same for out topics."""
    brokers = BusyBrokers(outbox("H01"), "lt.intake")

    async def start(network: Network) -> None:
        key_named("operator").save(tmp_path / "keys" / "operator.pem")
        trust, key = make_trust(tmp_path, "test")
        settings = Settings(home=tmp_path, bootstrap="model:1")
        connect = connector(network)
        async with Operator.open(settings.kafka(), trust, key, lambda: NOW, connect) as operator:
            await operator.provision(lanes=2)
            await operator.add_agencies([ListedAgency(agency_code("H01"), "", "Cơ quan", None, True)])
        brokers.busy = True
        context = Context(settings, trust, clock=lambda: NOW, connect=connect)
        stopping = asyncio.Event()
        asyncio.get_running_loop().call_later(1.0, stopping.set)
        await intake(context, KafkaMetrics.register(context.registry), stopping)
        assert not context.health.not_ready()

    on_virtual_time(brokers, start)


def test_an_operator_to_whom_a_broker_shows_no_directory_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that has just started may know no topic; what an operator says to an empty directory would be wrong."""
    brokers = Brokers()

    async def speak(network: Network) -> None:
        key_named("operator").save(tmp_path / "keys" / "operator.pem")
        trust, key = make_trust(tmp_path, "test")
        settings = Settings(home=tmp_path, bootstrap="model:1").kafka()
        listed = [ListedAgency(agency_code("H01"), "", "Cơ quan", None, True)]
        async with Operator.open(settings, trust, key, lambda: NOW, connector(network)) as operator:
            await operator.provision(lanes=2)
            await operator.add_agencies(listed)

        async def none(_bus: object, _topic: str) -> int:
            return 0

        with monkeypatch.context() as patch:
            patch.setattr(ModelBus, "lanes", none)
            entered = Operator.open(settings, trust, key, lambda: NOW, connector(network))
            operator = await entered.__aenter__()
        try:
            with pytest.raises(UnavailableError, match="or its brokers have just started"):
                await operator.add_key(agency_code("H01"), key_named("H01").public_key)
            with pytest.raises(UnavailableError, match="or its brokers have just started"):
                await operator.add_agencies(listed)
            assert [] == await operator.provision()
            assert operator.directory.agency("H01") is not None
            await operator.add_key(agency_code("H01"), key_named("H01").public_key)
        finally:
            await entered.__aexit__(None, None, None)

    on_virtual_time(brokers, speak)


def test_two_operators_who_connect_an_agency_at_once_harm_nobody(tmp_path: Path) -> None:
    """Both see an empty partition and both write its genesis; in inbox and ledger both are passed over."""
    brokers = Brokers()

    async def provision_twice(network: Network) -> None:
        key_named("operator").save(tmp_path / "keys" / "operator.pem")
        trust, key = make_trust(tmp_path, "test")
        settings = Settings(home=tmp_path, bootstrap="model:1").kafka()
        listed = [ListedAgency(agency_code("H01"), "", "Cơ quan", None, True)]

        async def provision() -> None:
            async with Operator.open(settings, trust, key, lambda: NOW, connector(network)) as operator:
                await operator.provision(lanes=2)
                await operator.add_agencies(listed)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(provision())
            tasks.create_task(provision())

    on_virtual_time(brokers, provision_twice)
    for topic in (LEDGER, inbox("H01")):
        records = brokers.fetch(Partition(topic, 0), 0, 10)
        assert len(records) == 2
        assert all(map(is_genesis, records))


def test_a_client_that_does_not_see_its_new_topics_yet_is_to_try_again(tmp_path: Path) -> None:
    """Not every broker knows of a topic that was just made: that is no reason to reject the agency for good."""
    brokers = Brokers()

    async def open_too_early(network: Network) -> None:
        key_named("operator").save(tmp_path / "keys" / "operator.pem")
        trust, key = make_trust(tmp_path, "test")
        settings = Settings(home=tmp_path, bootstrap="model:1").kafka()
        listed = [ListedAgency(agency_code("H01"), "", "Cơ quan", None, True)]
        async with Operator.open(settings, trust, key, lambda: NOW, connector(network)) as operator:
            await operator.provision(lanes=2)
            await operator.add_agencies(listed)
            await operator.add_keys([("H01", key_named("H01").public_key)])
        brokers.delete(inbox("H01"))
        with pytest.raises(UnavailableError, match="does not show the topics of H01"):
            async with Client.open(
                "H01", key_named("H01"), trust, settings, tmp_path / "store", lambda: NOW, connector(network)
            ):
                pass

    on_virtual_time(brokers, open_too_early)


class LateDirectory(Brokers):
    """Whoever follows the directory in rounds of a thousand, as services do, hears nothing new of it any more."""

    late = False

    def fetch(self, partition: Partition, offset: int, count: int) -> Sequence[ModelRecord]:
        """Nothing, for a follower."""
        records = super().fetch(partition, offset, count)
        return () if self.late and partition.topic == DIRECTORY and count == FOLLOWED_RECORDS else records


def test_intake_reads_the_directory_to_its_end_before_it_calls_a_key_unknown(tmp_path: Path) -> None:
    """An agency that uses its new key at once is not rejected because intake has not heard of the key yet."""
    brokers = LateDirectory()

    async def use_a_new_key(network: Network) -> None:
        key_named("operator").save(tmp_path / "keys" / "operator.pem")
        trust, key = make_trust(tmp_path, "test")
        settings = Settings(home=tmp_path, bootstrap="model:1")
        connect = connector(network)
        context = Context(settings, trust, clock=lambda: NOW, connect=connect)
        stopping = asyncio.Event()
        async with Operator.open(settings.kafka(), trust, key, lambda: NOW, connect) as operator:
            await operator.provision(lanes=2)
            codes = [agency_code("H01"), agency_code("H02")]
            await operator.add_agencies([ListedAgency(code, "", "Cơ quan", None, True) for code in codes])
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(intake(context, KafkaMetrics.register(context.registry), stopping))
                await asyncio.sleep(1.0)
                brokers.late = True
                await operator.add_keys([("H01", key_named("H01").public_key)])
                async with Client.open(
                    "H01", key_named("H01"), trust, settings.kafka(), tmp_path / "store", lambda: NOW, connect
                ) as client:
                    await client.send(Document(recipients=("H02",), subject="V/v"))
                    await asyncio.sleep(1.0)
                stopping.set()
        entries = [read_entry(one) for one in brokers.fetch(Partition(LEDGER, 1), 1, 100)]
        assert [""] == [entry.reason for entry in entries if entry.outcome is not Outcome.OPENED]

    on_virtual_time(brokers, use_a_new_key)


@pytest.mark.parametrize("again", [1, 8])
def test_what_was_committed_of_a_topic_that_is_no_more_says_nothing_of_the_new_one(tmp_path: Path, again: int) -> None:
    """Intake may commit once more after its out topic was made again, before it notices, and then ends by its alarm.

    Started again it takes the new topic from its first record on, whether that is longer by now or not; to go on
    from the old offset would lose the records before it and stop whoever reads the ledger for ever.
    """
    brokers, group, partition = Brokers(), "lt.intake", Partition(outbox("H01"), 1)
    generations: list[str] = []

    async def make_again(network: Network) -> None:
        key_named("operator").save(tmp_path / "keys" / "operator.pem")
        trust, key = make_trust(tmp_path, "test")
        settings = Settings(home=tmp_path, bootstrap="model:1")
        connect = connector(network)

        async def write_and_run(count: int) -> None:
            generations.append(brokers.generation(partition.topic) or "")
            async with connect(settings.kafka(), "test") as bus, bus.publisher() as publisher:
                await publisher.append({partition: [Row(b"nonsense", key=b"x")] * count})
            context = Context(settings, trust, clock=lambda: NOW, connect=connect)
            stopping = asyncio.Event()
            asyncio.get_running_loop().call_later(2.0, stopping.set)
            await intake(context, KafkaMetrics.register(context.registry), stopping)

        async with Operator.open(settings.kafka(), trust, key, lambda: NOW, connect) as operator:
            await operator.provision(lanes=2)
            await operator.add_agencies([ListedAgency(agency_code("H01"), "", "Cơ quan", None, True)])
            await write_and_run(5)
            read, note = brokers.committed(group, partition), brokers.note(group, partition)
            assert read is not None
            brokers.delete(partition.topic)
            await operator.provision(lanes=2)
            brokers.commit(group, {partition: read}, {partition: note})
        await write_and_run(again)

    on_virtual_time(brokers, make_again)
    sources = [
        (entry.source.generation, entry.source.offset)
        for record in brokers.fetch(Partition(LEDGER, 1), 0, 100)
        if not is_genesis(record)
        for entry in [read_entry(record)]
    ]
    end = brokers.end(partition)
    old, new = generations
    assert [offset for generation, offset in sources if generation == new] == list(range(end))
    assert [offset for generation, offset in sources if generation == old] == list(range(len(sources) - end))


def test_intake_that_was_told_an_old_topic_id_writes_nothing_under_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Brokers that have all just started may tell what was before the topic was made again; then one knows better.

    What has been read proves that somebody serves it, so whoever is asked after that must not say otherwise.
    """
    brokers, partition = Brokers(), Partition(outbox("H01"), 1)
    asked: list[Sequence[str]] = []
    truth = ModelBus.generations

    async def tell(bus: ModelBus, topics: Sequence[str]) -> dict[str, str]:
        if partition.topic in topics:
            asked.append(topics)
            if len(asked) <= len(("express", "ordinary")):
                return dict.fromkeys(topics, "0" * 32)
        return await truth(bus, topics)

    async def start(network: Network) -> None:
        key_named("operator").save(tmp_path / "keys" / "operator.pem")
        trust, key = make_trust(tmp_path, "test")
        settings = Settings(home=tmp_path, bootstrap="model:1")
        connect = connector(network)
        async with Operator.open(settings.kafka(), trust, key, lambda: NOW, connect) as operator:
            await operator.provision(lanes=2)
            await operator.add_agencies([ListedAgency(agency_code("H01"), "", "Cơ quan", None, True)])
        async with connect(settings.kafka(), "test") as bus, bus.publisher() as publisher:
            await publisher.append({partition: [Row(b"nonsense", key=b"x")] * 3})
        monkeypatch.setattr(ModelBus, "generations", tell)
        context = Context(settings, trust, clock=lambda: NOW, connect=connect)
        stopping = asyncio.Event()
        asyncio.get_running_loop().call_later(5.0, stopping.set)
        await intake(context, KafkaMetrics.register(context.registry), stopping)

    on_virtual_time(brokers, start)
    entries = [read_entry(one) for one in brokers.fetch(Partition(LEDGER, 1), 0, 100) if not is_genesis(one)]
    assert {brokers.generation(partition.topic)} == {one.source.generation for one in entries}
    assert list(range(4)) == [one.source.offset for one in entries]
