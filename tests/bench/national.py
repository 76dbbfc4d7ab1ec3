"""The national pattern, pure: who sends how large a document to whom.

Each figure is a share or a bound of the distribution, chosen so that the mean fan-out is about 3, with circulars
to 38 agencies and more, and that sizes are skewed as those of real documents are: many small, few large.
"""

import math
import random
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

__all__ = ["LARGEST_BYTES", "SMALLEST_BYTES", "Planned", "pattern"]

SMALLEST_BYTES, LARGEST_BYTES = 1_024, 102_400
_MEDIAN_BYTES, _SPREAD = 12_000, 1.2
"""Log-normal: half are below the median, two thirds within a factor of e to the spread around it."""
_TO_ALL, _CIRCULAR, _SEVERAL = 0.003, 0.025, 0.16
_CIRCULAR_LEAST, _CIRCULAR_MOST = 38, 60
_SEVERAL_LEAST, _SEVERAL_MOST = 2, 6
_GOLDEN = 0.6180339887498949
"""Multiples of it are spread evenly between whole numbers, so that few documents have the right shares as well."""
_EVENNESS = 10
"""The agency of rank r sends in proportion to 1 / (r + this): the first tenth sends about a quarter."""


class Planned(NamedTuple):
    """One document: its number, sender, recipients in random order, and bytes of its file."""

    number: int
    sender: str
    recipients: tuple[str, ...]
    size: int


def pattern(documents: int, agencies: Sequence[str], seed: str) -> Iterator[Planned]:
    """Plan documents; the same seed gives the same plan.

    Raises:
        ValueError: there are fewer than two agencies.
    """
    if len(agencies) < 2:
        raise ValueError("at least two agencies are needed")
    chance = random.Random(seed)
    weights = list(accumulate(1 / (rank + _EVENNESS) for rank in range(len(agencies))))
    for number in range(documents):
        sender = chance.choices(agencies, cum_weights=weights)[0]
        others = [agency for agency in agencies if agency != sender]
        recipients = chance.sample(others, min(len(others), _fan_out(chance, number * _GOLDEN % 1, len(others))))
        yield Planned(number, sender, tuple(recipients), _size(chance))


def _fan_out(chance: random.Random, kind: float, most: int) -> int:
    if kind < _TO_ALL:
        return most
    if kind < _TO_ALL + _CIRCULAR:
        return chance.randint(_CIRCULAR_LEAST, _CIRCULAR_MOST)
    if kind < _TO_ALL + _CIRCULAR + _SEVERAL:
        return chance.randint(_SEVERAL_LEAST, _SEVERAL_MOST)
    return 1


def _size(chance: random.Random) -> int:
    size = round(chance.lognormvariate(math.log(_MEDIAN_BYTES), _SPREAD))
    return min(LARGEST_BYTES, max(SMALLEST_BYTES, size))
