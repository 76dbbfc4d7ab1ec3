"""What the operator changes: new versions of records, and only of what has changed."""

import pytest

from lienthong.directory.listing import ListedAgency
from lienthong.directory.records import agencies_of, group_of, key_of, retired, revoked, sign_lift, sign_records
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
    agency,
    directory_of,
    key_named,
    reason_of,
    record,
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
    """One seal over all; each under a Kafka key of its own, so that compaction keeps all versions of an agency."""
    facts: list[Agency | Key] = [
        *agencies(listed("H37"), listed("G22")),
        key_of("G22", SENDER_KEY.public_key, Purpose.EXCHANGE, NOW, valid_until=LATER),
    ]
    rows = [row for some in sign_records(facts, OPERATOR_KEY, ORIGIN, NOW) for row in some]

    directory = Directory(TRUST)
    values = [row.value for row in rows if row.value is not None]
    assert facts == [directory.apply(value) for value in values]
    key_id = key_id_of(SENDER_KEY.public_key).hex()
    assert [b"agency/H37/1", b"agency/G22/1", f"key/{key_id}".encode()] == [row.key for row in rows]
    assert {3} == {decode_envelope(value).seal.tree_size for value in values}


def test_more_facts_than_one_seal_covers_are_sealed_in_parts() -> None:
    """A tree has at most 4,096 leaves."""
    facts = agencies(*(listed(f"H{number}") for number in range(4_100)))
    rows = [row for some in sign_records(facts, OPERATOR_KEY, ORIGIN, NOW) for row in some]
    sizes = [decode_envelope(row.value or b"").seal.tree_size for row in (rows[0], rows[4_095], rows[4_096], rows[-1])]
    assert (4_100, [4_096, 4_096, 4, 4]) == (len(rows), sizes)
    assert [] == list(sign_records([], OPERATOR_KEY, ORIGIN, NOW))


def test_records_under_another_key_are_not_believed() -> None:
    """Only the pinned operator's count."""
    ((row,),) = sign_records(agencies(listed("H37")), key_named("somebody"), ORIGIN, NOW)
    with pytest.raises(RejectedError):
        Directory(TRUST).apply(row.value or b"")


def test_a_lift_is_signed_kept_by_its_halt_and_moves_nothing_else() -> None:
    """Who resumed, when and why stands in the directory; no verdict looks different after it."""
    directory = directory_of(*agencies(listed("H37")))
    known = directory.known_at
    halts = (bytes(32), bytes(range(32)))
    row = sign_lift(halts, "đồng hồ đã chỉnh", "LT", OPERATOR_KEY, ORIGIN, LATER)
    assert not directory.is_lifted(halts[0])
    assert Lift(halts, "đồng hồ đã chỉnh", LATER, rejections_stand=False) == directory.apply(row.value or b"")
    assert all(directory.is_lifted(halt) for halt in halts)
    assert not directory.is_lifted(bytes([1]) * 32)
    assert (f"lift/{'00' * 32}".encode(), known) == (row.key, directory.known_at)


def test_the_operator_may_stand_by_rejections() -> None:
    """The directory tells since when; the last word counts, also after one under a clock that was ahead."""
    directory = directory_of(*agencies(listed("H37")))
    for now in (LATER, NOW):
        row = sign_lift([bytes(32)], "khóa bị thu hồi", "LT", OPERATOR_KEY, ORIGIN, now, rejections_stand=True)
        lift = directory.apply(row.value or b"")
        assert isinstance(lift, Lift)
        assert lift.rejections_stand
    assert directory.is_lifted(bytes(32))
    assert NOW == directory.rejections_stand_at
    assert directory.rejections_stand(bytes(32))


@pytest.mark.parametrize(("halts", "why"), [([], "x"), ([bytes(32)] * 2, "x"), ([bytes(32)], "x" * 501)])
def test_a_lift_that_nobody_would_believe_is_not_signed(halts: list[bytes], why: str) -> None:
    """The operator is told before it is recorded."""
    with pytest.raises(ValueError):
        sign_lift(halts, why, "LT", OPERATOR_KEY, ORIGIN, NOW)


def test_an_acknowledgement_lifts_only_by_the_operator_and_with_its_status() -> None:
    """Another key's is not believed, another status is none."""
    by_somebody = sign_lift([bytes(32)], "x", "LT", key_named("somebody"), ORIGIN, NOW)
    refusing = seal(
        [acknowledgement(sender=OPERATOR, body={"documents": [bytes(32)], "status": "16", "reason": "x"})],
        signer=OPERATOR_KEY, purpose=Purpose.DIRECTORY,
    )[0]  # fmt: skip
    directory = Directory(TRUST)
    for value, reason in ((by_somebody.value, Reason.UNKNOWN_KEY), (refusing, Reason.WRONG_SENDER)):
        assert reason == reason_of(directory.apply, value)
    assert not directory.is_lifted(bytes(32))


