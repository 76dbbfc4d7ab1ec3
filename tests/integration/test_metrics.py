"""Probes and metrics of running services."""

import re
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from backbone import Backbone
from lienthong.client import Document
from lienthong.kernel.reasons import Reason

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


async def test_counters_move_when_documents_move(backbone: Backbone) -> None:
    """An accepted and delivered document is counted for its sender, its recipient and its lane."""

    def value(text: str, name: str, **labels: str) -> float:
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    before = await scraped(backbone)
    async with backbone.client("G09") as sender:
        sent = await sender.send(Document(recipients=("H53",), subject="đo đếm", priority=3))
        await sender.wait(sent, "accepted")
        after = await scraped(backbone)
        while not value(after, "lienthong_dispatch_delivered_total", agency="H53", kind="document"):
            after = await scraped(backbone)

    for name, labels in (
        ("lienthong_intake_accepted_total", {"agency": "G09", "kind": "document"}),
        ("lienthong_intake_received_bytes_total", {"agency": "G09"}),
        ("lienthong_dispatch_delivered_total", {"agency": "H53", "kind": "document"}),
        ("lienthong_delivery_seconds_count", {"lane": "0"}),
        ("lienthong_notary_receipts_total", {"lane": "0"}),
    ):
        assert value(after, name, **labels) > value(before, name, **labels), name


async def test_labels_come_from_closed_sets(backbone: Backbone) -> None:
    """No label has a value that an agency could choose freely."""
    agencies = {"G22", "G09", "H26", "H29", "H37", "H53", "LT", "G07"}
    allowed = {
        "agency": agencies,
        "kind": {"document", "acknowledgement", "receipt"},
        "reason": {reason.value for reason in Reason},
        "lane": {"0", "1"},
        "why": {"repeat", "duplicate"},
        "part": {
            f"{name}{part}" for name in ("intake", "dispatch", "notary") for part in ("", "/express", "/ordinary")
        },
    }
    for family in text_string_to_metric_families(await scraped(backbone)):
        for sample in family.samples if family.name.startswith("lienthong_") else ():
            for label, found in sample.labels.items():
                if label in allowed:
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
