"""Three nodes on this machine: what is lost with one (nothing), with two (time), and with all (time)."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from backbone import Backbone, open_backbone
from chaos.failover import Stream, healed, stream
from lienthong.demo.stage import free_port
from lienthong.embedded import EmbeddedCluster, EmbeddedKafka, kafka_in
from lienthong.embedded import cluster as cluster_module
from lienthong.embedded.process import identify
from lienthong.embedded.running import Running, start_node
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.topics import DIRECTORY, LEDGER, outbox
from memory import folder_in_memory

pytestmark = [pytest.mark.alone, pytest.mark.slow, pytest.mark.timeout(240)]

HEAP_MIB = 256
WATCH_SECONDS = 30.0
"""A bound, not a measure: how long it takes is measured by ``python -m chaos.failover``."""
STILL_SECONDS = 60.0
"""A broker that stands still is noticed by the answers that it owes, for which nobody waits longer than 5 s; where it
also led the controllers, they elect another one first."""
MORE = 25
"""More documents than are on their way at a moment: those that come then were sent after the kill."""
LAST_LINES = 8
INTERRUPTED = 2
SERVICES = ("intake", "dispatch", "notary")


@pytest.fixture(scope="module")
def cluster() -> Iterator[EmbeddedCluster]:
    """Three nodes, up; on a disk that others keep busy they would elect as slowly as it flushes (ADR 0014)."""
    with (
        tempfile.TemporaryDirectory(prefix="lienthong-", dir=folder_in_memory()) as folder,
        EmbeddedCluster(Path(folder) / "three", port=free_port(), heap_mib=HEAP_MIB) as found,
    ):
        yield found


@pytest.fixture(scope="module")
async def backbone(cluster: EmbeddedCluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Backbone]:
    """A backbone on them with its services, each in a process of its own."""
    async with open_backbone(tmp_path_factory.mktemp("home"), cluster.up(), ("G22", "H26")) as opened:
        for name in SERVICES:
            await opened.start(name)
        yield opened


async def not_ready(backbone: Backbone) -> dict[str, dict[str, str]]:
    """What each service says it waits for; services that are ready are left out."""
    found = {}
    async with aiohttp.ClientSession() as http:
        for name in SERVICES:
            async with http.get(f"http://127.0.0.1:{backbone.services[name].port}/ready") as answer:
                waiting = (await answer.json())["waiting"]
                if waiting:
                    found[name] = waiting
    return found


async def flows(flowing: Stream, more: int, seconds: float) -> None:
    """Wait until so many more documents have arrived."""
    async with asyncio.timeout(seconds):
        wanted = flowing.delivered + more
        while flowing.delivered < wanted:
            await asyncio.sleep(0.02)


async def all_lanes_flow(cluster: EmbeddedCluster, flowing: Stream, before: Mapping[int, int], seconds: float) -> None:
    """Wait until documents that were sent after a fault have arrived in every lane; if not, say how the nodes were."""
    try:
        async with asyncio.timeout(seconds):
            while any(len(flowing.arrived[lane]) < count + MORE for lane, count in before.items()):
                await asyncio.sleep(0.02)
    except TimeoutError:
        arrived = {lane: len(moments) for lane, moments in flowing.arrived.items()}
        logs = {
            number: cluster.folder(number).log.read_text(errors="replace").splitlines()[-LAST_LINES:]
            for number in cluster.addresses()
        }
        pytest.fail(
            f"after {seconds} s {arrived} had arrived by lane, {before} before the fault, of {flowing.handed}; "
            f"{cluster.status()}; last lines of the nodes' logs: {logs}"
        )


async def test_provisioning_keeps_three_copies_by_itself(cluster: EmbeddedCluster, backbone: Backbone) -> None:
    """Nobody said so: topics and group offsets have three copies, writes need two, and no laggard may lead."""
    for topic in (LEDGER, DIRECTORY, outbox("G22"), "__consumer_offsets"):
        partitions = cluster.partitions(topic)
        assert {3} == {len(one.replicas) for one in partitions.values()}
        assert await backbone_settings(backbone, topic) == {"min.insync.replicas": "2", "unclean": "false"}


async def backbone_settings(backbone: Backbone, topic: str) -> dict[str, str]:
    """Two settings of a topic, as the brokers have them."""
    async with backbone.bus() as bus:
        found = await bus.topic_configuration(topic)
    return {
        "min.insync.replicas": found["min.insync.replicas"],
        "unclean": found["unclean.leader.election.enable"],
    }


async def test_a_second_up_reuses_and_a_dead_node_is_started_again(
    cluster: EmbeddedCluster, backbone: Backbone
) -> None:
    """`up` of three that run changes nothing; after a kill it starts that one, at the same address."""
    before = cluster.status()
    assert before.ready
    assert cluster.up() == before.bootstrap == ",".join(cluster.addresses().values())
    assert before == cluster.status()
    cluster.kill(2)
    found = cluster.status()
    assert [True, False, True] == [node.running for node in found.nodes.values()]
    assert (True, False) == (found.running, found.ready)
    assert cluster.up() == before.bootstrap
    after = cluster.status()
    assert after.ready
    assert [True, False, True] == [before.nodes[one].pid == after.nodes[one].pid for one in (1, 2, 3)]
    await healed(cluster)


@pytest.mark.parametrize("victim", ["leader", "controller"])
async def test_one_node_killed_stops_documents_for_moments(
    cluster: EmbeddedCluster, backbone: Backbone, victim: str
) -> None:
    """The leader of a lane, or of the controllers, dies under load: sooner than by Kafka's defaults all goes on."""
    async with stream(backbone, "G22", "H26") as flowing:
        await flows(flowing, 20, 20)
        node = cluster.controller() if victim == "controller" else cluster.partitions(LEDGER)[1].leader
        assert node is not None
        before = {lane: len(moments) for lane, moments in flowing.arrived.items()}
        cluster.kill(node)
        await all_lanes_flow(cluster, flowing, before, WATCH_SECONDS)
        await asyncio.to_thread(cluster.up)
    assert flowing.handed == flowing.delivered
    await healed(cluster)


