"""Lanes for several processes."""

from bench.spread import lane_sets


def test_ordinary_lanes_are_dealt_out_and_the_express_lane_goes_to_the_first() -> None:
    """Each lane belongs to one process."""
    assert ["0,1,2,3,4"] == lane_sets(5, 1)
    assert ["0,1,3", "2,4"] == lane_sets(5, 2)
