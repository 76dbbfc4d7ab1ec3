"""`lienthong ops resend` and `release` on a real Kafka: ordered once, handed over once, seen by all who should."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from backbone import ORIGIN, Backbone, open_backbone
from lienthong.auditor.export import LINES
from lienthong.auditor.report import Report
from lienthong.auditor.source import BusSource
from lienthong.auditor.verify import verify
from lienthong.cli.app import app
from lienthong.client import Client, Delivery, Document, File, State, Status
from lienthong.demo.stage import free_port
from lienthong.embedded import EmbeddedKafka
from lienthong.kernel.bus import Row
from lienthong.kernel.clock import now_ms
from lienthong.kernel.command import RELEASE, RESEND, Original, make_command
from lienthong.kernel.envelope import encode_envelope, envelope_id
from lienthong.kernel.keys import SigningKey
from lienthong.kernel.lanes import new_thread
from lienthong.kernel.ledger import Entry
from lienthong.kernel.reasons import Reason
from lienthong.kernel.seal import Purpose, seal_batch
from lienthong.kernel.statement import Kind, encode_statement, make_statement
from lienthong.kernel.topics import Partition, outbox
from lienthong.tracker import queries
from lienthong.tracker.caught_up import caught_up
from lienthong.tracker.database import Database
from lienthong.tracker.digest import digest
from lienthong.tracker.rebuild import fill

LANE = 1
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
async def backbone(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Backbone]:
    """A backbone of this file's own, with all services."""
    folder = tmp_path_factory.mktemp("orders")
    with EmbeddedKafka(folder / "kafka", heap_mib=512, port=free_port()) as node:
        async with open_backbone(folder / "home", node.up()) as opened:
            await opened.start("all")
            yield opened


