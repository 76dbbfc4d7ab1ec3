"""What the operator changes: new versions of records, and only of what has changed."""

import pytest

from lienthong.directory.listing import ListedAgency
from lienthong.directory.records import agencies_of, key_of, retired, revoked, sign_lift, sign_records
from lienthong.kernel.agency import agency_code
from lienthong.kernel.directory import Agency, Directory, Key, Lift
from lienthong.kernel.envelope import decode_envelope
from lienthong.kernel.errors import RejectedError
from lienthong.kernel.keys import key_id_of
from lienthong.kernel.reasons import Reason
from lienthong.kernel.seal import Purpose
from lienthong.kernel.trust import OPERATOR
from unit.kernel.world import (
    NOW,
    OPERATOR_KEY,
    ORIGIN,
    SENDER_KEY,
    TRUST,
    acknowledgement,
    directory_of,
    key_named,
    reason_of,
    seal,
)

LATER = NOW + 60_000


def listed(code: str, name: str = "Sở", parent: str | None = None, *, connected: bool = True) -> ListedAgency:
    """One line of a list."""
    return ListedAgency(agency_code(code), "", name, parent, connected)


def agencies(*lines: ListedAgency, at: int = NOW, directory: Directory | None = None) -> list[Agency]:
    """New versions by these lines."""
    return agencies_of(lines, directory or directory_of(), at)


def test_a_new_agency_is_valid_from_now_on() -> None:
    """Its first version; connected from now if it is, its parent may stand in the same list."""
    parent, child = agencies(listed("H37"), listed("H37.DN", parent="H37", connected=False))
    assert Agency(1, NOW, "H37", "", "Sở", None, NOW, NOW, None, []) == parent
    assert Agency(1, NOW, "H37.DN", "", "Sở", "H37", None, NOW, None, []) == child


def test_only_what_changed_gets_a_new_version() -> None:
    """The same list again changes nothing; a new name is a next version with the old moments."""
    (old,) = agencies(listed("H37"))
    directory = directory_of(old)
    assert [] == agencies(listed("H37"), at=LATER, directory=directory)
    assert [old._replace(version=2, name="Tỉnh")] == agencies(listed("H37", "Tỉnh"), at=LATER, directory=directory)


def test_an_agency_ends_and_its_successor_receives_from_then_on() -> None:
    """It stays in the directory with its old moments, and nothing is judged anew."""
    old, successor = agencies(listed("H39"), listed("H53"))
    ended = retired(directory_of(old, successor), "H39", ["H53"], LATER)
    assert old._replace(version=2, valid_until=LATER, successors=["H53"]) == ended
    directory = directory_of(successor, ended)
    assert ["H39", "H53"] == [directory.route("H39", at, LATER) for at in (LATER - 1, LATER)]


@pytest.mark.parametrize(
    ("code", "successors", "why"),
    [
        ("H99", ["H53"], "H99 is not in the directory"),
        ("H39", ["H98"], "H98 cannot succeed H39"),
        ("H53", ["H53"], "H53 cannot succeed H53"),
    ],
)
def test_who_cannot_end_or_succeed(code: str, successors: list[str], why: str) -> None:
    """Somebody who is not there, and the agency itself."""
    directory = directory_of(*agencies(listed("H39"), listed("H53")))
    with pytest.raises(ValueError, match=why):
        retired(directory, code, successors, LATER)


def test_an_agency_ends_once() -> None:
    """A second end would change what was judged meanwhile."""
    old, successor = agencies(listed("H39"), listed("H53"))
    ended = retired(directory_of(old, successor), "H39", ["H53"], LATER)
    with pytest.raises(ValueError, match="has ended before"):
        retired(directory_of(successor, ended), "H39", ["H53"], LATER + 1)


def test_an_agency_is_connected_later_and_stays_connected() -> None:
    """From the moment it is said; a list that says no does not take its topics away."""
    (old,) = agencies(listed("H37", connected=False))
    (connected,) = agencies(listed("H37"), at=LATER, directory=directory_of(old))
    assert (2, LATER) == (connected.version, connected.connected_from)
    assert [] == agencies(listed("H37", connected=False), at=LATER, directory=directory_of(connected))


def test_a_parent_must_be_listed_or_known() -> None:
    """Otherwise nothing would stand above the agency."""
    with pytest.raises(ValueError, match=r"agency H37\.DN: its parent H37 is neither listed nor in the directory"):
        agencies(listed("H37.DN", parent="H37"))
    known = directory_of(*agencies(listed("H37")))
    assert ["H37.DN"] == [one.code for one in agencies(listed("H37.DN", parent="H37"), directory=known)]


