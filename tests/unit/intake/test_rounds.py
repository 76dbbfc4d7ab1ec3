"""One round of intake: every offset of an out topic becomes exactly one ledger row, in order."""

from collections.abc import Sequence
from hashlib import sha256
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.intake.rounds import Round, judge_round
from lienthong.kernel.bus import Row
from lienthong.kernel.envelope import envelope_id
from lienthong.kernel.errors import InvariantError
from lienthong.kernel.fold import Count, LedgerFold
from lienthong.kernel.lanes import lane_of
from lienthong.kernel.ledger import GENESIS_HEADERS, Entry, Headers, Outcome, Source, read_entry
from lienthong.kernel.reasons import Reason
from lienthong.kernel.statement import Kind, encode_statement
from lienthong.kernel.topics import LEDGER, QUARANTINE, Partition, outbox
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

LANE = lane_of(THREAD, LANES)
OUT = Partition(outbox(SENDER), LANE)
OTHER_OUT = Partition(outbox(RECIPIENT), LANE)
GENERATIONS = {outbox(SENDER): "a" * 32, outbox(RECIPIENT): "b" * 32}
JUDGE = judge_of()
GOOD = seal([document()])[0]
ELSEWHERE = seal([document()], origin="elsewhere")[0]
BAD = b"\x00\x00\x00\x00\x01garbage"


class Rec(NamedTuple):
    """A record in memory."""

    topic: str
    partition: int
    offset: int
    value: bytes | None
    headers: Headers = ()
    timestamp: int = NOW


def record(offset: int, value: bytes | None = GOOD, at: Partition = OUT, headers: Headers = ()) -> Rec:
    """A record of an out topic."""
    return Rec(at.topic, at.number, offset, value, headers)


def genesis(at: Partition = OUT) -> Rec:
    """The first record of a partition, as provisioning writes it."""
    return record(0, None, at, GENESIS_HEADERS)


def judged(records: Sequence[Rec], position: int = 0) -> Round:
    """One round with records of one partition."""
    return judge_round({OUT: records}, positions={OUT: position}, generations=GENERATIONS, judge=JUDGE, at=NOW)


def entries(rows: Sequence[Row]) -> list[Entry]:
    """The rows as they will stand in the ledger."""
    return [read_entry(Rec(LEDGER, LANE, offset, row.value, row.headers)) for offset, row in enumerate(rows)]


def test_an_accepted_record_is_copied_as_it_is_with_the_verdict_in_headers() -> None:
    """The value is the bytes received; source, judgement, id, kind and routes are beside it."""
    statement = document(recipients=[BENEATH, RECIPIENT])
    value = seal([statement])[0]
    done = judged([record(7, value)], position=7)

    (row,) = done.ledger[Partition(LEDGER, LANE)]
    (entry,) = entries([row])
    assert value == row.value
    assert Entry(
        0, NOW, Outcome.ACCEPTED, Source(SENDER, 7, "a" * 32), NOW, EPOCH,
        envelope_id(encode_statement(statement)), Kind.DOCUMENT, (RECIPIENT,), "", "", b"",
    ) == entry  # fmt: skip
    assert {} == done.quarantine
    assert {OUT: 8} == done.positions
    assert ({(SENDER, "document"): 1}, {}, {SENDER: len(value)}) == (
        done.accepted, done.rejected, done.received_bytes,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (BAD, Reason.MALFORMED),
        (None, Reason.MALFORMED),
        (ELSEWHERE, Reason.WRONG_ORIGIN),
    ],
    ids=["garbage", "no value", "another backbone"],
)
def test_a_rejected_record_leaves_its_digest_in_the_ledger_and_its_bytes_in_quarantine(
    value: bytes | None, reason: Reason
) -> None:
    """What is rejected can be looked at, but does not stand in the ledger."""
    done = judged([record(0, value)])

    (row,) = done.ledger[Partition(LEDGER, LANE)]
    (entry,) = entries([row])
    assert row.value is None
    assert (Outcome.REJECTED, reason, (), sha256(value or b"").digest()) == (
        entry.outcome, entry.reason, entry.routes, entry.digest,
    )  # fmt: skip
    assert entry.detail
    assert {Partition(QUARANTINE, LANE): [Row(value, row.headers)]} == done.quarantine
    assert ({}, {(SENDER, reason): 1}, {SENDER: len(value or b"")}) == (
        done.accepted, done.rejected, done.received_bytes,
    )  # fmt: skip


