"""W3: how the rate goes as agencies grow: 10, 100, 1,000, each of which sends its share to the next one.

A thousand clients do not fit on the machine that is measured. So one process seals and appends for all senders
and one reads all inboxes, whatever the number of agencies: with the kernel and the bus, in the same topics, with
the same seals, sequence numbers and verification, but without the store on disk and without acknowledgements.
The agencies are added to one backbone, so the steps follow one another, each after rounds that warm up.
"""

from collections.abc import Sequence

from bench.bulk import fill, ring
from bench.crew import Gate, Outcome, Role, run_crew
from bench.figures import Figure, ratios
from bench.rig import Rig
from bench.workload import Bench
from lienthong.kernel.bus import Bus
from lienthong.kernel.directory_reader import DirectoryReader
from lienthong.kernel.envelope import OpenedEnvelope
from lienthong.kernel.errors import InvariantError
from lienthong.kernel.fold import Order, compare
from lienthong.kernel.judge import Judge
from lienthong.kernel.lanes import EXPRESS_LANE
from lienthong.kernel.ledger import Record, is_genesis, read_delivery
from lienthong.kernel.statement import Kind
from lienthong.kernel.topics import LEDGER, Partition, inbox
from lienthong.runtime.settings import Settings

__all__ = ["Inboxes", "fleet"]

_REST_MS = 100
"""One reader stands for many: it asks for all inboxes at once, and lets much gather, as many readers would."""
_ROUND_RECORDS = 5_000


class Inboxes:
    """All inboxes as their readers see them: sequence compared, envelope opened, its id compared."""

    def __init__(self, judge: Judge, ends: dict[Partition, int]) -> None:
        self._judge = judge
        # Without repeats the number of a record is its offset.
        self._last = {partition: end - 1 for partition, end in ends.items()}

    def take(self, partition: Partition, records: Sequence[Record]) -> list[OpenedEnvelope]:
        """What new records say.

        Raises:
            InvariantError: a gap, or not the envelope that its header names.
        """
        taken = []
        for record in records:
            if is_genesis(record):
                continue
            headers = read_delivery(record)
            order = compare(self._last[partition], headers.sequence)
            if order is Order.GAP:
                raise InvariantError(f"{partition.topic} lane {partition.number}: a gap before {headers.sequence}")
            if order is Order.REPEAT:
                continue
            self._last[partition] = headers.sequence
            opened = self._judge.open(record.value or b"", at=headers.judged_at)
            if opened.id != headers.id:
                raise InvariantError(
                    f"{partition.topic} lane {partition.number}: another envelope than its header says"
                )
            taken.append(opened)
        return taken


async def _read(gate: Gate, settings: Settings, agencies: Sequence[str], count: int) -> None:
    async with Bus.connect(settings.kafka(), "bench-readers") as bus:
        directory = await DirectoryReader(bus, settings.trust()).load()
        lanes = await bus.lanes(LEDGER)
        partitions = [
            Partition(inbox(agency), lane) for agency in agencies for lane in range(lanes) if lane != EXPRESS_LANE
        ]
        async with bus.reader(rest_ms=_REST_MS, always_rest=True) as reader:
            ends = await reader.ends(partitions)
            await reader.assign(ends)
            inboxes = Inboxes(Judge(directory, lanes), ends)
            await gate.enter()
            documents = 0
            while documents < count:
                for partition, records in (await reader.take(0.25, _ROUND_RECORDS)).items():
                    documents += sum(one.statement.kind is Kind.DOCUMENT for one in inboxes.take(partition, records))
            gate.report()


async def _round(rig: Rig, agencies: Sequence[str], mark: str, count: int, timeout_seconds: float) -> Outcome:
    roles = [
        Role("senders", fill, (rig.settings, ring(agencies), count, mark)),
        Role("readers", _read, (rig.settings, agencies, count)),
    ]
    return await run_crew(roles, counting=("readers",), timeout_seconds=timeout_seconds, watch=rig.watch)


async def fleet(bench: Bench, agencies: int) -> None:
    """Rounds with so many agencies; those that warm up also pay for the first use of each inbox."""
    rig, sizes, measured = bench.rig, bench.sizes, bench.measured
    bench.say(f"W3: connecting agencies up to {agencies}")
    await rig.grow(agencies)
    taking_part = rig.agencies[:agencies]
    name = f"W3 with {agencies:,} agencies"
    for number in range(1 - sizes.fleet_warm_ups, 1 + sizes.fleet_rounds):
        counts = number > 0
        mark = f"w3-{agencies}-{number}" if counts else f"w3-{agencies}-warm-up-{1 - number}"
        bench.say(f"{mark}: {sizes.fleet_documents} documents")
        outcome = await _round(rig, taking_part, mark, sizes.fleet_documents, sizes.part_seconds)
        if counts:
            rate = sizes.fleet_documents / outcome.reports["readers"]["seconds"]
            measured.add(f"w3_{agencies}", name, "documents/s", rate)
            measured.add_cpu(name, outcome.cpu, sizes.fleet_documents)
    least = sizes.fleets[0]
    if agencies > least and measured.values(f"w3_{least}"):
        quotients = ratios(measured.values(f"w3_{agencies}"), measured.values(f"w3_{least}"))
        key = f"w3_{agencies}_by_{least}"
        measured.figures[key] = Figure(f"W3 {agencies:,} ÷ {least} agencies", "×", quotients)
