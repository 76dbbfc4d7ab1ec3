"""W7: one million documents there and back, and the memory of every process meanwhile.

The documents come in batches, each with a sender and a receiver of its own; services and broker run through.
"""

import asyncio
from collections.abc import Sequence

from bench.rig import SERVICES, Rig
from bench.round_trip import round_trip
from bench.workload import Bench

__all__ = ["BASE_DOCUMENTS", "TARGET_DOCUMENTS", "growth", "soak"]

BASE_DOCUMENTS, TARGET_DOCUMENTS = 200_000, 1_000_000
_WARM_UP = 2_000


def growth(samples: Sequence[tuple[float, float]], base: float) -> float | None:
    """Memory at the end as a multiple of memory when so many documents had travelled.

    Args:
        samples: documents so far and MiB, ascending.
        base: the first sample with at least so many documents is what the last is compared with.

    Returns:
        None when there is none, or none after it.
    """
    at = next((place for place, (documents, _) in enumerate(samples) if documents >= base), None)
    if at is None or at == len(samples) - 1 or not samples[at][1]:
        return None
    return samples[-1][1] / samples[at][1]


async def soak(bench: Bench) -> None:
    """Batch after batch until all have travelled or no time is left for another one."""
    rig, sizes, measured = bench.rig, bench.sizes, bench.measured
    loop = asyncio.get_running_loop()
    await round_trip(rig, "w7-warm-up", _WARM_UP, timeout_seconds=sizes.part_seconds)
    measured.remember(0, rig.memory())
    began, done = loop.time(), 0
    while done < sizes.soak_documents and loop.time() - began < sizes.soak_seconds:
        count = min(sizes.soak_batch, sizes.soak_documents - done)
        bench.say(f"W7: {done:,} of {sizes.soak_documents:,} documents, {loop.time() - began:.0f} s")
        outcome = await round_trip(rig, f"w7-{done}", count, timeout_seconds=sizes.part_seconds)
        done += count
        measured.remember(done, rig.memory())
        measured.add("w7_rate", "W7 batches", "documents/s", count / outcome.reports["sender"]["seconds"])
        measured.add_cpu("W7", outcome.cpu, count)
    measured.add("w7_documents", "W7 documents there and back", "documents", done)
    _judge(bench, rig, done)


def _judge(bench: Bench, rig: Rig, done: int) -> None:
    measured = bench.measured
    now = rig.memory()
    factors = {name: growth(measured.memory[name], BASE_DOCUMENTS) for name in SERVICES}
    for name, factor in factors.items():
        measured.add(f"w7_{name}_memory", f"W7 {name}, memory at the end", "MiB", now[name])
        if factor is not None:
            measured.add(f"w7_{name}_growth", f"W7 {name}, memory at the end ÷ at {BASE_DOCUMENTS:,}", "×", factor)
    known = [factor for factor in factors.values() if factor is not None]
    if done >= TARGET_DOCUMENTS and known:
        measured.add("w7_growth", "W7 service that grew most", "×", max(known))
        measured.add("w7_memory", "W7 largest service at the end", "MiB", max(now[name] for name in SERVICES))
