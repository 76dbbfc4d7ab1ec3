"""Documents that wait for the caller: in sequence, as many as there is room for, none forgotten."""

from lienthong.client.ready import Ready
from lienthong.client.rows import Arrival


def arrival(sequence: int, lane: int = 1, size: int = 10) -> Arrival:
    """A document as the store gives it."""
    return Arrival(lane, sequence, bytes(32), "G22", bytes(16), 0, "", sequence, 0, False, bytes(size))


def emptied() -> Ready:
    """Room for three documents of thirty bytes together; the store was found empty."""
    ready = Ready([1, 2], documents=3, size=30)
    ready.found([], ready.left)
    return ready


def test_what_an_earlier_run_left_comes_first() -> None:
    """There is no way past the store before it has been found empty."""
    ready = Ready([1])
    assert (True, False) == (ready.in_store, ready.has_room(0, 1))
    ready.found([arrival(4), arrival(5)], ready.left)
    assert (True, 2, {1: 5}) == (ready.in_store, len(ready), ready.last)
    assert [4, 5] == [ready.pop().sequence, ready.pop().sequence]
    ready.found([], ready.left)
    assert (False, True) == (ready.in_store, ready.has_room(0, 1))


def test_room_is_documents_and_bytes() -> None:
    """Whichever is used up first; taking one out makes room again."""
    ready = emptied()
    assert [True, False] == [ready.has_room(2, 1), ready.has_room(3, 1)]
    assert [True, False] == [ready.has_room(0, 29), ready.has_room(0, 30)]
    ready.put(arrival(1, size=20))
    assert [True, False] == [ready.has_room(1, 9), ready.has_room(0, 10)]
    ready.pop()
    assert ready.has_room(2, 29)


def test_after_one_was_left_in_the_store_all_are() -> None:
    """Until the store has been asked and had nothing, and nothing was left there meanwhile."""
    ready = emptied()
    ready.leave()
    assert not ready.has_room(0, 1)
    before = ready.left
    ready.leave()
    ready.found([], before)
    assert ready.in_store
    ready.found([], ready.left)
    assert not ready.in_store


def test_what_came_another_way_meanwhile_does_not_come_twice() -> None:
    """The store was asked before the round that it answered with was known to be stored."""
    ready = emptied()
    ready.leave()
    before = ready.left
    for sequence in (1, 2):
        ready.put(arrival(sequence))
    ready.found([arrival(1), arrival(2), arrival(3), arrival(1, lane=2)], before)
    assert [(1, 1), (1, 2), (1, 3), (2, 1)] == [(one.lane, one.sequence) for one in (ready.pop() for _ in range(4))]
