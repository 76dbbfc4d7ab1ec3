"""The shell of an audit: takes snapshots, reads lane by lane, feeds the passes."""

from lienthong.auditor.facts import LaneFacts
from lienthong.auditor.findings import Findings
from lienthong.auditor.in_lane import InLane
from lienthong.auditor.judgement import DirectoryHistory, Rejudge
from lienthong.auditor.lane import Lane, LaneCounts, Rules
from lienthong.auditor.ledger_lane import LedgerLane
from lienthong.auditor.options import EVERYTHING, Options, Progress, silent
from lienthong.auditor.out_lane import OutLane
from lienthong.auditor.ranges import LaneRange, lane_range
from lienthong.auditor.report import Report
from lienthong.auditor.snapshot import Snapshot, take_snapshot
from lienthong.auditor.source import RecordSource, Span
from lienthong.kernel.clock import Clock, now_ms
from lienthong.kernel.seal import Purpose
from lienthong.kernel.topics import LEDGER, Partition, inbox, outbox
from lienthong.kernel.trust import Trust

__all__ = ["verify"]

_BEYOND_RECORDS = 1_000
"""How far behind the last entry that is judged an out topic is read, so that shifted records are found."""


async def verify(
    source: RecordSource,
    trust: Trust,
    options: Options = EVERYTHING,
    *,
    clock: Clock = now_ms,
    progress: Progress = silent,
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


class _Audit:
    def __init__(
        self,
        source: RecordSource,
        trust: Trust,
        options: Options,
        clock: Clock,
        progress: Progress,
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
        snapshot = await take_snapshot(self._source, self._history, self._findings, self._clock)
        self._total = snapshot.records
        rejudge = Rejudge(self._history, snapshot.lanes)
        counts = [await self._lane(number, snapshot, rejudge) for number in range(snapshot.lanes)]
        return Report(self._trust.origin, counts, len(snapshot.agencies), self._history.count, self._findings)

    async def _lane(self, number: int, snapshot: Snapshot, rejudge: Rejudge) -> LaneCounts:
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
            snapshot.generations,
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

    async def _read_outs(self, lane: Lane, rejudge: Rejudge, rules: Rules, snapshot: Snapshot) -> None:
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

    async def _read_inboxes(self, lane: Lane, rules: Rules, snapshot: Snapshot, ledger: Span) -> None:
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
