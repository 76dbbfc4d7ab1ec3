"""Commands of the operator: what they may carry, who may order, and to whom it goes."""

from typing import Any

import pytest

from lienthong.kernel.command import (
    ENVELOPE_TYPE,
    RELEASABLE,
    RELEASE,
    RESEND,
    Original,
    make_command,
    read_command,
    routes_released,
)
from lienthong.kernel.directory import Agency, Group, Key
from lienthong.kernel.envelope import decode_envelope, encode_envelope, envelope_id
from lienthong.kernel.errors import RejectedError
from lienthong.kernel.judge import Judge, Verdict
from lienthong.kernel.keys import SigningKey
from lienthong.kernel.lanes import lane_of
from lienthong.kernel.limits import ACCEPTANCE_WINDOW_MS, MAX_INLINE_BYTES
from lienthong.kernel.reasons import Reason
from lienthong.kernel.seal import Purpose
from lienthong.kernel.statement import Kind, Statement, attachment_of, encode_statement
from unit.kernel.world import (
    BACKBONE,
    BENEATH,
    DAY_MS,
    EPOCH,
    EXPRESS_THREAD,
    FACTS,
    LANES,
    NOW,
    OPERATOR_KEY,
    RECEIPT_KEY,
    RECIPIENT,
    RECIPIENT_KEY,
    SENDER,
    SENDER_KEY,
    THREAD,
    acknowledgement,
    agency,
    directory_of,
    document,
    group,
    judge_of,
    key_named,
    key_of,
    reason_of,
    record,
    seal,
)

LANE = lane_of(THREAD, LANES)
THEN = NOW - 3 * DAY_MS
"""When the document was judged."""
(GOOD,) = seal([document(created=THEN)], signed_at=THEN)
(OLD,) = seal([document(created=NOW - ACCEPTANCE_WINDOW_MS - 1)], signed_at=NOW - ACCEPTANCE_WINDOW_MS - 1)
BOTH = [RECIPIENT, SENDER]


def ordered(value: bytes, action: str = RESEND, *to: str, **changes: Any) -> Statement:
    """A command about a record."""
    recipients = to or ((RECIPIENT,) if action == RESEND else tuple(BOTH))
    made = make_command(
        action, Original(value, 7, THEN, EPOCH), recipients, "mất đĩa", backbone=BACKBONE, now=NOW
    )  # fmt: skip
    body = made.body | {name: changes.pop(name) for name in list(changes) if name in made.body}
    return made._replace(body=body, **changes)


def sealed(
    statement: Statement, value: bytes, signer: SigningKey = OPERATOR_KEY, purpose: str = Purpose.COMMAND
) -> bytes:
    """The command's envelope."""
    return seal([statement], signer=signer, purpose=purpose, contents=[value])[0]


def judged(value: bytes, *facts: Agency | Group | Key, **where: Any) -> Verdict:
    """What intake says of it."""
    return judge_of(*facts).verdict(value, **{"agency": BACKBONE, "lane": LANE, "at": NOW, **where})


def order(value: bytes, action: str = RESEND, *to: str, facts: tuple[Any, ...] = (), **changes: Any) -> Verdict:
    """What intake says of a command of the operator about a record."""
    return judged(sealed(ordered(value, action, *to, **changes), value), *facts)


def test_what_was_accepted_is_sent_again() -> None:
    """The command is accepted as what it is, and goes to whom it names."""
    value = sealed(statement := ordered(GOOD), GOOD)
    expected = Verdict(None, "", envelope_id(encode_statement(statement)), Kind.COMMAND, (RECIPIENT,))
    assert expected == judged(value)
    judge = judge_of()
    command, carried = judge.ordered(judge.open(value, at=NOW), at=NOW, known=EPOCH)
    assert (RESEND, 7, THEN, EPOCH, "mất đĩa", GOOD) == (
        command.action, command.position, command.judged_at, command.known_at, command.reason, command.value,
    )  # fmt: skip
    assert judge.open(GOOD, at=THEN) == carried


def test_what_had_expired_is_released() -> None:
    """The window is not asked again; neither is it for what is sent again later."""
    assert Reason.EXPIRED is judge_of().verdict(OLD, agency=SENDER, lane=LANE, at=NOW).reason
    assert (None, (RECIPIENT, SENDER)) == (order(OLD, RELEASE).reason, order(OLD, RELEASE).routes)
    assert order(OLD).reason is None


