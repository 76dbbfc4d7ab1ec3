"""The verdict: each reason for exactly what it names, windows to the millisecond, and facts as they were known."""

from hashlib import sha256
from typing import Any

import pytest

from lienthong.kernel.envelope import OpenedEnvelope, decode_envelope, encode_envelope, envelope_id
from lienthong.kernel.judge import Judge, Verdict
from lienthong.kernel.lanes import EXPRESS_LANE, lane_of
from lienthong.kernel.limits import ACCEPTANCE_WINDOW_MS, FUTURE_TOLERANCE_MS, MAX_ENVELOPE_BYTES
from lienthong.kernel.reasons import Reason
from lienthong.kernel.seal import Purpose, Signature
from lienthong.kernel.statement import Kind, encode_statement
from unit.kernel.world import (
    BACKBONE,
    BENEATH,
    CONTENT,
    DAY_MS,
    EPOCH,
    EXPRESS_THREAD,
    FACTS,
    LANES,
    NOW,
    OPERATOR_KEY,
    ORIGIN,
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
    document_body,
    judge_of,
    key_named,
    key_of,
    one_of_each_kind,
    reason_of,
    record,
    seal,
)

LANE = lane_of(THREAD, LANES)
(GOOD,) = seal([document()])
BAD_SIGNATURE = GOOD.replace(decode_envelope(GOOD).seal.signatures[0].signature, bytes(64))
OTHER_KEY = key_named("other")
LATER_KEY = key_named("later")
EXTRA_FACTS = (
    key_of(SENDER, LATER_KEY, valid_from=NOW + 1),
    key_of(SENDER, key_named("revoked"), revoked_from=NOW, revocation_known_from=EPOCH),
    agency("GONE", valid_until=NOW),
    key_of("GONE", key_named("gone")),
    agency("LONELY", connected_from=None),
)


def sealed(*, signer: Any = SENDER_KEY, origin: str = ORIGIN, purpose: str = Purpose.EXCHANGE, **changes: Any) -> bytes:
    """A sealed document; `changes` replace fields of the statement."""
    return seal([document(**changes)], signer=signer, origin=origin, purpose=purpose)[0]


def judged(
    value: bytes | None, *, by: str = SENDER, lane: int = LANE, at: int = NOW, known: int | None = None
) -> Verdict:
    """The verdict of a judge who has seen nothing before."""
    return judge_of(*EXTRA_FACTS).verdict(value, agency=by, lane=lane, at=at, known=known)


def test_accepted() -> None:
    """A document that nothing is wrong with is accepted, with its id, its kind and its route."""
    identity = envelope_id(encode_statement(document()))
    assert Verdict(None, "", identity, Kind.DOCUMENT, (RECIPIENT,)) == judged(GOOD)


@pytest.mark.parametrize(
    ("kind", "routes"),
    [(Kind.DOCUMENT, (RECIPIENT,)), (Kind.ACKNOWLEDGEMENT, (SENDER,)), (Kind.RECEIPT, (SENDER,))],
)
def test_every_kind_that_travels_is_accepted(kind: Kind, routes: tuple[str, ...]) -> None:
    """Documents, acknowledgements and receipts are accepted from who may say them."""
    statement, signer, purpose = one_of_each_kind()[kind]
    verdict = judged(seal([statement], signer=signer, purpose=purpose)[0], by=statement.sender)
    assert (None, kind, routes) == (verdict.reason, verdict.kind, verdict.routes)


def test_routes() -> None:
    """Recipients beneath one connected agency share its route, and routes are in the order of the recipients."""
    verdict = judged(sealed(recipients=[BENEATH, SENDER, RECIPIENT, "H37.DN"]))
    assert (None, (RECIPIENT, SENDER)) == (verdict.reason, verdict.routes)


def in_pieces() -> bytes:
    """An envelope whose size is right and whose path is not."""
    sealed = decode_envelope(seal([document(), document(created=NOW - 1)])[0])
    path = bytes(len(sealed.seal.path))
    return encode_envelope(sealed.statement, sealed.contents, sealed.seal._replace(path=path))


def with_signature(key_id: bytes) -> bytes:
    """An envelope that names another key in its seal."""
    sealed = decode_envelope(GOOD)
    signatures = [Signature(key_id, sealed.seal.signatures[0].signature)]
    return encode_envelope(sealed.statement, sealed.contents, sealed.seal._replace(signatures=signatures))


