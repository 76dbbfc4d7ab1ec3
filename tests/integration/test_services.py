"""Services as processes: started too early, stopped, doubled, split by lanes, and with topics changed under them."""

import asyncio
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from confluent_kafka import Producer

from backbone import AGENCIES, LANES, ORIGIN, Backbone, open_backbone
from lienthong.client import Client, Document
from lienthong.demo.stage import ServiceProcess, free_port
from lienthong.directory.operator import make_trust
from lienthong.embedded import EmbeddedKafka
from lienthong.kernel.bus import Bus, Row
from lienthong.kernel.clock import now_ms
from lienthong.kernel.envelope import encode_envelope, envelope_id
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.fold import Order, compare
from lienthong.kernel.keys import SigningKey
from lienthong.kernel.lanes import new_thread
from lienthong.kernel.ledger import read_delivery
from lienthong.kernel.seal import Purpose, seal_batch
from lienthong.kernel.statement import Kind, encode_statement, make_statement
from lienthong.kernel.topics import LEDGER, Partition, inbox, outbox, topic_settings
from lienthong.runtime.settings import Settings

INVARIANT = 5
"""Exit code when a promise of the backbone does not hold."""
LANE = 1


@pytest.fixture(scope="module")
async def backbone(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Backbone]:
    """A backbone of this file's own, on which no service runs but those of the test at work."""
    folder = tmp_path_factory.mktemp("services")
    with EmbeddedKafka(folder / "kafka", heap_mib=512, port=free_port()) as node:
        async with open_backbone(folder / "home", node.up()) as opened:
            yield opened


@asynccontextmanager
async def running(backbone: Backbone, *words: str) -> AsyncIterator[ServiceProcess]:
    """A service that is ready, for the time of a context."""
    log = backbone.settings.home / "log" / f"{secrets.token_hex(4)}.log"
    service = ServiceProcess(words[0], backbone.settings, log, words[1:])
    try:
        await service.start()
        yield service
    finally:
        await service.stop()


async def ended(service: ServiceProcess, seconds: float) -> int:
    """Exit code of a service that ends by itself within a time."""
    assert service._process is not None
    async with asyncio.timeout(seconds):
        return await service._process.wait()


def document(*recipients: str, priority: int = 0) -> Document:
    """A document that no other test sends."""
    return Document(recipients=recipients, subject=f"V/v {secrets.token_hex(8)}", priority=priority)


async def receive(client: Client, wanted: Sequence[bytes]) -> list[bytes]:
    """Receive and acknowledge until all of these have come; returns what came."""
    came: list[bytes] = []
    async with asyncio.timeout(60):
        async for delivery in client.receive():
            await delivery.acknowledge()
            came.append(delivery.id)
            if set(wanted) <= set(came):
                return came
    raise AssertionError("the iteration ended")


def sealed(backbone: Backbone, agency: str, recipient: str) -> bytes:
    """The value of an envelope with a document in an ordinary lane."""
    data = encode_statement(
        make_statement(
            sender=agency, recipients=[recipient], thread=new_thread(express=False), created=now_ms(),
            kind=Kind.DOCUMENT, body=document(recipient).to_body(),
        )
    )  # fmt: skip
    seal = seal_batch(
        [envelope_id(data)], key=backbone.key(agency), origin=ORIGIN, sender=agency, purpose=Purpose.EXCHANGE,
        signed_at=now_ms(),
    )[0]  # fmt: skip
    return encode_envelope(data, (), seal)


async def put(backbone: Backbone, agency: str, values: Sequence[bytes | None]) -> int:
    """Write into an out topic; the offset of the last."""
    partition = Partition(outbox(agency), LANE)
    async with backbone.bus() as bus, bus.publisher() as publisher:
        return (await publisher.append({partition: [Row(value, key=b"x") for value in values]}))[partition].last


async def reasons(backbone: Backbone, agency: str, generation: str, offsets: Sequence[int]) -> list[str]:
    """What the ledger says of records of an out topic; waits for it."""
    async with asyncio.timeout(60):
        while True:
            found = {
                entry.source.offset: entry.reason
                for record, entry in await backbone.ledger()
                if (entry.source.agency, entry.source.generation, record.partition) == (agency, generation, LANE)
            }
            if all(offset in found for offset in offsets):
                return [found[offset] for offset in offsets]
            await asyncio.sleep(0.1)


async def generation(bus: Bus, topic: str) -> str:
    """The id of a topic."""
    return (await bus.generations([topic]))[topic]


async def ends(bus: Bus, topics: Sequence[str]) -> dict[Partition, int]:
    """Where the partitions of some topics end."""
    partitions = [Partition(topic, lane) for topic in topics for lane in range(LANES)]
    async with bus.reader() as reader:
        return await reader.ends(partitions)


