"""The fold: whatever crashes and repeats, the same entries count, and a hole is an alarm."""

from hashlib import sha256
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.kernel.errors import InvariantError
from lienthong.kernel.fold import Count, LedgerFold, Order, compare, ids_horizon_ms
from lienthong.kernel.ledger import Entry, Outcome, Source
from lienthong.kernel.limits import ACCEPTANCE_WINDOW_MS, FUTURE_TOLERANCE_MS
from unit.kernel.world import NOW, quick


class Said(NamedTuple):
    """What intake says of one record of an out topic."""

    agency: str
    generation: str
    offset: int
    outcome: Outcome = Outcome.ACCEPTED
    name: str = ""
    """The envelope, by a name instead of its id; empty for one of its own."""


def entry(said: Said, position: int = 0, at: int = NOW) -> Entry:
    """The ledger entry that says this."""
    name = said.name or f"{said.agency}/{said.generation}/{said.offset}"
    identity = sha256(name.encode()).digest() if said.outcome is not Outcome.OPENED else None
    return Entry(
        position, at, said.outcome, Source(said.agency, said.offset, said.generation),
        at, at, identity, "document", ("H37",), "", "", b"",
    )  # fmt: skip


def folded(sequence: list[Said], *, complete: bool = True) -> list[Count]:
    """What a fresh fold says of each entry."""
    fold = LedgerFold(complete=complete)
    return [fold.take(entry(said, position)) for position, said in enumerate(sequence)]


def counted(sequence: list[Said]) -> list[Said]:
    """The entries that count, in order."""
    return [said for said, count in zip(sequence, folded(sequence), strict=True) if count is Count.COUNTS]


@pytest.mark.parametrize(
    ("last", "number", "order"),
    [
        (-1, 0, Order.NEXT),
        (-1, 1, Order.GAP),
        (0, 0, Order.REPEAT),
        (0, 1, Order.NEXT),
        (0, 2, Order.GAP),
        (7, 3, Order.REPEAT),
        (7, 7, Order.REPEAT),
        (7, 8, Order.NEXT),
        (7, 9, Order.GAP),
        (2**62, 2**62 + 1, Order.NEXT),
    ],
)
def test_the_one_comparison(last: int, number: int, order: Order) -> None:
    """Last + 1 is next, anything up to last is a repeat, anything beyond is a gap."""
    assert order is compare(last, number)


@st.composite
def clean_histories(draw: st.DrawFn) -> list[Said]:
    """Ledgers without a crash: sources take turns, offsets are dense, some envelopes are sent again."""
    turns = draw(st.lists(st.sampled_from([("G22", "a"), ("G22", "b"), ("H37", "a")]), max_size=15))
    offsets: dict[tuple[str, str], int] = {}
    history = []
    for agency, generation in turns:
        offset = offsets.get((agency, generation), -1) + 1
        offsets[agency, generation] = offset
        outcome = draw(st.sampled_from([Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.REJECTED, Outcome.OPENED]))
        name = draw(st.sampled_from(["", "", "one", "two"]))
        history.append(Said(agency, generation, offset, outcome, name))
    return history


@st.composite
def crashed_histories(draw: st.DrawFn) -> tuple[list[Said], list[Said]]:
    """A clean ledger, and one in which intake crashed and read again, any number of times, from any offset on."""
    clean = draw(clean_histories())
    noisy: list[Said] = []
    for number, said in enumerate(clean):
        noisy.append(said)
        for _ in range(draw(st.integers(0, 2))):
            of_source = [one for one in clean[: number + 1] if one[:2] == said[:2]]
            again = of_source[draw(st.integers(0, len(of_source) - 1)) :]
            # Judged at another time, the same record may get another verdict.
            noisy.extend(one._replace(outcome=draw(st.sampled_from(Outcome))) for one in again)
    return clean, noisy


@quick
@given(crashed_histories())
def test_crashes_change_nothing(histories: tuple[list[Said], list[Said]]) -> None:
    """However often intake crashes and appends again what it had appended, the same entries count in the same order."""
    clean, noisy = histories
    assert counted(clean) == counted(noisy)


@quick
@given(clean_histories())
def test_the_first_accepted_entry_of_an_envelope_counts(clean: list[Said]) -> None:
    """Of the accepted entries of one envelope the first counts; rejected and opened ones count each on their own."""
    seen = set()
    expected = []
    for said in clean:
        name = said.name or str(said)
        duplicate = said.outcome is Outcome.ACCEPTED and name in seen
        if said.outcome is Outcome.ACCEPTED:
            seen.add(name)
        expected.append(Count.DUPLICATE if duplicate else Count.COUNTS)
    assert expected == folded(clean)


