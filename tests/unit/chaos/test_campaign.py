"""How a campaign goes, without a cluster."""

import argparse
import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chaos import campaign
from chaos.__main__ import main
from chaos.history import History
from chaos.rig import Rig


async def test_the_operator_is_on_duty_until_all_has_come_to_its_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Intake that halts after everything was healed goes on, and what waits for it comes to its end."""
    healed = asyncio.Event()

    async def heal(_: object) -> None:
        healed.set()

    async def lift(_: object, say: Callable[[str], None]) -> None:
        await healed.wait()
        # As intake halts some time after the services came back.
        while not (tmp_path / "finish").exists():
            await asyncio.sleep(0.01)
        say("lifted")
        (tmp_path / "G22.finished").touch()

    rig = SimpleNamespace(
        codes=["G22"], folder=tmp_path, agents={}, heal=heal, managed=list, network=SimpleNamespace(lost_answers=0)
    )

    @asynccontextmanager
    async def running(*_: object, **__: object) -> AsyncIterator[Any]:
        yield rig

    async def nothing_wrong(*_: object) -> tuple[History, list[Any]]:
        return History.of_clients([]), []

    async def drain(rig: Any, seconds: float) -> list[str]:
        left = await drained(rig, seconds)
        assert [] == left, "the operator went home"
        return left

    drained = campaign.drain
    monkeypatch.setattr(campaign, "on_duty", lift)
    monkeypatch.setattr(campaign, "judged", nothing_wrong)
    monkeypatch.setattr(campaign, "drain", drain)
    monkeypatch.setattr(Rig, "running", running)
    monkeypatch.setattr(campaign, "_SETTLE_SECONDS", 0.0)
    (tmp_path / "G22.journal").touch()
    options = argparse.Namespace(minutes=0.0, rate=1.0, seed=1, patience=2.0)
    assert [] == (await campaign.run(tmp_path, options, []))["violations"]


def test_a_folder_with_something_in_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Journals of an earlier run would be taken for this one's."""
    (tmp_path / "G22.journal").touch()
    monkeypatch.setattr("sys.argv", ["chaos", "--folder", str(tmp_path)])
    assert 3 == main()
    assert "is not empty" in "".join(capsys.readouterr())
