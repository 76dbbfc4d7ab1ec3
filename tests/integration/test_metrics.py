"""Probes and metrics of running services."""

import asyncio
import json
import platform
import re
import secrets
from pathlib import Path
from typing import TypeAlias

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from backbone import Backbone
from lienthong import __version__
from lienthong.client import Document
from lienthong.demo.stage import ServiceProcess, free_port
from lienthong.kernel.bus import Row
from lienthong.kernel.deadlines import Rule
from lienthong.kernel.directory_reader import DirectoryReader
from lienthong.kernel.lifecycle import Flag, Stage
from lienthong.kernel.reasons import Reason
from lienthong.kernel.topics import LEDGER, Partition, outbox
from lienthong.runtime.metrics import LATENCY_BUCKETS_SECONDS
from queries import asked

SERVICES = ("intake", "dispatch", "notary", "reminder", "tracker")
OPERATIONS = Path(__file__).resolve().parents[2] / "docs" / "operations.md"


async def scraped(backbone: Backbone) -> str:
    """What `/metrics` of the services says."""
    address = f"http://127.0.0.1:{backbone.services['all'].port}/metrics"
    async with aiohttp.ClientSession() as http, http.get(address) as answer:
        assert answer.status == 200
        return await answer.text()


async def test_every_metric_is_documented_and_every_documented_one_exists(backbone: Backbone) -> None:
    """The table in docs/operations.md and what a running process exposes name the same metrics."""
    rows = re.findall(r"^\| `(lienthong_\w+)` ", OPERATIONS.read_text("utf-8"), re.MULTILINE)
    documented = {name.removesuffix("_total").removesuffix("_info") for name in rows}
    exposed = {
        family.name.removesuffix("_info")
        for family in text_string_to_metric_families(await scraped(backbone))
        if family.name.startswith("lienthong_") and not family.name.endswith("_created")
    }
    assert documented == exposed


Series: TypeAlias = tuple[str, dict[str, str]]
"""Name of a sample, and labels it must have."""


def value(text: str, series: Series) -> float:
    """Sum of the samples of a series."""
    name, labels = series
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


async def rise(backbone: Backbone, before: str, *wanted: Series) -> None:
    """Wait until each of these has risen since a scrape."""
    still: list[Series] = list(wanted)
    try:
        async with asyncio.timeout(30):
            while still:
                await asyncio.sleep(0.1)
                now = await scraped(backbone)
                still = [one for one in wanted if value(now, one) <= value(before, one)]
    except TimeoutError:
        pytest.fail(f"these did not rise: {still}")


async def answer_one(backbone: Backbone) -> None:
    """An express document from G09 to H53, and its acknowledgement."""
    async with backbone.client("G09") as sender, backbone.client("H53") as recipient:
        document = Document(recipients=("H53",), subject=f"đo đếm {secrets.token_hex(4)}", priority=3)
        sent = await sender.send(document)
        async with asyncio.timeout(30):
            async for delivery in recipient.receive():
                await delivery.acknowledge()
                if delivery.id == sent:
                    break
        await sender.wait(sent, "acknowledged")


async def send_twice(backbone: Backbone) -> None:
    """An ordinary document from G09 to H53, the same bytes again, and garbage."""
    lane = 1
    async with backbone.client("G09") as sender:
        sent = await sender.send(Document(recipients=("H53",), subject=f"hai lần {secrets.token_hex(4)}"))
        await sender.wait(sent, "accepted")
    (value_,) = [record.value for record in await backbone.read(LEDGER) if dict(record.headers).get("id") == sent]
    async with backbone.bus() as bus, bus.publisher() as publisher:
        await publisher.append({Partition(outbox("G09"), lane): [Row(value_), Row(b"garbage")]})


async def test_counters_move_when_documents_move(backbone: Backbone) -> None:
    """A document and its acknowledgement are counted for sender, recipient and lane, in number, size and time."""
    before = await scraped(backbone)
    await answer_one(backbone)
    await rise(
        backbone, before,
        ("lienthong_intake_accepted_total", {"agency": "G09", "kind": "document"}),
        ("lienthong_intake_accepted_total", {"agency": "H53", "kind": "acknowledgement"}),
        ("lienthong_intake_received_bytes_total", {"agency": "G09"}),
        ("lienthong_dispatch_delivered_total", {"agency": "H53", "kind": "document"}),
        ("lienthong_dispatch_delivered_total", {"agency": "G09", "kind": "acknowledgement"}),
        ("lienthong_dispatch_delivered_total", {"agency": "G09", "kind": "receipt"}),
        ("lienthong_dispatch_delivered_bytes_total", {"agency": "H53"}),
        ("lienthong_delivery_seconds_count", {"lane": "0"}),
        ("lienthong_acknowledgement_seconds_count", {"lane": "0"}),
        ("lienthong_notary_receipts_total", {"lane": "0"}),
        ("lienthong_tracker_statements", {"kind": "acknowledgement"}),
        ("lienthong_tracker_deliveries", {"stage": "accepted"}),
        ("lienthong_seal_cache_misses", {}),
        ("lienthong_ledger_position", {"part": "intake", "lane": "0"}),
        ("lienthong_ledger_position", {"part": "dispatch", "lane": "0"}),
        ("lienthong_last_progress_timestamp_seconds", {"part": "notary/express"}),
    )  # fmt: skip