@quick
@given(clean_histories(), st.data())
def test_a_hole_is_an_alarm(clean: list[Said], draw: st.DataObject) -> None:
    """A ledger in which any entry but a source's last is missing raises at the next entry of that source."""
    last = {said[:2]: number for number, said in enumerate(clean)}
    followed = [number for number, said in enumerate(clean) if last[said[:2]] != number]
    if not followed:
        return
    missing = draw.draw(st.sampled_from(followed))
    with pytest.raises(InvariantError, match=f"source {clean[missing].agency} goes from offset"):
        folded(clean[:missing] + clean[missing + 1 :])


def test_the_alarm_names_the_place() -> None:
    """The alarm says at which position, of which source, and how many records are missing; nothing is taken."""
    fold = LedgerFold(complete=True)
    fold.take(entry(Said("G22", "a", 0)))
    with pytest.raises(InvariantError) as caught:
        fold.take(entry(Said("G22", "a", 4), position=9))
    assert "ledger position 9: source G22 goes from offset 0 to 4; 3 records are missing" == str(caught.value)
    assert 0 == fold.last_offset("G22", "a")
    assert Count.COUNTS is fold.take(entry(Said("G22", "a", 1), position=10))


def test_a_complete_fold_begins_at_the_beginning() -> None:
    """A fold over the whole lane demands of every source, and of every new generation, that it starts at 0."""
    for first in (1, 2, 500):
        with pytest.raises(InvariantError):
            folded([Said("G22", "a", first)])
        with pytest.raises(InvariantError):
            folded([Said("G22", "a", 0), Said("G22", "b", first)])
    assert [Count.COUNTS] * 3 == folded([Said("G22", "a", 0), Said("G22", "b", 0), Said("G22", "b", 1)])


def test_a_new_generation_is_another_source() -> None:
    """After a topic was made anew its offsets start at 0 and are no repeats, while the old ones stay repeats."""
    sequence = [Said("G22", "old", 0), Said("G22", "old", 1), Said("G22", "new", 0), Said("G22", "old", 1)]
    assert [Count.COUNTS, Count.COUNTS, Count.COUNTS, Count.REPEAT] == folded(sequence)
    fold = LedgerFold(complete=True)
    for said in sequence:
        fold.take(entry(said))
    assert (1, 0, None) == (
        fold.last_offset("G22", "old"),
        fold.last_offset("G22", "new"),
        fold.last_offset("H37", "old"),
    )


def test_a_fold_from_the_middle_takes_a_sources_first_entry_as_it_is() -> None:
    """A fold that did not read the whole lane starts each source where it meets it, and then allows no hole."""
    sequence = [Said("G22", "a", 41), Said("H37", "a", 7), Said("G22", "a", 42), Said("G22", "a", 41)]
    assert [Count.COUNTS, Count.COUNTS, Count.COUNTS, Count.REPEAT] == folded(sequence, complete=False)
    with pytest.raises(InvariantError):
        folded([*sequence, Said("H37", "a", 9)], complete=False)


def test_the_same_envelope_from_two_sources_counts_once() -> None:
    """An envelope id counts once in its lane, from whichever source it came first."""
    sequence = [Said("G22", "a", 0, name="x"), Said("H37", "a", 0, name="x"), Said("G22", "b", 0, name="x")]
    assert [Count.COUNTS, Count.DUPLICATE, Count.DUPLICATE] == folded(sequence)


def test_a_rejected_envelope_may_be_accepted_later() -> None:
    """A rejected entry does not use up its envelope's id."""
    sequence = [
        Said("G22", "a", 0, Outcome.REJECTED, "x"),
        Said("G22", "a", 1, name="x"),
        Said("G22", "a", 2, name="x"),
    ]
    assert [Count.COUNTS, Count.COUNTS, Count.DUPLICATE] == folded(sequence)


def test_position_of() -> None:
    """The position of an envelope is that of the entry that counts, not of a repeat or a duplicate."""
    fold = LedgerFold(complete=True)
    one = entry(Said("G22", "a", 0, name="x"), position=5)
    assert one.id is not None
    assert fold.position_of(one.id) is None
    fold.take(one)
    fold.take(entry(Said("G22", "a", 1, name="x"), position=6))
    fold.take(entry(Said("G22", "a", 0, name="x"), position=7))
    assert 5 == fold.position_of(one.id)
    fold.take(entry(Said("G22", "a", 2, Outcome.REJECTED, "y"), position=8))
    assert fold.position_of(sha256(b"y").digest()) is None


