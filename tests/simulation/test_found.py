"""Defects that the simulation found, each by itself."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
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


class Small:
    """A backbone of two lanes on a model, under a folder; nobody is in it yet."""

    def __init__(self, folder: Path, network: Network) -> None:
        self.folder = folder
        self.settings = Settings(home=folder, bootstrap="model:1")
        self.connect = connector(network)
        key_named("operator").save(folder / "keys" / "operator.pem")
        self.trust, self._key = make_trust(folder, "test")

    def operator(self) -> AbstractAsyncContextManager[Operator]:
        """Its operator."""
        return Operator.open(self.settings.kafka(), self.trust, self._key, lambda: NOW, self.connect)

    async def provision(self, *codes: str) -> None:
        """Make its topics and connect agencies."""
        async with self.operator() as operator:
            await operator.provision(lanes=2)
            await operator.add_agencies([listed(code) for code in codes])

    def client(self, code: str) -> AbstractAsyncContextManager[Client]:
        """An agency's connection."""
        store, kafka = self.folder / "store", self.settings.kafka()
        return Client.open(code, key_named(code), self.trust, kafka, store, lambda: NOW, self.connect)

    async def write(self, partition: Partition, count: int) -> None:
        """Append nonsense to a partition."""
        async with self.connect(self.settings.kafka(), "test") as bus, bus.publisher() as publisher:
            await publisher.append({partition: [Row(b"nonsense", key=b"x")] * count})

    async def run_intake(self, seconds: float) -> Context:
        """Run a fresh intake for so long; returns its context."""
        context = Context(self.settings, self.trust, clock=lambda: NOW, connect=self.connect)
        stopping = asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, stopping.set)
        await intake(context, KafkaMetrics.register(context.registry), stopping)
        return context


def listed(code: str) -> ListedAgency:
    """A connected agency."""
    return ListedAgency(agency_code(code), "", "Cơ quan", None, True)


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
        small = Small(tmp_path, network)
        await small.provision("H01")
        brokers.busy = True
        assert not (await small.run_intake(1.0)).health.not_ready()

    on_virtual_time(brokers, start)


def test_an_operator_to_whom_a_broker_shows_no_directory_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that has just started may know no topic; what an operator says to an empty directory would be wrong."""
    brokers = Brokers()

    async def speak(network: Network) -> None:
        small = Small(tmp_path, network)
        await small.provision("H01")

        async def none(_bus: object, _topic: str) -> int:
            return 0

        with monkeypatch.context() as patch:
            patch.setattr(ModelBus, "lanes", none)
            entered = small.operator()
            operator = await entered.__aenter__()
        try:
            with pytest.raises(UnavailableError, match="or its brokers have just started"):
                await operator.add_key(agency_code("H01"), key_named("H01").public_key)
            with pytest.raises(UnavailableError, match="or its brokers have just started"):
                await operator.add_agencies([listed("H01")])
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
        small = Small(tmp_path, network)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(small.provision("H01"))
            tasks.create_task(small.provision("H01"))

    on_virtual_time(brokers, provision_twice)
    for topic in (LEDGER, inbox("H01")):
        records = brokers.fetch(Partition(topic, 0), 0, 10)
        assert len(records) == 2
        assert all(map(is_genesis, records))


def test_a_client_that_does_not_see_its_new_topics_yet_is_to_try_again(tmp_path: Path) -> None:
    """Not every broker knows of a topic that was just made: that is no reason to reject the agency for good."""
    brokers = Brokers()

    async def open_too_early(network: Network) -> None:
        small = Small(tmp_path, network)
        await small.provision("H01")
        async with small.operator() as operator:
            await operator.add_keys([("H01", key_named("H01").public_key)])
        brokers.delete(inbox("H01"))
        with pytest.raises(UnavailableError, match="does not show the topics of H01"):
            async with small.client("H01"):
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
        small = Small(tmp_path, network)
        await small.provision("H01", "H02")
        async with small.operator() as operator, asyncio.TaskGroup() as tasks:
            tasks.create_task(small.run_intake(5.0))
            await asyncio.sleep(1.0)
            brokers.late = True
            await operator.add_keys([("H01", key_named("H01").public_key)])
            async with small.client("H01") as client:
                await client.send(Document(recipients=("H02",), subject="V/v"))
                await asyncio.sleep(1.0)
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
        small = Small(tmp_path, network)

        async def write_and_run(count: int) -> None:
            generations.append(brokers.generation(partition.topic) or "")
            await small.write(partition, count)
            await small.run_intake(2.0)

        await small.provision("H01")
        await write_and_run(5)
        read, note = brokers.committed(group, partition), brokers.note(group, partition)
        assert read is not None
        brokers.delete(partition.topic)
        await small.provision("H01")
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


class SlowToLearn(Brokers):
    """After a start of all: what they tell of a topic is old until one of them has served something of it."""

    def __init__(self) -> None:
        super().__init__()
        self.held: set[str] = set()
        """Topics of which nothing is served yet."""
        self.learned: set[str] = set()

    def fetch(self, partition: Partition, offset: int, count: int) -> Sequence[ModelRecord]:
        """Nothing of what is held."""
        records = () if partition.topic in self.held else super().fetch(partition, offset, count)
        if records:
            self.learned.add(partition.topic)
        return records


def test_intake_that_was_told_old_topic_ids_writes_nothing_under_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Brokers that have all just started may tell what was before a topic was made again, of some topics for longer.

    What has been read of a topic proves that somebody serves it: whoever is asked for that topic then must not say
    otherwise, whatever was said of others.
    """
    brokers, topics = SlowToLearn(), {"H01": outbox("H01"), "H02": outbox("H02")}
    truth = ModelBus.generations

    async def tell(bus: ModelBus, asked: Sequence[str]) -> dict[str, str]:
        found = await truth(bus, asked)
        return {topic: found[topic] if topic in brokers.learned else "0" * 32 for topic in found}

    async def start(network: Network) -> None:
        small = Small(tmp_path, network)
        await small.provision(*topics)
        for topic in topics.values():
            await small.write(Partition(topic, 1), 3)
        brokers.learned.clear()
        brokers.held.add(topics["H02"])
        monkeypatch.setattr(ModelBus, "generations", tell)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(small.run_intake(12.0))
            await asyncio.sleep(4.0)
            brokers.held.clear()

    on_virtual_time(brokers, start)
    entries = [read_entry(one) for one in brokers.fetch(Partition(LEDGER, 1), 0, 100) if not is_genesis(one)]
    told = {(one.source.agency, one.source.generation, one.source.offset) for one in entries}
    assert {(agency, brokers.generation(topic), at) for agency, topic in topics.items() for at in range(4)} == told
