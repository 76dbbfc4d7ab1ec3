"""Memory over the soak."""

from bench.soak import growth


def test_growth_is_the_end_by_the_base() -> None:
    """The base is the first sample with at least so many documents."""
    assert growth([(0, 50), (100, 80), (200, 100), (300, 110)], 150) == 1.1


def test_without_anything_after_the_base_there_is_no_growth() -> None:
    """A soak that ended early, or a system that does not tell memory."""
    assert growth([(0, 50), (100, 80)], 100) is None
    assert growth([(0, 50)], 100) is None
    assert growth([(100, 0), (200, 0)], 100) is None
