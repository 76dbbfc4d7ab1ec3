"""The directory: only what the operator signed, the newest version of it, and as it was known at a time."""

from typing import Any

import pytest

from lienthong.kernel.directory import Agency, Directory, Key, record_key
from lienthong.kernel.envelope import decode_envelope, encode_envelope
from lienthong.kernel.keys import key_id_of
from lienthong.kernel.reasons import Reason
from lienthong.kernel.seal import Purpose
from lienthong.kernel.statement import Kind, decode_statement
from lienthong.kernel.trust import OPERATOR
from unit.kernel.world import (
    BENEATH,
    DAY_MS,
    EPOCH,
    FACTS,
    NOW,
    OPERATOR_KEY,
    ORIGIN,
    RECIPIENT,
    SENDER,
    SENDER_KEY,
    TRUST,
    agency,
    directory_of,
    document,
    group,
    key_named,
    key_of,
    one_of_each_kind,
    reason_of,
    record,
    seal,
)

FACT = agency(SENDER)
EARLIER = NOW - DAY_MS
LATER = NOW + DAY_MS


def refused(value: bytes) -> Reason:
    """Why a fresh directory refuses a record; it knows nothing afterwards."""
    directory = Directory(TRUST)
    reason = reason_of(directory.apply, value)
    assert ([], [], 0) == (list(directory.agencies()), list(directory.keys()), directory.known_at)
    return reason


def test_what_is_recorded_is_known() -> None:
    """An agency and a key come back as they were recorded, by code and by id, in the order of their coming."""
    directory = Directory(TRUST)
    key = key_of(SENDER, SENDER_KEY, valid_until=LATER)
    assert FACT == directory.apply(record(FACT))
    assert key == directory.apply(record(key))
    assert FACT == directory.agency(SENDER)
    assert key == directory.key(SENDER_KEY.key_id)
    directory = directory_of(*FACTS)
    assert [fact for fact in FACTS if isinstance(fact, Agency)] == list(directory.agencies())
    assert [fact for fact in FACTS if isinstance(fact, Key)] == list(directory.keys())


def test_who_goes_through_them_is_not_disturbed_by_what_comes() -> None:
    """Whoever waits in between goes on with what there was when it began."""
    directory = directory_of(agency("A1"), agency("A2"), group("@ONE", "A1"), group("@TWO", "A2"))
    for signing in (SENDER_KEY, key_named("another")):
        directory.apply(record(key_of("A1", signing)))
    found = []
    for number, (one, some, key) in enumerate(
        zip(directory.agencies(), directory.groups(), directory.keys(), strict=True)
    ):
        found.append((one.code, some.code, key.public_key))
        directory.apply(record(agency(f"B{number}")))
        directory.apply(record(group(f"@B{number}", "A1")))
        directory.apply(record(key_of("A2", key_named(f"B{number}"))))
    another = key_named("another").public_key
    assert [("A1", "@ONE", SENDER_KEY.public_key), ("A2", "@TWO", another)] == found
    assert 4 == len(list(directory.agencies()))


def test_what_is_not_recorded_is_not_known() -> None:
    """There is no agency of an unknown code, and an unknown key is refused."""
    directory = directory_of(*FACTS)
    assert directory.agency("G99") is None
    assert not directory.is_valid("G99", NOW, NOW)
    assert Reason.UNKNOWN_KEY is reason_of(directory.key, key_named("unknown").key_id)
    assert Reason.UNKNOWN_KEY is reason_of(directory.key, b"")


def test_known_at_is_the_newest_record() -> None:
    """The directory knows up to the newest moment that any record it believed was made, whatever came last."""
    directory = Directory(TRUST)
    assert 0 == directory.known_at
    for created, known in ((EPOCH + 5, EPOCH + 5), (EPOCH + 3, EPOCH + 5), (EPOCH + 9, EPOCH + 9)):
        directory.apply(record(FACT, created=created))
        assert known == directory.known_at
    reason_of(directory.apply, record(FACT, created=LATER, origin="lienthong.other"))
    assert EPOCH + 9 == directory.known_at


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"signer": key_named("somebody")}, Reason.UNKNOWN_KEY),
        ({"signer": SENDER_KEY}, Reason.UNKNOWN_KEY),
        ({"origin": "lienthong.other"}, Reason.WRONG_ORIGIN),
        ({"origin": ""}, Reason.WRONG_ORIGIN),
        ({"purpose": Purpose.EXCHANGE}, Reason.WRONG_PURPOSE),
        ({"purpose": Purpose.RECEIPT}, Reason.WRONG_PURPOSE),
        ({"purpose": ""}, Reason.WRONG_PURPOSE),
        ({"sender": SENDER}, Reason.WRONG_SENDER),
        ({"sender": "operator"}, Reason.WRONG_SENDER),
    ],
    ids=str,
)
@pytest.mark.parametrize("fact", [FACT, key_of(SENDER, SENDER_KEY)], ids=["agency", "key"])
def test_foreign_records_are_refused(fact: Agency | Key, changes: dict[str, Any], reason: Reason) -> None:
    """A record by another signer, sender, backbone or for another purpose is refused and changes nothing."""
    assert reason is refused(record(fact, **changes))


