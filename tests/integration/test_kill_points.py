"""kill -9 at every point: before and after each take, append, commit and transaction, and in the middle of a write.

Documents flow all the time. One process after the other is started so that it kills itself at a
point, and is started again for the next point; at the end everything has arrived once.
"""

import asyncio
import os
import signal
from pathlib import Path

import pytest

import kill_points
from backbone import Backbone
from traffic import flowing, poison

NTHS = tuple(int(word) for word in os.environ.get("LIENTHONG_KILL_NTHS", "1").split(","))
"""At which passes of each point the process dies."""
REACH_SECONDS = 40.0


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_killing_a_process_at_every_point_loses_and_repeats_nothing(
    own_backbone: Backbone, tmp_path: Path
) -> None:
    """Every point of every service and client is reached, and is harmless."""
    backbone = own_backbone
    points = {**kill_points.SERVICE_POINTS, **kill_points.AGENCY_POINTS}
    killed = 0
    async with flowing(backbone, tmp_path) as traffic:
        poisoning = asyncio.create_task(poison(backbone))
        for name, some in points.items():
            await traffic.kill(name)
            for nth in NTHS:
                for point in some:
                    process = await traffic.start(name, point, nth)
                    try:
                        async with asyncio.timeout(REACH_SECONDS):
                            status = await process.wait()
                    except TimeoutError:
                        pytest.fail(f"{name} was never at {point} for the {nth}. time")
                    assert status == -signal.SIGKILL, f"{name} ended with {status} before {point}"
                    killed += 1
            await traffic.start(name)
        poisoning.cancel()
        await traffic.finish(backbone, rejected=True)
    assert sum(map(len, points.values())) * len(NTHS) == killed
