"""W4: how long express documents take while ordinary ones of the same sender to the same reader are queued.

Delivered means in the hands of the recipient: verified, stored, and given to its caller. Express documents go to
two readers in turn: the busy one, which the queue is for as well, and a quiet one, which shows what the backbone's
own part of the delay is. A fixed schedule, time counts from when a document was due.
"""

import asyncio
import time
from collections.abc import Mapping

from bench.bulk import fill
from bench.crew import Gate, Outcome, Role, run_crew
from bench.figures import percentile
from bench.rig import Rig, held
from bench.timed import due_of, schedule, timed_subject
from bench.workload import Bench
from lienthong.client import Document, Priority, Status, connect
from lienthong.kernel.errors import UnavailableError
from lienthong.runtime.settings import Settings

__all__ = ["express"]

_RATE = 60.0
"""Express documents a second, to both readers together."""
_HEAD_START_SECONDS = 0.1
_SHARE_OF_QUEUE = 0.3
"""Express documents are sent for about so much of the time that the queue takes."""
_DRAIN_SECONDS = 120.0


async def _send(gate: Gate, settings: Settings, agency: str, readers: tuple[str, str], count: int, mark: str) -> None:
    async with connect(agency, settings) as client:
        await gate.enter()
        late = []
        async with asyncio.TaskGroup() as tasks:
            async for number, due in schedule(time.perf_counter() + _HEAD_START_SECONDS, _RATE, count):
                document = Document(
                    recipients=(readers[number % 2],),
                    subject=timed_subject(number, mark, due),
                    priority=Priority.EXPRESS,
                )
                late.append(time.perf_counter() - due)
                tasks.create_task(client.send(document))
        gate.report(late=percentile([one * 1e3 for one in late], 0.99))
        await gate.closing()


async def _receive(gate: Gate, settings: Settings, agency: str, express: int, ordinary: int) -> None:
    async with connect(agency, settings) as client:
        await gate.enter()
        latencies: list[float] = []
        left = ordinary
        left_at_end = 0
        async for delivery in client.receive():
            now = time.perf_counter()
            due = due_of(delivery.statement.body["subject"])
            if due is None:
                left -= 1
            else:
                latencies.append((now - due) * 1e3)
                left_at_end = left
            await delivery.acknowledge(Status.ACCEPTED)
            if len(latencies) >= express and left <= 0:
                break
        gate.report(
            p50=percentile(latencies, 0.50),
            p99=percentile(latencies, 0.99),
            largest=max(latencies),
            left=left_at_end,
        )
        await gate.closing()


async def _round(rig: Rig, mark: str, count: int, queued: int, timeout_seconds: float) -> Outcome:
    """One round; with a queue, intake stands still until all of it is in the out topic and the readers wait."""
    count += count % 2
    busy, quiet = rig.agencies[1:3]
    roles = [
        Role("sender", _send, (rig.settings, rig.sender, (busy, quiet), count, mark)),
        Role("busy", _receive, (rig.settings, busy, count // 2, queued)),
        Role("quiet", _receive, (rig.settings, quiet, count // 2, 0)),
    ]
    if not queued:
        return await run_crew(roles, counting=("busy", "quiet"), timeout_seconds=timeout_seconds, watch=rig.watch)
    with held([rig.pids["intake"]]) as go_on:

        async def release(_: Mapping[str, int]) -> None:
            go_on()

        filler = [Role("filler", fill, (rig.settings, [(rig.sender, busy)], queued, f"{mark}-queue"))]
        await run_crew(filler, counting=("filler",), timeout_seconds=timeout_seconds)
        return await run_crew(
            roles,
            counting=("busy", "quiet"),
            timeout_seconds=timeout_seconds + _DRAIN_SECONDS,
            watch=rig.watch,
            beside=release,
        )


async def express(bench: Bench) -> None:
    """Measure with nothing queued, then with the queue, and what the second is of the first."""
    rig, sizes, measured = bench.rig, bench.sizes, bench.measured
    count = round(_RATE * sizes.express_seconds)
    # The first use of an inbox's express lane costs dispatch a look at its end.
    await _round(rig, "w4-warm-up", count // 3, 0, sizes.part_seconds)
    bench.say(f"W4: {count} express documents, nothing queued")
    free = await _round(rig, "w4-free", count, 0, sizes.part_seconds)
    queued = sizes.express_queued
    count = round(_RATE * _SHARE_OF_QUEUE * queued / bench.capacity)
    bench.say(f"W4: {count} express documents, {queued} ordinary ones queued")
    loaded = await _round(rig, "w4-queue", count, queued, sizes.part_seconds)
    for reader, words in (("busy", "the reader of the queue"), ("quiet", "another reader")):
        for state, outcome in (("free", free), ("queue", loaded)):
            name = f"W4 express to {words}, {'nothing' if state == 'free' else f'{queued:,}'} queued"
            report = outcome.reports[reader]
            measured.add(f"w4_{reader}_{state}_p50", f"{name}, p50", "ms", report["p50"])
            measured.add(f"w4_{reader}_{state}_p99", f"{name}, p99", "ms", report["p99"])
        ratio = loaded.reports[reader]["p99"] / free.reports[reader]["p99"]
        measured.add(f"w4_{reader}", f"W4 express p99 to {words}, queued ÷ not", "×", ratio)
    left = loaded.reports["busy"]["left"]
    measured.add("w4_left", "W4 still queued after the last express document", "documents", left)
    if left <= 0:
        raise UnavailableError("the queue was empty before the last express document was delivered")
