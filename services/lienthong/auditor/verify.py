"""The shell of an audit: takes snapshots, reads lane by lane, feeds the passes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from lienthong.auditor.findings import Findings
from lienthong.auditor.facts import LaneFacts
from lienthong.auditor.in_lane import InLane
from lienthong.auditor.judgement import DirectoryHistory, Rejudge
from lienthong.auditor.lane import Lane, LaneCounts, Rules
from lienthong.auditor.ledger_lane import LedgerLane
from lienthong.auditor.out_lane import OutLane
from lienthong.auditor.ranges import LaneRange, lane_range
from lienthong.auditor.report import Report
from lienthong.auditor.source import RecordSource, Span
from lienthong.kernel.clock import Clock, now_ms
from lienthong.kernel.errors import RejectedError, UnavailableError
from lienthong.kernel.ledger import is_genesis
from lienthong.kernel.reasons import Reason
from lienthong.kernel.seal import Purpose
from lienthong.kernel.topics import DIRECTORY, LEDGER, Partition, inbox, outbox
from lienthong.kernel.trust import Trust

__all__ = ["Options", "read_directory", "verify"]

_DIRECTORY = Partition(DIRECTORY, 0)
_BEYOND_RECORDS = 1_000
"""How far behind the last entry that is judged an out topic is read, so that shifted records are found."""


class Options(NamedTuple):
    """What is audited, and how strictly."""

    since: int | None = None
    """Ledger entries appended from then on, milliseconds since 1970 UTC; None: from the first."""
    until: int | None = None
    """Ledger entries appended before then; None: up to now."""
    grace_ms: int = 60_000
    """How long something may be on its way before its absence is damage."""
    clock_bound_ms: int = 600_000
    """How far intake's clock and the broker's may be apart."""


@dataclass(slots=True)
class _Snapshot:
    """Spans of everything, looked up against the stream: whatever an earlier one holds, a later one explains."""

    agencies: list[str]
    inboxes: dict[Partition, Span]
    ledger: dict[Partition, Span]
    outs: dict[Partition, Span]
    taken_at: int


async def verify(
    source: RecordSource,
    trust: Trust,
    options: Options = Options(),
    *,
    clock: Clock = now_ms,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Report:
    """Read everything again, compute every answer again, and compare.

    Args:
        source: where records are read.
        trust: the pinned trust anchor; nothing else is believed.
        options: what is audited, and how strictly.
        clock: time, milliseconds since 1970 UTC.
        progress: is told how many records have been read, and of how many.

    Raises:
        UnavailableError: Kafka does not answer, or holds no backbone.
        InvariantError: records vanished while they were read.
    """
    return await _Audit(source, trust, options, clock, progress).run()


async def read_directory(source: RecordSource, history: DirectoryHistory, findings: Findings, *, first: int = 0) -> int:
    """Read the directory topic from an offset on; what the operator did not sign is named.

    Returns:
        The offset to go on from.

    Raises:
        UnavailableError: there is no directory.
    """
    if not await source.partition_counts([DIRECTORY]):
        raise UnavailableError("there is no directory on this Kafka: it holds no backbone")
    begin, end = (await source.spans([_DIRECTORY]))[_DIRECTORY]
    async for _, records in source.read({_DIRECTORY: (max(begin, first), end)}):
        for record in records:
            if is_genesis(record):
                continue
            try:
                if record.value is None:
                    raise RejectedError(Reason.MALFORMED, "it has no value")
                history.take(record.value)
            except RejectedError as error:
                findings.add(_DIRECTORY, record.offset, f"the operator did not sign it: {error}")
    return end


class _Audit:
    def __init__(
        self,
        source: RecordSource,
        trust: Trust,
        options: Options,
        clock: Clock,
        progress: Callable[[int, int], None],
    ) -> None:
        self._source = source
        self._options = options
        self._clock = clock
        self._progress = progress
        self._trust = trust
        self._findings = Findings()
        self._history = DirectoryHistory(trust)
        self._done = 0
        self._total = 0

    async def run(self) -> Report:
        directory_end = await read_directory(self._source, self._history, self._findings)
        lanes = (await self._source.partition_counts([LEDGER])).get(LEDGER, 0)
        if not lanes:
            raise UnavailableError("there is no ledger on this Kafka: it holds no backbone")
        snapshot = await self._snapshot(lanes, directory_end)
        self._total = sum(
            end - begin for spans in (snapshot.inboxes, snapshot.ledger, snapshot.outs) for begin, end in spans.values()
        )
        topics = {outbox(agency): agency for agency in snapshot.agencies}
        generations = {
            topics[topic]: generation for topic, generation in (await self._source.generations(list(topics))).items()
        }
        rejudge = Rejudge(self._history, lanes)
        counts = [await self._lane(number, snapshot, generations, rejudge) for number in range(lanes)]
        return Report(self._trust.origin, counts, len(snapshot.agencies), self._history.count, self._findings)

    async def _snapshot(self, lanes: int, directory_end: int) -> _Snapshot:
        agencies = self._history.newest.connected()
        inboxes = await self._spans((inbox(agency) for agency in agencies), lanes)
        taken_at = self._clock()
        ledger = await self._source.spans([Partition(LEDGER, number) for number in range(lanes)])
        # Intake never judged by a fact that the directory does not hold by now.
        await read_directory(self._source, self._history, self._findings, first=directory_end)
        agencies = self._history.newest.connected()
        outs = await self._spans((outbox(agency) for agency in agencies), lanes)
        return _Snapshot(agencies, inboxes, ledger, outs, taken_at)

    async def _spans(self, topics: Iterable[str], lanes: int) -> dict[Partition, Span]:
        names = list(topics)
        counts = await self._source.partition_counts(names)
        partitions = []
        for name in names:
            if counts.get(name, 0) < lanes:
                what = "the topic does not exist" if name not in counts else f"it has {counts[name]} lanes, not {lanes}"
                self._findings.add(Partition(name, 0), 0, what)
            partitions += [Partition(name, number) for number in range(min(counts.get(name, 0), lanes))]
        return await self._source.spans(partitions)

    async def _lane(
        self, number: int, snapshot: _Snapshot, generations: Mapping[str, str], rejudge: Rejudge
    ) -> LaneCounts:
        ledger = Partition(LEDGER, number)
        span = snapshot.ledger[ledger]
        options = self._options
        chosen = await lane_range(self._source, ledger, span, options.since, options.until, options.grace_ms)
        lane = Lane(
            number,
            complete=chosen.read == 0,
            bounded=chosen.end < span[1],
            facts=LaneFacts(chosen.first),
            findings=self._findings,
            counts=LaneCounts(number),
        )
        if span[0] > 0:
            self._findings.note(ledger, span[0], "the ledger begins here: what came before is not verified")
        keys = self._history.newest.keys()
        rules = Rules(
            generations,
            frozenset(key.agency for key in keys if key.purpose == Purpose.RECEIPT),
            snapshot.taken_at,
            options.grace_ms,
            options.clock_bound_ms,
        )
        reconsidered = rejudge.reconsidered
        await self._read_ledger(lane, rejudge, rules, ledger, chosen)
        await self._read_outs(lane, rejudge, rules, snapshot)
        await self._read_inboxes(lane, rules, snapshot, span)
        lane.counts.reconsidered = rejudge.reconsidered - reconsidered
        lane.counts.verified = lane.facts.verified()
        return lane.counts

    async def _read_ledger(
        self, lane: Lane, rejudge: Rejudge, rules: Rules, ledger: Partition, chosen: LaneRange
    ) -> None:
        reading = LedgerLane(lane, rejudge, rules, first=chosen.read, judged_end=chosen.end)
        async for _, records in self._source.read({ledger: (chosen.read, chosen.read_end)}):
            reading.take(records)
            self._told(len(records))
        reading.finish()

    async def _read_outs(self, lane: Lane, rejudge: Rejudge, rules: Rules, snapshot: _Snapshot) -> None:
        readings: dict[Partition, OutLane] = {}
        spans: dict[Partition, Span] = {}
        for agency in snapshot.agencies:
            partition = Partition(outbox(agency), lane.number)
            if partition not in snapshot.outs:
                continue
            begin, end = snapshot.outs[partition]
            source = (agency, rules.generations.get(agency, ""))
            if source not in lane.places and agency in lane.generation:
                # The topic was made anew, which is named; it may still hold what the old one held.
                source = (agency, lane.generation[agency])
            places = lane.places.get(source)
            if places is not None:
                first = places.first
            elif lane.complete and lane.facts.first == 0:
                first = 0
            elif source in lane.last_before:
                first = lane.last_before[source] + 1
            else:
                continue
            if begin > first:
                self._findings.note(partition, begin, "the topic begins here: what came before is not verified")
                first = begin
            if lane.bounded:
                end = min(end, (places.end if places is not None else first) + _BEYOND_RECORDS)
            readings[partition] = OutLane(lane, agency, places, rejudge, rules, first=first)
            spans[partition] = (first, max(first, end))
        async for partition, records in self._source.read(spans):
            readings[partition].take(records)
            self._told(len(records))
        for reading in readings.values():
            reading.finish()

    async def _read_inboxes(self, lane: Lane, rules: Rules, snapshot: _Snapshot, ledger: Span) -> None:
        partitions = [one for one in snapshot.inboxes if one.number == lane.number]
        spans = {one: snapshot.inboxes[one] for one in partitions}
        bound = self._options.clock_bound_ms
        if self._options.since is not None:
            starts = await self._source.offsets_at(partitions, max(0, self._options.since - bound))
            for one, (begin, end) in spans.items():
                start = starts[one]
                spans[one] = (end if start is None else max(begin, min(start, end)), end)
        complete = lane.facts.first == 0
        readings = {
            one: InLane(
                lane,
                one.topic.removeprefix(inbox("")),
                rules,
                ledger_end=ledger[1],
                complete=complete and spans[one][0] == 0,
            )
            for one in partitions
        }
        for one in partitions:
            if complete and spans[one][0] > 0:
                self._findings.note(one, spans[one][0], "the topic begins here: what came before is not verified")
        async for partition, records in self._source.read(spans):
            readings[partition].take(records)
            self._told(len(records))
        for one, reading in readings.items():
            reading.finish(spans[one][1])
        lane.name_delivery_claims()

    def _told(self, count: int) -> None:
        self._done += count
        self._progress(self._done, self._total)
