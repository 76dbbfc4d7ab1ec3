"""``python -m chaos``: load on three brokers, faults by a seed, healing, and the question whether all promises held."""

import argparse
import asyncio
import json
import logging
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chaos.campaign import run, say
from chaos.report import summary
from chaos.schedule import Injection, draw, dump, load, parse_kinds
from lienthong.kernel.errors import LienthongError

__all__ = ["end_on_sigterm", "main"]

_SHOWN = 20


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chaos", description="Faults under load, and whether all promises held.")
    parser.add_argument("--minutes", type=float, default=2.0, help="how long load and faults run")
    parser.add_argument("--seed", type=int, help="decides the faults; by default a new one, which is printed")
    parser.add_argument("--faults", default="all", help="kinds with commas between, or how they begin; all")
    parser.add_argument("--rate", type=float, default=50.0, help="documents a second of each of four agencies")
    parser.add_argument("--patience", type=float, default=300.0, help="seconds for documents to come to their end")
    parser.add_argument("--schedule", type=Path, help="play this schedule instead of drawing one")
    parser.add_argument("--folder", type=Path, help="where journals and logs go, and stay; default: a temporary one")
    parser.add_argument("--json", type=Path, help="write the result there as well")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder although nothing was found")
    return parser.parse_args()


def end_on_sigterm() -> None:
    """From now on SIGTERM cancels the task that calls this, so that everything it started ends with it."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


async def _run(folder: Path, options: argparse.Namespace, schedule: Sequence[Injection]) -> dict[str, Any]:
    end_on_sigterm()
    return await run(folder, options, schedule)


def main() -> int:
    """Run it; 0 when every promise held, 1 when one did not, 3 when it could not be run to its end."""
    options = _options()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    folder = (options.folder or Path(tempfile.mkdtemp(prefix="lienthong-chaos-"))).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        say(f"{folder} is not empty, and what is in it would be taken for what this run wrote: name another folder")
        return 3
    if options.schedule:
        schedule = load(options.schedule.read_text("utf-8"))
    else:
        schedule = draw(options.seed, options.minutes * 60, parse_kinds(options.faults))
    (folder / "schedule.json").write_text(dump(schedule), "utf-8")
    say(f"seed {options.seed}, {len(schedule)} faults, schedule in {folder / 'schedule.json'}")
    for injection in schedule:
        print(injection, file=sys.stderr)
    try:
        result = asyncio.run(_run(folder, options, schedule))
    except LienthongError as error:
        say(f"it could not be run to its end: {error}; everything is kept in {folder}")
        return 3
    except (KeyboardInterrupt, asyncio.CancelledError):
        say(f"interrupted; everything was stopped, and is kept in {folder}")
        return 3
    text = summary([result])
    print(text)
    (folder / "report.md").write_text(text + "\n", "utf-8")
    for file in filter(None, (folder / "result.json", options.json)):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", "utf-8")
    for kind, what in result["violations"][:_SHOWN]:
        print(f"- {kind}: {what}")
    if result["violations"]:
        print(f"\nseed {options.seed}; journals, logs and schedule are kept in {folder}; play it again with:")
        print(
            f"python -m chaos --minutes {options.minutes:g} --rate {options.rate:g} --schedule {folder}/schedule.json"
        )
        return 1
    if not options.keep and options.folder is None:
        # A folder that somebody named may hold more than we wrote.
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