def test_a_record_under_the_operators_name_is_refused() -> None:
    """A record that names the operator's key and was signed with another one is refused."""
    value = record(FACT, signer=SENDER_KEY).replace(SENDER_KEY.key_id, OPERATOR_KEY.key_id)
    assert Reason.BAD_SEAL is refused(value)


def test_an_unsigned_record_is_refused() -> None:
    """A record whose signature is zeros, or has a flipped bit anywhere, is refused."""
    value = record(FACT)
    signature = decode_envelope(value).seal.signatures[0].signature
    assert Reason.BAD_SEAL is refused(value.replace(signature, bytes(64)))
    for place in range(len(value)):
        changed = bytearray(value)
        changed[place] ^= 0x10
        refused(bytes(changed))


@pytest.mark.parametrize("kind", [Kind.DOCUMENT, Kind.ACKNOWLEDGEMENT, Kind.RECEIPT])
def test_other_statements_of_the_operator_are_refused(kind: Kind) -> None:
    """The operator says nothing in the directory but agencies, keys, and that halts are over."""
    statement, _, _ = one_of_each_kind()[kind]
    value = seal([statement._replace(sender=OPERATOR)], signer=OPERATOR_KEY, purpose=Purpose.DIRECTORY)[0]
    assert Reason.WRONG_SENDER is refused(value)


def test_a_record_has_one_signature() -> None:
    """A record that carries the operator's signature twice is refused."""
    sealed = decode_envelope(record(FACT))
    twice = sealed.seal._replace(signatures=list(sealed.seal.signatures) * 2)
    assert Reason.BAD_SEAL is refused(encode_envelope(sealed.statement, (), twice))


def test_undecodable_records_are_refused() -> None:
    """Bytes that are no envelope are refused as such."""
    assert Reason.MALFORMED is refused(b"")
    assert Reason.MALFORMED is refused(record(FACT)[:-1])


def test_the_newest_version_counts() -> None:
    """A later version replaces an earlier one; an earlier or equal one that comes later changes nothing."""
    directory = Directory(TRUST)
    versions = {number: agency(SENDER, version=number, name=f"Name {number}") for number in (1, 2, 3)}
    assert versions[2] == directory.apply(record(versions[2]))
    assert directory.apply(record(versions[1])) is None
    assert directory.apply(record(versions[2]._replace(name="again"))) is None
    assert versions[2] == directory.agency(SENDER)
    assert versions[3] == directory.apply(record(versions[3]))
    assert versions[3] == directory.agency(SENDER)
    keys = {number: key_of(SENDER, SENDER_KEY, version=number, valid_until=NOW + number) for number in (1, 2)}
    assert keys[2] == directory.apply(record(keys[2]))
    assert directory.apply(record(keys[1])) is None
    assert keys[2] == directory.key(SENDER_KEY.key_id)


def test_order_does_not_matter() -> None:
    """Read in any order, the same records make the same directory."""
    facts = [*FACTS, *(agency(SENDER, version=number, name=f"{number}") for number in (2, 3))]
    there, back = directory_of(*facts), directory_of(*facts[::-1])
    assert {one.code: one for one in there.agencies()} == {one.code: one for one in back.agencies()}
    assert {one.public_key: one for one in there.keys()} == {one.public_key: one for one in back.keys()}


def test_the_kafka_key_names_the_subject() -> None:
    """Every version of an agency has a Kafka key of its own and is kept; all versions of a signing key have one."""

    def kafka_key(fact: Agency | Key) -> bytes:
        return record_key(decode_statement(decode_envelope(record(fact)).statement))

    assert b"agency/G22/1" == kafka_key(FACT)
    assert b"agency/G22/2" == kafka_key(FACT._replace(version=2, name="x"))
    key = key_of(SENDER, SENDER_KEY)
    assert f"key/{SENDER_KEY.key_id.hex()}".encode() == kafka_key(key) == kafka_key(key._replace(version=2, agency="X"))
    assert f"key/{key_id_of(SENDER_KEY.public_key, 'ml-dsa-44').hex()}".encode() == kafka_key(
        key._replace(algorithm="ml-dsa-44")
    )