def test_what_is_released_is_a_table() -> None:
    """Only what time or the directory mends; nothing that was forged, misshapen or misplaced."""
    assert {"expired", "future", "unknown_recipient", "unknown_sender", "unknown_key", "key_not_valid"} == set(
        RELEASABLE
    )
    assert all(RELEASABLE.values())


@pytest.mark.parametrize(
    ("name", "value", "changes"),
    [
        ("cut off", GOOD[:-1], {}),
        ("nothing", b"", {}),
        ("no document", seal([acknowledgement()], signer=RECIPIENT_KEY)[0], {}),
        ("another id", GOOD, {"document": bytes(32)}),
        ("another thread", GOOD, {"thread": EXPRESS_THREAD}),
        ("another media type", GOOD, {"attachments": [attachment_of("x.avro", "application/avro", GOOD)]}),
        ("a position below zero", GOOD, {"position": -1}),
        ("a time below zero", GOOD, {"judged_at": -1}),
        ("an action that is none", GOOD, {"action": "delete"}),
        ("no reason", GOOD, {"reason": ""}),
        ("two attachments", GOOD, {"attachments": [attachment_of("x.avro", ENVELOPE_TYPE, GOOD)] * 2}),
        ("nobody", GOOD, {"recipients": []}),
    ],
)
def test_what_a_command_may_carry(name: str, value: bytes, changes: dict[str, Any]) -> None:
    """A document of its own thread, whole and under the id it names; whatever else it is, is malformed."""
    attachments = [attachment_of("x.avro", ENVELOPE_TYPE, value)]
    statement = ordered(GOOD, **{"attachments": attachments, **changes})
    lane = lane_of(statement.thread, LANES)
    verdict = judged(sealed(statement, value), lane=lane)
    assert (Reason.MALFORMED, ()) == (verdict.reason, verdict.routes), name
    assert verdict.detail


def test_without_its_content_there_is_nothing_to_read() -> None:
    """Readers that trust the ledger meet no other error."""
    assert Reason.MALFORMED is reason_of(read_command, ordered(GOOD), [])
    assert Reason.BAD_ATTACHMENT is judged(sealed(ordered(GOOD), GOOD[::-1])).reason


@pytest.mark.parametrize(
    ("signer", "purpose", "reason"),
    [
        (SENDER_KEY, Purpose.COMMAND, Reason.UNKNOWN_KEY),
        (RECEIPT_KEY, Purpose.COMMAND, Reason.UNKNOWN_KEY),
        (key_named("nobody"), Purpose.COMMAND, Reason.UNKNOWN_KEY),
        (OPERATOR_KEY, Purpose.DIRECTORY, Reason.WRONG_PURPOSE),
        (OPERATOR_KEY, Purpose.EXCHANGE, Reason.WRONG_PURPOSE),
        (RECEIPT_KEY, Purpose.RECEIPT, Reason.WRONG_PURPOSE),
    ],
)
def test_only_the_operator_orders(signer: SigningKey, purpose: str, reason: Reason) -> None:
    """With the key that everybody pins, under its own purpose."""
    value = sealed(ordered(GOOD), GOOD, signer, purpose)
    assert reason is judged(value).reason
    assert reason is reason_of(judge_of().open, value, at=NOW)


def test_a_second_signature_by_somebody_else_spoils_a_command() -> None:
    """All signatures are the operator's."""
    envelope = decode_envelope(sealed(ordered(GOOD), GOOD))
    other = decode_envelope(sealed(ordered(GOOD), GOOD, SENDER_KEY)).seal.signatures[0]
    both = envelope.seal._replace(signatures=[*envelope.seal.signatures, other])
    assert Reason.UNKNOWN_KEY is judged(encode_envelope(envelope.statement, envelope.contents, both)).reason


def test_the_operators_key_signs_nothing_else() -> None:
    """A document that it signs is no agency's."""
    assert Reason.WRONG_PURPOSE is judge_of().verdict(
        seal([document()], signer=OPERATOR_KEY, purpose=Purpose.COMMAND)[0], agency=SENDER, lane=LANE, at=NOW
    ).reason  # fmt: skip


