"""Schedules of faults: the same seed, the same faults; quiet periods; played again from a file."""

from itertools import pairwise

import pytest

from chaos.schedule import FaultKind, draw, dump, load, parse_kinds

TWENTY_MINUTES = 1_200.0


def test_the_same_seed_gives_the_same_faults() -> None:
    """A run that failed can be drawn again, whatever the order in which the kinds are named."""
    kinds = list(FaultKind)
    assert draw(7, TWENTY_MINUTES, kinds) == draw(7, TWENTY_MINUTES, kinds[::-1])
    assert draw(7, TWENTY_MINUTES, kinds) != draw(8, TWENTY_MINUTES, kinds)


@pytest.mark.parametrize("seed", range(20))
def test_every_kind_comes_and_all_ends_in_time(seed: int) -> None:
    """In twenty minutes each kind comes at least three times, nothing outlasts the load, and it is quiet between."""
    found = draw(seed, TWENTY_MINUTES, list(FaultKind))
    for kind in FaultKind:
        assert sum(one.kind is kind for one in found) >= 3
    assert all(one.at + one.seconds <= TWENTY_MINUTES for one in found)
    assert [one.at for one in found] == sorted(one.at for one in found)
    assert sum(after.at - before.at > 8 for before, after in pairwise(found)) > 10


def test_a_schedule_comes_back_from_its_file() -> None:
    """What was printed is what is played."""
    found = draw(3, 120, [FaultKind.BROKER_KILL, FaultKind.POISON])
    assert found == load(dump(found))
    with pytest.raises(ValueError, match="no schedule"):
        load('[[1, "flood", 2, 3]]')


def test_kinds_are_named_by_their_beginning() -> None:
    """`broker` means all kinds that begin so, and a name that means nothing is refused."""
    assert [FaultKind.POISON] == parse_kinds("poison")
    assert {kind for kind in FaultKind if kind.startswith("broker")} == set(parse_kinds("broker"))
    assert list(FaultKind) == parse_kinds("all")
    with pytest.raises(ValueError, match="is no fault"):
        parse_kinds("flood")


@pytest.mark.parametrize("kind", FaultKind)
@pytest.mark.parametrize("seed", range(5))
def test_every_kind_fits_into_one_minute(kind: FaultKind, seed: int) -> None:
    """One that may last a minute is shortened, so that a short run has it too; its seconds are never above its most."""
    found = draw(seed, 60, [kind])
    assert found
    assert {kind} == {one.kind for one in found}
    assert all(one.at + one.seconds <= 60.1 for one in found)
