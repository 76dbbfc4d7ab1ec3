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


async def demo(folder: Path, *paths: Path) -> tuple[str, dict[str, Any]]:
    """What was said, and the summary of a small demonstration."""
    summary = folder / "summary.json"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lienthong", "demo", "--documents", "60", "--agencies", "4", "--json", str(summary),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([*map(str, paths), *sys.path]),
            "TMPDIR": str(folder),
            "LIENTHONG_BOOTSTRAP": "",
            # A demonstration has a database of its own.
            "LIENTHONG_TRACKER_DATABASE": "postgresql://nobody@127.0.0.1:1/none",
        },
    )  # fmt: skip
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    found = json.loads(summary.read_text("utf-8"))
    assert [summary] == list(folder.iterdir())
    return said.decode(), found


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
