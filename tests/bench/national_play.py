"""W2: the national pattern played by clients, 95 agencies in two processes.

Every agency is a client with its store on disk. Every document is acknowledged by each of its recipients four
times: 01 on arrival, 03, 05 and 06 a moment after one another, each time by a signed statement. A document is done
when its sender holds 06 of every recipient.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median

from bench.crew import Gate, Outcome, Role, run_crew
from bench.figures import percentile, ratios
from bench.idle import AGENCIES
from bench.national import LARGEST_BYTES, Planned, pattern
from bench.rig import Rig
from bench.timed import due_of, schedule, timed_subject
from bench.workload import Bench
from lienthong.client import Client, Delivery, Document, File, Status, connect
from lienthong.kernel.bus import Bus
from lienthong.kernel.errors import UnavailableError
from lienthong.runtime.settings import Settings
from lienthong.tracker.caught_up import caught_up
from lienthong.tracker.database import Database

__all__ = ["national"]

_PROCESSES = 2
_TOGETHER = 50
_HEAD_START_SECONDS = 0.5
_STEP_SECONDS = 0.05
"""Between two acknowledgements of one recipient."""
_LOOK_SECONDS = 0.1
_SHARE_OF_RATE = 0.10
"""The schedule's rate, of what the pattern reached as fast as it went."""
_STATUSES = (Status.ARRIVED, Status.ACCEPTED, Status.PROCESSING, Status.DONE)


class _Agency:
    """One agency of a process: its client, and what it has got."""

    def __init__(self, client: Client, expected: int, blob: bytes) -> None:
        self._client = client
        self._blob = blob
        self._expected = expected
        self._seen: Counter[bytes] = Counter()
        self.latencies: list[float] = []
        self.done = 0
        """Documents of its own of which it holds the last word of every recipient."""

    @property
    def missing(self) -> int:
        """Deliveries that have not come."""
        return self._expected - len(self._seen)

    @property
    def repeated(self) -> int:
        """Deliveries that came again."""
        return self._seen.total() - len(self._seen)

    async def receive(self, tasks: asyncio.TaskGroup) -> None:
        """Receive and acknowledge until cancelled."""
        async for delivery in self._client.receive():
            due = due_of(delivery.statement.body["subject"])
            if due is not None:
                self.latencies.append((time.perf_counter() - due) * 1e3)
            self._seen[delivery.id] += 1
            await delivery.acknowledge(_STATUSES[0])
            tasks.create_task(self._go_on(delivery))

    async def _go_on(self, delivery: Delivery) -> None:
        for status in _STATUSES[1:]:
            await asyncio.sleep(_STEP_SECONDS)
            await delivery.acknowledge(status)

    def document(self, one: Planned, mark: str, due: float) -> tuple[Document, tuple[File, ...]]:
        """What is planned, as a client takes it."""
        document = Document(
            recipients=one.recipients,
            subject=timed_subject(one.number, mark, due),
            code_notation="CV",
        )
        return document, (File(f"{one.number}.pdf", self._blob[: one.size], "application/pdf"),)

    async def send_all(self, planned: Sequence[Planned], mark: str, timeout_seconds: float) -> None:
        """Hand everything over as fast as it goes, and see it through."""
        now = time.perf_counter()
        ids: list[bytes] = []
        for at in range(0, len(planned), _TOGETHER):
            some = planned[at : at + _TOGETHER]
            ids += await self._client.send_many([self.document(one, mark, now) for one in some])
        for sent in ids:
            await self._see_through(sent, timeout_seconds)

    async def send(self, one: Planned, mark: str, due: float, timeout_seconds: float) -> None:
        """Hand one document over, and see it through."""
        document, files = self.document(one, mark, due)
        await self._see_through(await self._client.send(document, *files), timeout_seconds)

    async def _see_through(self, sent: bytes, timeout_seconds: float) -> None:
        await self._client.wait(sent, "acknowledged", timeout_seconds=timeout_seconds)
        while True:
            progress = await self._client.progress(sent)
            if progress is not None and set(progress.recipients.values()) == {_STATUSES[-1]}:
                self.done += 1
                return
            await asyncio.sleep(_LOOK_SECONDS)


def _expected(planned: Iterable[Planned]) -> Counter[str]:
    return Counter(recipient for one in planned for recipient in one.recipients)


