"""Numbering of inboxes: the same entries get the same numbers, whoever writes them, and however often."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lienthong.dispatch.inboxes import Inbox, Inboxes, Strange
from lienthong.dispatch.tails import Tail
from lienthong.kernel.bus import Appended, Row
from lienthong.kernel.errors import InvariantError
from lienthong.kernel.fold import Count, Order, compare
from lienthong.kernel.ledger import (
    GENESIS_HEADERS,
    Delivery,
    Entry,
    Headers,
    Outcome,
    Source,
    read_delivery,
    write_delivery,
)
from lienthong.kernel.topics import LEDGER, Partition, inbox
from lienthong.runtime.ledger_follower import Taken
from unit.kernel.world import NOW, quick

ONE, TWO = Partition(inbox("H26"), 1), Partition(inbox("H37"), 1)


class Rec(NamedTuple):
    """A record in memory."""

    topic: str
    partition: int
    offset: int
    value: bytes | None
    headers: Headers = ()
    timestamp: int = NOW


def taken(position: int, *routes: str, lane: int = 1) -> Taken:
    """An accepted entry at a ledger position."""
    identity = sha256(b"%d" % position).digest()
    source = Source("G22", position, "a" * 32)
    entry = Entry(
        position, NOW, Outcome.ACCEPTED, source, NOW + position, NOW, identity, "document", routes, "", "", b""
    )
    return Taken(lane, Rec(LEDGER, lane, position, b"value %d" % position), entry, Count.COUNTS)


def delivered(offset: int, sequence: int, position: int) -> Rec:
    """A record of an inbox."""
    delivery = Delivery(sequence, position, NOW, NOW, bytes(32), "document")
    return Rec(ONE.topic, ONE.number, offset, b"", write_delivery(delivery))


def deliveries(rows: Iterable[Row]) -> list[Delivery]:
    """What the headers of rows say."""
    return [read_delivery(Rec(ONE.topic, ONE.number, 0, row.value, row.headers)) for row in rows]


def inboxes(**states: Inbox) -> Inboxes:
    """Inboxes of H26 and H37, fresh but for their genesis unless given."""
    made = Inboxes()
    made.set({ONE: states.get("one", Inbox(end=1)), TWO: states.get("two", Inbox(end=1))})
    return made


def test_each_recipient_gets_the_same_bytes_under_its_own_number() -> None:
    """Numbers rise by one within each inbox; value, id, kind and judgement are the ledger's."""
    rows = inboxes(two=Inbox(sequence=6, position=3, end=7)).number([taken(4, "H26", "H37"), taken(5, "H37")])

    assert {ONE: [b"value 4"], TWO: [b"value 4", b"value 5"]} == {
        partition: [row.value for row in some] for partition, some in rows.items()
    }
    identity = sha256(b"4").digest()
    assert [Delivery(1, 4, NOW + 4, NOW, identity, "document")] == deliveries(rows[ONE])
    assert [(7, 4), (8, 5)] == [(one.sequence, one.position) for one in deliveries(rows[TWO])]


def test_what_an_inbox_holds_already_is_left_out() -> None:
    """Entries up to the position an inbox stands for were delivered by an earlier run."""
    made = inboxes(one=Inbox(sequence=2, position=10, end=3))
    rows = made.number([taken(9, "H26"), taken(10, "H26", "H37"), taken(11, "H26")])

    assert {ONE: [(3, 11)], TWO: [(1, 10)]} == {
        partition: [(one.sequence, one.position) for one in deliveries(some)] for partition, some in rows.items()
    }
    assert {} == made.number([taken(9, "H26"), taken(11, "H26")])


def test_entries_without_an_id_go_nowhere() -> None:
    """An entry that could not be told apart has no recipients either."""
    without = taken(4, "H26")
    assert {} == inboxes().number([without._replace(entry=without.entry._replace(id=None))])


def test_lanes_are_numbered_apart() -> None:
    """Each lane of an inbox has numbers of its own."""
    made = inboxes()
    other = Partition(ONE.topic, 0)
    made.set({other: Inbox(end=1)})
    assert ONE in made
    assert Partition(ONE.topic, 2) not in made

    rows = made.number([taken(4, "H26"), taken(4, "H26", lane=0), taken(5, "H26")])
    assert {ONE: [1, 2], other: [1]} == {
        partition: [one.sequence for one in deliveries(some)] for partition, some in rows.items()
    }


