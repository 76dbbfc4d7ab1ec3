"""Who is addressed: groups, retired agencies, units below a connected one, and all of it as it was known then."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.kernel.addressing import address, addressed_at
from lienthong.kernel.directory import Agency, Directory
from lienthong.kernel.errors import RejectedError
from lienthong.kernel.lanes import lane_of
from lienthong.kernel.reasons import Reason
from unit.kernel.world import (
    BENEATH,
    EPOCH,
    FACTS,
    LANES,
    NOW,
    RECIPIENT,
    SENDER,
    THREAD,
    agency,
    directory_of,
    document,
    group,
    judge_of,
    quick,
    reason_of,
    record,
    seal,
)

LATER = NOW - 1_000
PROVINCES = [f"H{number:02}" for number in range(1, 64)]


def addressed(directory: Directory, *recipients: str, known: int = NOW) -> tuple[list[str], tuple[str, ...]]:
    """Final addresses and inboxes of what the sender says to these."""
    found = address(directory, SENDER, recipients, at=NOW, known=known)
    return [one.code for one in found.addressees], found.routes


def test_a_group_is_expanded_without_its_sender() -> None:
    """Every member once, the sender not; the version that was used is named."""
    directory = directory_of(*FACTS, group("@ALL", SENDER, RECIPIENT, BENEATH, "BACKBONE", version=3))
    found = address(directory, SENDER, ["@ALL"], at=NOW, known=NOW)
    assert [RECIPIENT, BENEATH, "BACKBONE"] == [one.code for one in found.addressees]
    assert ((RECIPIENT, "BACKBONE"), ("@ALL/3",)) == (found.routes, found.groups)
    assert ["@ALL"] * 3 == [one.group for one in found.addressees]


def test_who_is_named_himself_is_there_once_and_first() -> None:
    """No group takes him away, and two groups that overlap bring everybody once."""
    directory = directory_of(*FACTS, group("@A", RECIPIENT, BENEATH), group("@B", BENEATH, "BACKBONE"))
    found = address(directory, SENDER, ["@A", BENEATH, "@B"], at=NOW, known=NOW)
    assert [(BENEATH, ""), (RECIPIENT, "@A"), ("BACKBONE", "@B")] == [(one.code, one.group) for one in found.addressees]


def test_sixty_three_provinces() -> None:
    """A list as the operator makes it reaches each inbox once."""
    directory = directory_of(*FACTS[:1], *map(agency, PROVINCES), group("@TINH-THANH", *PROVINCES))
    assert (PROVINCES, tuple(PROVINCES)) == addressed(directory, "@TINH-THANH")


def test_groups_that_reach_nobody_are_refused() -> None:
    """An unknown group, one that was given up, one of the sender alone, one with a member that nobody gets mail for."""
    lonely = agency("X", connected_from=None)
    directory = directory_of(*FACTS, lonely, group("@NONE"), group("@ME", SENDER), group("@X", RECIPIENT, "X"))
    for code in ("@UNKNOWN", "@NONE", "@ME", "@X"):
        assert Reason.UNKNOWN_RECIPIENT is reason_of(address, directory, SENDER, [code], at=NOW, known=NOW)


def test_members_that_have_retired_are_left_out_or_followed() -> None:
    """One without a successor is passed over; one with a successor is written to there, under its old code."""
    directory = directory_of(
        *FACTS,
        agency("OLD", valid_until=NOW, successors=[RECIPIENT]),
        agency("GONE", valid_until=NOW),
        group("@G", "OLD", "GONE"),
    )
    assert (["OLD"], (RECIPIENT,)) == addressed(directory, "@G")


def test_at_most_five_hundred_after_expansion() -> None:
    """All groups and all named together."""
    codes = [f"A{number}" for number in range(600)]
    directory = directory_of(*FACTS[:1], *map(agency, codes), group("@A", *codes[:300]), group("@B", *codes[200:500]))
    assert 500 == len(addressed(directory, "@A", "@B")[0])
    assert Reason.OVERSIZE is reason_of(address, directory, SENDER, ["@A", "@B", "A500"], at=NOW, known=NOW)


def test_a_group_as_it_was_known() -> None:
    """Who is added later was not written to, for everybody who asks by what was known then."""
    directory = directory_of(*FACTS, group("@G", RECIPIENT))
    directory.apply(record(group("@G", "BACKBONE", version=2), created=LATER))
    assert [RECIPIENT] == addressed(directory, "@G", known=LATER - 1)[0]
    assert ["BACKBONE"] == addressed(directory, "@G", known=LATER)[0]
    assert (RECIPIENT,) == addressed_at(directory, SENDER, ["@G"], RECIPIENT, at=NOW, known=LATER - 1)
    assert () == addressed_at(directory, SENDER, ["@G"], RECIPIENT, at=NOW, known=LATER)


def test_the_final_address_is_told() -> None:
    """Whoever opens an inbox sees for which unit below it a document is, and for which agency it took over from."""
    directory = directory_of(*FACTS, agency("OLD", valid_until=NOW, successors=[RECIPIENT]))
    recipients = [BENEATH, SENDER, "OLD", "NOBODY"]
    assert (BENEATH, "OLD") == addressed_at(directory, "X", recipients, RECIPIENT, at=NOW, known=NOW)
    assert () == addressed_at(directory, SENDER, ["@UNKNOWN"], RECIPIENT, at=NOW, known=NOW)


def test_several_successors_all_get_it() -> None:
    """An agency that was divided: each part gets its mail, chains are followed to their end."""
    directory = directory_of(
        agency("OLD", valid_until=NOW, successors=["A", "B"]),
        agency("A"),
        agency("B", valid_until=NOW, successors=["C"]),
        agency("C"),
    )
    assert ("A", "C") == directory.routes("OLD", NOW, NOW)
    assert ("OLD",) == directory.routes("OLD", NOW - 1, NOW)


def test_a_verdict_about_the_past_stays_when_an_agency_is_changed() -> None:
    """Moved below another one, retired, merged: what was known then decides, so the verdict is the same for ever."""
    judge = judge_of(group("@G", BENEATH))
    lane = lane_of(THREAD, LANES)
    (value,) = seal([document(recipients=[BENEATH, "@G"])])
    before = judge.verdict(value, agency=SENDER, lane=lane, at=NOW, known=EPOCH)
    assert (None, (RECIPIENT,), ("@G/1",)) == (before.reason, before.routes, before.groups)
    for fact in (
        agency("H37.DN", version=2, parent="BACKBONE", connected_from=None),
        agency(RECIPIENT, version=2, valid_until=EPOCH + 5),
        agency(SENDER, version=2, valid_until=EPOCH + 5),
        group("@G", "BACKBONE", version=2),
    ):
        judge.directory.apply(record(fact, created=EPOCH + 5))
    assert before == judge.verdict(value, agency=SENDER, lane=lane, at=NOW, known=EPOCH)
    after = judge.verdict(value, agency=SENDER, lane=lane, at=NOW, known=EPOCH + 5)
    assert Reason.UNKNOWN_SENDER is after.reason


CODES = [f"A{number}" for number in range(8)]


@st.composite
def worlds(draw: st.DrawFn) -> list[Agency]:
    """Agencies with any parents and successors among each other, circles included."""
    some = st.sampled_from(CODES)
    return [
        agency(
            code,
            parent=draw(st.none() | some),
            connected_from=draw(st.sampled_from([None, EPOCH, NOW])),
            valid_from=draw(st.sampled_from([EPOCH, NOW, NOW + 1])),
            valid_until=draw(st.sampled_from([None, NOW, NOW + 1])),
            successors=draw(st.lists(some, max_size=3, unique=True)),
        )
        for code in CODES
        if draw(st.booleans())
    ]


@quick
@given(worlds(), st.sampled_from(CODES), st.sampled_from([EPOCH, NOW]))
def test_routes_end_at_connected_and_valid_agencies(facts: list[Agency], code: str, known: int) -> None:
    """Whatever the directory says: it ends, each route once, and each is connected, known and valid."""
    directory = directory_of(*facts)
    routes = directory.routes(code, NOW, known)
    assert len(set(routes)) == len(routes)
    for route in routes:
        found = directory.agency(route, known)
        assert found is not None
        assert found.connected_from is not None
        assert found.connected_from <= known
        assert directory.is_valid(route, NOW, known)


@quick
@given(worlds(), st.lists(st.sampled_from([*CODES, "@G", "@H"]), min_size=1, max_size=4, unique=True), st.data())
def test_intake_and_readers_agree(facts: list[Agency], recipients: list[str], data: st.DataObject) -> None:
    """Of what is accepted, exactly the inboxes that it goes to find it meant for them, for the same addresses."""
    members = st.lists(st.sampled_from(CODES), max_size=4, unique=True)
    known_codes = {one.code for one in facts}
    groups = [group(code, *(one for one in data.draw(members) if one in known_codes)) for code in ("@G", "@H")]
    directory = directory_of(*facts, *groups)
    try:
        found = address(directory, SENDER, recipients, at=NOW, known=NOW)
    except RejectedError:
        return
    for code in CODES:
        meant = addressed_at(directory, SENDER, recipients, code, at=NOW, known=NOW)
        if code in found.routes:
            assert {one.code for one in found.addressees if code in one.routes} == set(meant)
        else:
            # Only an agency that is named and whose mail goes elsewhere takes it for its own, were it put there.
            assert set(meant) <= {code}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("000.00.13.H53", "H53.13"),
        ("000.00.00.H37", RECIPIENT),
        ("00.01.H37", "H37.DN"),
        ("000.00.01.H37", "H37.DN"),
        ("H37.DN.001", BENEATH),
        ("H99.NEW", "H99.NEW"),
    ],
)
def test_both_forms_of_a_code(text: str, code: str) -> None:
    """The directory's table goes before the rule: it knows the groups of letters."""
    directory = directory_of(
        agency(RECIPIENT, code_qcvn102="000.00.00.H37"),
        agency("H37.DN", parent=RECIPIENT, connected_from=None, code_qcvn102="000.00.01.H37"),
    )
    assert code == directory.code_of(text)


@pytest.mark.parametrize("text", ["000.00.01.W00", "W00.01", "@TINH-THANH", "h37", "", "H37..1"])
def test_what_is_no_agencys_code(text: str) -> None:
    """Connection nodes and groups are no offices."""
    with pytest.raises(ValueError, match="agency code"):
        directory_of().code_of(text)
