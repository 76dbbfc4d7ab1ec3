"""Where an inbox is read on, in the log that was read and in one that was made again."""

from lienthong.client.cursor import GapError, may_lie_before, start
from lienthong.kernel.topics import Partition, inbox


def test_a_log_is_read_on_where_it_was_left() -> None:
    """At its end, within it, and where it begins."""
    assert 8 == start((5, 8), 8, back=False)
    assert 8 == start((5, 8), 20, back=False)
    assert 0 == start((0, 0), 20, back=False)


def test_a_log_that_ends_before_our_offset_and_may_hold_our_numbers_is_another_one() -> None:
    """It is read from the first offset at which the next number can stand."""
    assert 5 == start((5, 8), 7, back=False)
    assert 5 == start((5, 8), 5, back=False)


def test_a_log_that_cannot_hold_our_numbers_is_an_alarm() -> None:
    """The offset lies outside of it, and the reader says so: dispatch has not written it anew yet."""
    assert 8 == start((5, 8), 4, back=False)


def test_after_a_gap_it_is_looked_where_the_next_number_can_stand() -> None:
    """Not where there was no repeat: nothing can stand before."""
    assert 5 == start((5, 8), 20, back=True)
    assert may_lie_before((5, 8))
    assert not may_lie_before((5, 6))
    assert not may_lie_before((5, 5))
    assert not may_lie_before((0, 0))


def test_a_gap_says_what_is_missing() -> None:
    """In the words of the alarm."""
    gap = GapError(Partition(inbox("H26"), 1), 4, 8)
    assert "lt.in.H26 lane 1 goes from sequence 4 to 8: 3 records are missing" == str(gap)
    assert (1, 4) == (gap.lane, gap.last)
