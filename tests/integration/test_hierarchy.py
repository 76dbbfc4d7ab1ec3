"""Groups, units below a connected agency and merged agencies, over a real Kafka with all services and the auditor."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from backbone import CHILD, Backbone
from lienthong.auditor.source import BusSource
from lienthong.auditor.verify import verify
from lienthong.client import Client, Document, RejectedError
from lienthong.directory.listing import ListedAgency
from lienthong.directory.operator import Operator, make_trust
from lienthong.kernel.agency import agency_code
from lienthong.kernel.bus import Row
from lienthong.kernel.clock import now_ms
from lienthong.kernel.envelope import decode_envelope, envelope_id
from lienthong.kernel.ledger import Delivery as Headers
from lienthong.kernel.ledger import write_delivery
from lienthong.kernel.topics import Partition, inbox

GROUP = "@TINH-THANH"
PROVINCES = [f"H{number:02}" for number in range(1, 64)]


@asynccontextmanager
async def operator_of(backbone: Backbone) -> AsyncIterator[Operator]:
    """The operator at work."""
    trust, key = make_trust(backbone.settings.home, backbone.trust.origin)
    async with Operator.open(backbone.settings.kafka(), trust, key) as operator:
        yield operator


async def receive(client: Client, count: int) -> list[tuple[str, tuple[str, ...]]]:
    """Subject and final addresses of so many documents; they are acknowledged."""
    found = []
    async with asyncio.timeout(60):
        async for delivery in client.receive():
            await delivery.acknowledge()
            found.append((delivery.document.subject, tuple(delivery.addressed)))
            if len(found) == count:
                return found
    raise AssertionError("the iteration ended")


async def test_all_that_the_hierarchy_decides(own_backbone: Backbone) -> None:
    """One circular to 63 provinces, a unit below one, and an agency that merges; ledger, readers and auditor agree."""
    backbone = own_backbone
    async with operator_of(backbone) as operator:
        await operator.add_agencies(
            [ListedAgency(agency_code(code), "", f"Tỉnh {code}", None, True) for code in PROVINCES]
        )
        await operator.add_group(GROUP, "Các tỉnh, thành phố", [*PROVINCES, "G22"])
    await backbone.start("all")

    async with backbone.client("G22") as sender:
        circular = await sender.send(Document(recipients=(GROUP,), subject="Thông tư"))
        await sender.wait(circular, "accepted")
        below = await sender.send(Document(recipients=(CHILD,), subject="Đơn vị"))
        older = await sender.send(Document(recipients=("000.00.00.H26",), subject="Mã cũ"))
        with pytest.raises(RejectedError, match="is not in the directory"):
            await sender.send(Document(recipients=("@KHONG-CO",), subject="Không có"))
        for one in (below, older):
            await sender.wait(one, "accepted")
        async with backbone.client("H37") as province, backbone.client("H26") as other:
            assert {("Thông tư", ("H37",)), ("Đơn vị", (CHILD,))} == set(await receive(province, 2))
            assert {("Mã cũ", ("H26",)), ("Thông tư", ("H26",))} == set(await receive(other, 2))

        # H29 merges into H26, and the group gets one member less: what was said before stays as it was.
        async with operator_of(backbone) as operator:
            await operator.retire("H29", ["H26"])
            await operator.add_group(GROUP, "", PROVINCES[:10])
        merged = await sender.send(Document(recipients=("H29",), subject="Sáp nhập"))
        await sender.wait(merged, "accepted")
        async with backbone.client("H26") as other:
            assert [("Sáp nhập", ("H29",))] == await receive(other, 1)
        await sender.wait(merged, "acknowledged")
        with pytest.raises(RejectedError, match=r"H29 has retired, its mail goes to H26"):
            async with backbone.client("H29"):
                pass
        history = await sender.history(circular)
        assert history is not None
        assert sorted(PROVINCES) == sorted(history.lives) == sorted(history.addressed)

    entries = {entry.id: entry for _, entry in await backbone.ledger()}
    assert (tuple(PROVINCES), (f"{GROUP}/1",)) == (entries[circular].routes, entries[circular].groups)
    assert [("H37",), ("H26",), ("H26",)] == [entries[one].routes for one in (below, older, merged)]
    async with backbone.bus() as bus:
        report = await verify(BusSource(bus), backbone.trust)
    assert [] == report.damage()
    assert report.entries == report.verified > 70

    # Nobody can make the sender have written to somebody else: an inbox of an agency that is in no group.
    (row,) = backbone.sealed("G22", GROUP, 1)
    identity = envelope_id(decode_envelope(row.value or b"").statement)
    forged = Row(row.value, write_delivery(Headers(1, 10_000, now_ms(), now_ms(), identity, "document")))
    async with backbone.bus() as bus, bus.publisher() as publisher:
        await publisher.append({Partition(inbox("G09"), 1): [forged]})
    async with backbone.client("G09") as stranger:
        await stranger.caught_up()
        assert 1 == stranger.refused
