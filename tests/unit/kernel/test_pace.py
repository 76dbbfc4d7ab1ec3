"""How long one lets work gather."""

import pytest

from lienthong.kernel.pace import Pace


def paced(longest_seconds: float, *, rate: float, share: float, seconds: float = 1.0) -> Pace:
    """A pace after a time in which work came at a rate, every 10 ms, and a share of a core was used."""
    pace = Pace(longest_seconds)
    for step in range(1, round(seconds * 100) + 1):
        pace.took(round(rate * 0.01 * step) - round(rate * 0.01 * (step - 1)), now=step * 0.01, cpu=step * 0.01 * share)
    return pace


def test_little_rests_shortly_and_much_rests_longer() -> None:
    """What counts is how much comes in a second."""
    assert pytest.approx(0.002) == paced(0.04, rate=500, share=0.1).rest(1.0)
    assert pytest.approx(0.04) == paced(0.04, rate=15_000, share=0.1).rest(1.0)


def test_in_between_the_rest_grows_evenly() -> None:
    """There is no rate at which a little more makes every document wait for the longest rest."""
    rests = [paced(0.04, rate=rate, share=0.1).rest(1.0) for rate in (1_000, 2_000, 4_000, 6_500, 12_000)]
    assert rests == [pytest.approx(one, abs=2e-4) for one in (0.002, 0.00545, 0.01236, 0.021, 0.04)]


def test_a_process_without_time_rests_longer_however_little_comes() -> None:
    """Fuller rounds leave it more time."""
    assert pytest.approx(0.04) == paced(0.04, rate=100, share=0.95).rest(1.0)
    assert pytest.approx(0.021) == paced(0.04, rate=100, share=0.75).rest(1.0)


def test_two_that_come_together_are_not_much() -> None:
    """The rate is taken over a tenth of a second, not between two rounds."""
    pace = paced(0.04, rate=100, share=0.1)
    pace.took(2, now=1.0001, cpu=0.1001)
    assert pytest.approx(0.002) == pace.rest(1.0001)


def test_after_an_empty_round_the_next_is_taken_at_once() -> None:
    """Whatever comes first after a silence does not wait."""
    pace = paced(0.04, rate=15_000, share=0.95)
    pace.took(0, now=1.25, cpu=0.95)
    assert pace.rest(1.25) == 0.0


def test_the_time_since_the_last_round_counts_as_rest() -> None:
    """Work between two rounds is no reason to rest as well."""
    pace = paced(0.04, rate=15_000, share=0.1)
    assert pytest.approx(0.01) == pace.rest(1.03)
    assert pace.rest(1.05) == 0.0


def test_what_nobody_waits_for_gathers_always() -> None:
    """Also while little comes."""
    pace = Pace(0.04, always=True)
    pace.took(1, now=1.0, cpu=0.0)
    assert pytest.approx(0.04) == pace.rest(1.0)


def test_without_a_rest_there_is_none() -> None:
    """The express lane never waits."""
    assert paced(0.0, rate=5_000, share=1.0).rest(1.0) == 0.0