def spoiled() -> bytes:
    """A document whose signature does not verify."""
    return GOOD.replace(decode_envelope(GOOD).seal.signatures[0].signature, bytes(64))


REVOKED = key_of(
    SENDER, SENDER_KEY, version=2, revoked_from=THEN - 1, revocation_known_from=EPOCH
)  # fmt: skip
LATE = key_of(SENDER, key_named("late"), valid_from=NOW - DAY_MS)


@pytest.mark.parametrize("action", [RESEND, RELEASE])
@pytest.mark.parametrize(
    ("value", "facts", "reason"),
    [
        (spoiled(), (), Reason.BAD_SEAL),
        (seal([document(created=THEN)], origin="elsewhere", signed_at=THEN)[0], (), Reason.WRONG_ORIGIN),
        (seal([document(created=THEN)], signer=RECIPIENT_KEY, signed_at=THEN)[0], (), Reason.UNKNOWN_KEY),
        (seal([document(created=THEN)], contents=[b"other"], signed_at=THEN)[0], (), Reason.BAD_ATTACHMENT),
        (GOOD, (REVOKED,), Reason.KEY_REVOKED),
    ],
    ids=["forged", "another backbone", "another's key", "another content", "revoked from before"],
)
def test_an_order_makes_nothing_of_what_is_not_its_senders(
    action: str, value: bytes, facts: tuple[Any, ...], reason: Reason
) -> None:
    """The document that is carried is verified, and what fails is said."""
    verdict = order(value, action, facts=facts)
    assert (reason, ()) == (verdict.reason, verdict.routes)
    assert verdict.detail.startswith("the document that the command carries: ")


def test_each_is_verified_as_of_its_own_moment() -> None:
    """Sent again: as of when it was judged. Released: as of now."""
    (value,) = seal([document(created=THEN)], signer=key_named("late"), signed_at=THEN)
    assert Reason.KEY_NOT_VALID is order(value, facts=(LATE,)).reason
    assert order(value, RELEASE, facts=(LATE,)).reason is None
    since = key_of(SENDER, SENDER_KEY, version=2, revoked_from=THEN + 1, revocation_known_from=EPOCH)
    assert order(GOOD, facts=(since,)).reason is None
    assert Reason.KEY_REVOKED is order(GOOD, RELEASE, facts=(since,)).reason
    gone = agency(SENDER, version=2, valid_until=NOW - 1)
    assert order(GOOD, facts=(gone,)).reason is None
    assert Reason.UNKNOWN_SENDER is order(GOOD, RELEASE, facts=(gone,)).reason


def test_nobody_gets_what_was_not_for_him() -> None:
    """Sent again: to some who got it. Released: to all who get it now, and its sender."""
    (value,) = seal([document(created=THEN, recipients=[BENEATH, BACKBONE])], signed_at=THEN)
    resent: list[tuple[tuple[str, ...], Reason | None]] = [
        ((RECIPIENT,), None),
        ((BACKBONE,), None),
        ((RECIPIENT, BACKBONE), None),
        ((SENDER,), Reason.UNKNOWN_RECIPIENT),
        ((RECIPIENT, SENDER), Reason.UNKNOWN_RECIPIENT),
        ((BENEATH,), Reason.UNKNOWN_RECIPIENT),
        (("H99",), Reason.UNKNOWN_RECIPIENT),
    ]
    released: list[tuple[tuple[str, ...], Reason | None]] = [
        ((RECIPIENT, BACKBONE, SENDER), None),
        ((SENDER, BACKBONE, RECIPIENT), None),
        ((RECIPIENT, BACKBONE), Reason.UNKNOWN_RECIPIENT),
        ((RECIPIENT, SENDER), Reason.UNKNOWN_RECIPIENT),
        ((RECIPIENT, BENEATH, BACKBONE, SENDER), Reason.UNKNOWN_RECIPIENT),
    ]
    for action, cases in ((RESEND, resent), (RELEASE, released)):
        for to, reason in cases:
            assert reason is order(value, action, *to).reason, to


