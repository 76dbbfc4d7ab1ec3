"""W9: the tracker's database is built anew from the whole ledger that the national pattern made."""

import contextlib
import tempfile
from pathlib import Path

import postgresql
from bench.crew import Gate, Role, run_crew
from bench.workload import Bench
from lienthong.kernel.bus import Bus
from lienthong.runtime.collector import calm_collector
from lienthong.runtime.settings import Settings
from lienthong.tracker.database import Database
from lienthong.tracker.digest import digest
from lienthong.tracker.migration import migrate
from lienthong.tracker.rebuild import fill

__all__ = ["tracked"]


async def _rebuild(gate: Gate, settings: Settings, url: str) -> None:
    calm_collector()  # as the command does
    database = Database(url)
    migrate(database)
    async with Bus.connect(settings.kafka(), "lt-tracker-rebuild") as bus:
        await gate.enter()
        rebuilt = await fill(bus, database, lambda _done, _total: None)
    gate.report(entries=rebuilt.entries, took=rebuilt.seconds, rows=sum(one.rows for one in digest(database).tables))
    database.close()


async def tracked(bench: Bench) -> None:
    """Build it once on SQLite, and once on PostgreSQL where there is one."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        urls = {"SQLite": f"sqlite:///{folder / 'tracker.db'}"}
        if postgresql.why_there_is_none() is None:
            urls["PostgreSQL"] = stack.enter_context(postgresql.running())
        for name, url in urls.items():
            bench.say(f"w9: the tracker's database is built anew, {name}")
            outcome = await run_crew(
                [Role("rebuild", _rebuild, (bench.rig.settings, url))],
                counting=("rebuild",),
                timeout_seconds=bench.sizes.part_seconds,
                watch=bench.rig.watch_kafka,
            )
            found, key, what = outcome.reports["rebuild"], f"w9_{name.lower()}", f"W9 tracker rebuilt, {name}"
            bench.measured.add(key, what, "entries/s", found["entries"] / found["took"])
            bench.measured.add(f"{key}_rows", f"{what}, rows", "rows/s", found["rows"] / found["took"])
            bench.measured.add(f"{key}_entries", f"{what}, entries", "entries", found["entries"])
            bench.measured.add_cpu("W9", outcome.cpu, max(1, round(found["entries"])))