async def test_what_is_rejected_or_sent_twice_is_counted(backbone: Backbone) -> None:
    """By its reason, and what does not count by why."""
    before = await scraped(backbone)
    await send_twice(backbone)
    await rise(
        backbone, before,
        ("lienthong_intake_rejected_total", {"agency": "G09", "reason": "malformed"}),
        ("lienthong_dispatch_void_total", {"why": "duplicate"}),
        ("lienthong_seal_cache_hits", {}),
    )  # fmt: skip


async def test_labels_come_from_closed_sets(backbone: Backbone) -> None:
    """No label has a value that an agency could choose freely."""
    async with backbone.bus() as bus:
        directory = await DirectoryReader(bus, backbone.trust).load()
    buckets = {str(float(one)) for one in LATENCY_BUCKETS_SECONDS} | {"+Inf"}
    allowed = {
        "agency": set(directory.connected()),
        "version": {__version__},
        "python": {platform.python_version()},
        "le": buckets,
        "kind": {"document", "acknowledgement", "receipt", "notice"},
        "reason": {reason.value for reason in Reason},
        "lane": {"0", "1"},
        "why": {"repeat", "duplicate"},
        "part": {f"{name}{part}" for name in ("intake", "dispatch", "notary") for part in ("", "/express", "/ordinary")}
        | {"reminder", "reminder/ledger", "tracker", "tracker/ledger"},
        "state": {"unread", "settled"},
        "stage": {stage.value for stage in Stage},
        "flag": {flag.value for flag in Flag},
        "rule": {rule.value for rule in Rule},
    }
    for family in text_string_to_metric_families(await scraped(backbone)):
        for sample in family.samples if family.name.startswith("lienthong_") else ():
            for label, found in sample.labels.items():
                assert found in allowed[label], (sample.name, label)


async def test_a_process_that_works_is_live_and_ready(backbone: Backbone) -> None:
    """`/live` and `/ready` answer 200, and nothing waits."""
    address = f"http://127.0.0.1:{backbone.services['all'].port}"
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{address}/live") as live,
        http.get(f"{address}/ready") as ready,
    ):
        assert (200, 200) == (live.status, ready.status)
        assert {"ready": True, "waiting": {}} == await ready.json()


async def test_without_kafka_a_process_is_live_and_says_why_it_is_not_ready(backbone: Backbone, tmp_path: Path) -> None:
    """It answers from the first moment, counts the failures, waits, and ends well when it is told to."""
    nowhere = f"127.0.0.1:{free_port()}"
    settings = backbone.settings.model_copy(update={"bootstrap": nowhere})
    service = ServiceProcess("all", settings, tmp_path / "all.log")
    address = f"http://127.0.0.1:{service.port}"
    starting = asyncio.create_task(service.start())
    try:
        async with aiohttp.ClientSession() as http, asyncio.timeout(30):
            waiting: dict[str, str] = {}
            while not all(f"cannot reach Kafka at {nowhere}" in waiting.get(one, "") for one in SERVICES):
                await asyncio.sleep(0.1)
                try:
                    async with http.get(f"{address}/ready") as ready:
                        assert ready.status == 503
                        waiting = (await ready.json())["waiting"]
                except aiohttp.ClientConnectionError:
                    pass
            async with http.get(f"{address}/live") as live, http.get(f"{address}/metrics") as metrics:
                assert live.status == 200
                text = await metrics.text()
        assert all(value(text, ("lienthong_kafka_errors_total", {"part": one})) > 0 for one in SERVICES)
        assert not starting.done()
        assert service._process is not None
        await service.stop()
        assert service._process.returncode == 0
    finally:
        starting.cancel()
        await asyncio.wait([starting])
        await service.stop()


async def test_everything_the_dashboard_asks_for_is_exposed(backbone: Backbone) -> None:
    """Every metric of its queries, with every label they select or group by, as a running process exposes them."""
    await send_twice(backbone)
    await answer_one(backbone)
    async with backbone.client("G09") as sender:  # one that waits for its recipient
        waits = await sender.send(Document(recipients=("H53",), subject=f"chờ {secrets.token_hex(4)}", priority=3))
        await sender.wait(waits, "accepted")
    board = json.loads((OPERATIONS.parents[1] / "deploy" / "grafana" / "lienthong.json").read_text("utf-8"))
    expressions = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    wanted: dict[str, set[str]] = {}
    for expression in expressions:
        found = asked(expression)
        for name, labels in found.metrics.items():
            wanted.setdefault(name, set()).update(labels, found.grouped if len(found.metrics) == 1 else ())
    try:
        async with asyncio.timeout(60):
            while missing := lacking(await scraped(backbone), wanted):
                await asyncio.sleep(0.5)
    except TimeoutError:
        pytest.fail(f"not exposed: {sorted(missing)}")
    assert len(wanted) > 20


def lacking(text: str, wanted: dict[str, set[str]]) -> set[tuple[str, str]]:
    """Metrics, and their labels, that are not exposed."""
    exposed: dict[str, set[str]] = {}
    names: set[str] = set()
    for family in text_string_to_metric_families(text):
        names |= {family.name, f"{family.name}_total"}
        for sample in family.samples:
            names.add(sample.name)
            exposed.setdefault(sample.name, set()).update(sample.labels)
    found = {(name, "") for name in wanted if name not in names}
    found |= {(name, label) for name, labels in wanted.items() for label in labels - exposed.get(name, set())}
    # Only a fault, or a deadline that has passed, brings their first series.
    return found - {
        ("lienthong_dispatch_strange_total", "agency"),
        ("lienthong_kafka_errors_total", "part"),
        ("lienthong_notary_receipts_rejected_total", "reason"),
        ("lienthong_tracker_on_time_ratio", "rule"),
    }