REASONS: list[tuple[Reason, str, bytes | None, dict[str, Any]]] = [
    (Reason.MALFORMED, "no value", None, {}),
    (Reason.MALFORMED, "empty", b"", {}),
    (Reason.MALFORMED, "cut", GOOD[:-1], {}),
    (Reason.MALFORMED, "longer", GOOD + b"\x00", {}),
    (Reason.MALFORMED, "statement", seal([b"\x00"], sender=SENDER)[0], {}),
    (Reason.MALFORMED, "no subject", sealed(body=document_body(subject="")), {}),
    (Reason.OVERSIZE, "record", bytes(MAX_ENVELOPE_BYTES + 1), {}),
    (Reason.OVERSIZE, "statement", seal([bytes(262_145)], sender=SENDER)[0], {}),
    (Reason.OVERSIZE, "recipients", sealed(recipients=[f"A{number}" for number in range(501)]), {}),
    (Reason.WRONG_ORIGIN, "another backbone", sealed(origin="lienthong.other"), {}),
    (Reason.WRONG_PURPOSE, "seal", sealed(purpose=Purpose.RECEIPT), {}),
    (Reason.WRONG_PURPOSE, "no purpose", sealed(purpose=""), {}),
    (Reason.WRONG_PURPOSE, "key", seal([document(sender=BACKBONE)], signer=RECEIPT_KEY)[0], {"by": BACKBONE}),
    (
        Reason.WRONG_PURPOSE,
        "directory record",
        seal([one_of_each_kind()[Kind.AGENCY][0]._replace(sender=SENDER)], purpose=Purpose.DIRECTORY)[0],
        {"lane": lane_of(bytes(16), LANES)},
    ),
    (Reason.WRONG_SENDER, "another's topic", GOOD, {"by": RECIPIENT}),
    (Reason.WRONG_SENDER, "in another's name", seal([document(sender=RECIPIENT)])[0], {}),
    (Reason.WRONG_LANE, "another lane", GOOD, {"lane": LANE % (LANES - 1) + 1}),
    (Reason.WRONG_LANE, "express lane", GOOD, {"lane": EXPRESS_LANE}),
    (Reason.WRONG_LANE, "ordinary in an express thread", sealed(thread=EXPRESS_THREAD), {"lane": EXPRESS_LANE}),
    (Reason.WRONG_LANE, "express in an ordinary thread", sealed(priority=3), {}),
    (Reason.BAD_SEAL, "signature", BAD_SIGNATURE, {}),
    (Reason.BAD_SEAL, "path", in_pieces(), {}),
    (Reason.BAD_SEAL, "another's signature", with_signature(SENDER_KEY.key_id).replace(b"BC-VPCP", b"BC-VPCQ"), {}),
    (Reason.UNKNOWN_SENDER, "not in the directory", seal([document(sender="G99")])[0], {"by": "G99"}),
    (Reason.UNKNOWN_SENDER, "retired", seal([document(sender="GONE")], signer=key_named("gone"))[0], {"by": "GONE"}),
    (Reason.UNKNOWN_SENDER, "not known yet", GOOD, {"known": EPOCH - 1}),
    (Reason.UNKNOWN_KEY, "not in the directory", sealed(signer=OTHER_KEY), {}),
    (Reason.UNKNOWN_KEY, "another's key", sealed(signer=RECIPIENT_KEY), {}),
    (Reason.UNKNOWN_KEY, "the operator's key", sealed(signer=OPERATOR_KEY), {}),
    (Reason.UNKNOWN_KEY, "another's name on the signature", with_signature(RECIPIENT_KEY.key_id), {}),
    (Reason.KEY_NOT_VALID, "not yet", sealed(signer=LATER_KEY), {}),
    (Reason.KEY_REVOKED, "now", sealed(signer=key_named("revoked")), {}),
    (Reason.UNKNOWN_RECIPIENT, "not in the directory", sealed(recipients=[RECIPIENT, "H99"]), {}),
    (Reason.UNKNOWN_RECIPIENT, "nothing connected above", sealed(recipients=["LONELY"]), {}),
    (Reason.UNKNOWN_RECIPIENT, "retired", sealed(recipients=["GONE"]), {}),
    (Reason.EXPIRED, "statement", sealed(created=NOW - ACCEPTANCE_WINDOW_MS - 1), {}),
    (Reason.FUTURE, "statement", sealed(created=NOW + FUTURE_TOLERANCE_MS + 1), {}),
    (Reason.EXPIRED, "seal", seal([document()], signed_at=NOW - ACCEPTANCE_WINDOW_MS - 1)[0], {}),
    (Reason.FUTURE, "seal", seal([document()], signed_at=NOW + FUTURE_TOLERANCE_MS + 1)[0], {}),
    (Reason.EXPIRED, "at the beginning of time", sealed(created=-(2**63)), {}),
    (Reason.FUTURE, "at the end of time", sealed(created=2**63 - 1), {}),
    (Reason.BAD_ATTACHMENT, "missing", seal([document()], contents=[])[0], {}),
    (Reason.BAD_ATTACHMENT, "too many", seal([document()], contents=[CONTENT, CONTENT])[0], {}),
    (Reason.BAD_ATTACHMENT, "other", seal([document()], contents=[CONTENT[:-1] + b"T"])[0], {}),
]


