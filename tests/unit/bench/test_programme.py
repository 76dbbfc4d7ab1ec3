"""The order of things, and what happens when one of them fails."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeAlias

from bench.figures import Measurements
from bench.programme import KEYS, Workload, perform, programme
from bench.rig import Rig, Stage
from bench.sizes import FULL, QUICK
from bench.workload import Bench
from lienthong.kernel.errors import UnavailableError
from lienthong.runtime.settings import Settings

Plan: TypeAlias = list[tuple[Stage, list[Workload]]]


def test_every_key_has_a_workload() -> None:
    """What `--only` takes is what the full form runs."""
    assert set(KEYS) == {one.key for _, workloads in programme(FULL) for one in workloads}


def test_the_quick_form_leaves_out_what_takes_long() -> None:
    """No soak, no profile, no lanes."""
    quick = {one.key for _, workloads in programme(QUICK) for one in workloads}
    assert {"profile", "lanes", "w7"} == set(KEYS) - quick


async def measure_one(bench: Bench) -> None:
    """A workload that works."""
    bench.measured.add("x", "X", "", 1.0)


async def fail(bench: Bench) -> None:
    """A workload that fails within a group."""
    raise ExceptionGroup("group", [UnavailableError("the disk is full")])


async def hang(bench: Bench) -> None:
    """A workload that does not end."""
    await asyncio.sleep(60)


@asynccontextmanager
async def opened(stage: Stage, say: Callable[[str], None]) -> AsyncIterator[Rig]:
    """A rig that costs nothing: no workload here uses it."""
    if stage.name == "broken":
        raise UnavailableError("Java is missing")
    yield Rig(stage, Settings(), 0)


async def performed(plan: Plan, only: Sequence[str] = (), **bounds: Any) -> Measurements:
    """What is measured of a plan."""
    measured = Measurements()
    await perform(plan, replace(QUICK, **bounds), only, measured, lambda _: None, opened=opened)
    return measured


async def test_what_fails_takes_no_other_figures_with_it() -> None:
    """A failing workload, one that does not end and a rig that does not start are noted; the others are measured."""
    plan: Plan = [
        (Stage("broken", 2), [Workload("w7", measure_one)]),
        (Stage("whole", 2), [Workload("w1", fail), Workload("w2", hang), Workload("w3", measure_one)]),
    ]
    measured = await performed(plan, workload_seconds=0.05)
    assert [1.0] == measured.values("x")
    assert {
        "w7": "Java is missing",
        "w1": "the disk is full",
        "w2": "not finished within 0 s",
    } == measured.failures


async def test_when_the_time_is_used_up_the_rest_is_noted() -> None:
    """What has been measured stays."""
    plan: Plan = [
        (Stage("whole", 2), [Workload("w1", measure_one), Workload("w2", hang), Workload("w3", measure_one)]),
        (Stage("broken", 2), [Workload("w7", measure_one)]),
    ]
    measured = await performed(plan, total_seconds=0.05)
    assert [1.0] == measured.values("x")
    assert {"w2", "w3", "w7"} == set(measured.failures)
    assert {"the whole was not finished within 0 s"} == set(measured.failures.values())


async def test_only_what_is_asked_for_runs() -> None:
    """A rig without such a workload is not even started."""
    plan: Plan = [
        (Stage("broken", 2), [Workload("w7", measure_one)]),
        (Stage("whole", 2), [Workload("w1", fail), Workload("w3", measure_one)]),
    ]
    measured = await performed(plan, ["w3"])
    assert {} == measured.failures
    assert [1.0] == measured.values("x")
