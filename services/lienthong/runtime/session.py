"""The loop around a service: a session runs until stopping; when Kafka fails it, a new one begins."""

import asyncio
from typing import Protocol

import structlog

from lienthong.kernel.bus import Bus
from lienthong.kernel.errors import OverloadedError, UnavailableError
from lienthong.kernel.topics import LEDGER
from lienthong.runtime.context import Context
from lienthong.runtime.metrics import KafkaMetrics

__all__ = ["Part", "keep_running", "lane_count", "wait_or_stop"]

_log = structlog.get_logger(__name__)
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 5.0


class Part(Protocol):
    """A piece of a service that runs by itself, for instance its express lane."""

    name: str

    async def session(self, stopping: asyncio.Event) -> None:
        """From connecting until stopping, or until Kafka fails."""


async def lane_count(bus: Bus) -> int:
    """Number of lanes of the backbone: partitions of the ledger.

    Raises:
        UnavailableError: there is no ledger.
    """
    lanes = await bus.lanes(LEDGER)
    if not lanes:
        raise UnavailableError(
            f"there is no ledger on Kafka at {bus.settings.bootstrap}: run `lienthong directory init`"
        )
    return lanes


async def keep_running(part: Part, context: Context, metrics: KafkaMetrics, stopping: asyncio.Event) -> None:
    """Run sessions of a part, one after the other, until stopping.

    A session that raises `UnavailableError` or `OverloadedError` is begun again after a growing
    pause: it starts from what was committed, and the fold drops what is appended twice. Any other
    error ends the process.
    """
    pause = _FIRST_PAUSE_SECONDS
    while not stopping.is_set():
        began = asyncio.get_running_loop().time()
        context.health.waiting(part.name, "starting")
        context.health.ready(part.name.partition("/")[0])  # from here on the parts speak for their service
        try:
            await part.session(stopping)
        except (UnavailableError, OverloadedError) as error:
            metrics.errors.labels(part.name).inc()
            context.health.waiting(part.name, str(error))
            _log.warning("session_failed", part=part.name, error=str(error), pause_seconds=pause)
            if asyncio.get_running_loop().time() - began > 10 * _LONGEST_PAUSE_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            await wait_or_stop(stopping, pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        else:
            return


async def wait_or_stop(stopping: asyncio.Event, seconds: float) -> None:
    """Wait for a time, or until stopping, whichever is sooner."""
    try:
        async with asyncio.timeout(seconds):
            await stopping.wait()
    except TimeoutError:
        pass
