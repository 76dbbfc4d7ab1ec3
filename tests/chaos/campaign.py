"""One campaign: load for a while, each fault at its time, healing, an end for every document, and the verdict."""

import argparse
import asyncio
import sys
import time
from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from chaos.checker import Kind, Violation, check
from chaos.faults import ALLOWED_REJECTIONS, inject
from chaos.history import Delivered, History, Outcome, Sent, read_journal
from chaos.reread import read_damage, read_inboxes, read_ledger, read_outboxes
from chaos.rig import AGENCIES, Rig
from chaos.schedule import Injection
from lienthong.kernel.clock import now_ms
from lienthong.kernel.errors import LienthongError

__all__ = ["drain", "in_flight", "judged", "run", "say"]

_LOOK_SECONDS = 0.5


class Injected(NamedTuple):
    """A fault that was injected, and when; `failed` says why it could not be."""

    injection: Injection
    at: int
    failed: str


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
            await inject(rig, injection)
        except (LienthongError, OSError) as error:
            # The operator's own connection may fail when a fault meets a broker that is down.
            failed = str(error)
            say(f"{injection.kind} could not be injected in full: {failed}")
        injected.append(Injected(injection, at, failed))

    async with asyncio.TaskGroup() as tasks:
        for injection in schedule:
            tasks.create_task(one(injection))
    await asyncio.sleep(max(0.0, began + seconds - asyncio.get_running_loop().time()))
    return sorted(injected, key=lambda found: found.at)


async def drain(rig: Rig, seconds: float) -> list[str]:
    """Tell the agencies to come to an end; return those that did not in time."""
    (rig.folder / "finish").touch()
    left = set(AGENCIES)
    until = time.monotonic() + seconds
    while left and time.monotonic() < until:
        await asyncio.sleep(_LOOK_SECONDS)
        left = {code for code in AGENCIES if not (rig.folder / f"{code}.finished").exists()}
    # Receipts of the last acknowledgements are still on their way.
    await asyncio.sleep(3)
    (rig.folder / "end").touch()
    for agent in rig.agents.values():
        agent.wanted = False
    await asyncio.sleep(3)
    for agent in rig.agents.values():
        await agent.stop()
    return sorted(left)


async def judged(
    rig: Rig, unfinished: Sequence[str], allowed_rejections: Collection[str]
) -> tuple[History, list[Violation]]:
    """Read everything again with fresh readers, and check it.

    Args:
        rig: healed and drained.
        unfinished: agencies that did not come to an end.
        allowed_rejections: as for `check`.
    """
    journals = [event for code in AGENCIES for event in read_journal(rig.folder / f"{code}.journal")]
    history = History.of_clients(journals)._replace(
        ledger=await read_ledger(rig.backbone),
        inboxes=await read_inboxes(rig.backbone, AGENCIES),
        outboxes=read_outboxes(rig.backbone.settings.home, AGENCIES),
        damage=await read_damage(rig.backbone),
    )
    violations = check(history, allowed_rejections=allowed_rejections)
    violations += [Violation(Kind.UNDELIVERED, f"{code} did not come to an end in time") for code in unfinished]
    violations += [
        Violation(Kind.AUDIT, f"{one.name} ended with an alarm {one.alarms} times")
        for one in rig.managed()
        if one.alarms
    ]
    return history, violations


def in_flight(folder: Path, moments: Sequence[int]) -> list[int]:
    """How many documents had been handed over and not yet delivered to all, at each of these times."""
    sent: dict[str, int] = {}
    last: dict[str, int] = defaultdict(int)
    for code in AGENCIES:
        for event in read_journal(folder / f"{code}.journal"):
            if isinstance(event, Sent) and event.outcome is Outcome.OK:
                sent[event.id] = event.at
            elif isinstance(event, Delivered):
                last[event.id] = max(last[event.id], event.at)
    return [sum(at <= moment < last.get(identity, moment + 1) for identity, at in sent.items()) for moment in moments]


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
    async with Rig.running(folder, options.rate, say) as rig:
        injected = await _play(rig, schedule, options.minutes * 60)
        await rig.heal(say)
        # What a second process of an agency left unsent when it died goes out when the next one starts.
        for agent in rig.agents.values():
            await agent.kill()
        say("healed; waiting until every document has come to its end")
        unfinished = await drain(rig, options.patience)
        say("fresh readers read everything again")
        allowed = {reason for one in schedule for reason in ALLOWED_REJECTIONS.get(one.kind, ())}
        history, violations = await judged(rig, unfinished, allowed)
        starts = {one.name: one.starts for one in rig.managed()}
    flights = in_flight(folder, [one.at for one in injected])
    return {
        "seed": options.seed,
        "minutes": options.minutes,
        "seconds_in_all": round(time.monotonic() - began),
        "counts": history.counts(),
        "starts": starts,
        "faults": [
            {"kind": one.injection.kind, "at": one.injection.at, "in_flight": flight, "failed": one.failed}
            for one, flight in zip(injected, flights, strict=True)
        ],
        "violations": [list(one) for one in violations],
    }
