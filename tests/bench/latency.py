"""W8: how long a round trip takes while documents are handed over on a fixed schedule.

The schedule does not wait for anything (an open loop), and time counts from when a document was due, not from
when it was handed over: a system that stalls cannot hide the documents it kept waiting.

The first seconds do not count: the broker's just-in-time compiler, connections and the clients of this round are
warmed up by the same documents at the same rate. They are the beginning of the one schedule, so whatever they have
left undone is still there when counting begins.
"""

import asyncio
import time
from typing import NamedTuple

from bench.crew import Gate, Outcome, Role, run_crew
from bench.figures import percentile
from bench.rig import Rig
from bench.round_trip import bench_document, receive
from bench.timed import schedule
from lienthong.client import Client, connect
from lienthong.runtime.settings import Settings

__all__ = ["FRACTIONS", "Course", "round_trip_latency"]

FRACTIONS = {"p50": 0.50, "p90": 0.90, "p99": 0.99, "largest": 1.0}
"""What is told of the latencies: names of percentiles and the fractions they are."""
_SAMPLES_A_SECOND = 100
_HEAD_START_SECONDS = 0.5
_WAIT_SECONDS = 30.0


class Course(NamedTuple):
    """What is handed over in a round.

    Attributes:
        rate: documents a second.
        warm_up_seconds: how long before it counts.
        seconds: how long it counts.
    """

    rate: float
    warm_up_seconds: float
    seconds: float

    @property
    def warm_ups(self) -> int:
        """Documents that do not count, the first ones."""
        return round(self.rate * self.warm_up_seconds)

    @property
    def documents(self) -> int:
        """All documents."""
        return self.warm_ups + max(1, round(self.rate * self.seconds))

    def is_watched(self, number: int) -> bool:
        """Whether somebody waits for the acknowledgement of this document, counted from 0.

        A watcher looks into the client's store at every change of it, so watching all documents would be
        a load of its own; a part of them, chosen by number alone, gives the same percentiles. Those of the
        warm-up are watched as well, as that is a part of what is warmed up.
        """
        return (number - self.warm_ups) % max(1, round(self.rate / _SAMPLES_A_SECOND)) == 0

    def counts(self, number: int) -> bool:
        """Whether the document belongs to what is measured."""
        return number >= self.warm_ups


class _Watch:
    def __init__(self, client: Client, recipient: str, mark: str, course: Course) -> None:
        self._client = client
        self._recipient = recipient
        self._mark = mark
        self._course = course
        self.latencies: list[float] = []
        self.late: list[float] = []

    async def send(self, number: int, due: float) -> None:
        document, files = bench_document(number, self._recipient, self._mark)
        late, counts = time.perf_counter() - due, self._course.counts(number)
        if counts:
            self.late.append(late)
        sent = await self._client.send(document, *files)
        if not self._course.is_watched(number):
            return
        await self._client.wait(sent, "acknowledged", timeout_seconds=_WAIT_SECONDS)
        if counts:
            self.latencies.append(time.perf_counter() - due)


async def _send(gate: Gate, settings: Settings, agency: str, to: str, mark: str, course: Course) -> None:
    async with connect(agency, settings) as client:
        watch = _Watch(client, to, mark, course)
        await gate.enter()
        async with asyncio.TaskGroup() as tasks:
            start = time.perf_counter() + _HEAD_START_SECONDS
            async for number, due in schedule(start, course.rate, course.documents):
                tasks.create_task(watch.send(number, due))
        milliseconds = [one * 1e3 for one in watch.latencies]
        gate.report(
            **{name: percentile(milliseconds, fraction) for name, fraction in FRACTIONS.items()},
            late=percentile([one * 1e3 for one in watch.late], 0.99),
            samples=len(milliseconds),
        )


async def round_trip_latency(rig: Rig, mark: str, course: Course, *, timeout_seconds: float) -> Outcome:
    """Hand documents over at a fixed rate; the sender reports `FRACTIONS` (ms) and the samples behind them.

    Args:
        rig: the backbone.
        mark: tells these documents from others.
        course: what is handed over.
        timeout_seconds: the longest it may take beyond that.

    Raises:
        UnavailableError: it failed, or took too long.
    """
    roles = [
        Role("sender", _send, (rig.settings, rig.sender, rig.recipient, mark, course)),
        Role("receiver", receive, (rig.settings, rig.recipient, course.documents)),
    ]
    bound = timeout_seconds + course.warm_up_seconds + course.seconds
    return await run_crew(roles, counting=("sender",), timeout_seconds=bound, watch=rig.watch)
