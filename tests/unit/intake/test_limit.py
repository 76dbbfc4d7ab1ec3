"""The rejection limit: many agencies rejected is our fault, one is its own, however much it sends."""

from collections import Counter
from collections.abc import Mapping
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.intake.limit import Excess, Limit, RejectionWindow, Verdicts, by_agency
from unit.kernel.world import quick

LIMIT = Limit(share=0.5, agencies=3, records=20, window_seconds=300.0)
GOOD, BAD = Verdicts(1, 0), Verdicts(0, 1)


def all_of(agencies: int, verdicts: Verdicts) -> dict[str, Verdicts]:
    """The same of each of some agencies."""
    return {f"A{number}": verdicts for number in range(agencies)}


def test_everything_of_everybody_rejected_halts_as_soon_as_there_is_enough_of_it() -> None:
    """Three agencies and twenty records; not one record sooner."""
    window = RejectionWindow(LIMIT)
    for number in range(19):
        assert window.note({f"A{number % 3}": BAD}, number) is None
    assert Excess(1.0, 3, 3, 20) == window.note({"A1": BAD}, 19.0)


@pytest.mark.parametrize("agencies", [1, 2])
def test_few_agencies_never_halt(agencies: int) -> None:
    """Whatever they send: what they send is what is wrong."""
    window = RejectionWindow(LIMIT)
    for number in range(1_000):
        assert window.note(all_of(agencies, Verdicts(0, 100)), number) is None


def test_one_flood_does_not_outvote_the_others() -> None:
    """A hundred thousand wrong records of one agency beside a few right ones of three others are one vote of four."""
    window = RejectionWindow(LIMIT)
    for number in range(100):
        assert window.note({"FLOOD": Verdicts(0, 1_000), f"A{number % 3}": GOOD}, number) is None
    excess = window.look(99)
    assert excess is not None
    assert (0.25, 4, 1) == (excess.share, excess.heard, excess.rejecting)


def test_a_deployment_that_goes_wrong_under_load_is_noticed_within_records_not_minutes() -> None:
    """However much was accepted before, an agency's last twenty records are what counts."""
    window = RejectionWindow(LIMIT)
    for second in range(60):
        assert window.note(all_of(10, Verdicts(500, 0)), second) is None
    rejected = 0
    while window.note(all_of(10, Verdicts(0, 5)), 60) is None:
        rejected += 50
    assert rejected <= 10 * 20


def test_half_wrong_everywhere_is_not_above_half() -> None:
    """The share must pass the limit; a lower limit notices a smaller fault."""
    window, sharper = RejectionWindow(LIMIT), RejectionWindow(LIMIT._replace(share=0.3))
    found = [
        (window.note(all_of(5, Verdicts(10, 10)), number), sharper.note(all_of(5, Verdicts(10, 10)), number))
        for number in range(10)
    ]
    assert {None} == {one for one, _ in found}
    assert found[0][1] is not None


def test_with_a_limit_of_one_it_never_halts() -> None:
    """That is how it is switched off."""
    window = RejectionWindow(LIMIT._replace(share=1.0))
    assert [None] * 100 == [window.note(all_of(5, Verdicts(0, 100)), number) for number in range(100)]


def test_what_is_older_than_the_window_is_forgotten() -> None:
    """Yesterday's rejections say nothing of today's deployment."""
    window = RejectionWindow(LIMIT)
    assert window.note(all_of(3, Verdicts(0, 6)), 0.0) is None
    assert window.note({"A0": Verdicts(0, 6)}, 300.1) is None
    assert Excess(1.0, 1, 1, 6) == window.look(300.1)
    assert window.look(1_000.0) is None


def test_nothing_accepted_alone_halts() -> None:
    """A limit is passed by a rejection, not by good records that grow old beside it."""
    window = RejectionWindow(LIMIT._replace(share=0.4))
    window.note(all_of(3, Verdicts(0, 10)) | {f"B{number}": GOOD for number in range(6)}, 0.0)
    window.note(all_of(3, BAD), 250.0)
    assert window.note({"A0": GOOD}, 350.0) is None


def test_cleared_it_begins_anew() -> None:
    """What was rejected before does not halt again at once."""
    window = RejectionWindow(LIMIT)
    assert window.note(all_of(3, Verdicts(0, 10)), 0.0) is not None
    window.clear()
    assert window.look(0.0) is None
    assert window.note(all_of(3, BAD), 0.0) is None


def test_counts_of_a_round_become_one_pair_an_agency() -> None:
    """Whatever the kinds and reasons."""
    accepted = Counter({("A", "document"): 3, ("A", "acknowledgement"): 2, ("B", "document"): 1})
    rejected = Counter({("A", "expired"): 4, ("C", "malformed"): 1, ("C", "bad_seal"): 1})
    assert {"A": (5, 4), "B": (1, 0), "C": (0, 2)} == by_agency(accepted, rejected)


rounds = st.lists(
    st.dictionaries(
        st.sampled_from("ABCDE"),
        st.tuples(st.integers(0, 8), st.integers(0, 8)).filter(any).map(lambda pair: Verdicts(*pair)),
        min_size=1,
    ),
    min_size=1,
    max_size=30,
)


@given(rounds=rounds, steps=st.lists(st.integers(0, 200), min_size=30, max_size=30))
@quick
def test_the_window_is_what_its_definition_says(rounds: list[Mapping[str, Verdicts]], steps: list[int]) -> None:
    """Of each agency the newest whole rounds that hold twenty records, none older than the window."""
    window = RejectionWindow(LIMIT)
    told: dict[str, list[tuple[int, Verdicts]]] = {}
    now = 0
    for one, step in zip(rounds, steps, strict=False):
        now += step
        found = window.note(one, now)
        for agency, verdicts in one.items():
            told.setdefault(agency, []).append((now, verdicts))
        shares: list[Fraction] = []
        rejected = []
        for some in told.values():
            counted = Verdicts(0, 0)
            for at, verdicts in reversed(some):
                if sum(counted) >= 20 or at < now - LIMIT.window_seconds:
                    break
                counted = Verdicts(counted.accepted + verdicts.accepted, counted.rejected + verdicts.rejected)
            if sum(counted):
                shares.append(Fraction(counted.rejected, sum(counted)))
                rejected.append(counted.rejected)
        mean = sum(shares, Fraction(0)) / len(shares)
        expected = (len(shares), sum(count > 0 for count in rejected), sum(rejected))
        excess = window.look(now)
        assert excess is not None
        assert expected == excess[1:]
        assert excess.share == pytest.approx(float(mean))
        halts = (
            mean > Fraction(1, 2) and expected[1] >= 3 and expected[2] >= 20 and any(v.rejected for v in one.values())
        )
        if abs(mean - Fraction(1, 2)) > Fraction(1, 10**9):
            assert halts == (found is not None)
