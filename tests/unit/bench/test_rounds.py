"""How many rounds a slow machine is given."""

import pytest

from bench.rounds import within


class Clock:
    """Seconds that pass only when told."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        """Now."""
        return self.seconds


@pytest.mark.parametrize(
    ("each", "expected"),
    [(1.0, [1, 2, 3, 4, 5]), (20.0, [1, 2, 3, 4, 5]), (21.0, [1, 2, 3, 4]), (60.0, [1]), (500.0, [1])],
)
def test_rounds_end_in_time(each: float, expected: list[int]) -> None:
    """No round begins that would end too late, but one is always measured."""
    clock, numbers = Clock(), []
    for number in within(5, 100.0, clock):
        numbers.append(number)
        clock.seconds += each
    assert numbers == expected


def test_the_longest_round_decides() -> None:
    """A round is expected to take as long as the longest before it."""
    clock, numbers = Clock(), []
    for number in within(5, 100.0, clock):
        numbers.append(number)
        clock.seconds += 40.0 if number == 1 else 10.0
    assert numbers == [1, 2, 3, 4]
