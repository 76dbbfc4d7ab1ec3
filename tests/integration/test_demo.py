"""The demonstration as a newcomer runs it."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

STORY = {
    "late": ["01/CĐ-BTC H24"],
    "refused": ["01/CĐ-BTC H17"],
    "updated": ["02/BTC-NSNN H26"],
    "taken_back": ["03/BTC-QLCS H29"],
    "merged": ["01/CĐ-BTC H39"],
    "differences": [],
}
WITHOUT_THE_EXTRA = """
import sys

sys.modules.update(dict.fromkeys(("sqlalchemy", "alembic", "holidays")))
"""


def environment(folder: Path, *paths: Path) -> dict[str, str]:
    """Of somebody whose settings are for another backbone."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([*map(str, paths), *sys.path]),
        "TMPDIR": str(folder),
        "LIENTHONG_BOOTSTRAP": "",
        # A demonstration has a database of its own.
        "LIENTHONG_TRACKER_DATABASE": "postgresql://nobody@127.0.0.1:1/none",
    }


async def run(*words: str, env: dict[str, str]) -> str:
    """What a command says that succeeds."""
    process = await asyncio.create_subprocess_exec(
        *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env=env
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode()


async def demo(folder: Path, *paths: Path) -> tuple[str, dict[str, Any]]:
    """What was said, and the summary of a small demonstration."""
    summary = folder / "summary.json"
    said = await run(
        sys.executable, "-m", "lienthong", "demo", "--documents", "60", "--agencies", "4", "--json", str(summary),
        env=environment(folder, *paths),
    )  # fmt: skip
    found = json.loads(summary.read_text("utf-8"))
    assert [summary] == list(folder.iterdir())
    return said, found


@pytest.mark.slow
async def test_the_demo_loses_and_repeats_nothing_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """From nothing: documents are exchanged, acknowledged and verified; nothing runs or lies around after it.

    The tracker knows of the story what was done in it.
    """
    told, found = await demo(tmp_path)
    assert (60, 60, 0, 0) == (found["documents"], found["acknowledged"], found["lost"], found["repeated"])
    assert found["deliveries"] > found["documents"]
    assert found["entries"] == found["verified"] > found["documents"]
    assert {"seconds", "documents_per_second", "p50_ms", "p99_ms"} <= found.keys()
    assert "verified" in told
    assert STORY == {key: found["story"][key] for key in STORY}
    assert {"merged:", "late:", "refused:", "updated:"} <= set(told.split())


@pytest.mark.slow
async def test_without_the_trackers_packages_the_story_is_told_and_not_looked_at(tmp_path: Path) -> None:
    """Everything else goes on, and it is said what is missing."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(WITHOUT_THE_EXTRA, "utf-8")
    (tmp_path / "run").mkdir()
    told, found = await demo(tmp_path / "run", tmp_path / "site")
    assert (60, 0, None) == (found["acknowledged"], found["lost"], found["story"])
    assert found["entries"] == found["verified"]
    assert "pip install 'lienthong[tracker]'" in " ".join(told.split())


@pytest.mark.slow
async def test_what_is_advised_at_the_end_works_as_it_is_printed(tmp_path: Path) -> None:
    """The lines are given to a shell; after them nothing runs or lies around, whatever the folder is called."""
    folder = tmp_path / "of nobody's"
    folder.mkdir()
    env = environment(folder)
    told = await run(
        sys.executable, "-m", "lienthong", "demo", "--documents", "20", "--agencies", "2", "--keep", env=env
    )
    advice = told[told.index("Everything still runs.") :].splitlines()
    commands = [line.strip() for line in advice if line.startswith("  ")]
    assert 8 == len(commands), advice
    pid = int(next(one for one in commands if one.startswith("kill ")).removeprefix("kill "))
    try:
        shown = await run("sh", "-ec", "\n".join(commands), env=env)
    finally:
        if any(folder.iterdir()):
            await run("sh", "-c", "\n".join([commands[0], *commands[-3:], "true"]), env=env)
    assert "Directory of demo.lienthong" in shown
    assert "Kafka has stopped." in shown
    assert [] == list(folder.iterdir())
    async with asyncio.timeout(20):
        while Path(f"/proc/{pid}").exists():
            await asyncio.sleep(0.1)