async def committed(bus: Bus, group: str, partitions: Sequence[Partition]) -> dict[Partition, int]:
    """What a service has committed."""
    async with bus.reader(group=group) as reader:
        return await reader.committed(partitions)


async def has_committed(bus: Bus, group: str, partition: Partition) -> int:
    """Wait until a service has committed a partition to its end, and how far that is."""
    async with asyncio.timeout(60):
        while True:
            found = (await committed(bus, group, [partition])).get(partition)
            if found is not None and found == (await ends(bus, [partition.topic]))[partition]:
                return found
            await asyncio.sleep(0.1)


# -- started and stopped


async def test_a_service_that_is_told_to_stop_commits_and_ends_well(backbone: Backbone) -> None:
    """SIGTERM: exit code 0 within the drain time; the next run goes on where it stopped and appends nothing again."""
    outs = [outbox(agency) for agency in (*AGENCIES, "LT")]
    async with (
        backbone.client("G22") as sender,
        backbone.client("H26") as recipient,
        running(backbone, "all") as service,
    ):
        sent = [await sender.send(document("H26", priority=number % 4)) for number in range(50)]
        await receive(recipient, sent)
        for one in sent:
            await sender.wait(one, "acknowledged")
        async with backbone.bus() as bus:
            before: dict[Partition, int] = {}
            while before != (before := await ends(bus, [LEDGER, *outs])):
                await asyncio.sleep(1)
        began = time.monotonic()
        await service.stop()
        assert 0 == await ended(service, 1)
        assert time.monotonic() - began < 15

    async with backbone.bus() as bus:
        ledger = {one: end for one, end in before.items() if one.topic == LEDGER}
        out = {one: end for one, end in before.items() if one.topic != LEDGER}
        assert out == await committed(bus, "lt.intake", list(out))
        assert ledger == await committed(bus, "lt.dispatch", list(ledger))
        assert ledger == await committed(bus, "lt.notary", list(ledger))
        async with running(backbone, "all"):
            await asyncio.sleep(1)
            assert before == await ends(bus, [LEDGER, *outs])


async def test_services_wait_for_a_directory_and_begin_when_there_is_one(tmp_path: Path) -> None:
    """Before `directory init` they are not ready and say what to do; afterwards they are, without a restart."""
    with EmbeddedKafka(tmp_path / "kafka", heap_mib=512, port=free_port()) as node:
        settings = Settings(home=tmp_path / "home", bootstrap=node.up())
        make_trust(settings.home, ORIGIN)
        SigningKey.generate().save(settings.home / "keys" / "notary.pem")
        service = ServiceProcess("all", settings, tmp_path / "all.log")
        try:
            async with asyncio.TaskGroup() as tasks, aiohttp.ClientSession() as http:
                starting = tasks.create_task(service.start())
                waiting: dict[str, str] = {}
                async with asyncio.timeout(30):
                    while not all("lienthong directory init" in waiting.get(one, "") for one in ("intake", "dispatch")):
                        await asyncio.sleep(0.1)
                        try:
                            async with http.get(f"http://127.0.0.1:{service.port}/ready") as answer:
                                assert 503 == answer.status
                                waiting = (await answer.json())["waiting"]
                        except aiohttp.ClientError:
                            pass
                assert not starting.done()
                init = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "lienthong", "directory", "init", "--origin", ORIGIN,
                    env={**os.environ, "LIENTHONG_HOME": str(settings.home), "LIENTHONG_BOOTSTRAP": settings.bootstrap},
                    stdout=asyncio.subprocess.DEVNULL,
                )  # fmt: skip
                assert 0 == await init.wait()
                async with asyncio.timeout(30):
                    await starting
        finally:
            await service.stop()


# -- several at once


async def test_lanes_may_be_served_by_processes_of_their_own(backbone: Backbone) -> None:
    """One for the express lane and one for the others serve everything together."""
    async with (
        running(backbone, "all", "--lanes", "0"),
        running(backbone, "all", "--lanes", "1"),
        backbone.client("G09") as sender,
        backbone.client("H29") as recipient,
    ):
        sent = [await sender.send(document("H29", priority=priority)) for priority in (0, 3, 0, 4)]
        assert sorted(sent) == sorted(await receive(recipient, sent))
        lanes = [(await sender.wait(one, "acknowledged")).lane for one in sent]
    assert [1, 0, 1, 0] == lanes


async def test_a_lane_that_does_not_exist_is_refused(backbone: Backbone) -> None:
    """The process ends and names the lanes there are."""
    with pytest.raises(
        UnavailableError, match=r"it ended: error: lanes \[7\] do not exist: the backbone has lanes 0 to 1"
    ):
        async with running(backbone, "dispatch", "--lanes", "1,7"):
            pass


