"""Dispatch: a round that becomes far more in the inboxes than it was, and inboxes with old numbers at their end."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator

import pytest

from backbone import Backbone, open_backbone
from lienthong.client import Document, File
from lienthong.demo.play import example_agencies
from lienthong.demo.stage import free_port
from lienthong.embedded import EmbeddedKafka
from lienthong.kernel.bus import Row
from lienthong.kernel.clock import now_ms
from lienthong.kernel.fold import Count, LedgerFold
from lienthong.kernel.ledger import read_delivery
from lienthong.kernel.topics import LEDGER, Partition, inbox
from lienthong.runtime.ledger_follower import LedgerFollower

REQUEST_BYTES = 16_777_216
"""Most bytes of one request to the embedded broker; Kafka's default is 100 MiB, 500 envelopes may be 480 MB."""
AGENCIES = [one.code for one in example_agencies(20) if one.connected]
SENDER, *RECIPIENTS = AGENCIES
FILE_BYTES = 940_000
LANE = 1


@pytest.fixture(scope="module")
async def backbone(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Backbone]:
    """Twenty agencies and intake; dispatch runs when a test starts it."""
    folder = tmp_path_factory.mktemp("dispatch")
    with EmbeddedKafka(folder / "kafka", heap_mib=512, port=free_port()) as node:
        async with open_backbone(folder / "home", node.up(), AGENCIES) as opened:
            await opened.start("intake")
            yield opened


def document(*recipients: str) -> Document:
    """A document that no other test sends."""
    return Document(recipients=recipients, subject=f"V/v {secrets.token_hex(8)}", code_notation="CV")


async def ends(backbone: Backbone, *agencies: str) -> dict[str, int]:
    """Where the ordinary lanes of inboxes end."""
    async with backbone.bus() as bus, bus.reader() as reader:
        found = await reader.ends([Partition(inbox(agency), LANE) for agency in agencies])
    return {agency: found[Partition(inbox(agency), LANE)] for agency in agencies}


async def deliver(backbone: Backbone, count: int, *recipients: str, files: tuple[File, ...] = ()) -> None:
    """Send documents and wait until they are in the inboxes of all recipients."""
    wanted = {agency: end + count for agency, end in (await ends(backbone, *recipients)).items()}
    async with backbone.client(SENDER) as sender, asyncio.timeout(25):
        await sender.send_many([(document(*recipients), files) for _ in range(count)])
        while await ends(backbone, *recipients) != wanted:
            await asyncio.sleep(0.1)


async def test_a_document_that_is_larger_in_the_inboxes_than_a_request_may_be_is_delivered(backbone: Backbone) -> None:
    """A broker closes the connection at too large a request, always again: it must never become one."""
    assert len(RECIPIENTS) * FILE_BYTES > REQUEST_BYTES
    service = await backbone.start("dispatch")
    await deliver(backbone, 1, *RECIPIENTS, files=(File("large.pdf", os.urandom(FILE_BYTES), "application/pdf"),))
    await service.stop()
    assert "session_failed" not in (backbone.settings.home / "log" / "dispatch.log").read_text("utf-8")


async def test_numbers_go_on_after_old_ones_that_were_written_again(backbone: Backbone) -> None:
    """What a dispatcher that woke too late wrote at the end of an inbox is looked through, in each inbox."""
    some = RECIPIENTS[:3]
    service = await backbone.start("dispatch")
    await deliver(backbone, 30, *some)
    await service.stop()
    before = {agency: (await backbone.read(inbox(agency))) for agency in some}
    late = {
        Partition(inbox(agency), LANE): [Row(one.value, one.headers) for one in records[:many]]
        for many, (agency, records) in zip((1, 10, 29), before.items(), strict=True)
    }
    async with backbone.bus() as bus, bus.publisher() as publisher:
        await publisher.append(late)
    service = await backbone.start("dispatch")
    await deliver(backbone, 2, *some)
    await service.stop()
    for agency in some:
        numbers = [read_delivery(one).sequence for one in await backbone.read(inbox(agency))]
        highest = len(before[agency])
        assert [*range(1, highest + 1)] == numbers[:highest]
        assert [highest + 1, highest + 2] == numbers[-2:]


async def test_the_last_entry_routed_to_each_agency_is_known_after_a_start(backbone: Backbone) -> None:
    """Of those that count before the position that dispatch committed; others come from a client that sent again."""
    service = await backbone.start("dispatch")
    await deliver(backbone, 3, *RECIPIENTS[3:6])
    await deliver(backbone, 1, RECIPIENTS[4])
    await service.stop()
    last: dict[str, int] = {}
    fold = LedgerFold(complete=True)
    for record, entry in await backbone.ledger():
        if record.partition == LANE and fold.take(entry) is Count.COUNTS:
            last.update(dict.fromkeys(entry.routes, entry.position))
    async with backbone.bus() as bus:
        partition = Partition(LEDGER, LANE)
        async with bus.reader(group="lt.dispatch") as reader:
            assert await reader.ends([partition]) == await reader.committed([partition])
        follower = LedgerFollower(bus, group="lt.dispatch", lanes=[LANE], clock=now_ms, rest_ms=0, with_routes=True)
        async with follower:
            found = {agency: follower.last_routed(LANE, agency) for agency in AGENCIES}
    assert {agency: last.get(agency) for agency in AGENCIES} == found
    assert found[SENDER] is None
