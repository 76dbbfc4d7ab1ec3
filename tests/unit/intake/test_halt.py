"""Halting: a round that passes the limit is not appended, and only the operator's word lets intake go on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.directory.records import sign_lift
from lienthong.intake.halt import Brake, Halt, generation_of, read_note, write_note
from lienthong.intake.limit import Limit
from lienthong.intake.rounds import Rejection, Round
from lienthong.kernel.directory import Directory
from lienthong.kernel.reasons import Reason
from lienthong.kernel.topics import Partition, outbox
from unit.kernel.world import NOW, OPERATOR_KEY, ORIGIN, TRUST, quick


def brake() -> Brake:
    """A brake with the usual limit."""
    return Brake(Limit(0.5, 3, 20, 300.0))


def rejected(agencies: int, count: int = 10) -> Round:
    """A round in which everything of some agencies was rejected."""
    done = Round()
    for number in range(agencies):
        done.rejected[f"A{number}", Reason.FUTURE] = count
        done.positions[Partition(outbox(f"A{number}"), 1)] = count
        done.rejections.append(Rejection(f"A{number}", 1, 0, None, Reason.FUTURE, "created is 3600 s ahead"))
    return done


def lifted(*halts: bytes, rejections_stand: bool = False) -> Directory:
    """A directory in which the operator lifted halts."""
    directory = Directory(TRUST)
    row = sign_lift(halts, "as I found", "LT", OPERATOR_KEY, ORIGIN, NOW, rejections_stand=rejections_stand)
    directory.apply(row.value or b"")
    return directory


def test_a_round_within_the_limit_is_admitted() -> None:
    """Also when all of it is rejected, as long as it is one agency's."""
    one = brake()
    assert one.admits(rejected(1, 1_000), Directory(TRUST), part="intake/ordinary", now=0.0, at=NOW)
    assert [] == one.standing(Directory(TRUST), 0.0)


def test_a_round_that_passes_the_limit_is_not_admitted_and_neither_is_anything_after_it() -> None:
    """The halt says what was rejected and why, for a person who is woken by it."""
    one = brake()
    assert not one.admits(rejected(3), Directory(TRUST), part="intake/ordinary", now=0.0, at=NOW)
    assert not one.admits(Round(), Directory(TRUST), part="intake/express", now=0.0, at=NOW)
    (halt,) = one.standing(Directory(TRUST), 0.0)
    assert (32, NOW) == (len(halt.id), halt.at)
    assert halt.why == (
        "too much is rejected: 30 records of 3 of 3 agencies, mean share 1.00, limit 0.5"
        " (future 30 in the last round; for instance A0: created is 3600 s ahead)"
    )


def test_only_the_halt_that_the_operator_named_is_lifted() -> None:
    """Then counting begins anew."""
    one = brake()
    one.admits(rejected(3), Directory(TRUST), part="intake/ordinary", now=0.0, at=NOW)
    (halt,) = one.standing(Directory(TRUST), 0.0)
    assert [halt] == one.standing(lifted(bytes(32)), 0.0)
    assert [] == one.standing(lifted(bytes(32), halt.id), 0.0)
    assert one.admits(rejected(3, 1), Directory(TRUST), part="intake/ordinary", now=0.0, at=NOW)


def test_what_is_rejected_rightly_goes_on_when_the_operator_says_so() -> None:
    """The same records halt it again when they were to be mended; when they are right, nothing halts for a window."""
    one = brake()
    one.admits(rejected(3), Directory(TRUST), part="intake/ordinary", now=0.0, at=NOW)
    (halt,) = one.standing(Directory(TRUST), 0.0)
    mended = lifted(halt.id)
    assert [] == one.standing(mended, 0.0)
    assert not one.admits(rejected(3), mended, part="intake/ordinary", now=1.0, at=NOW + 1_000)

    (again,) = one.standing(mended, 0.0)
    right = lifted(halt.id, again.id, rejections_stand=True)
    assert [] == one.standing(right, 0.0)
    for seconds in (2, 100, 299):
        assert one.admits(rejected(3), right, part="intake/ordinary", now=seconds, at=NOW + seconds * 1_000)
    # Another process of intake knows it as well, and a later fault halts all of them.
    assert brake().admits(rejected(3), right, part="intake/ordinary", now=0.0, at=NOW + 10_000)
    assert not one.admits(rejected(3), right, part="intake/ordinary", now=300.0, at=NOW + 300_000)


