"""Ids that were seen: as a dict would have it, in a fraction of the memory."""

import os
import subprocess
import sys
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lienthong.kernel import seen_ids
from lienthong.kernel.seen_ids import SeenIds
from unit.kernel.world import quick

# Few different bytes, so that ids match across the borders of their neighbours where they share a bucket.
ids = st.one_of(
    st.integers(0, 60).map(lambda number: sha256(bytes([number])).digest()),
    st.lists(st.sampled_from([0, 0, 1]), min_size=32, max_size=32).map(bytes),
)


@pytest.fixture(autouse=True)
def two_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that ids meet in one."""
    monkeypatch.setattr(seen_ids, "_BUCKETS", 2)


@settings(quick, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(ids, st.integers(0, 2**48 - 1)), max_size=60), st.lists(ids, max_size=20))
def test_it_is_a_dict_whose_first_value_stays(added: list[tuple[bytes, int]], others: list[bytes]) -> None:
    """Whatever is added, what is in it and where is what a dict would say, with positions and without."""
    expected: dict[bytes, int] = {}
    with_positions, without = SeenIds(positions=True), SeenIds(positions=False)
    for one, position in added:
        is_new = one not in expected
        expected.setdefault(one, position)
        assert is_new is with_positions.add(one, position) is without.add(one, position)
    for one in [*expected, *others]:
        assert (one in expected) is (one in with_positions) is (one in without)
        assert expected.get(one) == with_positions.position_of(one)
        assert without.position_of(one) is None


def test_a_match_across_two_ids_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """An id whose bytes are the end of one and the beginning of its neighbour was not seen."""
    monkeypatch.setattr(seen_ids, "_BUCKETS", 1)
    first, second, across = bytes(range(32)), bytes(range(32, 64)), bytes(range(16, 48))
    seen = SeenIds(positions=False)
    assert seen.add(first, 0)
    assert seen.add(second, 1)
    assert across not in seen
    assert seen.add(across, 2)
    assert not seen.add(across, 3)


def test_nobody_can_choose_the_bucket() -> None:
    """In another process the same ids fall into others: who could choose would make a service search for ever."""
    program = "import sys; print(*(hash(bytes([n]) * 32) % 16384 for n in range(20)))"
    said = {
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True,
            env={key: value for key, value in os.environ.items() if key != "PYTHONHASHSEED"},
        ).stdout
        for _ in range(2)
    }  # fmt: skip
    assert 2 == len(said)


def test_an_id_takes_a_quarter_of_what_a_dict_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a quarter of a million ids: the bytes of all buckets, with what Python adds to each."""
    monkeypatch.undo()
    seen = SeenIds(positions=True)
    count = 250_000
    for number in range(count):
        assert seen.add(sha256(number.to_bytes(4, "big")).digest(), number)
    buckets = seen._buckets
    assert sys.getsizeof(buckets) + sum(map(sys.getsizeof, buckets)) < 42 * count
