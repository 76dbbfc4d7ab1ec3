"""kill -9 at every point: before and after each take, append, commit and transaction, and in the middle of a write.

Documents flow all the time. One process after the other is started so that it kills itself at a
point, and is started again for the next point; at the end everything has arrived once.
"""

import asyncio
import os
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import kill_points
from backbone import Backbone
from integration.test_crashes import assert_in_sequence, read_journal
from lienthong.auditor.source import BusSource
from lienthong.auditor.verify import verify
from lienthong.kernel.bus import Row
from lienthong.kernel.fold import Count, LedgerFold
from lienthong.kernel.ledger import Outcome
from lienthong.kernel.statement import Kind
from lienthong.kernel.topics import Partition, outbox

NTHS = tuple(int(word) for word in os.environ.get("LIENTHONG_KILL_NTHS", "1").split(","))
"""At which passes of each point the process dies."""
REACH_SECONDS = 40.0
PATIENCE_SECONDS = 120.0


class Play:
    """All processes of a run, by name."""

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
        return process

    async def kill(self, name: str) -> None:
        """SIGKILL."""
        process = self.processes[name]
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def playing(backbone: Backbone, folder: Path) -> AsyncIterator[Play]:
    """All processes running; whatever still runs at the end is killed."""
    play = Play(backbone, folder)
    play.received.touch()
    try:
        for name in ("intake", "dispatch", "notary", "receive", "trickle"):
            await play.start(name)
        yield play
    finally:
        for name in play.processes:
            await play.kill(name)


async def poison(backbone: Backbone) -> None:
    """Append what is no envelope to an out topic, again and again."""
    async with backbone.bus("poison") as bus, bus.publisher() as publisher:
        while True:
            await publisher.append({Partition(outbox("G09"), lane): [Row(b"no envelope")] for lane in (0, 1)})
            await asyncio.sleep(0.3)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_killing_a_process_at_every_point_loses_and_repeats_nothing(
    own_backbone: Backbone, tmp_path: Path
) -> None:
    """Every point of every service and client is reached, and is harmless."""
    backbone = own_backbone
    points = {**kill_points.SERVICE_POINTS, **kill_points.AGENCY_POINTS}
    killed = 0
    async with playing(backbone, tmp_path) as play:
        poisoning = asyncio.create_task(poison(backbone))
        for name, some in points.items():
            await play.kill(name)
            for nth in NTHS:
                for point in some:
                    process = await play.start(name, point, nth)
                    try:
                        async with asyncio.timeout(REACH_SECONDS):
                            status = await process.wait()
                    except TimeoutError:
                        pytest.fail(f"{name} was never at {point} for the {nth}. time")
                    assert status == -signal.SIGKILL, f"{name} ended with {status} before {point}"
                    killed += 1
            await play.start(name)
        poisoning.cancel()
        play.stop.touch()
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await play.processes["trickle"].wait() == 0
        count = int(play.sent.read_text("ascii").split()[-1])
        await assert_everything_arrived_once(backbone, play, count)
    assert sum(map(len, points.values())) * len(NTHS) == killed


async def assert_everything_arrived_once(backbone: Backbone, play: Play, count: int) -> None:
    """Every document was handed to the caller, again only if it was not settled; the ledger and the auditor agree."""
    lines = read_journal(play.received)
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
    rejected = [entry for entry in counted if entry.outcome is Outcome.REJECTED]
    assert rejected
    assert {"G09"} == {entry.source.agency for entry in rejected}
    async with backbone.bus() as bus:
        report = await verify(BusSource(bus), backbone.trust)
    assert [] == report.damage()
    assert report.entries == report.verified