async def _play(
    gate: Gate, settings: Settings, mine: Sequence[str], agencies: Sequence[str], count: int, mark: str,
    rate: float, patience: float, seed: str,
) -> None:  # fmt: skip
    """A role: some of the agencies; with a rate of 0 everything is handed over as fast as it goes."""
    planned = list(pattern(count, agencies, seed))
    expected = _expected(planned)
    blob = os.urandom(LARGEST_BYTES)
    played: dict[str, _Agency] = {}
    ready, leaving = asyncio.Semaphore(0), asyncio.Event()

    async def live(code: str, tasks: asyncio.TaskGroup) -> None:
        """An agency from its connection to its end; all of them connect at once."""
        async with connect(code, settings) as client:
            played[code] = _Agency(client, expected[code], blob)
            receiving = tasks.create_task(played[code].receive(tasks))
            ready.release()
            await leaving.wait()
            receiving.cancel()

    async with asyncio.TaskGroup() as tasks:
        for code in mine:
            tasks.create_task(live(code, tasks))
        for _ in mine:
            await ready.acquire()
        await gate.enter()
        try:
            async with asyncio.timeout(patience):
                await _send(planned, played, mark, rate, patience)
                while any(one.missing for one in played.values()):
                    await asyncio.sleep(_LOOK_SECONDS)
        except* (TimeoutError, UnavailableError):
            pass  # what is missing is reported
        latencies = [latency for one in played.values() for latency in one.latencies] or [0.0]
        gate.report(
            lost=sum(one.missing for one in played.values()),
            repeated=sum(one.repeated for one in played.values()),
            unfinished=sum(one.sender in played for one in planned) - sum(one.done for one in played.values()),
            p50=percentile(latencies, 0.50),
            p99=percentile(latencies, 0.99),
        )
        await gate.closing()
        leaving.set()


async def _send(
    planned: Sequence[Planned], played: dict[str, _Agency], mark: str, rate: float, patience: float
) -> None:
    async with asyncio.TaskGroup() as tasks:
        if not rate:
            for code, one in played.items():
                tasks.create_task(one.send_all([each for each in planned if each.sender == code], mark, patience))
            return
        async for number, due in schedule(time.perf_counter() + _HEAD_START_SECONDS, rate, len(planned)):
            if planned[number].sender in played:
                tasks.create_task(played[planned[number].sender].send(planned[number], mark, due, patience))


async def _round(rig: Rig, mark: str, count: int, rate: float, timeout_seconds: float, seed: str = "") -> Outcome:
    """A mark tells the documents of rounds apart; those with one seed have the same plan."""
    agencies = rig.agencies
    patience = timeout_seconds * 0.8
    names = [f"agencies {number}" for number in range(1, _PROCESSES + 1)]
    roles = [
        Role(
            name,
            _play,
            (rig.settings, agencies[number::_PROCESSES], agencies, count, mark, rate, patience, seed or mark),
        )
        for number, name in enumerate(names)
    ]
    return await run_crew(roles, counting=names, timeout_seconds=timeout_seconds, watch=rig.watch)


async def national(bench: Bench, agencies: int = AGENCIES) -> None:
    """The pattern as fast as it goes, with the tracker and without, and on a schedule of a tenth of that rate."""
    rig, sizes, measured = bench.rig, bench.sizes, bench.measured
    await rig.grow(agencies)
    if sizes.national_warm_up:
        bench.say(f"W2: {sizes.national_warm_up} documents of {agencies} agencies, to warm up")
        await _round(rig, "w2-warm-up", sizes.national_warm_up, 0, sizes.part_seconds)
    lost = unfinished = 0.0
    for number in range(sizes.national_rounds):
        # Turn and turn about, for a ledger that grows and a broker that warms up.
        for tracked in (False, True) if number % 2 == 0 else (True, False):
            missing = await _as_fast_as_it_goes(bench, f"w2-{number}", tracked=tracked)
            lost, unfinished = lost + missing[0], unfinished + missing[1]
    # On a cold broker the second round is the quicker one, whatever runs: that says nothing about the target.
    key, words = ("w2_tracker", "") if sizes.national_warm_up else ("w2_tracker_cold", ", on a cold broker")
    for quotient in ratios(measured.values("w2_tracked"), measured.values("w2")):
        measured.add(key, f"W2 with tracker ÷ without{words}", "×", quotient)

    if sizes.national_seconds:
        missing = await _on_schedule(bench, _SHARE_OF_RATE * median(measured.values("w2")))
        lost, unfinished = lost + missing[0], unfinished + missing[1]
    measured.add("w2_lost", "W2 deliveries lost", "deliveries", lost)
    measured.add("w2_unfinished", "W2 documents without the last word of every recipient", "documents", unfinished)
    if lost or unfinished:
        raise UnavailableError(
            f"of the national pattern {lost:.0f} deliveries did not come, nor {unfinished:.0f} documents' last word"
        )


