"""Lanes: partition n of out, ledger and in. A thread stays in one lane, so its order is kept end to end."""

from lienthong.kernel.randomness import random_below, random_bytes

__all__ = ["EXPRESS_LANE", "EXPRESS_PRIORITY", "is_express", "lane_of", "new_thread", "thread_in_lane"]

EXPRESS_LANE = 0
"""The lane for express threads, read on its own and never made to wait."""
EXPRESS_PRIORITY = 3
"""The lowest priority that is express (hỏa tốc)."""
_EXPRESS_BIT = 0x80


def is_express(thread: bytes) -> bool:
    """Whether a thread is express: the first bit of its id, set when the thread is born."""
    return bool(thread[0] & _EXPRESS_BIT)


def lane_of(thread: bytes, lanes: int) -> int:
    """The lane of a thread.

    Args:
        thread: 16 bytes.
        lanes: number of lanes of the backbone, at least 2: lane 0 is express, the others ordinary.
    """
    if thread[0] & _EXPRESS_BIT:
        return EXPRESS_LANE
    return 1 + int.from_bytes(thread[:8], "big") % (lanes - 1)


def new_thread(*, express: bool) -> bytes:
    """A fresh random thread id of 16 bytes."""
    thread = bytearray(random_bytes(16))
    thread[0] = thread[0] | _EXPRESS_BIT if express else thread[0] & ~_EXPRESS_BIT
    return bytes(thread)


def thread_in_lane(lane: int, lanes: int) -> bytes:
    """A fresh random thread id that belongs to the lane, for what the backbone itself says there."""
    if lane == EXPRESS_LANE:
        return new_thread(express=True)
    head = random_below(2**62 // (lanes - 1)) * (lanes - 1) + lane - 1
    return head.to_bytes(8, "big") + random_bytes(8)
