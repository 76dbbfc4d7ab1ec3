"""What was done to a sequence: which members were changed, put in, taken out or moved."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Edits", "align"]


class Edits(NamedTuple):
    """Differences between what was expected and what was found, each in order."""

    changed: list[tuple[int, int]]
    """Place of a foreign member, and the expected number in whose stead it stands."""
    injected: list[int]
    """Places of foreign members between others."""
    moved: list[tuple[int, int]]
    """Place of a member that is out of order, and its number."""
    removed: list[tuple[int, int]]
    """Place before which a member is missing, and its number."""
    trailing: list[int]
    """Places of foreign members after all others."""


def align(found: Sequence[int], expected: Sequence[int]) -> Edits:
    """Compare two sequences with the fewest moves.

    Args:
        found: for each place the number of the member that stands there, each at most once; -1 for a
            foreign one.
        expected: the numbers that should be there, ascending.
    """
    kept = _longest_ascending(found)
    present = {number for number in found if number >= 0}
    missing = [number for number in expected if number not in present]
    edits = Edits([], [], [], [], [])
    start = next_missing = 0
    for anchor in [*kept, len(found)]:
        last = anchor == len(found)
        foreign = []
        for place in range(start, anchor):
            if found[place] >= 0:
                edits.moved.append((place, found[place]))
            else:
                foreign.append(place)
        gone = []
        while next_missing < len(missing) and (last or missing[next_missing] < found[anchor]):
            gone.append(missing[next_missing])
            next_missing += 1
        edits.changed.extend(zip(foreign, gone, strict=False))
        edits.removed.extend((anchor, number) for number in gone[len(foreign) :])
        (edits.trailing if last else edits.injected).extend(foreign[len(gone) :])
        start = anchor + 1
    return edits


def _longest_ascending(found: Sequence[int]) -> list[int]:
    """Places of a longest strictly ascending run of numbers, not necessarily side by side (patience sorting)."""
    tails: list[int] = []
    places: list[int] = []
    before: list[int] = [-1] * len(found)
    for place, number in enumerate(found):
        if number < 0:
            continue
        at = bisect_left(tails, number)
        before[place] = places[at - 1] if at else -1
        if at == len(tails):
            tails.append(number)
            places.append(place)
        else:
            tails[at] = number
            places[at] = place
    run: list[int] = []
    place = places[-1] if places else -1
    while place >= 0:
        run.append(place)
        place = before[place]
    return run[::-1]
