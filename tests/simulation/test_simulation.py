"""The simulation: worlds hold, histories are the same each time, and planted bugs are caught."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

import simulation
from simulation.bugs import BUGS
from simulation.loop import PROCESS, Process, StandstillError, VirtualLoop
from simulation.plan import draw_plan
from simulation.world import run_world

WORLDS = 40
FIRST_SEED = 20_261_124
ENOUGH_WORLDS = 100
"""Within so many worlds every planted bug must have been caught."""


@pytest.mark.slow
def test_worlds_hold() -> None:
    """Nothing lost, nothing twice, all of it acknowledged and audited, whatever the faults."""
    broken = {
        outcome.seed: outcome.violations
        for outcome in map(run_world, range(FIRST_SEED, FIRST_SEED + WORLDS))
        if outcome.violations
    }
    assert {} == broken


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(BUGS))
def test_a_planted_bug_is_caught(name: str) -> None:
    """Each kind of bug breaks a world soon."""
    with BUGS[name]():
        assert any(run_world(seed).violations for seed in range(1, ENOUGH_WORLDS + 1))


def test_the_same_seed_gives_the_same_history() -> None:
    """Byte for byte, in this process and in others whose sets are ordered otherwise; another seed gives another."""
    here = run_world(3, tail=sys.maxsize)
    again = run_world(3, tail=sys.maxsize)
    assert here.tail == again.tail
    assert here.digest == again.digest
    assert here.digest != run_world(4).digest
    program = "from simulation.world import run_world; print(run_world(3).digest)"
    tests = Path(simulation.__file__).parent.parent
    for hash_seed in ("1", "2"):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": hash_seed,
            "PYTHONPATH": os.pathsep.join([*sys.path, str(tests)]),
        }
        answer = subprocess.run(
            [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True
        )
        assert here.digest == answer.stdout.strip()


def test_plans_meet_every_fault() -> None:
    """Among few worlds every kind of fault, weather and size is planned."""
    plans = [draw_plan(seed) for seed in range(100)]
    kinds = {"broker", "forget", "kill", "pause", "poison", "replay", "stop", "twin"}
    assert kinds == {fault.kind for plan in plans for fault in plan.faults}
    assert {True, False} == {plan.late for plan in plans}
    assert {True, False} == {plan.weather.late > 0 for plan in plans}
    assert all(20 <= len(plan.documents) <= 60 for plan in plans)


# -- the loop


def run(loop: VirtualLoop, seconds: float) -> None:
    """Let virtual time pass."""
    loop.run_until_complete(asyncio.sleep(seconds))


@pytest.fixture
def loop() -> VirtualLoop:
    """A loop of virtual time."""
    return VirtualLoop(Random(1))


def test_time_jumps_and_the_order_of_timers_holds(loop: VirtualLoop) -> None:
    """An hour takes no time, and everything happens at its moment."""
    seen: list[tuple[str, float]] = []
    began = loop.time()

    async def wait(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append((name, loop.time() - began))

    async def both() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(wait("late", 3_600))
            tasks.create_task(wait("early", 1))

    loop.run_until_complete(both())
    loop.discard()
    assert [("early", 1), ("late", 3_600)] == seen


@pytest.mark.parametrize("step", range(7))
def test_a_killed_process_does_nothing_more_and_cleans_nothing_up(loop: VirtualLoop, step: int) -> None:
    """No `finally` runs, at whichever of its steps it dies; what the operating system does is done."""
    done: list[str] = []

    async def work() -> None:
        try:
            for number in range(100):
                await asyncio.sleep(0.1)
                done.append(str(number))
        finally:
            done.append("finally")

    process = Process("p")
    process.on_death.append(lambda: done.append("released"))
    loop.spawn(process, work())
    process.fatal_step = step
    run(loop, 60)
    # A sleep is two steps: its timer, and the task that goes on.
    assert [*map(str, range((step - 1) // 2 if step else 0)), "released"] == done
    assert not process.alive
    loop.discard()


def test_a_paused_process_goes_on_where_it_was(loop: VirtualLoop) -> None:
    """While it stands still nothing of it runs; its timers are due when it goes on."""
    done: list[float] = []
    began = loop.time()

    async def work() -> None:
        assert PROCESS.get() is process
        for _ in range(3):
            await asyncio.sleep(1)
            done.append(loop.time() - began)

    process = Process("p")
    task = loop.spawn(process, work())
    run(loop, 1.5)
    loop.pause(process)
    run(loop, 10)
    assert [1] == done
    loop.resume(process)
    loop.run_until_complete(task)
    assert [1, 11.5, 12.5] == done
    loop.discard()


def test_work_for_a_thread_keeps_its_order_and_takes_time(loop: VirtualLoop) -> None:
    """Calls given to one executor run one after the other; what they raise reaches the caller."""
    loop.disk_seconds = 0.5
    done: list[int] = []

    async def call() -> None:
        async with asyncio.TaskGroup() as tasks:
            for number in range(10):
                tasks.create_task(in_thread(number))
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, divmod, 1, 0)

    async def in_thread(number: int) -> None:
        await loop.run_in_executor(None, done.append, number)

    began = loop.time()
    loop.run_until_complete(call())
    assert list(range(10)) == done
    assert loop.time() > began
    loop.discard()


def test_a_standstill_is_an_error(loop: VirtualLoop) -> None:
    """Waiting for what can never come is not waiting for ever."""
    with pytest.raises(StandstillError):
        loop.run_until_complete(loop.create_future())
    loop.discard()
