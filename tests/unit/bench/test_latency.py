"""What a round of W8 hands over, and what of it counts."""

from itertools import pairwise

import pytest

from bench.latency import Course


def watched(course: Course) -> list[int]:
    """Numbers of the documents that are watched."""
    return [number for number in range(course.documents) if course.is_watched(number)]


@pytest.mark.parametrize(("rate", "stride"), [(5, 1), (100, 1), (400, 4), (2_000, 20)])
def test_about_a_hundred_round_trips_a_second_are_watched(rate: float, stride: int) -> None:
    """All when there are few, a part of them when there are many; in the warm-up as well."""
    course = Course(rate, 3, 4)
    numbers = watched(course)
    assert course.documents == rate * 7
    assert {stride} == {later - earlier for earlier, later in pairwise(numbers)}
    assert min(4 * 100, 4 * rate) == sum(map(course.counts, numbers))
    assert min(3 * 100, 3 * rate) == sum(not course.counts(number) for number in numbers)


def test_the_warm_up_is_the_beginning_of_the_schedule() -> None:
    """What counts is due without a gap after it, so that what it left undone is still there."""
    course = Course(10, 2, 3)
    assert [False] * 20 + [True] * 30 == [course.counts(number) for number in range(course.documents)]


@pytest.mark.parametrize("warm_up_seconds", [0.0, 0.01, 7.0])
def test_the_first_document_that_counts_is_watched(warm_up_seconds: float) -> None:
    """However low the rate: a round always has a latency to tell."""
    course = Course(0.3, warm_up_seconds, 0.1)
    assert [course.warm_ups] == [number for number in watched(course) if course.counts(number)]
