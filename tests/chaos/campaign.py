"""One campaign: load for a while, each fault at its time, healing, an end for every document, and the verdict."""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chaos.checker import Allowed, Kind, Violation, check
from chaos.faults import allowed, inject
from chaos.history import Event, History, read_journal
from chaos.operator_faults import on_duty
from chaos.processes import together
from chaos.report import Injected, Journeys, blamed
from chaos.reread import read_damage, read_inboxes, read_ledger, read_outboxes
from chaos.rig import Rig
from chaos.schedule import FaultKind, Injection
from lienthong.kernel.clock import now_ms
from lienthong.kernel.errors import LienthongError

__all__ = ["drain", "judged", "run", "say"]

_LOOK_SECONDS = 0.5
_SETTLE_SECONDS = 3.0


def say(text: str) -> None:
    """Tell a person what is going on, with the time."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


async def _play(rig: Rig, schedule: Sequence[Injection], seconds: float) -> list[Injected]:
    """Let load run for so long, and inject each fault at its time."""
    began = asyncio.get_running_loop().time()
    injected: list[Injected] = []

    async def one(injection: Injection) -> None:
        await asyncio.sleep(began + injection.at - asyncio.get_running_loop().time())
        say(str(injection))
        at, failed = now_ms(), ""
        try:
            await inject(rig, injection, began + seconds)
        except (LienthongError, OSError, ValueError) as error:
            # The operator's own connection may fail when a fault meets a broker that is down.
            failed = str(error) or type(error).__name__
            say(f"{injection.kind} could not be injected in full: {failed}")
        injected.append(Injected(injection, at, now_ms(), failed))

    async with asyncio.TaskGroup() as tasks:
        for injection in schedule:
            tasks.create_task(one(injection))
    await asyncio.sleep(max(0.0, began + seconds - asyncio.get_running_loop().time()))
    return sorted(injected, key=lambda found: found.at)


async def drain(rig: Rig, seconds: float) -> list[str]:
    """Tell the agencies to come to an end; return those that did not in time."""
    (rig.folder / "finish").touch()
    left = set(rig.codes)
    until = time.monotonic() + seconds
    while left and time.monotonic() < until:
        await asyncio.sleep(_LOOK_SECONDS)
        left = {code for code in rig.codes if not (rig.folder / f"{code}.finished").exists()}
    # Receipts of the last acknowledgements are still on their way.
    await asyncio.sleep(_SETTLE_SECONDS)
    (rig.folder / "end").touch()
    for agent in rig.agents.values():
        agent.wanted = False
    await asyncio.sleep(_SETTLE_SECONDS)
    await together(agent.stop() for agent in rig.agents.values())
    return sorted(left)


async def judged(
    rig: Rig, events: Sequence[Event], unfinished: Sequence[str], tolerated: Allowed
) -> tuple[History, list[Violation]]:
    """Read everything again with fresh readers, and check it.

    Args:
        rig: healed and drained.
        events: what all journals hold.
        unfinished: agencies that did not come to an end.
        tolerated: what the faults bring about.
    """
    history = History.of_clients(events)._replace(
        ledger=await read_ledger(rig.backbone),
        inboxes=await read_inboxes(rig.backbone, rig.codes),
        outboxes=read_outboxes(rig.backbone.settings.home, rig.codes),
        damage=await read_damage(rig.backbone),
    )
    say("the checker compares")
    violations = check(history, tolerated)
    violations += [Violation(Kind.UNDELIVERED, f"{code} did not come to an end in time") for code in unfinished]
    violations += [
        Violation(Kind.AUDIT, f"{one.name} ended with an alarm {one.alarms} times")
        for one in rig.managed()
        if one.alarms and one.name not in tolerated.alarms
    ]
    return history, violations


async def run(folder: Path, options: argparse.Namespace, schedule: Sequence[Injection]) -> dict[str, Any]:
    """Play a schedule, heal, drain and judge.

    Args:
        folder: where everything goes.
        options: minutes, rate, patience and seed, as the command has them.
        schedule: the faults.

    Returns:
        What the summary is made of, fit for JSON.

    Raises:
        UnavailableError: something does not start, or does not heal.
    """
    began = time.monotonic()
    remade = any(one.kind is FaultKind.TOPIC_AGAIN for one in schedule)
    async with Rig.running(folder, options.rate, say, seed=options.seed, remade=remade) as rig:
        duty = asyncio.create_task(on_duty(rig, say))
        try:
            injected = await _play(rig, schedule, options.minutes * 60)
            await rig.heal(say)
            # What a second process of an agency left unsent when it died goes out when the next one starts.
            await together(agent.kill() for agent in rig.agents.values())
            say("healed; waiting until every document has come to its end")
            healed = time.monotonic()
            # Intake may halt as late as here, over what came under keys that were revoked meanwhile.
            unfinished = await drain(rig, options.patience)
        finally:
            duty.cancel()
            await asyncio.wait([duty])
            if not duty.cancelled() and (error := duty.exception()):
                say(f"the operator was not on duty any more: {error!r}")
        drained = time.monotonic()
        say("fresh readers read everything again")
        events = [event for code in rig.codes for event in read_journal(folder / f"{code}.journal")]
        history, violations = await judged(rig, events, unfinished, allowed(schedule))
        starts = {one.name: one.starts for one in rig.managed()}
        lost_answers = rig.network.lost_answers
    journeys = Journeys.of(events)
    return {
        "seed": options.seed,
        "minutes": options.minutes,
        "rate": options.rate,
        "seconds_of_load": journeys.seconds,
        "seconds_in_all": round(time.monotonic() - began),
        "seconds_to_drain": round(drained - healed),
        "counts": history.counts(),
        "starts": starts,
        "lost_answers": lost_answers,
        "faults": [
            {
                "kind": one.injection.kind,
                "at": one.injection.at,
                "in_flight": journeys.in_flight(one.at),
                "failed": one.failed,
            }
            for one in injected
        ],
        "violations": [list(one) for one in violations],
        "violations_by_fault": blamed(violations, injected, journeys),
    }