def test_a_key_is_revoked_from_a_time_on_and_may_be_from_an_earlier_one() -> None:
    """Each time a next version; from the same or a later time says nothing new."""
    key = key_of("G22", SENDER_KEY.public_key, Purpose.EXCHANGE, NOW)
    once = revoked(key, NOW + 10, LATER)
    assert key._replace(version=2, revoked_from=NOW + 10, revocation_known_from=LATER) == once
    earlier = revoked(once, NOW - 10, LATER + 1)
    assert (3, NOW - 10) == (earlier.version, earlier.revoked_from)
    for moment in (NOW + 10, NOW + 11):
        with pytest.raises(RejectedError) as caught:
            revoked(once, moment, LATER)
        assert Reason.KEY_REVOKED == caught.value.reason


def test_records_are_signed_so_that_who_pins_the_operator_believes_them() -> None:
    """One seal over all; each under the Kafka key of its subject, so that compaction keeps the newest."""
    facts: list[Agency | Key] = [
        *agencies(listed("H37"), listed("G22")),
        key_of("G22", SENDER_KEY.public_key, Purpose.EXCHANGE, NOW, valid_until=LATER),
    ]
    rows = sign_records(facts, OPERATOR_KEY, ORIGIN, NOW)

    directory = Directory(TRUST)
    values = [row.value for row in rows if row.value is not None]
    assert facts == [directory.apply(value) for value in values]
    key_id = key_id_of(SENDER_KEY.public_key).hex()
    assert [b"agency/H37", b"agency/G22", f"key/{key_id}".encode()] == [row.key for row in rows]
    assert {3} == {decode_envelope(value).seal.tree_size for value in values}


def test_more_facts_than_one_seal_covers_are_sealed_in_parts() -> None:
    """A tree has at most 4,096 leaves."""
    facts = agencies(*(listed(f"H{number}") for number in range(4_100)))
    rows = sign_records(facts, OPERATOR_KEY, ORIGIN, NOW)
    sizes = [decode_envelope(row.value or b"").seal.tree_size for row in (rows[0], rows[4_095], rows[4_096], rows[-1])]
    assert (4_100, [4_096, 4_096, 4, 4]) == (len(rows), sizes)
    assert [] == sign_records([], OPERATOR_KEY, ORIGIN, NOW)


def test_records_under_another_key_are_not_believed() -> None:
    """Only the pinned operator's count."""
    (row,) = sign_records(agencies(listed("H37")), key_named("somebody"), ORIGIN, NOW)
    with pytest.raises(RejectedError):
        Directory(TRUST).apply(row.value or b"")


def test_a_lift_is_signed_kept_by_its_halt_and_moves_nothing_else() -> None:
    """Who resumed, when and why stands in the directory; no verdict looks different after it."""
    directory = directory_of(*agencies(listed("H37")))
    known = directory.known_at
    halts = (bytes(32), bytes(range(32)))
    row = sign_lift(halts, "đồng hồ đã chỉnh", "LT", OPERATOR_KEY, ORIGIN, LATER)
    assert not directory.is_lifted(halts[0])
    assert Lift(halts, "đồng hồ đã chỉnh", LATER) == directory.apply(row.value or b"")
    assert all(directory.is_lifted(halt) for halt in halts)
    assert not directory.is_lifted(bytes([1]) * 32)
    assert (f"lift/{'00' * 32}".encode(), known) == (row.key, directory.known_at)


@pytest.mark.parametrize(("halts", "why"), [([], "x"), ([bytes(32)] * 2, "x"), ([bytes(32)], "x" * 501)])
def test_a_lift_that_nobody_would_believe_is_not_signed(halts: list[bytes], why: str) -> None:
    """The operator is told before it is recorded."""
    with pytest.raises(ValueError):
        sign_lift(halts, why, "LT", OPERATOR_KEY, ORIGIN, NOW)


def test_an_acknowledgement_lifts_only_by_the_operator_and_with_its_status() -> None:
    """Another key's is not believed, another status is none."""
    by_somebody = sign_lift([bytes(32)], "x", "LT", key_named("somebody"), ORIGIN, NOW)
    refusing = seal(
        [acknowledgement(sender=OPERATOR, body={"documents": [bytes(32)], "status": "02", "reason": "x"})],
        signer=OPERATOR_KEY, purpose=Purpose.DIRECTORY,
    )[0]  # fmt: skip
    directory = Directory(TRUST)
    for value, reason in ((by_somebody.value, Reason.UNKNOWN_KEY), (refusing, Reason.WRONG_SENDER)):
        assert reason == reason_of(directory.apply, value)
    assert not directory.is_lifted(bytes(32))