def test_an_agency_retires_into_others() -> None:
    """A next version with an end and successors; from now or later on, never in the past."""
    directory = directory_of(agency("OLD"), agency("NEW"))
    new = retired(directory, "OLD", ["NEW"], LATER, NOW)
    assert (2, LATER, ["NEW"]) == (new.version, new.valid_until, new.successors)
    directory = directory_of(agency("OLD"), agency("NEW"), new)
    assert ("NEW",) == directory.routes("OLD", LATER, LATER)
    with pytest.raises(ValueError, match="in the past"):
        retired(directory, "NEW", [], NOW - 1, NOW)


@pytest.mark.parametrize(
    ("code", "successors", "why"),
    [
        ("X", ["NEW"], "agency X is not in the directory"),
        ("OLD", ["X"], "successor X is not in the directory"),
        ("OLD", ["NEW", "NEW"], "none twice"),
        ("OLD", ["OLD"], "circle: OLD → OLD"),
        ("NEW", ["GONE"], "circle: NEW → GONE → NEW"),
        ("NEW", ["BELOW"], "circle: NEW → BELOW → NEW"),
        ("OLD", ["ALONE"], "successor ALONE gets no mail"),
    ],
)
def test_who_cannot_take_over(code: str, successors: list[str], why: str) -> None:
    """Circles are named: they would swallow mail."""
    directory = directory_of(
        agency("OLD"),
        agency("NEW"),
        agency("GONE", valid_until=NOW, successors=["NEW"]),
        agency("BELOW", parent="NEW", connected_from=None),
        agency("ALONE", connected_from=None),
    )
    with pytest.raises(ValueError, match=why):
        retired(directory, code, successors, NOW, NOW)


class Asked(Directory):
    """A directory that counts how often it is asked for an agency."""

    def __init__(self, *facts: Agency) -> None:
        super().__init__(TRUST)
        self.asked = 0
        for one in facts:
            self._agencies.put(one.code, one, NOW)

    def agency(self, code: str, known: int | None = None) -> Agency | None:
        """As it is, and counted."""
        self.asked += 1
        return super().agency(code, known)


DEPTH = 20_000


def diamonds() -> list[Agency]:
    """Each divided into two that were merged again into the next one: two ways at each step."""
    found = []
    for step in range(DEPTH):
        found.append(agency(f"A{step}", valid_until=NOW, successors=[f"B{step}", f"C{step}"]))
        found += [agency(f"{side}{step}", valid_until=NOW, successors=[f"A{step + 1}"]) for side in "BC"]
    return [*found, agency(f"A{DEPTH}"), agency("OLD")]


@pytest.mark.timeout(60)
def test_agencies_divided_and_merged_again_and_again_are_looked_at_once_each() -> None:
    """The number of ways doubles at every step; the work does not, and that of a long way is no square of it."""
    directory = Asked(*diamonds())
    with pytest.raises(ValueError, match=r"successor A0 gets no mail"):
        # Mail takes no more than sixteen steps.
        retired(directory, "OLD", ["A0"], NOW, NOW)
    assert directory.asked <= 3 * DEPTH + 10
    with pytest.raises(ValueError, match=rf"circle: A{DEPTH} → A0 → .* → A{DEPTH}$"):
        retired(directory, f"A{DEPTH}", ["A0"], NOW, NOW)


def test_parents_in_a_circle_are_refused() -> None:
    """In one list, or with what the directory holds."""
    lines = [listed("A", parent="B", connected=False), listed("B", parent="A", connected=False)]
    with pytest.raises(ValueError, match="circle"):
        agencies(*lines)


def test_a_parent_in_the_older_form() -> None:
    """By the list's table, the directory's, and the rule."""
    first = ListedAgency(agency_code("H37.DN"), "000.00.01.H37", "Sở", None, False)
    (_, below) = agencies(first, listed("H37.DN.001", parent="000.00.01.H37", connected=False))
    assert "H37.DN" == below.parent
    (alone,) = agencies(listed("H37.X", parent="000.00.00.H37"), directory=directory_of(agency("H37")))
    assert "H37" == alone.parent


