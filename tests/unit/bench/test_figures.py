"""Figures of the benchmark."""

import pytest

from bench.figures import Figure, Measurements, percentile, ratios


@pytest.mark.parametrize(("fraction", "expected"), [(0, 1), (0.5, 50), (0.99, 99), (1, 100)])
def test_a_percentile_is_one_of_the_values(fraction: float, expected: float) -> None:
    """The nearest rank of 1 to 100 in any order is the percentage itself."""
    assert expected == percentile([*range(51, 101), *range(1, 51)], fraction)


def test_a_percentile_of_nothing_is_refused() -> None:
    """There is no percentile without values."""
    with pytest.raises(ValueError, match="needs values"):
        percentile([], 0.5)


def test_ratios_are_taken_round_by_round() -> None:
    """The first round is divided by the first; a round that only one has is left out."""
    assert [2.0, 5.0] == ratios([4, 10], [2, 2, 7])


def test_a_figure_says_median_least_and_most() -> None:
    """One slow round moves the least, not the median."""
    said = Figure("W1", "documents/s", [10.0, 1.0, 11.0]).as_json()
    assert (10.0, 1.0, 11.0) == (said["median"], said["min"], said["max"])


def test_cpu_is_said_for_one_document() -> None:
    """Two seconds over a thousand documents are two thousand microseconds for each."""
    measured = Measurements()
    measured.add_cpu("W1", {"intake": 2.0}, 1_000)
    assert [2_000.0] == measured.cpu["W1"]["intake"].values
