"""The shell of a replay: reads three partitions a lane, writes lines and files, never over what is there."""

import json
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NamedTuple, Self

from lienthong.auditor.facts import LaneFacts
from lienthong.auditor.findings import Findings
from lienthong.auditor.judgement import DirectoryHistory, Rejudge
from lienthong.auditor.lane import Lane, LaneCounts, Rules
from lienthong.auditor.lines import FILES, Line
from lienthong.auditor.options import EVERYTHING, Options, Progress, silent
from lienthong.auditor.ranges import LaneRange, lane_range
from lienthong.auditor.replay import LaneReplay
from lienthong.auditor.snapshot import read_directory
from lienthong.auditor.source import RecordSource
from lienthong.kernel.clock import Clock, now_ms
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.topics import LEDGER, Partition, inbox, outbox
from lienthong.kernel.trust import Trust

__all__ = ["LINES", "Replayed", "replay"]

LINES = "replay.jsonl"
"""Name of the file with the lines."""


class Replayed(NamedTuple):
    """What a replay wrote."""

    folder: Path
    sent: int
    received: int
    unverified: int
    """Lines that could not be verified; each says why."""
    files: int
    """Different attachments."""
    not_in_out: int
    """Entries of the ledger whose record the agency's out topic does not hold."""
    not_delivered: int
    """Entries that the inbox does not hold, or not yet."""
    gaps: int
    """Places at which the ledger or the inbox lacks records."""

    @property
    def clean(self) -> bool:
        """Whether everything was verified and nothing that should be there is missing."""
        return not (self.unverified or self.not_in_out or self.gaps)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {**self._asdict(), "folder": str(self.folder), "clean": self.clean}


async def replay(
    source: RecordSource,
    trust: Trust,
    agency: str,
    folder: Path,
    options: Options = EVERYTHING,
    *,
    clock: Clock = now_ms,
    progress: Progress = silent,
) -> Replayed:
    """Export what an agency sent and received, verified.

    Args:
        source: where records are read.
        trust: the pinned trust anchor.
        agency: a connected agency's code.
        folder: where to write; made if it is not there.
        options: which times.
        clock: time, milliseconds since 1970 UTC.
        progress: is told how many records have been read.

    Raises:
        UnavailableError: Kafka does not answer, or holds no backbone.
        ValueError: the agency has no topics, or the folder holds a replay.
    """
    history = DirectoryHistory(trust)
    directory_end = await read_directory(source, history, Findings())
    counts = await source.partition_counts([LEDGER, outbox(agency), inbox(agency)])
    lanes = counts.get(LEDGER, 0)
    if not lanes:
        raise UnavailableError("there is no ledger on this Kafka: it holds no backbone")
    if agency not in history.newest.connected() or len(counts) < 3:  # noqa: PLR2004 - ledger, out and in
        raise ValueError(f"{agency} is not a connected agency of {trust.origin}")
    exporting = _Export(source, Rejudge(history, lanes), directory_end, agency, options, clock, progress)
    with _Writer(folder) as writer:
        for number in range(lanes):
            await exporting.lane(number, writer)
    return Replayed(
        folder, writer.sent, writer.received, writer.unverified, writer.files,
        exporting.not_in_out, exporting.not_delivered, exporting.gaps,
    )  # fmt: skip


class _Writer:
    """Writes lines and files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines: IO[str] | None = None
        self._known: set[str] = set()
        self.sent = self.received = self.unverified = 0

    @property
    def files(self) -> int:
        return len(self._known)

    def __enter__(self) -> Self:
        (self._folder / FILES).mkdir(parents=True, exist_ok=True)
        path = self._folder / LINES
        try:
            self._lines = path.open("x", encoding="utf-8")
        except FileExistsError as error:
            raise ValueError(f"{path} is there already: evidence is not written over, name another folder") from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._lines is not None:
            self._lines.close()

    def write(self, line: Line) -> None:
        for name, content in line.contents.items():
            if name not in self._known:
                self._known.add(name)
                # The name is the content's hash: what is there already is the same.
                with suppress(FileExistsError), (self._folder / FILES / name).open("xb") as file:
                    file.write(content)
        if line.fields["direction"] == "sent":
            self.sent += 1
        else:
            self.received += 1
        self.unverified += not line.fields["verified"]
        if self._lines is not None:
            self._lines.write(json.dumps(line.fields, ensure_ascii=False) + "\n")


class _Export:
    def __init__(
        self,
        source: RecordSource,
        rejudge: Rejudge,
        directory_end: int,
        agency: str,
        options: Options,
        clock: Clock,
        progress: Progress,
    ) -> None:
        self._source = source
        self._rejudge = rejudge
        self._directory_end = directory_end
        self._agency = agency
        self._options = options
        self._clock = clock
        self._progress = progress
        self._done = 0
        self.not_in_out = self.not_delivered = self.gaps = 0

    async def lane(self, number: int, writer: _Writer) -> None:
        ledger = Partition(LEDGER, number)
        out, inwards = Partition(outbox(self._agency), number), Partition(inbox(self._agency), number)
        # The inbox first: whatever it holds, the ledger explains; and what that holds, the out topic.
        inbox_span = (await self._source.spans([inwards]))[inwards]
        now = self._clock()
        span = (await self._source.spans([ledger]))[ledger]
        out_span = (await self._source.spans([out]))[out]
        # Intake never judged by a fact that the directory does not hold by now.
        self._directory_end = await read_directory(
            self._source, self._rejudge.history, Findings(), first=self._directory_end
        )
        chosen = await lane_range(self._source, ledger, span, self._options.since, self._options.until)
        bounded = chosen.end < span[1]
        reading = await self._reading(number, chosen, now, bounded=bounded)
        async for _, records in self._source.read({ledger: (chosen.read, chosen.end)}):
            reading.take_ledger(records)
            self._told(len(records))
        first = reading.first_sent
        if first is not None:
            end = min(out_span[1], reading.end_sent) if bounded else out_span[1]
            async for _, records in self._source.read({out: (max(first, out_span[0]), end)}):
                for line in reading.take_out(records):
                    writer.write(line)
                self._told(len(records))
        begin = inbox_span[0]
        if self._options.since is not None:
            since = max(0, self._options.since - self._options.clock_bound_ms)
            found = (await self._source.offsets_at([inwards], since))[inwards]
            begin = inbox_span[1] if found is None else max(begin, min(found, inbox_span[1]))
        async for _, records in self._source.read({inwards: (begin, inbox_span[1])}):
            for line in reading.take_inbox(records):
                writer.write(line)
            self._told(len(records))
        lost, not_delivered = reading.left()
        self.not_in_out += lost
        self.not_delivered += not_delivered
        self.gaps += reading.gaps

    async def _reading(self, number: int, chosen: LaneRange, now: int, *, bounded: bool) -> LaneReplay:
        topics = {outbox(agency): agency for agency in self._rejudge.judge.directory.connected()}
        found = await self._source.generations(list(topics))
        rules = Rules(
            {topics[topic]: generation for topic, generation in found.items()},
            frozenset(),
            now,
            self._options.grace_ms,
            self._options.clock_bound_ms,
        )
        lane = Lane(
            number,
            complete=chosen.read == 0,
            bounded=bounded,
            facts=LaneFacts(chosen.first),
            findings=Findings(),
            counts=LaneCounts(number),
        )
        return LaneReplay(self._agency, lane, self._rejudge, rules, judged_end=chosen.end)

    def _told(self, count: int) -> None:
        self._done += count
        self._progress(self._done, 0)