@pytest.mark.parametrize(
    ("reason", "value", "where"),
    [pytest.param(reason, value, where, id=f"{reason}: {name}") for reason, name, value, where in REASONS],
)
def test_each_reason(reason: Reason, value: bytes | None, where: dict[str, Any]) -> None:
    """What is wrong in one respect is rejected for exactly that reason, with a sentence, and goes nowhere."""
    verdict = judged(value, **where)
    assert (reason, ()) == (verdict.reason, verdict.routes)
    assert verdict.detail


def test_no_reason_is_left_out() -> None:
    """Every reason is shown above but the two that are not the judge's: intake's hole and the fold's duplicate."""
    assert set(Reason) - {Reason.NO_RECORD, Reason.DUPLICATE} == {reason for reason, *_ in REASONS}


def test_what_could_be_told_is_told() -> None:
    """A rejected record has an id as soon as it is an envelope, and a kind as soon as that holds a statement."""
    assert (None, None) == judged(GOOD[:-1])[2:4]
    odd = judged(seal([b"\x00"], sender=SENDER)[0])
    assert (envelope_id(b"\x00"), None) == odd[2:4]
    assert (envelope_id(encode_statement(document())), Kind.DOCUMENT) == judged(BAD_SIGNATURE)[2:4]


@pytest.mark.parametrize(
    ("offset", "reason"),
    [
        (-ACCEPTANCE_WINDOW_MS - 1, Reason.EXPIRED),
        (-ACCEPTANCE_WINDOW_MS, None),
        (-1, None),
        (0, None),
        (FUTURE_TOLERANCE_MS, None),
        (FUTURE_TOLERANCE_MS + 1, Reason.FUTURE),
    ],
)
@pytest.mark.parametrize("moment", ["created", "signed_at"])
def test_the_acceptance_window(moment: str, offset: int, reason: Reason | None) -> None:
    """A statement and its seal may be 7 days old and 5 minutes ahead, and not a millisecond more."""
    assert (7 * 24 * 3_600_000, 300_000) == (ACCEPTANCE_WINDOW_MS, FUTURE_TOLERANCE_MS)
    statement = document(created=NOW + offset) if moment == "created" else document()
    value = seal([statement], signed_at=NOW + offset if moment == "signed_at" else NOW)[0]
    assert reason is judged(value).reason


def test_the_window_does_not_close_on_what_was_accepted() -> None:
    """Readers open what was accepted by the time at which it was, and not by their own clock."""
    assert Reason.EXPIRED is judged(GOOD, at=NOW + 8 * DAY_MS).reason
    opened = judge_of().open(GOOD, at=NOW)
    assert OpenedEnvelope(
        envelope_id(encode_statement(document())), document(), [CONTENT], decode_envelope(GOOD).seal
    ) == (opened)
    judge_of().open(GOOD, at=NOW + 8 * DAY_MS)


OPEN_ANYWAY = {Reason.WRONG_SENDER, Reason.EXPIRED, Reason.FUTURE, Reason.UNKNOWN_RECIPIENT}
"""Reasons that depend on where and when a record was found, or on its recipients."""


@pytest.mark.parametrize(
    ("reason", "value", "where"),
    [
        pytest.param(reason, value, where, id=f"{reason}: {name}")
        for reason, name, value, where in REASONS
        if value is not None and reason not in OPEN_ANYWAY and "lane" not in where
    ],
)
def test_open_refuses_for_the_same_reasons(reason: Reason, value: bytes, where: dict[str, Any]) -> None:
    """What nobody may believe is not opened either, and for the same reason."""
    assert reason is reason_of(judge_of(*EXTRA_FACTS).open, value, at=NOW, known=where.get("known"))


@pytest.mark.parametrize("known", [EPOCH, NOW - 1, NOW, None])
def test_a_later_revocation_does_not_change_an_earlier_verdict(known: int | None) -> None:
    """By what was known then the envelope is accepted; by what is known since the revocation it is not."""
    revoked = key_of(SENDER, SENDER_KEY, version=2, revoked_from=NOW - DAY_MS, revocation_known_from=NOW)
    verdict = judge_of(revoked).verdict(GOOD, agency=SENDER, lane=LANE, at=NOW, known=known)
    late = Judge(directory_of(*FACTS), LANES)
    late.directory.apply(record(revoked, created=NOW))
    assert (None if known is None or known < NOW else Reason.KEY_REVOKED) is verdict.reason
    assert Reason.KEY_REVOKED is late.verdict(GOOD, agency=SENDER, lane=LANE, at=NOW).reason


