"""Targets of the benchmark."""

import pytest

from bench.figures import Figure, Measurements
from bench.targets import TARGETS, judge


def verdict_on(key: str, *values: float) -> tuple[str, bool]:
    """The word on the target that a figure decides, and whether it is beyond."""
    verdicts = judge(Measurements({key: Figure(key, "", list(values))}))
    (found,) = [one for one in verdicts if one.target.figure == key]
    return found.word, found.beyond


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("w1", 9_999, ("not met", False)),
        ("w1", 10_000, ("met", False)),
        ("w1", 20_000, ("met", True)),
        ("w1_by_relay", 0.30, ("met", False)),
        ("w1_by_faststream", 4.9, ("not met", False)),
        ("w5_core", 60_000, ("met", True)),
    ],
)
def test_a_rate_must_reach_its_goal(key: str, value: float, expected: tuple[str, bool]) -> None:
    """The goal itself is enough, and so is the farther one."""
    assert expected == verdict_on(key, value)


@pytest.mark.parametrize(("value", "expected"), [(60.1, ("not met", False)), (60, ("met", False)), (30, ("met", True))])
def test_a_latency_must_stay_below_its_goal(value: float, expected: tuple[str, bool]) -> None:
    """Smaller is better for latencies."""
    assert expected == verdict_on("w8_10_p99", value)


def test_the_median_decides() -> None:
    """One round below the goal does not fail a target, and one above does not meet it."""
    assert ("met", False) == verdict_on("w1", 1, 12_000, 13_000)
    assert ("not met", False) == verdict_on("w1", 1, 2, 13_000)


def test_what_was_not_measured_is_said_to_be_so() -> None:
    """Without figures no target is met or missed."""
    assert ["not measured"] * len(TARGETS) == [one.word for one in judge(Measurements())]
