"""A deployment that rejects everything halts before it has drained the queues, and goes on at the operator's word."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from backbone import AGENCIES, Backbone, open_backbone
from commands import call
from lienthong.demo.stage import ServiceProcess, free_port
from lienthong.embedded import EmbeddedKafka
from lienthong.intake.service import serve
from lienthong.kernel.bus import Row
from lienthong.kernel.clock import now_ms
from lienthong.kernel.directory_reader import DirectoryReader
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.lanes import EXPRESS_LANE
from lienthong.kernel.topics import LEDGER, QUARANTINE, Partition, outbox
from lienthong.kernel.trust import Trust
from lienthong.runtime.context import Context
from lienthong.runtime.metrics import KafkaMetrics

HOUR_MS = 3_600_000
ORDINARY = 1


@pytest.fixture(scope="module")
async def backbone(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Backbone]:
    """A backbone of this file's own."""
    folder = tmp_path_factory.mktemp("halt")
    with EmbeddedKafka(folder / "kafka", heap_mib=512, port=free_port()) as node:
        async with open_backbone(folder / "home", node.up()) as opened:
            yield opened


@asynccontextmanager
async def intake_with_a_wrong_clock(backbone: Backbone) -> AsyncIterator[Context]:
    """Intake an hour behind, to which every document comes from the future."""
    context = Context(backbone.settings, backbone.trust, registry=CollectorRegistry(), clock=lambda: now_ms() - HOUR_MS)
    context.health.waiting("intake", "starting")
    stopping = asyncio.Event()
    running = asyncio.create_task(serve(context, KafkaMetrics.register(context.registry), stopping))
    try:
        yield context
    finally:
        stopping.set()
        await asyncio.wait_for(running, 30)


async def told(context: Context) -> dict[str, str]:
    """What readiness says when both parts stand still."""
    async with asyncio.timeout(60):
        while True:
            waiting = context.health.not_ready()
            if {"intake/express", "intake/ordinary"} == {part for part, why in waiting.items() if "halted" in why}:
                return waiting
            await asyncio.sleep(0.05)


async def ready(port: int) -> tuple[int, dict[str, Any]]:
    """What `/ready` of a process says; 0 while it does not answer."""
    async with aiohttp.ClientSession() as http:
        try:
            async with http.get(f"http://127.0.0.1:{port}/ready") as answer:
                return answer.status, await answer.json()
        except aiohttp.ClientError:
            return 0, {}


async def command(backbone: Backbone, *words: str) -> tuple[int, str]:
    """Exit code and output of a command."""
    said = await call(backbone.settings.home, backbone.settings.bootstrap, *words)
    return said.code, said.out + said.err


async def reasons(backbone: Backbone) -> dict[tuple[str, int, int], str]:
    """What the ledger says of each source offset; each may be said once."""
    found: dict[tuple[str, int, int], str] = {}
    for record, entry in await backbone.ledger():
        source = (entry.source.agency, record.partition, entry.source.offset)
        assert source not in found
        if entry.outcome != "opened":
            found[source] = entry.reason or entry.outcome.value
    return found


async def news(backbone: Backbone, before: Collection[tuple[str, int, int]]) -> Counter[str]:
    """What the ledger has said since."""
    return Counter(reason for source, reason in (await reasons(backbone)).items() if source not in before)


async def resume_by_hand(backbone: Backbone, after: dict[Partition, int]) -> None:
    """Start intake, see that it stands still as before, lift the halt by the command, and see it go on."""
    service = ServiceProcess("intake", backbone.settings, backbone.settings.home / "log" / "halted.log")
    starting = asyncio.create_task(service.start())
    try:
        async with asyncio.timeout(60):
            while "halted" not in str((await ready(service.port))[1]):
                await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        assert 503 == (await ready(service.port))[0]
        assert after == await ends(backbone, [LEDGER, QUARANTINE])

        code, out = await command(backbone, "resume", "--json")
        (halt,) = json.loads(out)
        assert (0, False) == (code, halt["lifted"])
        assert "future" in halt["why"]
        assert 1 == (await command(backbone, "resume", "--all"))[0]
        assert 1 == (await command(backbone, "resume", "ffff", "--why", "x"))[0]
        code, out = await command(backbone, "resume", halt["halt"][:10], "--why", "đồng hồ máy chủ đã chỉnh")
        assert (0, "1 halts are lifted: intake goes on within a second.") == (code, out.strip())
        await asyncio.wait_for(starting, 30)

        code, out = await command(backbone, "resume")
        assert (0, "No halt stands.") == (code, out.strip())
    finally:
        starting.cancel()
        await asyncio.wait([starting])
        await service.stop()

    # What lifted it stays lifted, and the operator's word is on record.
    async with backbone.bus() as bus:
        directory = await DirectoryReader(bus, backbone.trust).load()
    assert directory.is_lifted(bytes.fromhex(halt["halt"]))
    await backbone.start("intake")


async def ends(backbone: Backbone, topics: Sequence[str]) -> dict[Partition, int]:
    """Where topics end."""
    partitions = [Partition(topic, lane) for topic in topics for lane in (EXPRESS_LANE, ORDINARY)]
    async with backbone.bus() as bus, bus.reader() as reader:
        return await reader.ends(partitions)