@pytest.fixture(autouse=True)
def at_home(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands find the operator's key and Kafka."""
    monkeypatch.setenv("LIENTHONG_HOME", str(backbone.settings.home))
    monkeypatch.setenv("LIENTHONG_BOOTSTRAP", backbone.settings.bootstrap)


async def lienthong(*words: str) -> Result:
    """Run a command, in a thread as it has an event loop of its own."""
    return await asyncio.to_thread(CliRunner().invoke, app, list(words))


async def told(*words: str) -> Any:
    """What a command says to programs."""
    done = await lienthong(*words, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


async def audited(backbone: Backbone) -> Report:
    """What an auditor says now."""
    async with backbone.bus() as bus:
        return await verify(BusSource(bus), backbone.trust)


async def tracked(backbone: Backbone) -> Database:
    """The tracker's database, when it has read all there is."""
    database = Database.of(backbone.settings)
    async with backbone.bus() as bus:
        await caught_up(database, bus)
    return database


async def received(client: Client, idle_seconds: float = 2.0) -> list[Delivery]:
    """What is handed over until nothing more comes, each accepted."""
    found = []
    async with asyncio.timeout(60):
        async for delivery in client.receive(idle_seconds=idle_seconds):
            await delivery.acknowledge(Status.ACCEPTED)
            found.append(delivery)
    return found


def document(*recipients: str) -> Document:
    """One that nobody else sends."""
    return Document(recipients=recipients, subject=f"V/v {secrets.token_hex(8)}")


def signed(backbone: Backbone, sender: str, *recipients: str, created: int) -> tuple[bytes, bytes]:
    """An envelope of a moment of our choice: its id and its value."""
    statement = encode_statement(
        make_statement(
            sender=sender, recipients=list(recipients), thread=new_thread(express=False), created=created,
            kind=Kind.DOCUMENT, body=document(*recipients).to_body(),
        )
    )  # fmt: skip
    (seal,) = seal_batch(
        [envelope_id(statement)], key=backbone.key(sender), origin=ORIGIN, sender=sender, purpose=Purpose.EXCHANGE,
        signed_at=created,
    )  # fmt: skip
    return envelope_id(statement), encode_envelope(statement, (), seal)


async def entries_of(backbone: Backbone, identity: bytes) -> list[Entry]:
    """What the ledger says of an envelope, when it says something."""
    async with asyncio.timeout(30):
        while True:
            if found := [entry for _, entry in await backbone.ledger() if entry.id == identity]:
                return found
            await asyncio.sleep(0.1)


async def put(backbone: Backbone, agency: str, identity: bytes, value: bytes) -> Entry:
    """Write to an out topic; what becomes of it."""
    async with backbone.bus() as bus, bus.publisher() as publisher:
        await publisher.append({Partition(outbox(agency), LANE): [Row(value)]})
    return (await entries_of(backbone, identity))[0]


async def test_what_was_acknowledged_is_handed_over_once_more(backbone: Backbone) -> None:
    """Once a command, marked, whatever is started anew in between; acknowledging it works as ever."""
    async with backbone.client("G22") as sender:
        sent = await sender.send(document("H37", "H26"), File("noi-dung.txt", b"noi dung"))
        await sender.wait(sent, State.ACCEPTED)
        async with backbone.client("H37") as recipient:
            assert (sent, None) in [(one.id, one.ordered) for one in await received(recipient)]
        plan = await told("ops", "resend", sent.hex()[:16], "--to", "H37", "--reason", "mất đĩa", "--dry-run")
        assert ("dry run", ["H37"], None) == (plan["state"], plan["recipients"], plan["position"])
        done = await told("ops", "resend", sent.hex()[:16], "--to", "H37", "--reason", "mất đĩa")
        assert ("accepted", sent.hex()) == (done["state"], done["document"])
        async with backbone.client("H37") as recipient:
            (again,) = await received(recipient)
            assert (sent, (RESEND, "mất đĩa"), b"noi dung") == (again.id, again.ordered, again.contents[0])
            assert again.position == done["about"]
        async with backbone.client("H37") as recipient:
            assert [] == await received(recipient)
            history = await recipient.history(sent)
            assert history is not None
            assert ["03", "03"] == [one.event.value for one in history.sayings]
        assert "03" == (await sender.progress(sent)).recipients["H37"]  # type: ignore[union-attr]
    async with backbone.client("H26") as other:
        assert (sent, None) in [(one.id, one.ordered) for one in await received(other)]
    await tracked(backbone)
    listed = (await told("ops", "commands"))["rows"]
    (mine,) = [one for one in listed if one["document"] == sent.hex()]
    key = SigningKey.load(backbone.settings.home / "keys" / "operator.pem")
    assert ("resend", ["H37"], "mất đĩa", key.key_id.hex()) == (
        mine["action"], mine["recipients"], mine["reason"], mine["key"],
    )  # fmt: skip
    wrong = await lienthong("ops", "resend", sent.hex(), "--to", "H53", "--reason", "x")
    assert wrong.exit_code == 1
    assert "was not delivered to H53; it went to H37, H26" in wrong.stderr


async def test_a_wrong_clock_is_no_reason_to_lose_a_document(backbone: Backbone) -> None:
    """Rejected as `future`, released: recipients get it, its sender sees it accepted and why, and only once."""
    folder = backbone.settings.home / "agencies" / "G09"
    async with Client.open(
        "G09", backbone.key("G09"), backbone.trust, backbone.settings.kafka(), folder / "store.sqlite",
        clock=lambda: now_ms() + 3_600_000,
    ) as sender:  # fmt: skip
        sent = await sender.send(document("H29", "H53"))
        with pytest.raises(Exception, match="future"):
            await sender.wait(sent, State.ACCEPTED)
    async with backbone.client("G09") as sender:
        assert 1 == (await sender.summary()).rejected
        done = await told("ops", "release", sent.hex()[:16], "--reason", "đồng hồ sai")
        assert {"H29", "H53", "G09"} == set(done["recipients"])
        async with asyncio.timeout(30):
            while (progress := await sender.progress(sent)) is None or not progress.released:
                await asyncio.sleep(0.05)
        assert (State.ACCEPTED, done["position"], "đồng hồ sai") == (
            progress.state, progress.position, progress.released,
        )  # fmt: skip
        assert (1, 0) == ((await sender.summary()).accepted, (await sender.summary()).rejected)
        for code in ("H29", "H53"):
            async with backbone.client(code) as recipient:
                (only,) = await received(recipient)
                assert (sent, (RELEASE, "đồng hồ sai"), done["position"]) == (only.id, only.ordered, only.position)
        await sender.wait(sent, State.ACKNOWLEDGED)
    again = await lienthong("ops", "release", sent.hex(), "--reason", "x")
    assert again.exit_code == 1
    assert f"was released at {done['lane']}:{done['position']}" in again.stderr
    database = await tracked(backbone)
    with database.reading() as connection:
        rows = queries.state_of(connection, sent)
    assert [("H29", "accepted"), ("H53", "accepted")] == [(row.recipient, row.stage) for row in rows]
    assert {done["position"]} == {row.position for row in rows}


async def test_what_expired_on_its_way_and_whom_nobody_knew(backbone: Backbone, tmp_path: Path) -> None:
    """Released by their places in the ledger; the newcomer gets what was written to it before it was known."""
    late, value = signed(backbone, "G22", "H37", created=now_ms() - 8 * DAY_MS)
    entry = await put(backbone, "G22", late, value)
    assert Reason.EXPIRED == entry.reason
    done = await told("ops", "release", f"{LANE}:{entry.position}", "--reason", "nằm chờ trên đường truyền")
    async with backbone.client("H37") as recipient:
        assert late in [one.id for one in await received(recipient)]

    unknown, value = signed(backbone, "G22", "G77", created=now_ms())
    entry = await put(backbone, "G22", unknown, value)
    assert Reason.UNKNOWN_RECIPIENT == entry.reason
    early = await lienthong("ops", "release", f"{LANE}:{entry.position}", "--reason", "x")
    assert early.exit_code == 4
    assert "it still cannot be delivered" in early.stderr
    listing = tmp_path / "agencies.csv"
    listing.write_text("code,code_qcvn102,name,parent,connected\nG77,,Bộ mới,,yes\n", "utf-8")
    imported = await lienthong("directory", "import", str(listing), "--make-keys")
    assert imported.exit_code == 0, imported.stderr
    await told("ops", "release", f"{LANE}:{entry.position}", "--reason", "đã có trong danh bạ")
    async with backbone.client("G77") as newcomer:
        (only,) = await received(newcomer)
        assert (unknown, ["G77"]) == (only.id, list(only.addressed))

    # Its sender, who was told to send it again once the recipient is known, does so: nobody gets it twice.
    async with backbone.bus() as bus, bus.publisher() as publisher:
        await publisher.append({Partition(outbox("G22"), LANE): [Row(value)]})
    async with asyncio.timeout(30):
        while Reason.UNKNOWN_RECIPIENT in {one.reason for one in (await entries_of(backbone, unknown))[1:]} or (
            len(await entries_of(backbone, unknown)) == 1
        ):
            await asyncio.sleep(0.1)
    async with backbone.client("G77") as newcomer:
        assert [] == await received(newcomer)
    refused = await lienthong("ops", "release", f"{LANE}:{entry.position}", "--reason", "x")
    assert refused.exit_code == 1
    # What was released can be handed over once more, too.
    await told("ops", "resend", late.hex()[:12], "--to", "H37", "--reason", "lần nữa")
    async with backbone.client("H37") as recipient:
        assert (late, done["position"]) in [(one.id, one.position) for one in await received(recipient)]


async def test_nobody_but_the_operator_orders(backbone: Backbone) -> None:
    """A command signed by an agency, or by the notary, is rejected as what it is; its document goes nowhere."""
    backbone_code = backbone.settings.backbone
    late, value = signed(backbone, "H26", "H29", created=now_ms() - 8 * DAY_MS)
    entry = await put(backbone, "H26", late, value)
    original = Original(value, entry.position, entry.judged_at, entry.known_at)
    statement = make_command(RELEASE, original, ["H29", "H26"], "giả", backbone=backbone_code, now=now_ms())
    data = encode_statement(statement)
    for key in (backbone.key("H26"), SigningKey.load(backbone.settings.home / "keys" / "notary.pem")):
        (seal,) = seal_batch(
            [envelope_id(data)], key=key, origin=ORIGIN, sender=backbone_code, purpose=Purpose.COMMAND,
            signed_at=now_ms(),
        )  # fmt: skip
        forged = encode_envelope(data, [value], seal)
        async with backbone.bus() as bus, bus.publisher() as publisher:
            await publisher.append({Partition(outbox(backbone_code), LANE): [Row(forged)]})
    async with asyncio.timeout(30):
        while len(found := await entries_of(backbone, envelope_id(data))) < 2:
            await asyncio.sleep(0.1)
    assert [Reason.UNKNOWN_KEY] * 2 == [one.reason for one in found]
    assert all("is not the operator's" in one.detail for one in found)
    async with backbone.client("H29") as recipient:
        assert late not in [one.id for one in await received(recipient)]


async def test_the_audit_is_clean_and_a_rebuilt_tracker_holds_the_same(backbone: Backbone, tmp_path: Path) -> None:
    """After everything that was ordered so far, and two orders more."""
    late, value = signed(backbone, "G22", "H37", created=now_ms() - 8 * DAY_MS)
    entry = await put(backbone, "G22", late, value)
    await told("ops", "release", f"{LANE}:{entry.position}", "--reason", "nằm chờ")
    await told("ops", "resend", late.hex(), "--to", "H37", "--reason", "lần nữa")
    report = await audited(backbone)
    assert report.clean, report.damage()
    assert report.entries == report.verified
    live = await tracked(backbone)
    anew = Database(f"sqlite:///{tmp_path / 'anew.db'}")
    async with backbone.bus() as bus:
        await fill(bus, anew, lambda _done, _total: None)
    assert digest(live).tables == digest(anew).tables
    anew.close()
    line = await lienthong("audit", "replay", "--agency", "H37", "--output", str(tmp_path / "h37"))
    assert line.exit_code == 0, line.stdout + line.stderr
    lines = [json.loads(one) for one in (tmp_path / "h37" / LINES).read_text("utf-8").splitlines()]
    carried = [one for one in lines if one["kind"] == "command" and one["body"]["document"] == late.hex()]
    assert [RELEASE, RESEND] == [one["body"]["action"] for one in carried]
    assert all(one["verified"] and one["carries"]["sender"] == "G22" for one in carried)