def test_groups_and_their_versions() -> None:
    """First and next version; a name stays unless it is changed; nobody in it gives it up."""
    directory = directory_of(agency("H37"), agency("H26"))
    first = group_of(directory, "@TINH", "Tỉnh", ["H37", "H26"], NOW)
    assert (1, NOW, ["H37", "H26"]) == (first.version, first.known_from, first.members)
    directory = directory_of(agency("H37"), first)
    assert first._replace(version=2, members=[]) == group_of(directory, "@TINH", "", [], LATER)


@pytest.mark.parametrize(
    ("code", "name", "members", "why"),
    [
        ("TINH", "x", ["H37"], "group code 'TINH' is not @"),
        ("@tinh", "x", ["H37"], "is not @"),
        ("@TINH", "", ["H37"], "1 to 200 are needed"),
        ("@TINH", "x", ["H99"], "agency H99 is not in the directory"),
        ("@TINH", "x", ["H37", "H37"], "twice"),
        ("@TINH", "x", [f"H{number}" for number in range(501)], "at most 500"),
    ],
)
def test_what_is_no_group(code: str, name: str, members: list[str], why: str) -> None:
    """A group's code cannot be an agency's, and all its members are known."""
    with pytest.raises(ValueError, match=why):
        group_of(directory_of(agency("H37")), code, name, members, NOW)


def coded(code: str, older: str) -> ListedAgency:
    """One line of a list with a code of QCVN 102."""
    return ListedAgency(agency_code(code), older, f"Sở {code}", None, True)


@pytest.mark.parametrize("older", ["000.00.12.H37", "12.H37"])
def test_a_code_of_qcvn_102_stands_for_one_agency(older: str) -> None:
    """In one list or by what the directory holds, however many levels are written out; both are named."""
    sentence = r"code 000\.00\.12\.H37 of QCVN 102 would be that of H37\.12 \(Sở H37\.12\) and of H38 \(Sở H38\)"
    first, second = coded("H37.12", "000.00.12.H37"), coded("H38", older)
    with pytest.raises(ValueError, match=sentence):
        agencies(first, second)
    directory = directory_of(*agencies(first))
    with pytest.raises(ValueError, match=sentence):
        agencies(second, directory=directory)
    assert [] == agencies(first, directory=directory)


def test_a_code_of_qcvn_102_goes_over_when_its_agency_has_retired() -> None:
    """Not before that; or when that one gets another one in the same list."""
    old, new = coded("H37", "000.00.00.H37"), coded("H38", "000.00.00.H37")
    directory = directory_of(*agencies(old))
    after = [*agencies(old), retired(directory, "H37", [], LATER, NOW)]
    with pytest.raises(ValueError, match=r"would be that of H37 \(Sở H37\) and of H38"):
        agencies(new, at=LATER - 1, directory=directory_of(*after))
    (first,) = agencies(new, at=LATER, directory=directory_of(*after))
    assert ("H38", "000.00.00.H37") == (first.code, first.code_qcvn102)
    # A list that holds both, and names the code as a parent's, means the one that is there.
    below = listed("H38.1", parent="000.00.00.H37", connected=False)
    for both in ((old, new), (new, old)):
        assert "H38" == agencies(*both, below, at=LATER, directory=directory_of(*after, first))[0].parent

    swapped = agencies(coded("H37", "000.00.00.H39"), new, directory=directory)
    assert [("H37", "000.00.00.H39"), ("H38", "000.00.00.H37")] == [(one.code, one.code_qcvn102) for one in swapped]


def test_a_code_that_was_given_twice_before_is_found_the_same_way_by_everybody() -> None:
    """Facts that are recorded stay; they are not in the way of others, and one of the two can be changed."""
    twice = [agency("H37", code_qcvn102="000.00.00.H37"), agency("H38", code_qcvn102="000.00.00.H37")]
    grown = directory_of(twice[0])
    assert "H37" == grown.code_of("000.00.00.H37")
    grown.apply(record(twice[1]))
    for directory in (grown, directory_of(*twice)):
        assert "H38" == directory.code_of("000.00.00.H37") == directory.code_of("00.H37")
    assert ["H39"] == [one.code for one in agencies(coded("H39", "000.00.00.H39"), directory=grown)]
    renamed = coded("H38", "000.00.00.H37")
    assert [(2, "Sở H38")] == [(one.version, one.name) for one in agencies(renamed, directory=grown)]
    (mended,) = agencies(coded("H38", "000.00.00.H38"), directory=grown)
    grown.apply(record(mended, created=LATER))
    assert ("H37", "H38") == (grown.code_of("000.00.00.H37"), grown.code_of("000.00.00.H38"))
