"""One round of intake, pure: records of out topics in, ledger rows and quarantine rows out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from lienthong.kernel.bus import Row
from lienthong.kernel.errors import InvariantError
from lienthong.kernel.judge import Judge, Verdict
from lienthong.kernel.ledger import Record, Source, is_genesis, write_entry, write_opened
from lienthong.kernel.reasons import Reason
from lienthong.kernel.topics import LEDGER, QUARANTINE, Partition, owner_of_outbox

__all__ = ["Rejection", "Round", "judge_round"]

_LARGEST_HOLE = 1_000
_NO_RECORD = Verdict(Reason.NO_RECORD, "there is no record at this offset", None, None, ())


class Rejection(NamedTuple):
    """One rejected record, for the log: where it stands, its envelope id if it could be told, and why."""

    agency: str
    lane: int
    offset: int
    id: bytes | None
    reason: Reason
    detail: str


@dataclass(slots=True)
class Round:
    """What one round appends, where it goes on, and what is to be counted."""

    ledger: dict[Partition, list[Row]] = field(default_factory=dict)
    quarantine: dict[Partition, list[Row]] = field(default_factory=dict)
    positions: dict[Partition, int] = field(default_factory=dict)
    accepted: Counter[tuple[str, str]] = field(default_factory=Counter)
    rejected: Counter[tuple[str, str]] = field(default_factory=Counter)
    received_bytes: Counter[str] = field(default_factory=Counter)
    rejections: list[Rejection] = field(default_factory=list)

    def add(self, later: "Round") -> None:
        """Take in what comes after it; then they are appended and counted together."""
        for rows, more in ((self.ledger, later.ledger), (self.quarantine, later.quarantine)):
            for partition, some in more.items():
                rows.setdefault(partition, []).extend(some)
        self.positions.update(later.positions)
        self.accepted.update(later.accepted)
        self.rejected.update(later.rejected)
        self.received_bytes.update(later.received_bytes)
        self.rejections.extend(later.rejections)


def judge_round(
    records: Mapping[Partition, Sequence[Record]],
    *,
    positions: Mapping[Partition, int],
    generations: Mapping[str, str],
    judge: Judge,
    at: int,
) -> Round:
    """Judge what was read: every offset becomes exactly one ledger row, in order within its partition.

    An offset without a record (a transaction marker that the writer put there) becomes a rejected
    row of its own, so that source offsets stay dense.

    Args:
        records: records by out partition, in order.
        positions: the offset expected next of each partition.
        generations: ids of the out topics.
        judge: holds directory and verified seals.
        at: now, milliseconds since 1970 UTC.

    Raises:
        InvariantError: a hole larger than any marker leaves.
    """
    done = Round()
    known = judge.directory.known_at
    for partition, some in records.items():
        agency = owner_of_outbox(partition.topic)
        generation = generations[partition.topic]
        lane = partition.number
        rows = done.ledger.setdefault(Partition(LEDGER, lane), [])
        expected = positions[partition]
        for record in some:
            if record.offset - expected > _LARGEST_HOLE:
                raise InvariantError(
                    f"{partition.topic} lane {lane}: no records from offset {expected} to {record.offset}"
                )
            for missing in range(expected, record.offset):
                source = Source(agency, missing, generation)
                rows.append(Row(None, write_entry(source, _NO_RECORD, None, at=at, known=known)))
                done.rejected[agency, Reason.NO_RECORD] += 1
            expected = record.offset + 1
            source = Source(agency, record.offset, generation)
            if is_genesis(record):
                rows.append(Row(None, write_opened(source, at=at, known=known)))
                continue
            value = record.value
            done.received_bytes[agency] += len(value or b"")
            verdict = judge.verdict(value, agency=agency, lane=lane, at=at, known=known)
            headers = write_entry(source, verdict, value, at=at, known=known)
            if verdict.reason is None:
                rows.append(Row(value, headers))
                done.accepted[agency, str(verdict.kind)] += 1
            else:
                rows.append(Row(None, headers))
                done.quarantine.setdefault(Partition(QUARANTINE, lane), []).append(Row(value, headers))
                done.rejected[agency, verdict.reason] += 1
                done.rejections.append(
                    Rejection(agency, lane, record.offset, verdict.id, verdict.reason, verdict.detail)
                )
        done.positions[partition] = expected
    return done
