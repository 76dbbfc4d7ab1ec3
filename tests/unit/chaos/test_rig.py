"""What a campaign leaves behind when it is interrupted: no file system in memory."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from chaos.__main__ import end_on_sigterm
from chaos.rig import small_disk


async def test_the_small_disk_goes_with_an_interrupted_campaign(tmp_path: Path) -> None:
    """SIGTERM ends what runs as an interrupt does, and what was mounted is not any more."""
    folder = tmp_path / "node-3"
    seen: list[Path | None] = []

    async def campaign() -> None:
        end_on_sigterm()
        with small_disk(folder) as found:
            seen.append(found)
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(10)

    running = asyncio.create_task(campaign())
    try:
        with pytest.raises(asyncio.CancelledError):
            await running
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
    if seen == [None]:
        pytest.skip("nothing can be mounted here")
    assert seen == [folder]
    assert not folder.is_mount()
