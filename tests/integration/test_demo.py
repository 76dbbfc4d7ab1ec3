"""The demonstration as a newcomer runs it."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
async def test_the_demo_loses_and_repeats_nothing_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """From nothing: documents are exchanged, acknowledged and verified; nothing runs or lies around after it."""
    summary = tmp_path / "summary.json"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lienthong", "demo", "--documents", "60", "--agencies", "4", "--json", str(summary),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path), "LIENTHONG_BOOTSTRAP": ""},
    )  # fmt: skip
    said, _ = await process.communicate()
    told = said.decode()

    assert process.returncode == 0, told
    found = json.loads(summary.read_text("utf-8"))
    assert (60, 60, 0, 0) == (found["documents"], found["acknowledged"], found["lost"], found["repeated"])
    assert found["deliveries"] > found["documents"]
    assert found["entries"] == found["verified"] > found["documents"]
    assert {"seconds", "documents_per_second", "p50_ms", "p99_ms"} <= found.keys()
    assert "verified" in told
    assert [summary] == list(tmp_path.iterdir())
