"""Documents that nobody reads, on a real Kafka: their senders are told once, whatever happens to the reminder."""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import kill_points
from backbone import Backbone
from lienthong.auditor.source import BusSource
from lienthong.auditor.verify import verify
from lienthong.cli.app import app
from lienthong.client import Client, Document, State, Unread
from lienthong.kernel.bus import Bus
from lienthong.kernel.envelope import decode_envelope
from lienthong.kernel.ledger import Outcome
from lienthong.kernel.statement import Kind, decode_statement
from lienthong.tracker import queries
from lienthong.tracker.caught_up import caught_up
from lienthong.tracker.database import Database
from lienthong.tracker.digest import digest
from lienthong.tracker.rebuild import fill

SENDER, SILENT, READER = "G22", "H26", "H37"
WITHIN_SECONDS = 4
PATIENCE_SECONDS = 60.0


@pytest.fixture
def expiring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents are unread after a few seconds."""
    file = tmp_path / "deadlines.toml"
    file.write_text(f'[expiry]\nwithin = "PT{WITHIN_SECONDS}S"\n', "utf-8")
    monkeypatch.setenv("LIENTHONG_DEADLINES_FILE", str(file))


@pytest.mark.timeout(300)
async def test_the_sender_of_what_nobody_reads_is_told_once(
    expiring: None, own_backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has acknowledged is not named; a reminder that is killed, or has a double, repeats nothing."""
    monkeypatch.setenv("LIENTHONG_HOME", str(own_backbone.settings.home))
    for name in ("intake", "dispatch", "notary", "tracker"):
        await own_backbone.start(name)
    async with own_backbone.client(SENDER) as sender:
        first, read = await sent(sender, SILENT, READER), await sent(sender, READER, priority=3)
        async with own_backbone.client(READER) as reader:
            await acknowledged(reader, first, read)
        await sender.wait(read, State.ACKNOWLEDGED)

        # It is killed when its first notice is written, before it can know that.
        assert await killed_reminder(own_backbone, tmp_path, "append.after") == -9
        (unread,) = await told(sender, first)
        assert (SILENT, False) == (unread.agency, unread.read)
        assert unread.expired_at < unread.told_at

        await own_backbone.start("reminder")
        second = await sent(sender, SILENT)
        await told(sender, second)
        await own_backbone.services["reminder"].kill()
        await own_backbone.start("reminder")
        third = await sent(sender, SILENT)
        await told(sender, third)

        progress = await sender.progress(read)
        assert progress is not None
        assert {} == progress.unread
        named = await lines(own_backbone)
        assert [(one, SILENT) for one in (first, second, third)] == sorted(
            named, key=lambda line: [first, second, third].index(line[0])
        )
        assert unread.id in await notices(own_backbone)

        shown = await command("status", first.hex(), "--agency", SENDER)
        assert [SILENT] == list(shown["unread"])
        assert [(SILENT, False)] == [(one["recipient"], one["read"]) for one in shown["history"]["unread"]]

        await tracked(own_backbone, tmp_path, first, {SILENT: True, READER: False})
        late = await command("ops", "late", "--agency", SILENT)
        assert {one["document"] for one in late["rows"] if one["told_at"]} == {
            one.hex() for one in (first, second, third)
        }
        assert {"received": 3, "sent": 0} == (await command("ops", "agency", SILENT))["expired"]
        assert {"received": 0, "sent": 3} == (await command("ops", "agency", SENDER))["expired"]

        async with own_backbone.client(SILENT) as silent:
            await acknowledged(silent, first, second, third)
        progress = await until(lambda: sender.progress(first), lambda found: found is not None and not found.unread)
        history = await sender.history(first)
        assert history is not None
        assert [(SILENT, True)] == [(one.agency, one.read) for one in history.unread]

    async with Bus.connect(own_backbone.settings.kafka(), "test") as bus:
        report = await verify(BusSource(bus), own_backbone.trust)
    assert report.clean, [str(one) for one in report.damage()]
    assert 3 == sum(lane.notice_lines for lane in report.lanes)


async def until(look: Callable[[], Any], holds: Callable[[Any], bool]) -> Any:
    """Look again until it holds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds(found := await look()):
            await asyncio.sleep(0.1)
    return found


async def sent(sender: Client, *recipients: str, priority: int = 0) -> bytes:
    """A document that the backbone has accepted."""
    document = Document(recipients=recipients, subject=f"V/v {os.urandom(4).hex()}", priority=priority)
    identity = await sender.send(document)
    await sender.wait(identity, State.ACCEPTED)
    return identity


async def acknowledged(reader: Client, *ids: bytes) -> None:
    """Acknowledge these documents; all of them must come."""
    left = set(ids)
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for delivery in reader.receive():
            await delivery.acknowledge()
            left.discard(delivery.id)
            if not left:
                return


async def told(sender: Client, identity: bytes) -> tuple[Unread, ...]:
    """What the sender is told of a document, as soon as it is."""
    progress = await until(lambda: sender.progress(identity), lambda found: bool(found and found.unread))
    history = await sender.history(identity)
    assert history is not None
    assert {one.agency: one.expired_at for one in history.unread if not one.read} == progress.unread
    return tuple(history.unread)


async def killed_reminder(backbone: Backbone, folder: Path, point: str) -> int:
    """Run a reminder that kills itself at a point; returns how it ended."""
    with (folder / "killed.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, kill_points.__file__, point, "1", "service", "reminder",
            stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(sys.path),
                "LIENTHONG_HOME": str(backbone.settings.home),
                "LIENTHONG_BOOTSTRAP": backbone.settings.bootstrap,
            },
        )  # fmt: skip
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await process.wait()


async def notices(backbone: Backbone) -> dict[bytes, list[tuple[bytes, str]]]:
    """All notices of the ledger: by their ids the documents and recipients that they name."""
    found = {}
    for record, entry in await backbone.ledger():
        if entry.kind == Kind.NOTICE:
            assert (Outcome.ACCEPTED, "LT", (SENDER,)) == (entry.outcome, entry.source.agency, entry.routes)
            assert entry.id is not None
            body = decode_statement(decode_envelope(record.value or b"").statement).body
            found[entry.id] = [(line["document"], line["recipient"]) for line in body["entries"]]
    return found


async def lines(backbone: Backbone) -> list[tuple[bytes, str]]:
    """Documents and recipients that notices name, as often as they do."""
    return [line for some in (await notices(backbone)).values() for line in some]


async def command(*words: str) -> Any:
    """What a command says to programs, in a thread as it has an event loop of its own."""
    done = await asyncio.to_thread(CliRunner().invoke, app, [*words, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


async def tracked(backbone: Backbone, folder: Path, identity: bytes, expected: dict[str, bool]) -> None:
    """The tracker knows where a sender was told, and knows the same when its database is built anew."""
    live, anew = Database.of(backbone.settings), Database(f"sqlite:///{folder / 'anew.db'}")
    try:
        async with backbone.bus() as bus:
            await caught_up(live, bus)
            await fill(bus, anew, lambda _done, _total: None)
        with live.reading() as connection:
            rows = {row.recipient: row for row in queries.state_of(connection, identity)}
        assert expected == {code: bool(row.told_at) for code, row in rows.items()}
        assert all(bool(row.told_at) == bool(row.expired_at) for row in rows.values())
        assert digest(live) == digest(anew)
    finally:
        live.close()
        anew.close()
