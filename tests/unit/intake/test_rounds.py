"""One round of intake: every offset of an out topic becomes exactly one ledger row, in order."""

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.kernel.world import (
    BENEATH,
    EPOCH,
    LANES,
    NOW,
    RECIPIENT,
    RECIPIENT_KEY,
    SENDER,
    THREAD,
    acknowledgement,
    document,
    judge_of,
    quick,
    seal,
)

from lienthong.intake.rounds import Round, judge_round
from lienthong.kernel.bus import Row
from lienthong.kernel.envelope import envelope_id
from lienthong.kernel.errors import InvariantError
from lienthong.kernel.fold import Count, LedgerFold
from lienthong.kernel.lanes import lane_of, thread_in_lane
from lienthong.kernel.ledger import GENESIS_HEADERS, Entry, Headers, Outcome, Record, Source, read_entry
from lienthong.kernel.reasons import Reason
from lienthong.kernel.statement import Statement, encode_statement
from lienthong.kernel.topics import LEDGER, QUARANTINE, Partition, outbox

LANE = lane_of(THREAD, LANES)
OUT = Partition(outbox(SENDER), LANE)
GENERATIONS = {outbox(SENDER): "a" * 32, outbox(RECIPIENT): "b" * 32}
JUDGE = judge_of()


class Rec(NamedTuple):
    """A record in memory."""

    topic: str
    partition: int
    offset: int
    value: bytes | None
    headers: Headers = ()
    timestamp: int = NOW


def record(offset: int, value: bytes | None, at: Partition = OUT, headers: Headers = ()) -> Rec:
    """A record of an out topic."""
    return Rec(at.topic, at.number, offset, value, headers)


def value_of(statement: Statement | None = None) -> bytes:
    """The value of an envelope that will be accepted."""
    statement = document() if statement is None else statement
    return seal([statement], signer=RECIPIENT_KEY if statement.sender == RECIPIENT else None or JUDGE_KEY)[0]


def judged(records: Sequence[Record], position: int = 0, at: Partition = OUT) -> Round:
    """One round with records of one partition."""
    return judge_round({at: records}, positions={at: position}, generations=GENERATIONS, judge=JUDGE, at=NOW)


def entries(rows: Sequence[Row], lane: int = LANE) -> list[Entry]:
    """The rows as they stand in the ledger."""
    return [read_entry(Rec(LEDGER, lane, offset, row.value, row.headers)) for offset, row in enumerate(rows)]
