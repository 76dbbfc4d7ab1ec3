"""Lanes: a thread's lane is told from its id alone, for ever."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.kernel.lanes import EXPRESS_LANE, EXPRESS_PRIORITY, is_express, lane_of, new_thread, thread_in_lane
from unit.kernel.world import quick

THREADS = st.binary(min_size=16, max_size=16)


def test_fixed_numbers() -> None:
    """Express is lane 0, and begins with priority 3, hỏa tốc."""
    assert (0, 3) == (EXPRESS_LANE, EXPRESS_PRIORITY)


@pytest.mark.parametrize(
    ("thread", "lanes", "lane"),
    [
        ("00000000000000000000000000000000", 2, 1),
        ("00000000000000010000000000000000", 4, 2),
        ("00000000000000020000000000000000", 4, 3),
        ("00000000000000030000000000000000", 4, 1),
        ("00112233445566778899aabbccddeeff", 4, 1 + 0x0011223344556677 % 3),
        ("7fffffffffffffffffffffffffffffff", 13, 1 + 0x7FFFFFFFFFFFFFFF % 12),
        ("80000000000000000000000000000000", 13, 0),
        ("ffffffffffffffffffffffffffffffff", 2, 0),
    ],
)
def test_lane_of(thread: str, lanes: int, lane: int) -> None:
    """The first bit set is lane 0; else the first eight bytes, big endian, modulo the ordinary lanes, and one."""
    assert lane == lane_of(bytes.fromhex(thread), lanes)


@quick
@given(THREADS, st.integers(2, 200))
def test_every_thread_has_a_lane(thread: bytes, lanes: int) -> None:
    """A thread is in lane 0 if and only if it is express, and otherwise in one of the ordinary lanes."""
    lane = lane_of(thread, lanes)
    assert is_express(thread) == (lane == EXPRESS_LANE)
    assert 0 <= lane < lanes


def test_ordinary_threads_are_spread_evenly() -> None:
    """Fresh ordinary threads go to all ordinary lanes alike, express ones to lane 0."""
    counts = [0] * 8
    for _ in range(7_000):
        counts[lane_of(new_thread(express=False), 8)] += 1
    assert 0 == counts[0]
    assert all(800 < count < 1_200 for count in counts[1:])
    assert {0} == {lane_of(new_thread(express=True), 8) for _ in range(100)}


def test_fresh_threads() -> None:
    """A new thread has 16 bytes, differs from all others, and is express as asked."""
    for express in (True, False):
        threads = {new_thread(express=express) for _ in range(1_000)}
        assert 1_000 == len(threads)
        assert {16} == {len(thread) for thread in threads}
        assert {express} == {is_express(thread) for thread in threads}


@pytest.mark.parametrize("lanes", [2, 3, 4, 13, 64])
def test_a_thread_for_a_lane(lanes: int) -> None:
    """A thread made for a lane is in that lane, has 16 bytes, and is another one each time."""
    for lane in range(lanes):
        threads = {thread_in_lane(lane, lanes) for _ in range(20)}
        assert 20 == len(threads)
        assert {lane} == {lane_of(thread, lanes) for thread in threads}
        assert {16} == {len(thread) for thread in threads}
