"""Ids that were seen: as a dict would have it, in a fraction of the memory."""

import sys
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from lienthong.kernel.seen_ids import SeenIds
from unit.kernel.world import quick

# Few different bytes, so that many ids fall into one bucket and match across the borders of their neighbours.
ids = st.one_of(
    st.integers(0, 60).map(lambda number: sha256(bytes([number])).digest()),
    st.lists(st.sampled_from([0, 0, 1]), min_size=16, max_size=16).map(lambda some: b"\0\0" + bytes(some) + bytes(14)),
)


@quick
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


def test_a_match_across_two_ids_is_none() -> None:
    """An id whose bytes are the end of one and the beginning of its neighbour was not seen."""
    first, second = b"\0\0" + bytes(range(16)) + bytes(14), b"\0\0" + bytes(range(16, 32)) + bytes(14)
    across = b"\0\0" + bytes(range(8, 24)) + bytes(14)
    seen = SeenIds(positions=False)
    assert seen.add(first, 0)
    assert seen.add(second, 1)
    assert across not in seen
    assert seen.add(across, 2)
    assert not seen.add(across, 3)


def test_an_id_takes_a_sixth_of_what_a_dict_takes() -> None:
    """Of a quarter of a million ids: the bytes of all buckets, with what Python adds to each."""
    seen = SeenIds(positions=False)
    count = 250_000
    for number in range(count):
        assert seen.add(sha256(number.to_bytes(4, "big")).digest(), number)
    buckets = seen._buckets
    assert sys.getsizeof(buckets) + sum(map(sys.getsizeof, buckets)) < 30 * count
