"""Random bytes: the right number, never given out twice, not in a thread and not in a child either."""

import subprocess
import sys
import threading
from itertools import chain

import pytest

from lienthong.kernel.randomness import random_bytes

FORKS = """
import os
from lienthong.kernel.randomness import random_bytes
random_bytes(16)
read, write = os.pipe()
if os.fork() == 0:
    os.write(write, random_bytes(64))
    os._exit(0)
mine = random_bytes(64)
os.wait()
theirs = os.read(read, 64)
print(len(theirs), mine == theirs)
"""


@pytest.mark.parametrize("count", [1, 2, 16, 32, 1_000, 1_024])
def test_as_many_as_asked_for(count: int) -> None:
    """As many bytes come as were asked for, others each time, over many refills."""
    fresh = [random_bytes(count) for _ in range(50)]
    assert {count} == {len(one) for one in fresh}
    # Of one or two bytes some may come twice by chance.
    assert count < 16 or 50 == len(set(fresh))


def test_mixed_counts() -> None:
    """Bytes asked for in different portions have their lengths, whatever is left of the last refill."""
    for count in chain(range(1, 1_025, 7), range(1_024, 0, -7)):
        assert count == len(random_bytes(count))


def test_all_bytes_occur() -> None:
    """The bytes are spread over all values."""
    seen = b"".join(random_bytes(1_024) for _ in range(20))
    assert 256 == len(set(seen))


def test_no_byte_is_given_to_two_threads() -> None:
    """Threads that ask at the same time never get the same bytes."""
    given: list[list[bytes]] = [[] for _ in range(4)]

    def take(mine: list[bytes]) -> None:
        mine.extend(random_bytes(16) for _ in range(20_000))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=take, args=(mine,)) for mine in given]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    every = list(chain.from_iterable(given))
    assert {16} == {len(one) for one in every}
    assert 80_000 == len(set(every))


def test_a_child_gets_other_bytes() -> None:
    """A forked process does not give out what its parent gives out."""
    done = subprocess.run(
        [sys.executable, "-c", FORKS],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "64 False\n" == done.stdout