def test_all_that_is_known_is_used_unless_told_otherwise() -> None:
    """Without a moment, the judge uses all facts of the directory; with one, those recorded until then."""
    judge = judge_of()
    later = NOW + DAY_MS
    judge.directory.apply(record(agency("NEW", known_from=later, connected_from=later), created=later))
    value = sealed(recipients=["NEW"])
    assert ("NEW",) == judge.verdict(value, agency=SENDER, lane=LANE, at=NOW).routes
    assert ("NEW",) == judge.verdict(value, agency=SENDER, lane=LANE, at=NOW, known=later).routes
    rejected = judge.verdict(value, agency=SENDER, lane=LANE, at=NOW, known=later - 1)
    assert Reason.UNKNOWN_RECIPIENT is rejected.reason


def test_the_directory_may_grow() -> None:
    """A key that comes into the directory is believed from then on, and nothing said before stands in its way."""
    judge = judge_of()
    value = sealed(signer=OTHER_KEY)
    assert Reason.UNKNOWN_KEY is judge.verdict(value, agency=SENDER, lane=LANE, at=NOW).reason
    judge.directory.apply(record(key_of(SENDER, OTHER_KEY)))
    assert judge.verdict(value, agency=SENDER, lane=LANE, at=NOW).reason is None


def test_a_key_revoked_after_its_root_was_verified_is_refused() -> None:
    """That a root is remembered does not keep its key alive."""
    judge = judge_of()
    assert judge.verdict(GOOD, agency=SENDER, lane=LANE, at=NOW).reason is None
    revoked = key_of(SENDER, SENDER_KEY, version=2, revoked_from=NOW, revocation_known_from=EPOCH)
    judge.directory.apply(record(revoked))
    assert Reason.KEY_REVOKED is judge.verdict(GOOD, agency=SENDER, lane=LANE, at=NOW).reason


def test_a_batch_is_judged_envelope_by_envelope() -> None:
    """One statement of a batch that is rejected does not touch the others, and the batch costs one signature check."""
    batch = [document(created=NOW - number) for number in range(5)]
    batch[2] = document(recipients=["H99"])
    batch[3] = acknowledgement(sender=SENDER, recipients=[RECIPIENT])
    judge = judge_of()
    reasons = [judge.verdict(value, agency=SENDER, lane=LANE, at=NOW).reason for value in seal(batch)]
    assert [None, None, Reason.UNKNOWN_RECIPIENT, None, None] == reasons
    assert (1, 4) == (judge.roots.misses, judge.roots.hits)


def test_all_signatures_are_the_senders() -> None:
    """A second signature, by another's key, by an unknown one or one that does not verify, spoils a good first one."""
    good = decode_envelope(GOOD)
    second = decode_envelope(sealed(signer=OTHER_KEY)).seal.signatures[0]
    both = encode_envelope(
        good.statement, good.contents, good.seal._replace(signatures=[*good.seal.signatures, second])
    )
    ours, theirs = key_of(SENDER, OTHER_KEY), key_of(RECIPIENT, OTHER_KEY)
    for facts, reason in (((ours,), None), ((theirs,), Reason.UNKNOWN_KEY), ((), Reason.UNKNOWN_KEY)):
        verdict = judge_of(*facts).verdict(both, agency=SENDER, lane=LANE, at=NOW)
        assert reason is verdict.reason
    broken = both.replace(second.signature, bytes(64))
    assert Reason.BAD_SEAL is judge_of(ours).verdict(broken, agency=SENDER, lane=LANE, at=NOW).reason


@pytest.mark.parametrize(
    "text", ["Ủy ban", "\x1b[31m\r\n", "\u202eG22", "😀" * 9_000], ids=["Vietnamese", "control", "bidi", "long"]
)
def test_details_are_short_and_plain(text: str) -> None:
    """What a detail quotes of an envelope is short and shows no control characters."""
    body = {"documents": [sha256(b"").digest()], "status": text, "reason": ""}
    values = [
        sealed(origin=text.replace("\n", "")),
        sealed(purpose=text.replace("\n", "")),
        seal([document(sender=text)], sender=SENDER)[0],
        seal([document(recipients=[text])])[0],
        seal([document(kind=Kind.ACKNOWLEDGEMENT, body=body)])[0],
    ]
    for value in values:
        verdict = judged(value)
        assert verdict.reason
        assert verdict.detail.isprintable()
        assert 200 > len(verdict.detail)