async def test_a_node_that_stands_still_is_passed_over_and_comes_back(
    cluster: EmbeddedCluster, backbone: Backbone
) -> None:
    """SIGSTOP keeps every connection open: others lead what it led, documents flow again, and it catches up later."""
    async with stream(backbone, "G22", "H26") as flowing:
        await flows(flowing, 20, 20)
        node = cluster.partitions(LEDGER)[0].leader
        assert node is not None
        before = {lane: len(moments) for lane, moments in flowing.arrived.items()}
        cluster.pause(node)
        try:
            status = cluster.status()
            assert (True, False) == (status.nodes[node].running, status.nodes[node].ready)
            await all_lanes_flow(cluster, flowing, before, STILL_SECONDS)
            assert (await leader(cluster)) not in (node, None)
        finally:
            cluster.resume(node)
    await healed(cluster)
    assert cluster.status().ready


async def test_questions_are_answered_while_a_node_is_gone(cluster: EmbeddedCluster, backbone: Backbone) -> None:
    """A connection that knows the dead node as one of three asks another instead."""
    topics = [LEDGER, DIRECTORY, outbox("G22")]
    async with backbone.bus() as bus:
        before = await bus.generations(topics)
        cluster.kill(1)
        for _ in range(20):
            assert before == await bus.generations(topics)
            assert set(topics) == set(await bus.partition_counts(topics))
            assert 3 == await bus.replication(LEDGER)
    await asyncio.to_thread(cluster.up)
    await healed(cluster)


async def leader(cluster: EmbeddedCluster) -> int | None:
    """Who leads lane 0 of the ledger, as far as it is known."""
    try:
        return (await asyncio.to_thread(cluster.partitions, LEDGER))[0].leader
    except UnavailableError:
        return None


