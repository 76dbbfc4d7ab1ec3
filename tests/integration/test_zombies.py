"""Services that stand still and wake beside their successors: what both write is as if one had written it."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from backbone import Backbone
from traffic import flowing

SERVICES = ("intake", "dispatch", "notary")
TIMEOUT_SECONDS = 6
"""Every wait on Kafka of these services is over when they wake."""
PAUSE_SECONDS = 20.0
TOGETHER_SECONDS = 8.0


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_service_that_wakes_beside_its_successor_repeats_nothing(
    own_backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All three are paused in the middle of their work for longer than any time-out, replaced, and resumed."""
    monkeypatch.setenv("LIENTHONG_TIMEOUT_SECONDS", str(TIMEOUT_SECONDS))
    async with flowing(own_backbone, tmp_path) as traffic:
        await asyncio.sleep(3.0)
        zombies = [traffic.processes[name] for name in SERVICES]
        for zombie in zombies:
            os.kill(zombie.pid, signal.SIGSTOP)
        before = lines(traffic.received)
        for name in SERVICES:
            await traffic.start(name)
        await asyncio.sleep(PAUSE_SECONDS)
        assert before < lines(traffic.received), "the successors deliver nothing"
        for zombie in zombies:
            os.kill(zombie.pid, signal.SIGCONT)
        await asyncio.sleep(TOGETHER_SECONDS)
        assert [None] * 3 == [zombie.returncode for zombie in zombies]
        await traffic.finish(own_backbone, rejected=False)


def lines(path: Path) -> int:
    """How many lines a journal has."""
    return len(path.read_text("ascii").splitlines())