def test_a_group_is_the_one_of_its_time() -> None:
    """Who has left it since may get again what he got; who came since may not, but gets what is released now."""
    (value,) = seal([document(created=THEN, recipients=["@NHOM"])], signed_at=THEN)
    judge = Judge(directory_of(*FACTS, group("@NHOM", RECIPIENT)), LANES)
    judge.directory.apply(record(group("@NHOM", BACKBONE, version=2), created=NOW - 1))

    def verdict(action: str, *to: str) -> Reason | None:
        command = sealed(ordered(value, action, *to, known_at=THEN - 1), value)
        return judge.verdict(command, agency=BACKBONE, lane=LANE, at=NOW).reason

    assert [None, Reason.UNKNOWN_RECIPIENT] == [verdict(RESEND, RECIPIENT), verdict(RESEND, BACKBONE)]
    assert [None, Reason.UNKNOWN_RECIPIENT] == [
        verdict(RELEASE, BACKBONE, SENDER), verdict(RELEASE, RECIPIENT, SENDER),
    ]  # fmt: skip


def test_a_reader_who_knows_more_than_intake_did_comes_to_the_same() -> None:
    """To whom a release goes is a matter of the facts that its header names."""
    judge = judge_of(group("@NHOM", RECIPIENT))
    (document_value,) = seal([document(created=THEN, recipients=["@NHOM"])], signed_at=THEN)
    value = sealed(ordered(document_value, RELEASE, RECIPIENT, SENDER), document_value)
    known = judge.directory.known_at
    judge.directory.apply(record(group("@NHOM", BACKBONE, version=2), created=NOW))
    opened = judge.open(value, at=NOW)
    assert RELEASE == judge.ordered(opened, at=NOW, known=known)[0].action
    assert Reason.UNKNOWN_RECIPIENT is reason_of(judge.ordered, opened, at=NOW, known=NOW)
    assert judge.verdict(value, agency=BACKBONE, lane=LANE, at=NOW, known=known).reason is None


def test_a_command_ages_like_everything() -> None:
    """An old one cannot be replayed, and it stays in its lane and topic."""
    value = sealed(ordered(GOOD), GOOD)
    assert Reason.EXPIRED is judged(value, at=NOW + ACCEPTANCE_WINDOW_MS + 1).reason
    assert Reason.WRONG_SENDER is judged(value, agency=SENDER).reason
    assert Reason.WRONG_LANE is judged(value, lane=LANE % (LANES - 1) + 1).reason


def test_what_cannot_be_ordered_is_said_in_a_sentence() -> None:
    """Before anything is signed."""
    original = Original(GOOD, 7, THEN, EPOCH)
    with pytest.raises(ValueError, match=r"carries at most 950272.*lienthong audit replay"):
        make_command(
            RESEND, original._replace(value=bytes(MAX_INLINE_BYTES + 1)), [RECIPIENT], "x", backbone=BACKBONE, now=NOW
        )
    for reason in ("", "x" * 501):
        with pytest.raises(ValueError, match="a reason of 1 to 500 characters"):
            make_command(RESEND, original, [RECIPIENT], reason, backbone=BACKBONE, now=NOW)
    with pytest.raises(ValueError, match="1 to 500 agencies, not 0"):
        make_command(RESEND, original, [], "x", backbone=BACKBONE, now=NOW)
    with pytest.raises(RejectedError, match="malformed"):
        make_command(RESEND, original._replace(value=b"rubbish"), [RECIPIENT], "x", backbone=BACKBONE, now=NOW)


@pytest.mark.parametrize(
    ("recipients", "routes", "expected"),
    [
        (["H26"], ["H26", "G22"], ("H26",)),
        (["H26", "G22"], ["H26", "G22"], ("H26", "G22")),
        (["H26", "G22.DN.001"], ["H26", "G22"], ("H26", "G22")),
        (["G22.DN.001"], ["G22.DN", "G22"], ("G22.DN",)),
        (["@NHOM"], ["H26", "G22"], ("H26",)),
        (["G22.DN.001"], ["G22"], ("G22",)),
        (["H37"], ["G22"], ("G22",)),
    ],
)
def test_the_sender_of_a_released_document_is_a_route_only_where_it_is_meant(
    recipients: list[str], routes: list[str], expected: tuple[str, ...]
) -> None:
    """It gets the command in any case."""
    released = document()._replace(sender="G22", recipients=recipients)
    assert expected == routes_released(released, routes)
