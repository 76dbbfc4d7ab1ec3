"""The order of things: which workloads run on which rig, and what happens when one of them fails."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from bench.express import express
from bench.figures import Measurements
from bench.fleet import fleet
from bench.idle import AGENCIES, idle
from bench.large import large
from bench.national_play import national
from bench.restart import restart
from bench.rig import Rig, Stage
from bench.rounds import audits, contest, latencies
from bench.sampled import sampled
from bench.sizes import Sizes
from bench.soak import soak
from bench.spread import LANES, spread
from bench.tracked import tracked
from bench.workload import Bench
from lienthong.kernel.errors import LienthongError

__all__ = ["KEYS", "Workload", "perform", "programme"]

KEYS = ("w1", "w5", "w8", "profile", "large", "w4", "w6", "idle", "w2", "w9", "w3", "lanes", "w7")
"""Names of the workloads, as `--only` takes them."""
_USUAL_HEAP_AGENCIES = 100


@dataclass(frozen=True, slots=True)
class Workload:
    """One workload: its key, and what measures it."""

    key: str
    run: Callable[[Bench], Awaitable[None]]


def programme(sizes: Sizes) -> Iterator[tuple[Stage, list[Workload]]]:
    """Rigs, one after the other, each with its workloads in order.

    The audit comes before what an auditor would complain of (W6), and what makes the ledger long comes last.
    """
    yield (
        # The third agency is the quiet reader of W4, the last two are those without stores.
        Stage("five agencies", 5),
        [
            Workload("w1", contest),
            Workload("w5", audits),
            Workload("w8", latencies),
            *([Workload("profile", sampled)] if sizes.profile_seconds else []),
            Workload("large", large),
            Workload("w4", express),
            Workload("w6", restart),
        ],
    )
    yield Stage("national", AGENCIES), [Workload("idle", idle), Workload("w2", national), Workload("w9", tracked)]
    heap = 2048 if sizes.fleets[-1] > _USUAL_HEAP_AGENCIES else 1024
    yield Stage("growing", sizes.fleets[0], heap_mib=heap), [_fleet(agencies) for agencies in sizes.fleets]
    if sizes.spread_rounds:
        yield Stage("lanes", 2, lanes=LANES, services=()), [Workload("lanes", spread)]
    if sizes.soak_documents:
        yield Stage("soak", 2), [Workload("w7", soak)]


def _fleet(agencies: int) -> Workload:
    return Workload("w3", lambda bench: fleet(bench, agencies))


async def perform(
    plan: Iterable[tuple[Stage, Sequence[Workload]]],
    sizes: Sizes,
    only: Collection[str],
    measured: Measurements,
    say: Callable[[str], None],
    *,
    opened: Callable[[Stage, Callable[[str], None]], AbstractAsyncContextManager[Rig]] = Rig.running,
) -> None:
    """Run a programme. A workload that fails or takes too long is noted, and the next one runs.

    Args:
        plan: rigs with their workloads.
        sizes: how much.
        only: keys of the workloads to run; empty: all.
        measured: where the figures go, and the failures.
        say: told in a few words what is going on.
        opened: makes a rig.
    """
    loop = asyncio.get_running_loop()
    deadline, late = loop.time() + sizes.total_seconds, f"the whole was not finished within {sizes.total_seconds:.0f} s"
    for stage, workloads in plan:
        wanted = [one for one in workloads if not only or one.key in only]
        if not wanted:
            continue
        if loop.time() >= deadline:
            measured.failures.update(dict.fromkeys((one.key for one in wanted), late))
            continue
        left = {one.key for one in wanted}
        try:
            async with asyncio.timeout_at(deadline), opened(stage, say) as rig:
                bench = Bench(rig, sizes, measured, say)
                for workload in wanted:
                    await _run(workload, bench)
                    left.discard(workload.key)
        except Exception as error:  # noqa: BLE001 - a rig that fails takes its own workloads with it, no others
            why = late if loop.time() >= deadline else _why(error)
            for key in left:
                measured.failures.setdefault(key, why)
            say(f"{stage.name}: {why}")


async def _run(workload: Workload, bench: Bench) -> None:
    """Run one workload within its time, and note why it failed."""
    bound = bench.sizes.workload_seconds
    try:
        async with asyncio.timeout(bound):
            await workload.run(bench)
    except TimeoutError:
        why = f"not finished within {bound:.0f} s"
    except Exception as error:  # noqa: BLE001 - whatever it is, the other workloads go on and the report says it
        why = _why(error)
    else:
        return
    bench.measured.failures[workload.key] = why
    bench.say(f"{workload.key} failed: {why}")


def _why(error: Exception) -> str:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return str(error) if isinstance(error, LienthongError) else f"{type(error).__name__}: {error}"
