"""`lienthong ops` where services run: the quarantine, and how far the tracker is."""

import asyncio
import json
import secrets
from hashlib import sha256
from typing import Any

import pytest
from typer.testing import CliRunner

from backbone import Backbone
from lienthong.cli.app import app
from lienthong.client import Document
from lienthong.kernel.bus import Row
from lienthong.kernel.topics import Partition, outbox


async def told(backbone: Backbone, *words: str) -> Any:
    """What a command says to programs, in a thread as it has an event loop of its own."""
    given = ["ops", *words, "--bootstrap", backbone.settings.bootstrap, "--json"]
    done = await asyncio.to_thread(CliRunner().invoke, app, given)
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


async def test_the_quarantine_shows_where_and_why_and_no_contents(backbone: Backbone) -> None:
    """The newest first, of one agency or of all; digest and size are those of what was sent."""
    garbage = b"bi mat " + secrets.token_bytes(30)
    async with backbone.bus() as bus, bus.publisher() as publisher:
        await publisher.append({Partition(outbox("G09"), 1): [Row(garbage)]})
    wanted = sha256(garbage).hexdigest()
    async with asyncio.timeout(30):
        while True:
            found = await told(backbone, "quarantine", "--agency", "G09")
            if wanted in {row["digest"] for row in found["rows"]}:
                break
            await asyncio.sleep(0.1)
    (mine,) = [row for row in found["rows"] if row["digest"] == wanted]
    assert ("G09", 1, "malformed", len(garbage)) == (mine["agency"], mine["lane"], mine["reason"], mine["bytes"])
    assert "bi mat" not in json.dumps(found)
    everything = await told(backbone, "quarantine")
    assert mine in everything["rows"]
    assert everything["count"] >= found["count"] == len(found["rows"])
    (newest,) = (await told(backbone, "quarantine", "--limit", "1"))["rows"]
    assert newest == everything["rows"][0]
    assert {"count": 0, "rows": []}.items() <= (await told(backbone, "quarantine", "--agency", "H99")).items()


async def test_the_overview_knows_how_far_the_tracker_is(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has read all there is soon after a document was accepted, and the document is there."""
    monkeypatch.setenv("LIENTHONG_HOME", str(backbone.settings.home))
    async with backbone.client("G09") as sender:
        sent = await sender.send(Document(recipients=("H53",), subject=f"V/v {secrets.token_hex(4)}"))
        await sender.wait(sent, "accepted")
    async with asyncio.timeout(30):
        while True:
            lanes = (await told(backbone, "overview"))["tracker"]["lanes"]
            assert set(lanes) == {"0", "1"}
            if all(lane["lag"] == 0 for lane in lanes.values()):
                break
            await asyncio.sleep(0.2)
    done = await asyncio.to_thread(
        CliRunner().invoke, app, ["ops", "undelivered", "--agency", "H53", "--limit", "9999", "--json"]
    )
    assert sent.hex() in {row["document"] for row in json.loads(done.stdout)["rows"]}