async def lose_two(cluster: EmbeddedCluster, backbone: Backbone) -> None:
    """Two nodes die; idle services say within 10 s that they are not ready, and are again when the nodes are back."""
    async with asyncio.timeout(30):
        while await not_ready(backbone):
            await asyncio.sleep(0.1)
    cluster.kill(1, 2)
    said: dict[str, dict[str, str]] = {}
    try:
        async with asyncio.timeout(10):
            while len(said := await not_ready(backbone)) < len(SERVICES):
                await asyncio.sleep(0.1)
    except TimeoutError:
        pytest.fail(f"of {SERVICES} only these said within 10 s that they wait: {said}")
    finally:
        await asyncio.to_thread(cluster.up)
    async with asyncio.timeout(60):
        while await not_ready(backbone):
            await asyncio.sleep(0.1)


async def test_with_two_of_three_gone_everybody_says_so_and_it_heals(
    cluster: EmbeddedCluster, backbone: Backbone
) -> None:
    """Idle services say within 10 s that they are not ready, and are again by themselves when the nodes are back."""
    await lose_two(cluster, backbone)
    async with stream(backbone, "G22", "H26") as flowing:
        await flows(flowing, 10, 30)


async def test_nodes_that_were_away_are_found_again_when_the_others_die(
    cluster: EmbeddedCluster, backbone: Backbone
) -> None:
    """Two were gone, so that everybody knew the third one alone; they are back when it dies, and documents flow."""
    await lose_two(cluster, backbone)
    async with stream(backbone, "G22", "H26") as flowing:
        await flows(flowing, 20, 20)
        before = {lane: len(moments) for lane, moments in flowing.arrived.items()}
        cluster.kill(3)
        await all_lanes_flow(cluster, flowing, before, WATCH_SECONDS)
        await asyncio.to_thread(cluster.up)
    await healed(cluster)


async def test_all_nodes_killed_at_once_lose_nothing(cluster: EmbeddedCluster, backbone: Backbone) -> None:
    """Nobody is left who is known to have everything; the last leaders lead again, with all that was acknowledged."""
    before = [(record.partition, record.offset) for record, _ in await backbone.ledger()]
    cluster.kill()
    assert not cluster.status().running
    await asyncio.to_thread(cluster.up)
    await healed(cluster)
    after = [(record.partition, record.offset) for record, _ in await backbone.ledger()]
    assert before
    assert set(before) <= set(after)


def test_an_interrupt_between_start_and_wait_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C just when the second node's process has been made and remembered ends both; none runs that was not."""

    def interrupted(*wishes: Any, **more: Any) -> Running:
        started.append(start_node(*wishes, **more))
        if len(started) == INTERRUPTED:
            raise KeyboardInterrupt
        return started[-1]

    started: list[Running] = []
    monkeypatch.setattr(cluster_module, "start_node", interrupted)
    with pytest.raises(KeyboardInterrupt):
        EmbeddedCluster(tmp_path / "kafka", port=free_port(), heap_mib=HEAP_MIB).up()
    assert [False] * INTERRUPTED == [one.process.alive for one in started]


def test_down_leaves_no_process_and_the_folder_stays_three(tmp_path: Path) -> None:
    """After `down` nothing runs and a node can be started alone; the folder is no Kafka of one node."""
    cluster = EmbeddedCluster(tmp_path / "kafka", port=free_port(), heap_mib=HEAP_MIB)
    with cluster:
        pids = [node.pid for node in cluster.status().nodes.values()]
        cluster.stop(3)
        cluster.start(3)
        assert cluster.status().ready
        cluster.pause(1)
    assert [None, None] == [identify(pid) for pid in pids[:2] if pid is not None]
    assert not cluster.status().running
    assert isinstance(kafka_in(tmp_path / "kafka"), EmbeddedCluster)
    with pytest.raises(ValueError, match="three nodes"):
        EmbeddedKafka(tmp_path / "kafka").up()
