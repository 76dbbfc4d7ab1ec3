"""What was done to a sequence is told with the fewest moves."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lienthong.auditor.alignment import Edits, align
from unit.kernel.world import quick

SIX = range(6)


def edits(**found: Any) -> Edits:
    """Edits of which only these are not empty."""
    return Edits([], [], [], [], [])._replace(**found)


def test_the_same_sequence_has_no_edits() -> None:
    """Nothing was done."""
    assert align([0, 1, 2, 3, 4, 5], SIX) == edits()


def test_a_foreign_member_in_the_place_of_a_missing_one_is_a_change() -> None:
    """One finding, not two."""
    assert align([0, 1, -1, 3, 4, 5], SIX) == edits(changed=[(2, 2)])


def test_a_foreign_member_between_others_was_put_in() -> None:
    """Those behind it only moved up."""
    assert align([0, 1, -1, 2, 3, 4, 5], SIX) == edits(injected=[2])


def test_a_missing_member_was_taken_out() -> None:
    """It is named at the place where it is missed."""
    assert align([0, 1, 3, 4, 5], SIX) == edits(removed=[(2, 2)])


def test_missing_members_at_the_end_were_cut_off() -> None:
    """They are named behind the last place."""
    assert align([0, 1, 2, 3], SIX) == edits(removed=[(4, 4), (4, 5)])


def test_neighbours_that_changed_places_are_one_move() -> None:
    """The member that stands too early is named."""
    assert align([0, 2, 1, 3, 4, 5], SIX) == edits(moved=[(1, 2)])


def test_a_member_carried_far_away_is_one_move() -> None:
    """Those between are where they were."""
    assert align([1, 2, 3, 4, 0, 5], SIX) == edits(moved=[(4, 0)])


def test_foreign_members_behind_all_others_are_trailing() -> None:
    """They may be new."""
    assert align([0, 1, 2, 3, 4, 5, -1, -1], SIX) == edits(trailing=[6, 7])


def test_nothing_found_is_all_taken_out() -> None:
    """Even an empty sequence has an answer."""
    assert align([], range(2)) == edits(removed=[(0, 0), (0, 1)])


@quick
@given(st.permutations(list(range(8))), st.sets(st.integers(0, 7)), st.sets(st.integers(0, 7)))
def test_every_member_is_accounted_for_once(order: list[int], gone: set[int], foreign: set[int]) -> None:
    """Each place is in order or named once, and each number stands or is named once."""
    found = [-1 if number in foreign else number for number in order if number not in gone]
    result = align(found, range(8))

    named = [place for place, _ in result.changed + result.moved] + result.injected + result.trailing
    kept = [place for place in range(len(found)) if place not in named]
    numbers = [found[place] for place in kept]
    assert len(named) == len(set(named))
    assert numbers == sorted(numbers)
    assert all(number >= 0 for number in numbers)
    missing = sorted(number for _, number in result.changed + result.removed)
    assert missing == sorted((gone | foreign) & set(range(8)))
