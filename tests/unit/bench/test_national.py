"""The national pattern."""

from statistics import mean, median

import pytest

from bench.national import LARGEST_BYTES, SMALLEST_BYTES, pattern

AGENCIES = [f"X{number:02d}" for number in range(95)]


def test_fan_out_is_about_three_with_circulars() -> None:
    """On the mean three recipients, most documents with one, some with 38 and more, few with all."""
    fan_outs = [len(one.recipients) for one in pattern(4_000, AGENCIES, "A")]
    assert 2.7 < mean(fan_outs) < 3.5
    assert median(fan_outs) == 1
    assert 0.02 < sum(one >= 38 for one in fan_outs) / len(fan_outs) < 0.035
    assert max(fan_outs) == len(AGENCIES) - 1


def test_few_documents_have_the_right_shares_as_well() -> None:
    """Of two hundred documents about five are circulars, whatever the seed."""
    for seed in "ABCDE":
        assert 4 <= sum(len(one.recipients) >= 38 for one in pattern(200, AGENCIES, seed)) <= 7


def test_sizes_are_skewed_and_bounded() -> None:
    """From 1 to 100 KiB, the mean well above the median."""
    sizes = [one.size for one in pattern(4_000, AGENCIES, "A")]
    assert SMALLEST_BYTES <= min(sizes)
    assert max(sizes) == LARGEST_BYTES
    assert mean(sizes) > 1.4 * median(sizes)


def test_nobody_writes_to_itself_or_twice_to_another() -> None:
    """Recipients are others, each once, and numbers go up from 0."""
    planned = list(pattern(500, AGENCIES, "A"))
    assert [*range(500)] == [one.number for one in planned]
    assert all(one.sender not in one.recipients for one in planned)
    assert all(len(set(one.recipients)) == len(one.recipients) for one in planned)


def test_a_seed_gives_one_plan() -> None:
    """Every process plans the same, and another seed something else."""
    assert list(pattern(50, AGENCIES, "A")) == list(pattern(50, AGENCIES, "A"))
    assert list(pattern(50, AGENCIES, "A")) != list(pattern(50, AGENCIES, "B"))


def test_one_agency_has_nobody_to_write_to() -> None:
    """At least two are needed."""
    with pytest.raises(ValueError, match="two agencies"):
        list(pattern(1, ["X01"], "A"))
