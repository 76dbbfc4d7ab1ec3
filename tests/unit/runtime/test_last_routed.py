"""The last entry routed to each agency, however many different routes there were."""

from hypothesis import given
from hypothesis import strategies as st

from lienthong.runtime.last_routed import LastRouted
from unit.kernel.world import quick

AGENCIES = ("G22", "H26", "H37", "H37.DN.001")


def test_nothing_was_routed_yet() -> None:
    """There is no last one."""
    assert LastRouted().of("H37") is None


@given(entries=st.lists(st.lists(st.sampled_from(AGENCIES), min_size=1, unique=True), max_size=20), asked=st.integers())
@quick
def test_the_last_one_counts(entries: list[list[str]], asked: int) -> None:
    """Asked in between or not, the position of the last entry with the agency in its routes is told."""
    routed = LastRouted()
    for position, routes in enumerate(entries):
        routed.take(",".join(routes).encode(), position)
        if position == asked:
            routed.of("G22")
    for agency in AGENCIES:
        positions = [position for position, routes in enumerate(entries) if agency in routes]
        assert (positions[-1] if positions else None) == routed.of(agency)


def test_many_different_routes_are_not_kept_as_they_are() -> None:
    """They are taken apart on the way, and nothing is forgotten."""
    routed = LastRouted()
    for position in range(5_000):
        routed.take(b"H26,X%d" % position, position)
        assert len(routed._by_routes) <= 1_000
    assert [4_999, 0, 4_999] == [routed.of(agency) for agency in ("H26", "X0", "X4999")]