def test_connected_agencies() -> None:
    """Connected are the agencies that have topics, retired ones included, in the order of their coming."""
    directory = directory_of(*FACTS, agency("OLD", valid_until=EARLIER))
    assert ["G22", "H37", "BACKBONE", "OLD"] == directory.connected()
    assert 4 == directory.connected_count


@pytest.mark.parametrize(
    ("changes", "at", "reason"),
    [
        ({}, EPOCH - 1, Reason.KEY_NOT_VALID),
        ({}, EPOCH, None),
        ({}, LATER, None),
        ({"valid_until": NOW}, NOW - 1, None),
        ({"valid_until": NOW}, NOW, Reason.KEY_NOT_VALID),
        ({"valid_from": NOW}, NOW - 1, Reason.KEY_NOT_VALID),
        ({"valid_from": NOW}, NOW, None),
        ({"valid_from": NOW, "valid_until": NOW}, NOW, Reason.KEY_NOT_VALID),
        ({"revoked_from": NOW, "revocation_known_from": NOW}, NOW - 1, None),
        ({"revoked_from": NOW, "revocation_known_from": NOW}, NOW, Reason.KEY_REVOKED),
        ({"revoked_from": NOW, "revocation_known_from": NOW}, LATER, Reason.KEY_REVOKED),
        ({"revoked_from": LATER, "revocation_known_from": NOW}, NOW, None),
        ({"revoked_from": EPOCH - 1, "revocation_known_from": NOW}, EPOCH, Reason.KEY_REVOKED),
        ({"revoked_from": NOW, "revocation_known_from": NOW, "valid_until": NOW}, NOW, Reason.KEY_NOT_VALID),
    ],
    ids=str,
)
def test_key_windows(changes: dict[str, Any], at: int, reason: Reason | None) -> None:
    """A key may be trusted from the first moment of its window to the last, and up to its revocation, to the ms."""
    key = key_of(SENDER, SENDER_KEY, **changes)
    if reason is None:
        key.check(at, LATER)
    else:
        assert reason is reason_of(key.check, at, LATER)


@pytest.mark.parametrize(
    ("known", "at", "reason"),
    [
        (EPOCH - 1, NOW, Reason.UNKNOWN_KEY),
        (EPOCH, NOW, None),
        (NOW - 1, EARLIER, None),
        (NOW - 1, NOW, None),
        (NOW, EARLIER - 1, None),
        (NOW, EARLIER, Reason.KEY_REVOKED),
        (NOW, NOW, Reason.KEY_REVOKED),
        (LATER, EARLIER - 1, None),
        (LATER, EARLIER, Reason.KEY_REVOKED),
    ],
)
def test_what_was_known_of_a_key(known: int, at: int, reason: Reason | None) -> None:
    """A revocation recorded now, from yesterday on, changes no verdict by what was known before, and each after."""
    key = key_of(SENDER, SENDER_KEY, revoked_from=EARLIER, revocation_known_from=NOW)
    if reason is None:
        key.check(at, known)
    else:
        assert reason is reason_of(key.check, at, known)


@pytest.mark.parametrize(
    ("changes", "at", "known", "valid"),
    [
        ({}, EPOCH, EPOCH, True),
        ({}, EPOCH - 1, EPOCH, False),
        ({}, NOW, EPOCH - 1, False),
        ({"known_from": NOW}, NOW, NOW - 1, False),
        ({"known_from": NOW}, EARLIER, NOW, True),
        ({"valid_from": NOW}, NOW - 1, NOW, False),
        ({"valid_from": NOW}, NOW, NOW, True),
        ({"valid_until": NOW}, NOW - 1, NOW, True),
        ({"valid_until": NOW}, NOW, NOW, False),
        ({"connected_from": None}, NOW, NOW, True),
    ],
    ids=str,
)
def test_validity_of_agencies(changes: dict[str, Any], at: int, known: int, valid: bool) -> None:
    """An agency is valid from its first moment to its last, if it was known, connected or not."""
    assert valid == directory_of(agency("X", **changes)).is_valid("X", at, known)


def route(*facts: Agency, to: str, at: int = NOW, known: int = NOW) -> str | None:
    """Where a document for a code goes, if to one inbox at most."""
    found = directory_of(*facts).routes(to, at, known)
    assert len(found) <= 1
    return found[0] if found else None