@pytest.mark.parametrize("skew_ms", [-86_400_000, -301_000, 301_000, 86_400_000])
def test_the_word_that_rejections_are_right_needs_no_clock_where_the_halt_stood(skew_ms: int) -> None:
    """The operator's clock may be a day off: it holds for a window from when it is heard, and never again."""
    one = brake()
    one.admits(rejected(3), Directory(TRUST), part="intake/ordinary", now=0.0, at=NOW + skew_ms)
    (halt,) = one.standing(Directory(TRUST), 0.0)
    right = lifted(halt.id, rejections_stand=True)
    assert [] == one.standing(right, 50.0)
    assert one.admits(rejected(3), right, part="intake/ordinary", now=349.0, at=NOW + skew_ms)
    assert not one.admits(rejected(3), right, part="intake/ordinary", now=350.0, at=NOW)


def test_a_halt_that_was_noted_stands_after_a_restart_until_it_is_lifted() -> None:
    """A new process finds it beside the offset and takes nothing."""
    first, second = brake(), brake()
    first.admits(rejected(3), Directory(TRUST), part="intake/ordinary", now=0.0, at=NOW)
    (halt,) = first.standing(Directory(TRUST), 0.0)

    assert second.found(write_note("g", halt), Directory(TRUST))
    assert [halt] == second.standing(Directory(TRUST), 0.0)
    assert not second.admits(Round(), Directory(TRUST), part="intake/ordinary", now=0.0, at=NOW)
    assert [] == second.standing(lifted(halt.id), 0.0)
    assert not brake().found(write_note("g", halt), lifted(halt.id))


def test_the_same_round_at_another_moment_is_another_halt() -> None:
    """What lifted the first does not lift the second."""
    ids = set()
    for at in (NOW, NOW + 1):
        one = brake()
        one.admits(rejected(3), Directory(TRUST), part="intake/ordinary", now=0.0, at=at)
        ids.add(one.standing(Directory(TRUST), 0.0)[0].id)
    assert 2 == len(ids)


@given(at=st.integers(-(2**63), 2**63 - 1), why=st.text(max_size=3_000))
@quick
def test_a_note_holds_what_brokers_take(at: int, why: str) -> None:
    """At most 4,096 bytes, whatever the reason says; id and moment come back."""
    note = write_note("g", Halt(bytes(range(32)), at, why))
    assert len(note.encode()) <= 4_096
    found = read_note(note)
    assert found is not None
    assert (bytes(range(32)), at) == found[:2]


@pytest.mark.parametrize(
    "note",
    ["", "null", "[]", "{}", "[" * 100_000, '{"halt": 1, "at": 1, "why": ""}', '{"halt": "00", "at": 1, "why": ""}',
     '{"halt": "zz", "at": 1, "why": ""}', '{"halt": "' + "00" * 32 + '", "at": null, "why": ""}',
     '{"halt": "' + "00" * 32 + '", "at": 1e999, "why": ""}'],
)  # fmt: skip
def test_what_other_tools_note_is_no_halt(note: str) -> None:
    """Kafka lets anybody who commits write anything there."""
    assert read_note(note) is None


def test_a_note_tells_the_generation_with_and_without_a_halt() -> None:
    """Whose offset it stands beside."""
    assert "g1" == generation_of(write_note("g1")) == generation_of(write_note("g1", Halt(bytes(32), 1, "why")))
    assert read_note(write_note("g1")) is None


@pytest.mark.parametrize("note", ["", "null", "[]", "{}", "[" * 100_000, '{"generation": 1}', '{"halt": "00"}'])
def test_a_note_without_a_generation_tells_none(note: str) -> None:
    """An older intake's, or that of somebody else's tool."""
    assert generation_of(note) is None