def test_offsets_tell_when_somebody_else_has_written() -> None:
    """Before our rows or between them: the inbox is read from where we knew it; otherwise we go on."""
    made = inboxes(one=Inbox(end=1), two=Inbox(end=1))
    first = made.number([taken(4, "H26", "H37"), taken(5, "H26", "H37")])
    assert {} == made.written(first, {ONE: Appended(1, 2), TWO: Appended(1, 2)})
    second = made.number([taken(6, "H26", "H37"), taken(7, "H26", "H37")])
    assert {ONE: 3, TWO: 3} == made.written(second, {ONE: Appended(5, 6), TWO: Appended(3, 9)})


def test_the_state_of_an_inbox_is_its_highest_number() -> None:
    """Old numbers that a zombie wrote after newer ones do not count; neither does the genesis."""
    genesis = Rec(ONE.topic, ONE.number, 0, None, GENESIS_HEADERS)
    state = Inbox(end=4)
    state.see(genesis)
    assert Inbox(end=4) == state
    for record in (delivered(1, 1, 10), delivered(2, 2, 11), delivered(3, 1, 10)):
        state.see(record)
    assert Inbox(sequence=2, position=11, end=4) == state


def test_a_record_that_dispatch_did_not_write_is_an_alarm() -> None:
    """Somebody else wrote to the inbox."""
    with pytest.raises(InvariantError, match=f"{ONE.topic} lane 1 offset 3 is not a delivery"):
        Inbox(end=4).see(Rec(ONE.topic, 1, 3, b"", (("sequence", b"x"),)))
    with pytest.raises(InvariantError, match="offset 3: number 5 cannot stand here"):
        Inbox(end=4).see(delivered(3, 5, 50))


def test_where_the_broker_does_not_know_any_more_the_inbox_is_read() -> None:
    """It says so of a batch that came twice, the first time long ago."""
    made = inboxes(one=Inbox(sequence=5, position=50, end=6))
    rows = made.number([taken(60, "H26")])
    assert {ONE: 6} == made.written(rows, {ONE: Appended(-1, -1)})


def test_what_lands_before_where_an_inbox_ended_is_misplaced() -> None:
    """It was made again, and our numbers are not its numbers."""
    made = inboxes(one=Inbox(sequence=5, position=50, end=6))
    rows = made.number([taken(60, "H26")])
    assert rows
    assert {ONE: Appended(1, 1)} == made.misplaced({ONE: Appended(1, 1)})
    assert {} == made.misplaced({ONE: Appended(6, 6)}) == made.misplaced({ONE: Appended(-1, -1)})


def test_after_a_disturbance_the_newer_numbers_win() -> None:
    """Ours when we are ahead, the other's when it is; what both wrote stands there twice."""
    made = inboxes(one=Inbox(sequence=5, position=50, end=6))
    strange = Strange()
    made.read_on(ONE, [delivered(6, 4, 40), delivered(7, 5, 50)], strange)
    assert 5 == made.sequence(ONE)
    others = [delivered(8 + number, 4 + number, 40 + 10 * number) for number in range(4)]
    made.read_on(ONE, others, strange)
    made.read_on(ONE, [delivered(12, 5, 50)], strange)
    assert (7, 0) == (made.sequence(ONE), strange.count)
    made.ends(ONE, 13)
    rows = made.number([taken(70, "H26"), taken(71, "H26")])
    assert [(8, 71)] == [(one.sequence, one.position) for one in deliveries(rows[ONE])]
    assert {} == made.written(rows, {ONE: Appended(13, 13)})


def test_what_no_dispatcher_writes_is_named_and_not_taken() -> None:
    """A number that leaps, for an inbox that was there before perhaps, and what is no delivery at all.

    To take that number would leave out what lies between for good.
    """
    made = inboxes(one=Inbox(sequence=5, position=50, end=6))
    records = [delivered(6, 6, 60), delivered(7, 8, 80), Rec(ONE.topic, 1, 8, b"", ()), delivered(9, 7, 70)]
    strange = Strange()
    made.read_on(ONE, records, strange)
    made.ends(ONE, 10)
    assert Strange(2, f"{ONE.topic} lane 1 offset 7: number 8 comes after 6") == strange
    garbage = Strange()
    made.read_on(ONE, records[2:3], garbage)
    assert f"{ONE.topic} lane 1 offset 8 is not a delivery" in garbage.first
    (row,) = deliveries(made.number([taken(80, "H26")])[ONE])
    assert (8, 80) == (row.sequence, row.position)