def test_routes_go_to_the_nearest_connected_agency() -> None:
    """A connected agency gets its own mail, another one's goes to the nearest connected one above it."""
    directory = directory_of(*FACTS)
    assert (SENDER,) == directory.routes(SENDER, NOW, NOW)
    assert (RECIPIENT,) == directory.routes(BENEATH, NOW, NOW)
    near = agency("H37.DN", version=2, parent=RECIPIENT)
    assert ("H37.DN",) == directory_of(*FACTS, near).routes(BENEATH, NOW, NOW)


def test_no_route() -> None:
    """There is no route to an unknown code, below an unknown one, nor where nothing connected stands above."""
    alone = agency("A", connected_from=None)
    assert route(to="A") is None
    assert route(alone, to="A") is None
    assert route(alone, agency("A.B", parent="A", connected_from=None), to="A.B") is None
    assert route(agency("A.B", parent="GONE", connected_from=None), to="A.B") is None


def test_routes_as_they_were_known() -> None:
    """An agency that was connected, or recorded, later than what is used is not routed to."""
    facts = (
        agency("A"),
        agency("A.B", parent="A", connected_from=NOW),
        agency("A.B.C", parent="A.B", connected_from=None, known_from=EARLIER),
    )
    assert "A" == route(*facts, to="A.B.C", known=NOW - 1)
    assert "A.B" == route(*facts, to="A.B.C", known=NOW)
    assert route(*facts, to="A.B.C", known=EARLIER - 1) is None


def test_a_retired_codes_mail_goes_to_its_successor() -> None:
    """From the moment a code is retired, its mail goes to its successors, or to whom that one's goes."""
    retired = agency("OLD", valid_until=NOW, successors=["NEW", "OTHER"])
    assert "OLD" == route(retired, agency("NEW"), to="OLD", at=NOW - 1)
    assert "NEW" == route(retired, agency("NEW"), to="OLD")
    assert "A" == route(retired, agency("NEW", parent="A", connected_from=None), agency("A"), to="OLD")
    again = agency("NEW", valid_until=EARLIER, successors=["NEWER"])
    assert "NEWER" == route(retired, again, agency("NEWER"), to="OLD")
    beneath = agency("OLD.B", parent="OLD", connected_from=None)
    assert "NEW" == route(retired, beneath, agency("NEW"), to="OLD.B")


def test_a_retired_code_without_a_successor_has_no_route() -> None:
    """Mail for a code that retired and whose successor is not named, not known or not yet valid, has no route."""
    assert route(agency("OLD", valid_until=NOW), to="OLD") is None
    assert route(agency("OLD", valid_until=NOW, successors=["NEW"]), to="OLD") is None
    assert route(agency("OLD", valid_until=NOW, successors=["NEW"]), agency("NEW", valid_from=LATER), to="OLD") is None


def test_a_code_not_yet_valid_has_no_route() -> None:
    """Before its first moment a code has no route, although it is connected."""
    assert route(agency("A", valid_from=NOW), to="A", at=NOW - 1) is None
    assert "A" == route(agency("A", valid_from=NOW), to="A")


@pytest.mark.parametrize(
    "loop",
    [
        (agency("A", parent="A", connected_from=None),),
        (agency("A", parent="B", connected_from=None), agency("B", parent="A", connected_from=None)),
        (agency("A", valid_until=NOW, successors=["A"]),),
        (agency("A", valid_until=NOW, successors=["B"]), agency("B", valid_until=NOW, successors=["A"])),
        (agency("A", parent="B", connected_from=None), agency("B", valid_until=NOW, successors=["A"])),
    ],
)
def test_loops_end(loop: tuple[Agency, ...]) -> None:
    """A directory that runs in a circle gives no route, and gives it at once."""
    assert route(*loop, to="A") is None


def test_long_chains_end() -> None:
    """A chain of parents is followed over 16 levels and no further."""

    def chain(length: int) -> list[Agency]:
        levels = [agency(f"A{number}", parent=f"A{number + 1}", connected_from=None) for number in range(length)]
        return [*levels, agency(f"A{length}")]

    assert "A15" == route(*chain(15), to="A0")
    assert route(*chain(16), to="A0") is None


def test_a_document_is_no_directory_record() -> None:
    """What an agency signed for exchange is no directory record, even if it calls itself the operator."""
    value = seal([document(sender=OPERATOR)], signer=SENDER_KEY)[0]
    assert Reason.WRONG_SENDER is refused(value)
    assert ORIGIN == decode_envelope(value).seal.origin
