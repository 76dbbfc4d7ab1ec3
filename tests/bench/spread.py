"""Lanes spread over processes: the same queue taken by one and by two processes of intake, and then of dispatch.

The documents are in the out topics before intake goes on, and in the ledger before dispatch does, so that each
stage is seen by itself. On a machine with few cores the broker and both processes want the same ones. What a
process does in a second of its own processor time leaves the broker's share out of the account: if two processes
do as much in each of these seconds as one does, a second one with a core of its own doubles the rate.
"""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack

from bench.bulk import fill, ring
from bench.crew import Role, run_crew
from bench.figures import Figure, ratios
from bench.rig import cpu_seconds, held
from bench.workload import Bench
from lienthong.kernel.bus import Bus, Reader
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.topics import LEDGER, Partition, inbox

__all__ = ["LANES", "lane_sets", "spread"]

LANES = 5
_POLL_SECONDS = 0.02
_STAGES = ("intake", "dispatch")


def lane_sets(lanes: int, processes: int) -> list[str]:
    """Lanes of each process as `--lanes` takes them: the ordinary ones in turn, the express lane with the first."""
    sets = [[lane for lane in range(1, lanes) if (lane - 1) % processes == number] for number in range(processes)]
    sets[0].insert(0, 0)
    return [",".join(map(str, one)) for one in sets]


async def _records(reader: Reader, partitions: Sequence[Partition]) -> int:
    return sum((await reader.ends(partitions)).values())


async def _until(reader: Reader, partitions: Sequence[Partition], count: int, timeout_seconds: float) -> None:
    try:
        async with asyncio.timeout(timeout_seconds):
            while await _records(reader, partitions) < count:
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError as error:
        topic = partitions[0].topic
        raise UnavailableError(f"{topic} did not get {count} records within {timeout_seconds:.0f} s") from error


async def _round(bench: Bench, reader: Reader, processes: int, mark: str) -> None:
    """Fill the out topics while all stand still, then let intake go on, and when it is done dispatch."""
    rig, sizes = bench.rig, bench.sizes
    count = sizes.spread_documents
    written = {
        "intake": [Partition(LEDGER, lane) for lane in range(LANES)],
        "dispatch": [Partition(inbox(agency), lane) for agency in rig.agencies for lane in range(LANES)],
    }
    names = {service: [f"{service}-{number}" for number in range(1, processes + 1)] for service in _STAGES}
    for service in _STAGES:
        for name, lanes in zip(names[service], lane_sets(LANES, processes), strict=True):
            await rig.start(service, lanes=lanes, alias=name)
    before = {service: await _records(reader, written[service]) for service in _STAGES}
    pids = {service: [rig.pids[name] for name in names[service]] for service in _STAGES}
    with ExitStack() as stack:
        holds = {service: stack.enter_context(held(pids[service])) for service in _STAGES}
        filler = Role("filler", fill, (rig.settings, ring(rig.agencies), count, mark))
        await run_crew([filler], counting=("filler",), timeout_seconds=sizes.part_seconds)
        for service in _STAGES:
            watched = [rig.kafka_pid, *pids[service]]
            used = [cpu_seconds(pid) for pid in watched]
            loop = asyncio.get_running_loop()
            began = loop.time()
            holds[service]()
            await _until(reader, written[service], before[service] + count, sizes.part_seconds)
            elapsed = loop.time() - began
            kafka, *own = (cpu_seconds(pid) - one for pid, one in zip(watched, used, strict=True))
            _note(bench, service, processes, count, elapsed, sum(own), kafka)
    await rig.stop()


def _note(bench: Bench, service: str, processes: int, count: int, elapsed: float, own: float, kafka: float) -> None:
    key = f"spread_{service}_{processes}"
    name = f"{service}, {processes} {'process' if processes == 1 else 'processes'}"
    measured = bench.measured
    measured.add(f"{key}_rate", f"Lanes: {name}", "documents/s", count / elapsed)
    measured.add(f"{key}_work", f"Lanes: {name}, per CPU second of its own", "documents/s", count / own)
    measured.add(f"{key}_cores", f"Lanes: {name}, cores used", "cores", own / elapsed)
    measured.add(f"{key}_kafka", f"Lanes: {name}, cores used by Kafka", "cores", kafka / elapsed)


async def spread(bench: Bench) -> None:
    """Rounds with one process and with two, in turn, after a warm-up."""
    rig, sizes, measured = bench.rig, bench.sizes, bench.measured
    partitions = [Partition(LEDGER, 0)]
    async with Bus.connect(rig.settings.kafka(), "bench") as bus, bus.reader() as reader:
        await reader.ends(partitions)
        bench.say(f"lanes-warm-up: {sizes.spread_documents} documents")
        await _round(bench.uncounted(), reader, 1, "spread-warm-up")
        for number in range(1, sizes.spread_rounds + 1):
            for processes in (1, 2):
                bench.say(f"lanes-{number}: {sizes.spread_documents} documents, {processes} of intake and of dispatch")
                await _round(bench, reader, processes, f"spread-{number}-{processes}")
    for service in _STAGES:
        for what, words in (("rate", "rate of two processes ÷ of one"), ("work", "work per CPU second, two ÷ one")):
            key = f"spread_{service}"
            quotients = ratios(measured.values(f"{key}_2_{what}"), measured.values(f"{key}_1_{what}"))
            measured.figures[f"{key}_{what}"] = Figure(f"Lanes: {service}, {words}", "×", quotients)