# -- two dispatchers at once, each of which may crash


WHAT_HAPPENS = st.sampled_from(["work", "work", "crash", "commit", "restart"])


@dataclass
class Dispatcher:
    """What the shell does with `Inboxes`, over an inbox in memory."""

    log: list[Rec]
    ledger: Sequence[Taken]
    horizon: int = 0
    """Entries before it cannot be looked back to."""
    committed: int = 0
    position: int = 0
    inboxes: Inboxes = field(default_factory=Inboxes)

    def restart(self) -> None:
        """Crash, and begin again from what was committed and from the last records."""
        self.position = self.committed
        self.inboxes = Inboxes()
        known = self.committed and self.horizon < self.committed
        self.inboxes.set({ONE: self._read(self.ledger[self.committed - 1].entry.position if known else None)})

    def _read(self, known: int | None) -> Inbox:
        tail = Tail(0, len(self.log), known)
        while not tail.proven:
            for record in self.log[slice(*tail.further())]:
                tail.take(record)
            tail.read()
        assert not tail.lacking
        return tail.state

    def work(self, count: int, *, crash: bool) -> None:
        """Deliver the next entries; a crash comes after the append and before anything is noted."""
        rows = self.inboxes.number(self.ledger[self.position : self.position + count])
        appended = {}
        for partition, some in rows.items():
            first = len(self.log)
            self.log += [Rec(ONE.topic, 1, first + at, row.value, row.headers) for at, row in enumerate(some)]
            appended[partition] = Appended(first, len(self.log) - 1)
        if crash:
            self.restart()
            return
        for partition, since in self.inboxes.written(rows, appended).items():
            self.inboxes.read_on(partition, self.log[since:], strange := Strange())
            assert not strange.count
            self.inboxes.ends(partition, len(self.log))
        self.position = min(self.position + count, len(self.ledger))

    def commit(self) -> None:
        """Store the position."""
        self.committed = self.position


@given(
    mine=st.lists(st.booleans(), min_size=1, max_size=30),
    horizon=st.integers(0, 30),
    steps=st.lists(
        st.tuples(
            st.integers(0, 1), st.sampled_from(["work", "work", "crash", "commit", "restart"]), st.integers(1, 6)
        ),
        max_size=40,
    ),
)
@example(  # the second one wakes and writes old numbers, then the first begins again from its commit
    mine=[True] * 6,
    horizon=0,
    steps=[(0, "work", 5), (0, "commit", 1), (1, "work", 2), (0, "restart", 1), (0, "work", 1)],
)
@quick
def test_two_dispatchers_that_crash_leave_no_repeat_and_no_gap_for_readers(
    mine: list[bool], horizon: int, steps: list[tuple[int, str, int]]
) -> None:
    """Whatever they write over each other, a reader with the one comparison takes every entry once, in order."""
    ledger = [taken(position, "H26" if to_us else "H99") for position, to_us in enumerate(mine)]
    ledger = [one for one in ledger if one.entry.routes == ("H26",)]
    log = [Rec(ONE.topic, 1, 0, None, GENESIS_HEADERS)]
    dispatchers = [Dispatcher(log, ledger, horizon), Dispatcher(log, ledger, horizon)]
    for dispatcher in dispatchers:
        dispatcher.restart()
    for number, what, count in steps:
        dispatcher = dispatchers[number]
        if what == "commit":
            dispatcher.commit()
        elif what == "restart":
            dispatcher.restart()
        else:
            dispatcher.work(count, crash=what == "crash")
    dispatchers[0].work(len(ledger), crash=False)

    positions = []
    last = 0
    for record in log[1:]:
        delivery = read_delivery(record)
        order = compare(last, delivery.sequence)
        assert order is not Order.GAP
        if order is Order.NEXT:
            last = delivery.sequence
            positions.append(delivery.position)
    assert [one.entry.position for one in ledger] == positions
