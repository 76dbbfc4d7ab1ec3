"""W8: how long a round trip takes while documents are handed over on a fixed schedule.

The schedule does not wait for anything (an open loop), and time counts from when a document was due, not from
when it was handed over: a system that stalls cannot hide the documents it kept waiting.
"""

import asyncio
import time

from bench.crew import Gate, Outcome, Role, run_crew
from bench.figures import percentile
from bench.rig import Rig
from bench.round_trip import bench_document, receive
from bench.timed import schedule
from lienthong.client import Client, connect
from lienthong.runtime.settings import Settings

__all__ = ["FRACTIONS", "round_trip_latency", "sample_stride"]

FRACTIONS = {"p50": 0.50, "p90": 0.90, "p99": 0.99, "largest": 1.0}
"""What is told of the latencies: names of percentiles and the fractions they are."""
_SAMPLES_A_SECOND = 100
_HEAD_START_SECONDS = 0.5
_WAIT_SECONDS = 30.0


def sample_stride(rate: float) -> int:
    """Every how many-th document is watched, at so many documents a second."""
    return max(1, round(rate / _SAMPLES_A_SECOND))


class _Watch:
    def __init__(self, client: Client, recipient: str, mark: str, rate: float) -> None:
        self._client = client
        self._recipient = recipient
        self._mark = mark
        self._stride = sample_stride(rate)
        self.latencies: list[float] = []
        self.late: list[float] = []

    async def send(self, number: int, due: float) -> None:
        document, files = bench_document(number, self._recipient, self._mark)
        self.late.append(time.perf_counter() - due)
        sent = await self._client.send(document, *files)
        if number % self._stride:
            return
        # A watcher looks into the client's store at every change of it, so watching all documents would be
        # a load of its own; a part of them, chosen by number alone, gives the same percentiles.
        await self._client.wait(sent, "acknowledged", timeout_seconds=_WAIT_SECONDS)
        self.latencies.append(time.perf_counter() - due)


async def _send(gate: Gate, settings: Settings, agency: str, to: str, mark: str, rate: float, count: int) -> None:
    async with connect(agency, settings) as client:
        watch = _Watch(client, to, mark, rate)
        await gate.enter()
        async with asyncio.TaskGroup() as tasks:
            async for number, due in schedule(time.perf_counter() + _HEAD_START_SECONDS, rate, count):
                tasks.create_task(watch.send(number, due))
        milliseconds = [one * 1e3 for one in watch.latencies]
        gate.report(
            **{name: percentile(milliseconds, fraction) for name, fraction in FRACTIONS.items()},
            late=percentile([one * 1e3 for one in watch.late], 0.99),
            samples=len(milliseconds),
        )


async def round_trip_latency(rig: Rig, mark: str, rate: float, seconds: float, *, timeout_seconds: float) -> Outcome:
    """Hand documents over at a fixed rate; the sender reports `FRACTIONS` (ms) and the samples behind them.

    Args:
        rig: the backbone.
        mark: tells these documents from others.
        rate: documents a second.
        seconds: how long.
        timeout_seconds: the longest it may take beyond that.

    Raises:
        UnavailableError: it failed, or took too long.
    """
    count = max(1, round(rate * seconds))
    roles = [
        Role("sender", _send, (rig.settings, rig.sender, rig.recipient, mark, rate, count)),
        Role("receiver", receive, (rig.settings, rig.recipient, count)),
    ]
    return await run_crew(roles, counting=("sender",), timeout_seconds=timeout_seconds + seconds, watch=rig.watch)