async def test_two_dispatchers_on_one_lane_write_what_one_would_write(backbone: Backbone) -> None:
    """No reader sees a repeat or a gap, and a third that comes after them goes on with the right numbers."""
    async with (
        backbone.client("G22") as sender,
        backbone.client("H53") as recipient,
        running(backbone, "intake"),
        running(backbone, "notary"),
    ):
        sent: list[bytes] = []
        async with running(backbone, "dispatch"), running(backbone, "dispatch"):
            for _ in range(10):
                sent += await sender.send_many([(document("H53"), ()) for _ in range(20)])
                await asyncio.sleep(0.05)
            received = await receive(recipient, sent)
        async with running(backbone, "dispatch"):
            late = await sender.send_many([(document("H53"), ()) for _ in range(20)])
            received += await receive(recipient, late)
            for one in (*sent, *late):
                await sender.wait(one, "acknowledged")

    assert sorted([*sent, *late]) == sorted(received)
    last = dict.fromkeys(range(LANES), 0)
    positions: list[int] = []
    for record in await backbone.read(inbox("H53")):
        delivery = read_delivery(record)
        order = compare(last[record.partition], delivery.sequence)
        assert order is not Order.GAP
        if order is Order.NEXT:
            last[record.partition] = delivery.sequence
            if record.partition == LANE:
                positions.append(delivery.position)
    assert positions == sorted(set(positions))


# -- topics that change under them


async def test_an_out_topic_made_again_stops_intake(backbone: Backbone) -> None:
    """Its offsets would look like repeats: intake ends with the alarm; started again it reads the new topic whole."""
    topic = outbox("H37")
    async with backbone.bus() as bus:
        async with running(backbone, "intake") as service:
            old = await generation(bus, topic)
            last = await put(backbone, "H37", [sealed(backbone, "H37", "G22") for _ in range(5)])
            assert [""] == await reasons(backbone, "H37", old, [last])
            assert last + 1 == await has_committed(bus, "lt.intake", Partition(topic, LANE))
            await bus.delete_topics([topic])
            await bus.create_topics([topic_settings(topic, lanes=LANES, replication=1)], replication=1)
            await put(backbone, "H37", [sealed(backbone, "H37", "G22")])
            assert INVARIANT == await ended(service, 60)
            assert topic in service._last_line()
            assert "made again" in service._last_line()
        async with running(backbone, "intake"):
            new = await generation(bus, topic)
            assert [""] == await reasons(backbone, "H37", new, [0])
    assert old != new


@pytest.mark.parametrize("service", ["dispatch", "notary"])
async def test_a_ledger_that_ends_before_what_was_read_of_it_is_an_alarm(backbone: Backbone, service: str) -> None:
    """Whoever reads the ledger ends, and does not wait for it to grow again."""
    partition = Partition(LEDGER, LANE)
    async with backbone.bus() as bus:
        async with running(backbone, "all"):
            await has_committed(bus, f"lt.{service}", partition)
        right = (await committed(bus, f"lt.{service}", [partition]))[partition]

        async def commit(offset: int) -> None:
            async with bus.reader(group=f"lt.{service}") as reader:
                await reader.assign({partition: 0})
                await reader.commit({partition: offset})

        await commit(right + 1_000)
        try:
            with pytest.raises(UnavailableError, match=f"read up to offset {right + 1_000} .*truncated or made again"):
                async with running(backbone, service):
                    pass
        finally:
            await commit(right)


async def test_a_transaction_marker_becomes_an_entry_without_a_record(backbone: Backbone) -> None:
    """An agency that writes in transactions stops nobody: the marker's offset is said to be empty."""
    topic = outbox("H29")
    value, after = sealed(backbone, "H29", "G09"), sealed(backbone, "H29", "G09")

    def write_in_a_transaction() -> None:
        producer = Producer({"bootstrap.servers": backbone.settings.bootstrap, "transactional.id": "H29"})
        producer.init_transactions(60)
        producer.begin_transaction()
        producer.produce(topic, value, partition=LANE)
        producer.commit_transaction(60)

    async with backbone.bus() as bus:
        first = (await ends(bus, [topic]))[Partition(topic, LANE)]
        async with running(backbone, "all"):
            await asyncio.to_thread(write_in_a_transaction)
            async with asyncio.timeout(30):
                while (await ends(bus, [topic]))[Partition(topic, LANE)] < first + 2:
                    await asyncio.sleep(0.1)
            assert first + 2 == await put(backbone, "H29", [after])
            found = await reasons(backbone, "H29", await generation(bus, topic), range(first, first + 3))
            async with asyncio.timeout(30):
                while {value, after} - {record.value for record in await backbone.read(inbox("G09"))}:
                    await asyncio.sleep(0.1)
    assert ["", "no_record", ""] == found
