"""``python -m chaos``: load on three brokers, faults by a seed, healing, and the question whether all promises held."""

import argparse
import asyncio
import json
import logging
import random
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from backbone import Backbone
from chaos.checker import Kind, Violation, check
from chaos.faults import ALLOWED_REJECTIONS, inject
from chaos.history import Delivered, History, Outcome, Sent, read_journal
from chaos.reread import read_damage, read_inboxes, read_ledger, read_outboxes
from chaos.rig import AGENCIES, Rig
from chaos.schedule import Injection, draw, dump, load, parse_kinds
from lienthong.kernel.clock import now_ms
from lienthong.kernel.errors import LienthongError

__all__ = ["main"]

_SHOWN = 20
_LOOK_SECONDS = 0.5


class Injected(NamedTuple):
    """A fault that was injected, and when; `failed` says why it could not be."""

    injection: Injection
    at: int
    failed: str


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


async def _play(rig: Rig, schedule: Sequence[Injection], seconds: float) -> list[Injected]:
    """Let load run for so long, and inject each fault at its time."""
    began = asyncio.get_running_loop().time()
    injected: list[Injected] = []

    async def one(injection: Injection) -> None:
        await asyncio.sleep(began + injection.at - asyncio.get_running_loop().time())
        _say(str(injection))
        at, failed = now_ms(), ""
        try:
            await inject(rig, injection)
        except (LienthongError, OSError) as error:
            # The operator's own connection may fail when a fault meets a broker that is down.
            failed = str(error)
            _say(f"{injection.kind} could not be injected in full: {failed}")
        injected.append(Injected(injection, at, failed))

    async with asyncio.TaskGroup() as tasks:
        for injection in schedule:
            tasks.create_task(one(injection))
    await asyncio.sleep(max(0.0, began + seconds - asyncio.get_running_loop().time()))
    return sorted(injected, key=lambda found: found.at)


async def _drain(rig: Rig, seconds: float) -> list[str]:
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


async def _history(folder: Path, backbone: Backbone) -> History:
    journals = [event for code in AGENCIES for event in read_journal(folder / f"{code}.journal")]
    clients = History.of_clients(journals)
    return clients._replace(
        ledger=await read_ledger(backbone),
        inboxes=await read_inboxes(backbone, [*AGENCIES]),
        outboxes=read_outboxes(backbone.settings.home, AGENCIES),
        damage=await read_damage(backbone),
    )


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


async def _run(folder: Path, options: argparse.Namespace, schedule: Sequence[Injection]) -> dict[str, Any]:
    began = time.monotonic()
    async with Rig.running(folder, options.rate, _say) as rig:
        injected = await _play(rig, schedule, options.minutes * 60)
        await rig.heal(_say)
        _say("healed; waiting until every document has come to its end")
        unfinished = await _drain(rig, options.patience)
        _say("fresh readers read everything again")
        history = await _history(folder, rig.backbone)
        alarms = {one.name: one.alarms for one in rig.managed() if one.alarms}
        starts = {one.name: one.starts for one in rig.managed()}
    allowed = {reason for one in schedule for reason in ALLOWED_REJECTIONS.get(one.kind, ())}
    violations = check(history, allowed_rejections=allowed)
    violations += [Violation(Kind.UNDELIVERED, f"{code} did not come to an end in time") for code in unfinished]
    violations += [Violation(Kind.AUDIT, f"{name} ended with an alarm {count} times") for name, count in alarms.items()]
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


def table(result: dict[str, Any]) -> str:
    """The summary as Markdown."""
    flights: dict[str, list[int]] = defaultdict(list)
    for one in result["faults"]:
        flights[one["kind"]].append(one["in_flight"])
    lines = ["| fault | times injected | documents in flight, most | in all |", "|---|---|---|---|"]
    lines += [f"| {kind} | {len(some)} | {max(some)} | {sum(some)} |" for kind, some in sorted(flights.items())]
    counts = result["counts"]
    found = Counter(kind for kind, _ in result["violations"])
    lines += [
        "",
        f"seed {result['seed']}, {result['minutes']:g} minutes: {counts['sends']} documents sent ({counts['ok']} ok, "
        f"{counts['unknown']} unknown, {counts['failed']} failed), {counts['deliveries']} deliveries "
        f"({counts['redelivered']} marked as repeated), {counts['ledger_entries']} ledger entries "
        f"({counts['void']} void)",
        f"violations: {sum(found.values())}{''.join(f', {kind} {count}' for kind, count in sorted(found.items()))}",
    ]
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chaos", description="Faults under load, and whether all promises held.")
    parser.add_argument("--minutes", type=float, default=2.0, help="how long load and faults run")
    parser.add_argument("--seed", type=int, help="decides the faults; by default a new one, which is printed")
    parser.add_argument("--faults", default="all", help="kinds with commas between, or how they begin; all")
    parser.add_argument("--rate", type=float, default=25.0, help="documents a second of each of four agencies")
    parser.add_argument("--patience", type=float, default=150.0, help="seconds for documents to come to their end")
    parser.add_argument("--schedule", type=Path, help="play this schedule instead of drawing one")
    parser.add_argument("--folder", type=Path, help="where journals and logs go; by default a temporary one")
    parser.add_argument("--json", type=Path, help="write the result there as well")
    parser.add_argument("--keep", action="store_true", help="keep the folder although nothing was found")
    return parser.parse_args()


def main() -> int:
    """Run it; 0 when every promise held, 1 when one did not, 3 when it could not be run."""
    options = _options()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    folder = (options.folder or Path(tempfile.mkdtemp(prefix="lienthong-chaos-"))).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    if options.schedule:
        schedule = load(options.schedule.read_text("utf-8"))
    else:
        schedule = draw(options.seed, options.minutes * 60, parse_kinds(options.faults))
    (folder / "schedule.json").write_text(dump(schedule), "utf-8")
    _say(f"seed {options.seed}, {len(schedule)} faults, schedule in {folder / 'schedule.json'}")
    for injection in schedule:
        print(injection, file=sys.stderr)
    try:
        result = asyncio.run(_run(folder, options, schedule))
    except LienthongError as error:
        _say(f"it could not be run to its end: {error}; everything is kept in {folder}")
        return 3
    print(table(result))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", "utf-8")
    for kind, what in result["violations"][:_SHOWN]:
        print(f"- {kind}: {what}")
    if result["violations"]:
        (folder / "result.json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", "utf-8")
        print(f"\nseed {options.seed}; journals, logs and schedule are kept in {folder}; play it again with:")
        print(
            f"python -m chaos --minutes {options.minutes:g} --rate {options.rate:g} --schedule {folder}/schedule.json"
        )
        return 1
    if not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
