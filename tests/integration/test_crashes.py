"""kill -9 of every process in the middle of 5,000 documents: nothing lost, nothing twice, audit clean."""

import asyncio
import os
import random
import signal
import sys
from collections import defaultdict
from pathlib import Path

import pytest

import agency_process
from backbone import Backbone
from journal import Line, assert_in_sequence, read_journal
from lienthong.auditor.source import BusSource
from lienthong.auditor.verify import verify
from lienthong.kernel.fold import Count, LedgerFold
from lienthong.kernel.statement import Kind

DOCUMENTS = 5_000
PATIENCE_SECONDS = 180.0


class Agency:
    """An agency's process that can be killed and started again."""

    def __init__(self, backbone: Backbone, *words: str) -> None:
        self._backbone = backbone
        self._words = words
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, again if need be."""
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, str(Path(agency_process.__file__)), *self._words,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(sys.path),
                "LIENTHONG_HOME": str(self._backbone.settings.home),
                "LIENTHONG_BOOTSTRAP": self._backbone.settings.bootstrap,
            },
        )  # fmt: skip

    async def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
            await self.process.wait()


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_killing_every_process_loses_and_repeats_nothing(own_backbone: Backbone, tmp_path: Path) -> None:
    """Services and clients are killed again and again; every document arrives once and is acknowledged."""
    backbone = own_backbone
    journal = tmp_path / "journal"
    journal.touch()
    for name in ("intake", "dispatch", "notary"):
        await backbone.start(name)
    agencies = {
        "receiver": Agency(backbone, "receive", "H26", str(journal)),
        "sender": Agency(backbone, "send", "G22", "H26", str(DOCUMENTS)),
    }
    for agency in agencies.values():
        await agency.start()

    chance = random.Random(20261124)
    victims = ["intake", "dispatch", "notary", "sender", "receiver"] * 2
    chance.shuffle(victims)
    for victim in victims:
        await asyncio.sleep(chance.uniform(0.2, 1.0))
        if victim in agencies:
            await agencies[victim].kill()
            await agencies[victim].start()
        else:
            await backbone.services[victim].kill()
            await backbone.services[victim].start()
    sender = agencies["sender"].process
    assert sender is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await sender.wait() == 0
    await agencies["receiver"].kill()

    lines = read_journal(journal)
    by_number: dict[int, list[Line]] = defaultdict(list)
    for line in lines:
        by_number[line.number].append(line)
    assert list(range(DOCUMENTS)) == sorted(by_number)
    # A document that was handed over and not settled before a kill comes again, and says so.
    assert all(line.redelivered for some in by_number.values() for line in some[1:])
    assert all(len({line.id for line in some}) == 1 for some in by_number.values())
    assert_in_sequence(lines)

    folds: dict[int, LedgerFold] = defaultdict(lambda: LedgerFold(complete=True))
    counted = [
        entry.id
        for record, entry in await backbone.ledger()
        if folds[record.partition].take(entry) is Count.COUNTS and entry.kind == Kind.DOCUMENT
    ]
    assert len(set(counted)) == len(counted) == DOCUMENTS
    async with backbone.bus() as bus:
        report = await verify(BusSource(bus), backbone.trust)
    assert [] == report.damage()
    assert report.entries == report.verified
