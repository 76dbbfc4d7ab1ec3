"""What is read before lanes are: the directory, and where every partition ends."""

from collections.abc import Iterable
from dataclasses import dataclass

from lienthong.auditor.findings import Findings
from lienthong.auditor.judgement import DirectoryHistory
from lienthong.auditor.source import RecordSource, Span
from lienthong.kernel.clock import Clock
from lienthong.kernel.errors import RejectedError, UnavailableError
from lienthong.kernel.ledger import is_genesis
from lienthong.kernel.reasons import Reason
from lienthong.kernel.topics import DIRECTORY, LEDGER, Partition, inbox, outbox

__all__ = ["Snapshot", "read_directory", "take_snapshot"]

_DIRECTORY = Partition(DIRECTORY, 0)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Spans of everything, looked up against the stream: what an earlier one holds, a later one explains."""

    lanes: int
    agencies: list[str]
    """Connected agencies."""
    inboxes: dict[Partition, Span]
    ledger: dict[Partition, Span]
    outs: dict[Partition, Span]
    generations: dict[str, str]
    """Id of the out topic of each agency that has one."""
    taken_at: int
    """Milliseconds since 1970 UTC."""

    @property
    def records(self) -> int:
        """Number of records in all of it."""
        return sum(end - begin for one in (self.inboxes, self.ledger, self.outs) for begin, end in one.values())


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
                findings.add(_DIRECTORY, record.offset, f"this is no record of the operator: {error}")
    return end


async def take_snapshot(source: RecordSource, history: DirectoryHistory, findings: Findings, clock: Clock) -> Snapshot:
    """Read the directory and look up where every partition ends.

    Raises:
        UnavailableError: there is no backbone.
    """
    directory_end = await read_directory(source, history, findings)
    lanes = (await source.partition_counts([LEDGER])).get(LEDGER, 0)
    if not lanes:
        raise UnavailableError("there is no ledger on this Kafka: it holds no backbone")
    inboxes = await _spans(source, map(inbox, history.newest.connected()), lanes, findings)
    taken_at = clock()
    ledger = await source.spans([Partition(LEDGER, number) for number in range(lanes)])
    # Intake never judged by a fact that the directory does not hold by now.
    await read_directory(source, history, findings, first=directory_end)
    agencies = history.newest.connected()
    topics = {outbox(agency): agency for agency in agencies}
    outs = await _spans(source, topics, lanes, findings)
    found = await source.generations(list(topics))
    generations = {topics[topic]: generation for topic, generation in found.items()}
    return Snapshot(lanes, agencies, inboxes, ledger, outs, generations, taken_at)


async def _spans(source: RecordSource, topics: Iterable[str], lanes: int, findings: Findings) -> dict[Partition, Span]:
    names = list(topics)
    counts = await source.partition_counts(names)
    partitions = []
    for name in names:
        count = counts.get(name, 0)
        if count != lanes:
            what = f"it has {count} lanes, not {lanes}" if count else "the topic does not exist"
            findings.add(Partition(name, 0), 0, what)
        partitions += [Partition(name, number) for number in range(min(count, lanes))]
    return await source.spans(partitions)
