"""Documents that flow all the time through processes of their own, for tests that disturb them."""

import asyncio
import os
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import kill_points
from backbone import Backbone
from journal import assert_in_sequence, read_journal
from lienthong.auditor.source import BusSource
from lienthong.auditor.verify import verify
from lienthong.kernel.bus import Row
from lienthong.kernel.fold import Count, LedgerFold
from lienthong.kernel.ledger import Outcome
from lienthong.kernel.statement import Kind
from lienthong.kernel.topics import Partition, outbox

PATIENCE_SECONDS = 120.0


class Traffic:
    """All processes of a run, by name: G22 sends to H26."""

    def __init__(self, backbone: Backbone, folder: Path) -> None:
        self._settings = backbone.settings
        self._folder = folder
        self.sent, self.received, self.stop = folder / "sent", folder / "received", folder / "stop"
        self._words = {
            "intake": ("service", "intake"),
            "dispatch": ("service", "dispatch"),
            "notary": ("service", "notary"),
            "trickle": ("agency", "trickle", "G22", "H26", str(self.sent), str(self.stop)),
            "receive": ("agency", "receive", "H26", str(self.received)),
        }
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        """The one that was started last, by name."""
        self._all: list[asyncio.subprocess.Process] = []

    async def start(self, name: str, point: str = "none", nth: int = 1) -> asyncio.subprocess.Process:
        """Start a process that dies at a point; without one it lives."""
        with (self._folder / f"{name}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, kill_points.__file__, point, str(nth), *self._words[name],
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(sys.path),
                    "LIENTHONG_HOME": str(self._settings.home),
                    "LIENTHONG_BOOTSTRAP": self._settings.bootstrap,
                },
            )  # fmt: skip
        self.processes[name] = process
        self._all.append(process)
        return process

    async def kill(self, name: str) -> None:
        """SIGKILL."""
        await _kill(self.processes[name])

    async def kill_all(self) -> None:
        """SIGKILL to whatever still runs, paused or not."""
        for process in self._all:
            await _kill(process)

    async def finish(self, backbone: Backbone, *, rejected: bool) -> int:
        """Let the sender end, and check that everything arrived once; returns how many documents there were.

        Args:
            backbone: whose ledger and topics are looked at.
            rejected: whether `poison` was at work.
        """
        self.stop.touch()
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await self.processes["trickle"].wait() == 0
        count = int(self.sent.read_text("ascii").split()[-1])
        await assert_everything_arrived_once(backbone, self, count, rejected=rejected)
        return count


@asynccontextmanager
async def flowing(backbone: Backbone, folder: Path) -> AsyncIterator[Traffic]:
    """All processes running; whatever still runs at the end is killed."""
    traffic = Traffic(backbone, folder)
    traffic.received.touch()
    try:
        for name in ("intake", "dispatch", "notary", "receive", "trickle"):
            await traffic.start(name)
        yield traffic
    finally:
        await traffic.kill_all()


async def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()


async def poison(backbone: Backbone) -> None:
    """Append what is no envelope to an out topic, again and again."""
    async with backbone.bus("poison") as bus, bus.publisher() as publisher:
        while True:
            await publisher.append({Partition(outbox("G09"), lane): [Row(b"no envelope")] for lane in (0, 1)})
            await asyncio.sleep(0.3)


async def assert_everything_arrived_once(backbone: Backbone, traffic: Traffic, count: int, *, rejected: bool) -> None:
    """Every document was handed to the caller, again only if it was not settled; the ledger and the auditor agree."""
    lines = read_journal(traffic.received)
    first: dict[int, str] = {}
    for line in lines:
        assert line.redelivered or line.number not in first, f"document {line.number} came twice"
        assert first.setdefault(line.number, line.id) == line.id
    assert set(range(count)) == set(first)
    assert_in_sequence(lines)

    folds: dict[int, LedgerFold] = defaultdict(lambda: LedgerFold(complete=True))
    counted = [
        entry for record, entry in await backbone.ledger() if folds[record.partition].take(entry) is Count.COUNTS
    ]
    documents = [entry.id for entry in counted if entry.kind == Kind.DOCUMENT]
    assert len(set(documents)) == len(documents) == count
    refused = {entry.source.agency for entry in counted if entry.outcome is Outcome.REJECTED}
    assert ({"G09"} if rejected else set()) == refused
    async with backbone.bus() as bus:
        report = await verify(BusSource(bus), backbone.trust)
    assert [] == report.damage()
    assert report.entries == report.verified
