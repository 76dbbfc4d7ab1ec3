"""The end of an inbox: whatever was written after the highest number, it is found, and no more is read than needed."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.dispatch.inboxes import Inbox
from lienthong.dispatch.tails import Tail
from lienthong.kernel.bus import Appended
from lienthong.kernel.ledger import GENESIS_HEADERS, Delivery, write_delivery
from lienthong.kernel.topics import Partition, inbox
from unit.dispatch.test_inboxes import Rec
from unit.kernel.world import NOW, quick

ONE = Partition(inbox("H26"), 1)
BETWEEN = 10
"""Ledger positions from one entry of the inbox to the next: entry n stands at n times this."""


def log_of(numbers: Sequence[int], *, genesis: bool = True) -> list[Rec]:
    """An inbox in which these numbers were written one after the other."""
    log = [Rec(*ONE, 0, None, GENESIS_HEADERS)] if genesis else []
    for number in numbers:
        headers = write_delivery(Delivery(number, number * BETWEEN, NOW, NOW, bytes(32), "document"))
        log.append(Rec(*ONE, len(log), b"", headers))
    return log


def read(log: Sequence[Rec], known: int | None = None, begin: int = 0) -> tuple[Inbox, int]:
    """What is found out about the inbox, and how many records were read for it."""
    tail = Tail(begin, len(log), known)
    count = 0
    while not tail.proven:
        some = log[slice(*tail.further())]
        assert some, "nothing more to read, and yet not proven"
        count += len(some)
        for record in some:
            tail.take(record)
        tail.read()
    return tail.state, count


def test_without_repeats_the_last_record_is_enough() -> None:
    """Its number is its offset; an inbox without a genesis needs no more."""
    assert (Inbox(5_000, 50_000, 5_001), 1) == read(log_of(range(1, 5_001)))
    assert (Inbox(5_000, 50_000, 5_000), 1) == read(log_of(range(1, 5_001), genesis=False))


def test_an_empty_inbox_has_no_number() -> None:
    """With and without a genesis."""
    assert (Inbox(end=0), 0) == read([])
    assert (Inbox(end=1), 1) == read(log_of([]))


def test_the_highest_number_is_found_before_any_number_of_repeats() -> None:
    """A zombie may have written more old numbers than any fixed look back."""
    log = log_of([*range(1, 20_001), *range(1, 10_001)])
    assert Inbox(20_000, 200_000, 30_001) == read(log)[0]


def test_what_is_known_to_be_delivered_makes_it_cheap() -> None:
    """After repeats of long ago the last record proves that it is the highest, if it is the last entry delivered."""
    log = log_of([*range(1, 5_001), *range(1, 5_001), *range(5_001, 6_001)])
    state, count = read(log, known=6_000 * BETWEEN)
    assert (6_000, 1) == (state.sequence, count)
    state, count = read(log)
    assert 6_000 == state.sequence
    assert count > 5_000


def test_it_is_read_back_to_what_is_known_to_be_delivered_and_not_much_further() -> None:
    """A late batch of old numbers lies behind it."""
    log = log_of([*range(1, 5_001), *range(4_001, 4_101)])
    state, count = read(log, known=5_000 * BETWEEN)
    assert 5_000 == state.sequence
    assert 100 < count <= 1_000


def test_strange_records_are_named_and_say_nothing_about_where_it_stands() -> None:
    """A number that no log without gaps has at this place, and what is no delivery."""
    log = log_of([*range(1, 101), 1_000])
    log.append(Rec(*ONE, len(log), b"", ()))
    tail = Tail(0, len(log), 100 * BETWEEN)
    while not tail.proven:
        for record in log[slice(*tail.further())]:
            tail.take(record)
        tail.read()
    assert Inbox(100, 100 * BETWEEN, 103) == tail.state
    assert not tail.lacking
    assert 2 == tail.strange.count
    assert "offset 102 is not a delivery" in tail.strange.first

    alone = Tail(0, len(log))
    alone.take(log[101])
    assert "offset 101: number 1000 cannot stand here" in alone.strange.first


def test_what_we_appended_ourselves_when_the_log_was_another_says_nothing() -> None:
    """The log lost its last record, or one of one record was made again: the number fits its place all the same."""
    for kept in (0, 99):
        log = log_of([*range(1, kept + 1), kept + 2])
        misplaced = Appended(len(log) - 1, len(log) - 1)
        tail = Tail(0, len(log), (kept + 1) * BETWEEN, misplaced)
        while not tail.proven:
            for record in log[slice(*tail.further())]:
                tail.take(record)
            tail.read()
        assert kept == tail.state.sequence
        assert tail.lacking
        assert 1 == tail.strange.count


def test_an_inbox_that_lost_its_beginning_is_read_back_to_what_is_left() -> None:
    """Nothing before the first offset of the log is asked for."""
    log = log_of([*range(1, 101), *range(1, 51)])
    assert Inbox(50, 500, 151) == read(log, begin=101)[0]
    assert Inbox(100, 1_000, 151) == read(log, begin=100)[0]


def written(highest: int, batches: Sequence[tuple[int, int]]) -> list[int]:
    """Numbers as dispatchers write them: each batch begins anywhere and is never a gap for a reader."""
    numbers: list[int] = []
    for first, count in batches:
        begin = min(first, max(numbers, default=0) + 1)
        numbers += [number for number in range(begin, begin + count) if number <= highest]
    return numbers


@given(
    batches=st.lists(st.tuples(st.integers(1, 60), st.integers(1, 30)), max_size=8),
    committed=st.integers(0, 60),
    genesis=st.booleans(),
)
@quick
def test_one_can_always_go_on(batches: list[tuple[int, int]], committed: int, genesis: bool) -> None:
    """The number found is that of its entry, the highest or at least that of the last entry delivered."""
    numbers = written(60, batches)
    highest = max(numbers, default=0)
    log = log_of(numbers, genesis=genesis)
    assert highest == read(log)[0].sequence
    committed = min(committed, highest)
    state = read(log, known=committed * BETWEEN if committed else None)[0]
    assert committed <= state.sequence <= highest
    assert len(log) == state.end
    assert state.position == (state.sequence * BETWEEN if state.sequence else -1)


@pytest.mark.parametrize("known", [None, 10])
def test_each_look_goes_further_back(known: int | None) -> None:
    """Eight times as far, side by side with what was read, so that nothing is read twice."""
    tail = Tail(0, 1_000, known)
    spans = []
    for _ in range(4):
        spans.append(tail.further())
        tail.read()
    assert [(999, 1_000), (992, 999), (936, 992), (488, 936)] == spans


def test_an_inbox_that_lacks_what_was_delivered_says_so() -> None:
    """Made again, or written by a dispatcher that another one's commit took further: going on would leave out some."""
    for log, lacking in (
        (log_of(range(1, 101)), False),
        (log_of(range(1, 121)), False),
        (log_of(range(1, 100)), True),
        (log_of([]), True),
        ([], True),
        (log_of([*range(1, 51), *range(1, 31)]), True),
    ):
        tail = Tail(0, len(log), 100 * BETWEEN)
        while not tail.proven:
            for record in log[slice(*tail.further())]:
                tail.take(record)
            tail.read()
        assert lacking is tail.lacking
    assert not Tail(0, 0, None).lacking