def _missing(outcome: Outcome) -> tuple[float, float]:
    """Deliveries that were lost, and documents of which a sender does not hold every last word."""
    reports = outcome.reports.values()
    return sum(one["lost"] for one in reports), sum(one["unfinished"] for one in reports)


async def _as_fast_as_it_goes(bench: Bench, seed: str, *, tracked: bool) -> tuple[float, float]:
    """A round; what is missing of it. Both rounds of a seed have the same plan, and other subjects."""
    rig, measured, count = bench.rig, bench.measured, bench.sizes.national_documents
    planned = list(pattern(count, rig.agencies, seed))
    deliveries = sum(len(one.recipients) for one in planned)
    how = "with the tracker" if tracked else "as fast as they go"
    bench.say(f"W2: {count} documents of {len(rig.agencies)} agencies, {deliveries} deliveries, {how}")
    if tracked:
        await rig.start("tracker")
        # What it has missed is not this round's.
        await _tracker_caught_up(bench)
    disk = rig.disk_bytes()
    try:
        outcome = await _round(rig, f"{seed}{'-tracked' if tracked else ''}", count, 0, bench.sizes.part_seconds, seed)
        if tracked:
            ended = time.monotonic()
            await _tracker_caught_up(bench)
            measured.add("w2_behind", "W2 tracker up to date after the last document", "s", time.monotonic() - ended)
    finally:
        if tracked:
            await rig.stop("tracker")
    disk = rig.disk_bytes() - disk
    seconds = max(report["seconds"] for report in outcome.reports.values())
    if tracked:
        measured.add("w2_tracked", "W2 with the tracker", "documents/s", count / seconds)
    else:
        megabytes = sum(one.size * len(one.recipients) for one in planned) / 1e6
        measured.add("w2", "W2 national pattern", "documents/s", count / seconds)
        measured.add("w2_deliveries", "W2 deliveries", "deliveries/s", deliveries / seconds)
        measured.add("w2_bytes", "W2 files delivered", "MB/s", megabytes / seconds)
        measured.add("w2_fan_out", "W2 deliveries of a document", "×", deliveries / count)
        measured.add("w2_size", "W2 mean size of a file", "bytes", sum(one.size for one in planned) / count)
        measured.add("w2_disk", "W2 disk for a document, one copy", "bytes", disk / count)
    # A broker that has just started uses several times as much: nothing is to be computed from that.
    name = "W2" if bench.sizes.national_warm_up else "W2 on a cold broker"
    measured.add_cpu(f"{name}, with the tracker" if tracked else name, outcome.cpu, count)
    return _missing(outcome)


async def _tracker_caught_up(bench: Bench) -> None:
    database = Database.of(bench.rig.settings)
    try:
        async with Bus.connect(bench.rig.settings.kafka(), "bench") as bus:
            await caught_up(database, bus, timeout_seconds=bench.sizes.part_seconds)
    finally:
        database.close()


async def _on_schedule(bench: Bench, rate: float) -> tuple[float, float]:
    """The pattern at a fixed rate, for latencies; what is missing of it."""
    seconds = bench.sizes.national_seconds
    bench.say(f"W2: {rate:.0f} documents/s for {seconds:.0f} s")
    outcome = await _round(bench.rig, "w2-schedule", max(1, round(rate * seconds)), rate, bench.sizes.part_seconds)
    for name in ("p50", "p99"):
        # Of the processes the slower one: their deliveries are not put together.
        value = max(report[name] for report in outcome.reports.values())
        bench.measured.add(f"w2_{name}", f"W2 delivery at a tenth of that rate, {name}", "ms", value)
    return _missing(outcome)