async def test_a_deployment_that_rejects_everything_halts_and_goes_on_when_it_is_mended(backbone: Backbone) -> None:
    """Nothing is lost: what was not rejected before the halt is delivered after it, across a restart in between."""
    count = 400
    outs = {Partition(outbox(one), ORDINARY): backbone.sealed(one, "H26", count) for one in AGENCIES}
    outs[Partition(outbox("G22"), EXPRESS_LANE)] = backbone.sealed("G22", "H26", 50, express=True)
    async with backbone.bus() as bus, bus.publisher() as publisher:
        await publisher.append(outs)
    total = len(AGENCIES) * count + 50
    before = await reasons(backbone)

    async with intake_with_a_wrong_clock(backbone) as context:
        waiting = await told(context)
        why = waiting["intake/ordinary"]
        assert "too much is rejected" in why
        assert "future" in why
        assert 1.0 == context.registry.get_sample_value("lienthong_intake_halted")
        after = await ends(backbone, [LEDGER, QUARANTINE])
        await asyncio.sleep(1)
        assert after == await ends(backbone, [LEDGER, QUARANTINE])
    rejected = await news(backbone, before)
    # Of one or two agencies it cannot know whose fault it is, and the express lane is a round of its own.
    assert rejected["future"] == rejected.total() <= 200
    await resume_by_hand(backbone, after)

    async with asyncio.timeout(60):
        while (found := await news(backbone, before)).total() < total:
            await asyncio.sleep(0.2)
    assert Counter(future=rejected["future"], accepted=total - rejected["future"]) == found
    await backbone.services["intake"].stop()


async def test_what_is_rejected_rightly_is_let_through_by_the_operators_word(backbone: Backbone) -> None:
    """Where only the cause is called mended, the same records halt it again; nothing of them is appended till then."""
    count, sources = 300, AGENCIES[:4]
    service = await backbone.start("intake")
    before = await reasons(backbone)
    async with backbone.bus() as bus, bus.publisher() as publisher:
        nonsense = [Row(b"nonsense %d" % number) for number in range(count)]
        await publisher.append({Partition(outbox(one), ORDINARY): nonsense for one in sources})

    async def halted(*but: str) -> str:
        """The one halt that stands, another one than these."""
        async with asyncio.timeout(60):
            while True:
                found = json.loads((await command(backbone, "resume", "--json"))[1])
                if found and found[0]["halt"] not in but:
                    return str(found[0]["halt"])
                await asyncio.sleep(0.2)

    first = await halted()
    assert 1 == (await command(backbone, "resume", "--rejections-are-right"))[0]
    assert 0 == (await command(backbone, "resume", first, "--why", "vá xong"))[0]
    second = await halted(first)
    words = ("resume", second, "--rejections-are-right", "--why", "bốn hệ thống cùng gửi sai")
    assert 0 == (await command(backbone, *words))[0]
    async with asyncio.timeout(60):
        while (found := await news(backbone, before)).total() < count * len(sources):
            await asyncio.sleep(0.2)
    assert Counter(malformed=count * len(sources)) == found
    assert 200 == (await ready(service.port))[0]
    await service.stop()


async def test_one_agency_that_sends_nonsense_stops_nobody(backbone: Backbone) -> None:
    """All of it is rejected, and what another sends meanwhile is accepted."""
    service = await backbone.start("intake")
    async with backbone.bus() as bus, bus.publisher() as publisher:
        before = await reasons(backbone)
        nonsense = {Partition(outbox("H53"), ORDINARY): [Row(b"nonsense %d" % number) for number in range(3_000)]}
        good = {Partition(outbox("G22"), ORDINARY): backbone.sealed("G22", "H26", 20)}
        await publisher.append({**nonsense, **good})
    async with asyncio.timeout(60):
        while len(found := await reasons(backbone)) < len(before) + 3_020:
            await asyncio.sleep(0.2)
    new = Counter((source[0], reason) for source, reason in found.items() if source not in before)
    assert {("H53", "malformed"): 3_000, ("G22", "accepted"): 20} == new
    assert 200 == (await ready(service.port))[0]
    await service.stop()


async def test_with_the_trust_anchor_of_another_backbone_intake_is_not_ready(
    backbone: Backbone, tmp_path: Path
) -> None:
    """It says what is wrong instead of standing there with an empty directory; nothing is taken."""
    Trust(origin="elsewhere", operator_key=backbone.trust.operator_key).save(tmp_path / "trust.json")
    settings = backbone.settings.model_copy(update={"home": tmp_path})
    service = ServiceProcess("intake", settings, tmp_path / "intake.log")
    before = await ends(backbone, [LEDGER])
    starting = asyncio.create_task(service.start())
    try:
        async with asyncio.timeout(30):
            while "is it the trust.json of this backbone?" not in str((await ready(service.port))[1]):
                await asyncio.sleep(0.1)
        assert before == await ends(backbone, [LEDGER])
    finally:
        starting.cancel()
        await asyncio.wait([starting])
        await service.stop()
    async with backbone.bus() as bus:
        with pytest.raises(UnavailableError, match="for elsewhere"):
            await DirectoryReader(bus, Trust(origin="elsewhere", operator_key=backbone.trust.operator_key)).load()
