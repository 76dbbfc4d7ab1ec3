"""Documents that wait for the caller: in sequence, as many as there is room for, none forgotten."""

from lienthong.client.ready import Ready
from lienthong.client.rows import Arrival


def arrival(sequence: int, lane: int = 1, size: int = 10) -> Arrival:
    """A document as the store gives it."""
    return Arrival(lane, sequence, bytes(32), "G22", bytes(16), 0, "", sequence, 0, False, bytes(size))


def emptied() -> Ready:
    """Room for three documents of thirty bytes together; the store was found empty."""
    ready = Ready([1, 2], documents=3, size=30)
    ready.found([], more=False)
    return ready


def test_what_an_earlier_run_left_comes_first() -> None:
    """There is no way past the store before its end was seen."""
    ready = Ready([1, 2])
    assert (True, 0) == (ready.in_store, ready.room([1]))
    ready.found([arrival(4), arrival(5), arrival(1, lane=2)], more=True)
    assert (True, 3, {1: 5, 2: 1}) == (ready.in_store, len(ready), ready.last)
    assert [4, 5, 1] == [ready.pop().sequence for _ in range(3)]
    ready.found([arrival(6)], more=False)
    assert (False, 1) == (ready.in_store, ready.room([1]))


def test_room_is_documents_and_bytes() -> None:
    """Whichever is used up first; those that come later do not pass one that has no room."""
    ready = emptied()
    assert [0, 2, 3] == [ready.room([1] * count) for count in (0, 2, 5)]
    assert [1, 0, 1] == [ready.room(sizes) for sizes in ([30], [31, 1], [20, 11, 1])]
    ready.put([arrival(1, size=20)])
    assert [2, 1, 0] == [ready.room(sizes) for sizes in ([1] * 3, [10, 1], [11])]
    ready.pop()
    assert 3 == ready.room([1] * 5)


def test_while_some_are_in_the_store_there_is_room_for_none() -> None:
    """They would be handed over before their turn."""
    ready = emptied()
    ready.in_store = True
    assert 0 == ready.room([1])


def test_what_was_put_back_is_the_next_one_again() -> None:
    """Before all that wait, and counted as before."""
    ready = emptied()
    ready.put([arrival(1), arrival(2)])
    first = ready.pop()
    ready.put_back(first)
    assert (2, 1) == (len(ready), ready.room([10, 10]))
    assert [1, 2] == [ready.pop().sequence for _ in range(2)]