def test_a_genesis_opens_its_source() -> None:
    """The first record of a partition becomes an entry that carries nothing and is not counted."""
    done = judged([genesis(), record(1)])

    opened, accepted = entries(done.ledger[Partition(LEDGER, LANE)])
    assert (Outcome.OPENED, Source(SENDER, 0, "a" * 32), None, None) == (
        opened.outcome, opened.source, opened.id, opened.kind,
    )  # fmt: skip
    assert (Outcome.ACCEPTED, 1) == (accepted.outcome, accepted.source.offset)
    assert ({(SENDER, "document"): 1}, {}) == (done.accepted, done.rejected)


def test_what_only_looks_like_a_genesis_is_judged() -> None:
    """An agency that writes such a record later has it rejected like anything else without a value."""
    done = judged([record(5, None, headers=GENESIS_HEADERS)], position=5)
    assert {(SENDER, Reason.MALFORMED): 1} == done.rejected


def test_holes_become_entries_of_their_own() -> None:
    """Offsets that a transaction marker took are said to be empty, so that sources stay dense."""
    done = judged([record(2), record(3, BAD), record(6)], position=1)

    found = entries(done.ledger[Partition(LEDGER, LANE)])
    assert [1, 2, 3, 4, 5, 6] == [entry.source.offset for entry in found]
    assert ["no_record", "", "malformed", "no_record", "no_record", ""] == [entry.reason for entry in found]
    assert {(SENDER, Reason.NO_RECORD): 3, (SENDER, Reason.MALFORMED): 1} == done.rejected
    # There is nothing to keep of a hole.
    assert 1 == sum(map(len, done.quarantine.values()))
    assert {OUT: 7} == done.positions


def test_a_hole_that_no_marker_leaves_is_an_alarm() -> None:
    """A thousand empty offsets are filled, more stop the lane."""
    assert 1_001 == len(judged([record(1_000)]).ledger[Partition(LEDGER, LANE)])
    with pytest.raises(InvariantError, match=f"{OUT.topic} lane {LANE}: no records from offset 0 to 1001"):
        judged([record(1_001)])


def test_sources_of_one_lane_share_its_ledger_partition_each_in_order() -> None:
    """Rows of several agencies stand in one partition; each has its own generation and its own counts."""
    answer = seal([acknowledgement()], signer=RECIPIENT_KEY)[0]
    done = judge_round(
        {OUT: [record(4), record(5)], OTHER_OUT: [record(9, answer, OTHER_OUT)]},
        positions={OUT: 4, OTHER_OUT: 9},
        generations=GENERATIONS,
        judge=JUDGE,
        at=NOW,
    )

    assert [Partition(LEDGER, LANE)] == list(done.ledger)
    assert [(SENDER, 4, "a" * 32), (SENDER, 5, "a" * 32), (RECIPIENT, 9, "b" * 32)] == [
        entry.source for entry in entries(done.ledger[Partition(LEDGER, LANE)])
    ]
    assert {OUT: 6, OTHER_OUT: 10} == done.positions
    assert {(SENDER, "document"): 2, (RECIPIENT, "acknowledgement"): 1} == done.accepted


def test_lanes_stay_apart() -> None:
    """Lane n of an out topic feeds partition n of the ledger, and its quarantine."""
    other = Partition(OUT.topic, (LANE + 1) % LANES)
    done = judge_round(
        {OUT: [record(0)], other: [record(0, at=other)]},
        positions={OUT: 0, other: 0}, generations=GENERATIONS, judge=JUDGE, at=NOW,
    )  # fmt: skip

    assert {LANE: [""], other.number: ["wrong_lane"]} == {
        partition.number: [entry.reason for entry in entries(rows)] for partition, rows in done.ledger.items()
    }
    assert [Partition(QUARANTINE, other.number)] == list(done.quarantine)


@given(
    offsets=st.sets(st.integers(1, 40), min_size=1).map(sorted),
    values=st.lists(st.sampled_from([GOOD, BAD, None]), min_size=40, max_size=40),
    cuts=st.sets(st.integers(1, 40)).map(sorted),
)
@quick
def test_every_offset_becomes_one_row_however_the_rounds_are_cut(
    offsets: list[int], values: list[bytes | None], cuts: list[int]
) -> None:
    """Cut anywhere, the rounds give the same sources: all offsets, in order, each once; the fold finds no gap.

    Added up, they are what is judged in one go.
    """
    records = [genesis(), *(record(offset, values[offset - 1]) for offset in offsets)]
    position = 0
    together = Round()
    for first, end in pairwise([0, *cuts, 41]):
        some = [one for one in records if first <= one.offset < end]
        if some:
            done = judged(some, position)
            together.add(done)
            position = done.positions[OUT]

    assert judged(records) == together
    found = entries(together.ledger[Partition(LEDGER, LANE)])
    assert list(range(offsets[-1] + 1)) == [entry.source.offset for entry in found]
    fold = LedgerFold(complete=True)
    assert Count.REPEAT not in [fold.take(entry) for entry in found]
