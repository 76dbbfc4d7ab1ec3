"""The demonstration from beginning to end; what people see of it is in `lienthong.cli.demo`."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from lienthong.auditor.report import Report
from lienthong.auditor.source import BusSource
from lienthong.auditor.verify import verify
from lienthong.demo.exchange import Result, exchange
from lienthong.demo.pattern import plan
from lienthong.demo.stage import ServiceProcess, merge, provision
from lienthong.demo.story import MERGED, SUCCESSOR, cast, tell
from lienthong.directory.listing import ListedAgency, read_listing
from lienthong.embedded import EmbeddedKafka
from lienthong.kernel.agency import agency_code
from lienthong.kernel.bus import Bus
from lienthong.runtime.settings import Settings

if TYPE_CHECKING:
    from lienthong.demo.overview import Overview

__all__ = ["Played", "Stage", "example_agencies", "play"]

LANES = 2
_ORIGIN = "demo.lienthong"
_ALL_EXAMPLES = 12
"""Connected agencies of the example list, among them all that the story needs."""
_TRACKED_A_SECOND = 500
"""Documents that the tracker takes at the least; usually it has read them all by the end of the exchange."""
_WARM_UP = 5
"""Documents of each agency before those that are counted: a Kafka that has just started is slow."""


@dataclass(frozen=True, slots=True)
class Stage:
    """How the demonstration is set up."""

    documents: int
    agencies: int
    keep: bool
    """Leave Kafka, services and the home folder as they are at the end."""
    bootstrap: str = ""
    """An existing Kafka to use; empty: start one."""
    tracked: bool = True
    """Run the tracker, whose packages are an extra, and read from it what became of the story."""


@dataclass(frozen=True, slots=True)
class Played:
    """What came of it."""

    result: Result
    audit: Report
    home: Path
    bootstrap: str
    overview: "Overview | None" = None
    """What the tracker knows of the story; None if it did not run."""
    services: int | None = None
    """Process id of the services, if they were left running."""
    embedded: bool = True
    """Kafka was started in the home folder; otherwise it was there before."""

    def as_json(self) -> dict[str, object]:
        """Counts, rates and latencies; milliseconds where the name says so."""
        result = self.result
        return {
            "documents": result.documents,
            "deliveries": result.deliveries,
            "acknowledged": result.acknowledged,
            "lost": result.lost,
            "repeated": result.repeated,
            "refused": result.refused,
            "rejected": result.rejected,
            "entries": self.audit.entries,
            "verified": self.audit.verified,
            "findings": self.audit.findings.count,
            "seconds": round(result.seconds, 3),
            "documents_per_second": round(result.documents / result.seconds, 1),
            "deliveries_per_second": round(result.deliveries / result.seconds, 1),
            "p50_ms": result.percentile(result.latencies, 0.50),
            "p99_ms": result.percentile(result.latencies, 0.99),
            "express_p99_ms": result.percentile(result.express_latencies, 0.99),
            "story": self.overview.as_json() if self.overview is not None else None,
        }


def example_agencies(count: int) -> list[ListedAgency]:
    """The example list with `count` connected agencies; made-up ones are added beyond the dozen it has."""
    with as_file(files("lienthong.demo") / "agencies.csv") as path:
        listed = read_listing(path)
    connected = [one for one in listed if one.connected]
    made_up = [
        ListedAgency(agency_code(f"X{number:03d}"), "", f"Cơ quan mẫu số {number}", None, True)
        for number in range(1, count - len(connected) + 1)
    ]
    chosen = [*connected, *made_up][:count]
    codes = {one.code for one in chosen}
    return [*chosen, *(one for one in listed if not one.connected and one.parent in codes)]


async def play(stage: Stage, say: Callable[[str], None], report: Callable[[Result], None]) -> Played:
    """Start what is needed, let agencies exchange documents, audit, and clear up.

    Args:
        stage: the set-up.
        say: told in a few words what is going on.
        report: called again and again with the counts of the exchange.

    Raises:
        UnavailableError: something does not start or does not go on.
    """
    home = Path(tempfile.mkdtemp(prefix="lienthong-demo-"))
    async with AsyncExitStack() as stack:
        if not stage.keep:
            stack.callback(shutil.rmtree, home, ignore_errors=True)
        bootstrap = stage.bootstrap
        if not bootstrap:
            kafka = EmbeddedKafka(home / "kafka", report=say)
            if not stage.keep:
                stack.push_async_callback(asyncio.to_thread, kafka.down)
            bootstrap = await asyncio.to_thread(kafka.up)
        # A database of its own, whatever the environment says: a demonstration writes to nobody else's.
        database = f"sqlite:///{home / 'tracker.db'}" if stage.tracked else ""
        settings = Settings(home=home, bootstrap=bootstrap, tracker_database=database)
        exchanging = example_agencies(stage.agencies)
        codes: Sequence[str] = [one.code for one in exchanging if one.connected]
        listed = list({one.code: one for one in (*exchanging, *cast(example_agencies(_ALL_EXAMPLES)))}.values())
        say(f"provisioning {sum(one.connected for one in listed)} agencies: keys, topics, directory")
        trust = await provision(home, settings.kafka(), listed, lanes=LANES, origin=_ORIGIN)
        await merge(home, settings.kafka(), MERGED, SUCCESSOR, origin=_ORIGIN)
        service = ServiceProcess("all", settings, home / "log" / "services.log")
        if not stage.keep:
            stack.push_async_callback(service.stop)
        say(f"starting intake, dispatch, notary{', reminder and tracker' if stage.tracked else ' and reminder'}")
        await service.start()
        say("warming up with a few documents")
        await exchange(list(plan(_WARM_UP * len(codes), codes, "thử")), codes, settings, lambda _: None)
        say("exchanging documents")
        planned = list(plan(stage.documents, codes))
        result = await exchange(planned, codes, settings, report)
        say("a ministry writes to the provinces: one refuses, one does not read, one was merged into another")
        told = await tell(settings)
        overview = None
        async with Bus.connect(settings.kafka(), "lt-audit") as bus:
            if stage.tracked:
                from lienthong.demo.overview import look

                overview = await look(told, settings, bus, timeout_seconds=30 + stage.documents / _TRACKED_A_SECOND)
            say("the auditor verifies every entry from the topics alone")
            audit = await verify(BusSource(bus), trust)
        left = service.pid if stage.keep else None
        return Played(result, audit, home, bootstrap, overview, left, embedded=not stage.bootstrap)
