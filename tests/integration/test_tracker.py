"""The tracker on a real ledger: killed in the middle, and built anew, its content is the same on both databases."""

import asyncio
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

import pytest

import postgresql
from backbone import LANES, Backbone
from lienthong.client import Client, Document, Status
from lienthong.demo.stage import ServiceProcess
from lienthong.kernel.bus import Bus
from lienthong.kernel.topics import LEDGER, Partition
from lienthong.tracker import queries
from lienthong.tracker.database import Database
from lienthong.tracker.digest import Digest, digest
from lienthong.tracker.migration import migrate
from lienthong.tracker.rebuild import fill, rebuild

DOCUMENTS = 300
KILLS = 2
PATIENCE_SECONDS = 90.0
RECIPIENTS = ("H26", "H29")


class Tracked:
    """A tracker in a process of its own, and its database."""

    def __init__(self, backbone: Backbone, url: str, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._backbone = backbone
        self._log = log
        self._url = url
        self._monkeypatch = monkeypatch
        self.database = Database(url)
        self.service: ServiceProcess | None = None

    async def start(self) -> None:
        """Start it, again if need be."""
        self._monkeypatch.setenv("LIENTHONG_TRACKER_DATABASE", self._url)
        self.service = ServiceProcess("tracker", self._backbone.settings, self._log)
        await self.service.start()

    async def kill(self) -> None:
        """SIGKILL."""
        assert self.service is not None
        await self.service.kill()

    @property
    def nice(self) -> int:
        """How far its process steps behind others."""
        assert self.service is not None
        assert self.service.pid is not None
        return os.getpriority(os.PRIO_PROCESS, self.service.pid)

    def knows(self, identity: bytes) -> bool:
        """Whether its database has a document."""
        with self.database.reading() as connection:
            return queries.document(connection, identity) is not None

    async def close(self) -> None:
        """Stop it."""
        if self.service is not None:
            await self.service.stop()
        self.database.close()


async def answer(client: Client, status: Status, words: str, count: int) -> None:
    """Receive so many documents that speak of this and say a status of each; every tenth is refused."""
    got = 0
    async for delivery in client.receive():
        if got % 10:
            await delivery.acknowledge(status)
        else:
            await delivery.acknowledge(Status.REFUSED, "không đúng thẩm quyền")
        # What other tests have left is answered as well and is none of ours.
        got += words in delivery.document.subject
        if got == count:
            return


async def converse(backbone: Backbone) -> bytes:
    """Documents to two agencies, all of them answered; returns the id of one."""
    async with backbone.client("G22") as sender, backbone.client("H26") as one, backbone.client("H29") as other:
        words = secrets.token_hex(4)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(answer(one, Status.ACCEPTED, words, DOCUMENTS))
            tasks.create_task(answer(other, Status.DONE, words, DOCUMENTS))
            sent = []
            for number in range(DOCUMENTS):
                document = Document(recipients=RECIPIENTS, subject=f"V/v {words} {number}", priority=3 * (number % 2))
                sent.append(await sender.send(document))
                await asyncio.sleep(0.005)
        for identity in sent:
            await sender.wait(identity, "acknowledged")
        return sent[-1]


async def at_rest(bus: Bus) -> None:
    """Wait until the ledger has not grown for a second: the last receipts are in it."""
    partitions = [Partition(LEDGER, lane) for lane in range(LANES)]
    before: dict[Partition, int] = {}
    async with asyncio.timeout(PATIENCE_SECONDS), bus.reader() as reader:
        while before != (before := await reader.ends(partitions)):
            await asyncio.sleep(1)


async def settled(databases: Sequence[Database]) -> list[Digest]:
    """Digests once all have read to the same end; the backbone's last receipts may still be on their way."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found = [await asyncio.to_thread(digest, one) for one in databases]
            if len({one.tables[-1] for one in found}) == 1:
                return found
            await asyncio.sleep(0.3)


@pytest.fixture
def urls(tmp_path: Path, request: pytest.FixtureRequest) -> list[str]:
    """Where trackers store: SQLite, and PostgreSQL where there is one."""
    found = [f"sqlite:///{tmp_path / 'tracker.db'}"]
    if postgresql.why_there_is_none() is None:
        found.append(request.getfixturevalue("postgresql_url"))
        server = Database(found[-1])
        with server.writing() as connection:
            connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {server.schema} CASCADE")
        migrate(server)
        server.close()
    return found


@pytest.mark.slow
async def test_killed_and_built_anew_its_content_is_the_same(
    backbone: Backbone, urls: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trackers on both databases are killed while documents flow; they and rebuilds of each hold the same."""
    trackers = [Tracked(backbone, url, tmp_path / f"{number}.log", monkeypatch) for number, url in enumerate(urls)]
    anew = Database(f"sqlite:///{tmp_path / 'anew.db'}")
    try:
        for one in trackers:
            await one.start()
            # Documents go first where processors are short.
            assert one.nice == min(19, os.nice(0) + backbone.settings.tracker_nice)
        flowing = asyncio.create_task(converse(backbone))
        for _ in range(KILLS):
            for one in trackers:
                await asyncio.sleep(0.4)
                await one.kill()
                await one.start()
        identity = await flowing
        async with backbone.bus() as bus:
            await at_rest(bus)
            await fill(bus, anew, lambda _done, _total: None)
            (wanted,) = set(await settled([anew, *(one.database for one in trackers)]))
            with anew.reading() as connection:
                stages = {row.recipient: row.stage for row in queries.state_of(connection, identity)}
            assert set(RECIPIENTS) == set(stages)
            assert "sent" not in stages.values()
            for one in trackers:
                # Under the feet of a tracker that runs.
                await rebuild(bus, one.database, lambda _done, _total: None)
                assert wanted == digest(one.database)
        # They go on.
        async with backbone.client("G22") as sender:
            sent = await sender.send(Document(recipients=("H53",), subject=f"V/v {secrets.token_hex(4)}"))
            await sender.wait(sent, "accepted")
        async with asyncio.timeout(PATIENCE_SECONDS):
            for one in trackers:
                while not one.knows(sent):
                    await asyncio.sleep(0.1)
    finally:
        for one in trackers:
            await one.close()
        anew.close()