def test_a_fold_without_positions_counts_the_same() -> None:
    """It knows the ids, and not where they are."""
    fold = LedgerFold(complete=True, positions=False)
    one = entry(Said("G22", "a", 0, name="x"), position=5)
    assert one.id is not None
    assert [Count.COUNTS, Count.DUPLICATE] == [fold.take(one), fold.take(entry(Said("G22", "a", 1, name="x")))]
    assert fold.position_of(one.id) is None


def test_the_horizon_covers_the_acceptance_window() -> None:
    """Ids are remembered for at least as long as a statement can be accepted, ahead and behind."""
    assert ids_horizon_ms() >= ACCEPTANCE_WINDOW_MS + FUTURE_TOLERANCE_MS


class Moment(NamedTuple):
    """An accepted entry of an envelope at a time, in horizons since the first one."""

    name: str
    horizons: float


def at_moments(*moments: Moment) -> list[Count]:
    """What a fold says of accepted entries at these times."""
    fold = LedgerFold(complete=True)
    return [
        fold.take(entry(Said("G22", "a", number, name=name), number, NOW + int(horizons * ids_horizon_ms())))
        for number, (name, horizons) in enumerate(moments)
    ]


@pytest.mark.parametrize("horizons", [0.0, 0.5, 0.999, 1.0])
@pytest.mark.parametrize("others", [(), (0.3,), (0.3, 0.6, 0.9)])
def test_an_id_is_known_for_a_window(horizons: float, others: tuple[float, ...]) -> None:
    """An envelope that comes again within the horizon is a duplicate, whatever came between."""
    between = [Moment(f"other {number}", other) for number, other in enumerate(others) if other < horizons]
    assert Count.DUPLICATE is at_moments(Moment("x", 0), *between, Moment("x", horizons))[-1]


def test_the_entry_that_begins_a_window_may_be_a_duplicate() -> None:
    """An envelope that comes again as the first one after a window is known, and the old ids stay."""
    moments = [Moment("x", 0), Moment("x", 1.01), Moment("y", 1.02), Moment("x", 1.03)]
    assert [Count.COUNTS, Count.DUPLICATE, Count.COUNTS, Count.DUPLICATE] == at_moments(*moments)


def test_ids_are_forgotten_after_two_windows() -> None:
    """Ids from more than two windows ago are forgotten once later ones came, so that memory is bounded."""
    moments = [Moment("x", 0), Moment("y", 1.01), Moment("z", 2.02), Moment("x", 2.03), Moment("y", 2.04)]
    assert [Count.COUNTS, Count.COUNTS, Count.COUNTS, Count.COUNTS, Count.DUPLICATE] == at_moments(*moments)


def test_memory_of_ids_is_bounded() -> None:
    """Over ten windows a fold never remembers more ids than came within two."""
    fold = LedgerFold(complete=True)
    step = ids_horizon_ms() // 100
    ids = []
    for number in range(1_000):
        one = entry(Said("G22", "a", number), number, NOW + number * step)
        assert one.id is not None
        fold.take(one)
        ids.append(one.id)
    remembered = [fold.position_of(one) is not None for one in ids]
    assert all(remembered[-100:])
    assert not any(remembered[:-203])


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["H01", "H02"]),
            st.integers(0, 4),
            st.sampled_from("abcdef"),
            st.sampled_from([0, 0, 5, 13]),
        ),
        max_size=40,
    )
)
def test_a_plain_entry_is_taken_as_any_other(said: list[tuple[str, int, str, int]]) -> None:
    """What `take_plain` takes counts for `take`, and is remembered alike; what it does not take is left untouched."""
    quick_fold, fold, moment = LedgerFold(complete=True), LedgerFold(complete=True), NOW
    for position, (agency, offset, name, days) in enumerate(said):
        moment += days * 24 * 3_600_000
        identity = sha256(name.encode()).digest()
        one = entry(Said(agency, "g1", offset, name=name), position, moment)
        met = fold.last_offset(agency, one.source.generation) is not None
        if quick_fold.take_plain((agency, one.source.generation), offset, identity, position, moment):
            assert met
            assert fold.take(one) is Count.COUNTS
        else:
            counts: list[Count | None] = []
            for each in (quick_fold, fold):
                try:
                    counts.append(each.take(one))
                except InvariantError:
                    counts.append(None)
            assert counts[0] is counts[1]
            assert not (met and counts[0] is Count.COUNTS)
        for other in "abcdef":
            other_id = sha256(other.encode()).digest()
            assert quick_fold.position_of(other_id) == fold.position_of(other_id)
