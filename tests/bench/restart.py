"""W6: how long each service takes from its start to ready when a million entries lie in the acceptance window.

The entries are written to the ledger itself, as intake writes them: headers of accepted documents with ids of
their own under one source, and values of the size that a document of 1 KiB has. That is what a starting service
reads; nobody decodes a value then. Dispatch and notary do not run meanwhile, and their positions are set behind
the new entries, as if they had taken them. The auditor would find all this: it has been there before.
"""

import os
from collections.abc import Mapping
from time import perf_counter

from bench.crew import Gate, Role, run_crew
from bench.rig import SERVICES, Rig, resident_mib
from bench.round_trip import round_trip
from bench.workload import Bench
from lienthong.kernel.bus import Bus, Row
from lienthong.kernel.clock import now_ms
from lienthong.kernel.envelope import EnvelopeId
from lienthong.kernel.judge import Verdict
from lienthong.kernel.ledger import Source, write_entry
from lienthong.kernel.statement import Kind
from lienthong.kernel.topics import LEDGER, Partition
from lienthong.runtime.settings import Settings

__all__ = ["TARGET_ENTRIES", "restart"]

TARGET_ENTRIES = 1_000_000
_VALUE_BYTES = 1_400
_TOGETHER = 5_000
_GROUPS = {"dispatch": "lt.dispatch", "notary": "lt.notary"}
_LANE = 1
_CHECKED = 100


async def _ends(bus: Bus) -> dict[Partition, int]:
    partitions = [Partition(LEDGER, lane) for lane in range(await bus.lanes(LEDGER))]
    async with bus.reader() as reader:
        return await reader.ends(partitions)


async def _write(gate: Gate, settings: Settings, agency: str, recipient: str, count: int) -> None:
    """A role: append so many entries, and let dispatch and notary stand behind them."""
    source = Source(agency, 0, os.urandom(16).hex())
    value = os.urandom(_VALUE_BYTES)
    async with Bus.connect(settings.kafka(), "bench-entries") as bus, bus.publisher() as publisher:
        await publisher.know([LEDGER])
        await gate.enter()
        for first in range(0, count, _TOGETHER):
            now = now_ms()
            rows = []
            for offset in range(first, min(count, first + _TOGETHER)):
                verdict = Verdict(None, "", EnvelopeId(os.urandom(32)), Kind.DOCUMENT, (recipient,))
                headers = write_entry(source._replace(offset=offset), verdict, value, at=now, known=now)
                rows.append(Row(value, headers))
            await publisher.append({Partition(LEDGER, _LANE): rows})
        ends = await _ends(bus)
        for group in _GROUPS.values():
            async with bus.reader(group=group) as reader:
                await reader.assign(dict.fromkeys(ends, 0))
                await reader.commit(ends)
        gate.report()


async def _start_again(rig: Rig, name: str) -> tuple[float, float]:
    """Stop a service and start it; seconds until it was ready, and MiB it then had in RAM."""
    await rig.stop(name)
    began = perf_counter()
    await rig.start(name)
    return perf_counter() - began, resident_mib(rig.pids[name])


async def restart(bench: Bench) -> None:
    """Fill the ledger up, start every service again and again, and see that documents travel afterwards."""
    rig, sizes, measured = bench.rig, bench.sizes, bench.measured
    async with Bus.connect(rig.settings.kafka(), "bench") as bus:
        there = sum((await _ends(bus)).values())
    missing = max(0, sizes.restart_entries - there)
    bench.say(f"W6: {there:,} entries in the ledger, {missing:,} more are written")
    await rig.stop(*_GROUPS)
    writer = Role("writer", _write, (rig.settings, rig.sender, rig.recipient, missing))
    await run_crew([writer], counting=("writer",), timeout_seconds=sizes.part_seconds)
    for name in _GROUPS:
        await rig.start(name)
    entries = there + missing
    for number in range(1, sizes.restarts + 1):
        bench.say(f"W6: every service starts again, {number} of {sizes.restarts}")
        found = {name: await _start_again(rig, name) for name in SERVICES}
        _note(bench, entries, found)
    outcome = await round_trip(rig, "w6-check", _CHECKED, timeout_seconds=sizes.part_seconds)
    measured.add("w6_entries", "W6 entries in the ledger", "entries", entries)
    measured.add(
        "w6_check", f"W6 seconds for {_CHECKED} documents afterwards", "s", outcome.reports["sender"]["seconds"]
    )


def _note(bench: Bench, entries: int, found: Mapping[str, tuple[float, float]]) -> None:
    for name, (seconds, mib) in found.items():
        bench.measured.add(f"w6_{name}", f"W6 {name}, from start to ready", "s", seconds)
        bench.measured.add(f"w6_{name}_memory", f"W6 {name}, memory when ready", "MiB", mib)
    if entries >= TARGET_ENTRIES:
        slowest = max(seconds for seconds, _ in found.values())
        bench.measured.add("w6", "W6 slowest service, from start to ready", "s", slowest)
