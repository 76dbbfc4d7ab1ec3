"""What is accepted and what is rejected: a value for every reason, and for every liberty a decoder might take."""

from typing import Any

from lienthong.kernel.command import ENVELOPE_TYPE
from lienthong.kernel.envelope import decode_envelope, encode_envelope
from lienthong.kernel.lanes import EXPRESS_LANE, lane_of
from lienthong.kernel.limits import (
    ACCEPTANCE_WINDOW_MS,
    FUTURE_TOLERANCE_MS,
    MAX_ATTACHMENTS,
    MAX_NAMED,
    MAX_RECIPIENTS,
)
from lienthong.kernel.merkle import HASH_BYTES
from lienthong.kernel.seal import Purpose
from lienthong.kernel.statement import Kind, attachment_of, encode_statement
from vectors.material import (
    CONTENT,
    LANES,
    NOW,
    RECORDED,
    SHORT,
    THREAD,
    command,
    directory_statement,
    document,
    facts,
    ordered,
    raw,
    replaced,
    resealed,
    resigned,
    salt_of,
    sealed,
    seals,
    statements,
)

DAY_MS = 86_400_000
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
REPLACED = {"document": bytes(32), "agencies": ["H37"]}
USUAL: dict[str, Any] = {"agency": "G22", "lane": lane_of(THREAD, LANES), "at": NOW, "known": NOW}
"""Where and when a value was found, unless its case says otherwise."""


def by_g22(salt: int, **changes: Any) -> bytes:
    """The value of a document that G22 signed alone."""
    return sealed([document(salt, **changes)], "G22")[0]


AT_BACKBONE: dict[str, Any] = {"agency": "BACKBONE"}
BOTH = ["H37", "G22"]
"""To whom a release of a document from G22 to H37 goes."""


def expired() -> bytes:
    """The value of a document that is too old to be accepted."""
    return sealed([document(247, created=NOW - 8 * DAY_MS)], "G22", at=NOW - 8 * DAY_MS)[0]


def orders() -> list[tuple[str, str, bytes, dict[str, Any]]]:
    """Commands that are rejected: reason, name, value, place."""
    (plain,) = sealed([document(1)], "G22")
    (spoken,) = sealed(
        [
            document(4, sender="H37", recipients=["G22"], attachments=[], kind=Kind.ACKNOWLEDGEMENT)._replace(
                body={"documents": [bytes(32)], "status": "01", "reason": ""}
            )
        ],
        "H37",
    )
    (revoked,) = sealed([document(9)], "revoked")
    released: dict[str, Any] = {"action": "release", "recipients": BOTH}
    signature = decode_envelope(plain).seal.signatures[0].signature
    other = bytes([1]) * 16
    cases = [
        ("malformed", "a command that carries no envelope", ordered_bytes(plain[:-1])),
        ("malformed", "a command that carries another document than it names", ordered(243, plain, document=bytes(32))),
        ("malformed", "a command that carries an acknowledgement", ordered(243, spoken)),
        ("malformed", "a command in another thread than its document", ordered(243, plain, thread=other)),
        ("malformed", "a command for something else", ordered(243, plain, action="delete")),
        ("malformed", "a command without a reason", ordered(243, plain, reason="")),
        (
            "malformed",
            "a command whose attachment has another media type",
            ordered(243, plain, attachments=[attachment_of("envelope.avro", "application/octet-stream", plain)]),
        ),
        ("wrong_purpose", "a command sealed for the directory", ordered(243, plain, purpose=Purpose.DIRECTORY)),
        ("unknown_key", "a command signed by an agency", ordered(243, plain, "G22")),
        ("unknown_key", "a command signed with the key for receipts", ordered(243, plain, "BACKBONE")),
        ("bad_seal", "a command that carries a forged document", ordered(243, resigned(plain, flipped(signature)))),
        ("key_revoked", "sent again, with a key that was revoked from before it was judged", ordered(243, revoked)),
        ("key_revoked", "a release of what a revoked key signed", ordered(243, revoked, **released)),
        ("unknown_recipient", "sent again to an agency that did not get it", ordered(243, plain, recipients=["G22"])),
        ("unknown_recipient", "a release without the document's sender", ordered(243, plain, action="release")),
    ]
    return [
        (reason, name, value, AT_BACKBONE | ({"lane": lane_of(other, LANES)} if "another thread" in name else {}))
        for reason, name, value in cases
    ]


def ordered_bytes(value: bytes) -> bytes:
    """A command, well signed, around bytes that are no envelope."""
    statement = command(243, sealed([document(1)], "G22")[0])
    changed = encode_statement(statement._replace(attachments=[attachment_of("envelope.avro", ENVELOPE_TYPE, value)]))
    (seal,) = seals([changed], "operator", Purpose.COMMAND, sender="BACKBONE", at=NOW - 5_000)
    return encode_envelope(changed, [value], seal)


def accepted() -> list[tuple[str, bytes, dict[str, Any]]]:
    """Values that are accepted: name, value, and what differs from the usual place and time."""
    (plain,) = sealed([document(1)], "G22")
    (early,) = sealed([document(9, created=NOW - 3 * DAY_MS)], "revoked", at=NOW - 3 * DAY_MS)
    by_name = {name: statement for name, _, statement in statements()}
    return [
        ("a document", plain, {}),
        ("one of a batch of seven", sealed([document(20 + at) for at in range(7)], "G22")[4], {}),
        ("an express document", sealed([by_name["express"]], "G22")[0], {"lane": EXPRESS_LANE}),
        ("a recall", sealed([by_name["recall"]], "G22")[0], {}),
        ("an update", sealed([by_name["update"]], "G22")[0], {}),
        ("a document that replaces two", sealed([by_name["replacement"]], "G22")[0], {}),
        ("an acknowledgement", sealed([by_name["acknowledgement"]], "H37")[0], {"agency": "H37"}),
        ("a receipt", sealed([by_name["receipt"]], "BACKBONE", Purpose.RECEIPT)[0], {"agency": "BACKBONE"}),
        ("a notice", sealed([by_name["notice"]], "BACKBONE", Purpose.RECEIPT)[0], {"agency": "BACKBONE"}),
        ("a command to send again", ordered(243, plain), AT_BACKBONE),
        (
            "sent again, and judged before the moment its key is revoked from",
            ordered(245, early, judged_at=NOW - 3 * DAY_MS),
            AT_BACKBONE,
        ),
        ("a release of what had expired", ordered(246, expired(), action="release", recipients=BOTH), AT_BACKBONE),
        ("a retired recipient with a successor", by_g22(8, recipients=["H40"]), {}),
        ("a group, its sender a member", by_g22(248, recipients=["@TINH"]), {}),
        ("a group, as it was known then", by_g22(248, recipients=["@TINH"]), {"known": NOW - DAY_MS - 1}),
        ("a group and one of its members", by_g22(249, recipients=["@TINH", "H42"]), {}),
        ("as old as may be", plain, {"at": NOW - 60_000 + ACCEPTANCE_WINDOW_MS}),
        ("as far ahead as may be", plain, {"at": NOW - 30_000 - FUTURE_TOLERANCE_MS}),
        ("before the revocation was known", sealed([document(9)], "revoked")[0], {"known": NOW - DAY_MS - 1}),
        ("before the moment the key is revoked from", early, {"at": NOW - 2 * DAY_MS - 1}),
    ]


def malformed() -> list[tuple[str, bytes | None, dict[str, Any]]]:
    """Values that are no envelope, or whose statement is none, in canonical form."""
    (plain,) = sealed([document(1)], "G22")
    short = encode_statement(document(10, **SHORT))
    ends = short.index(salt_of(10)) + 16
    """Where the attachments begin: an empty array, then the body's branch and business type."""
    sender, recipients = b"\x06G22", b"\x02\x06H37\x00"
    bytes_of_statements = {
        "no statement": b"",
        "a byte left over": short + b"\x00",
        "cut off": short[:-1],
        "a padded length": replaced(short, sender, b"\x86\x00G22"),
        "a length below zero": replaced(short, sender, b"\x01G22"),
        "a length of 2^40": replaced(short, sender, b"\x80\x80\x80\x80\x80\x40G22"),
        "a length of a thousand bytes": replaced(short, sender, b"\xff" * 1_000 + b"\x01G22"),
        "text that is no UTF-8": replaced(short, sender, b"\x06G\xc0\x80"),
        "an array in two blocks": replaced(short, recipients, b"\x02\x06H37\x02\x06H41\x00"),
        "an array block with its size": replaced(short, recipients, b"\x01\x08\x06H37\x00"),
        "an array with a padded end": replaced(short, recipients, b"\x02\x06H37\x80\x00"),
        "a union index of -1": short[: ends + 1] + b"\x01" + short[ends + 2 :],
        "a union index that is too large": short[: ends + 1] + b"\x10" + short[ends + 2 :],
        "a padded union index": short[: ends + 1] + b"\x80\x00" + short[ends + 2 :],
        "a number beyond 32 bits": short[: ends + 2] + b"\x80\x80\x80\x80\x10" + short[ends + 3 :],
        "a boolean of 2": replaced(short, b"2026-10-15\x00", b"2026-10-15\x02"),
    }
    return [
        ("no value", None, {}),
        ("no bytes", b"", {}),
        ("another magic byte", b"\x01" + plain[1:], {}),
        ("another schema id", plain[:4] + b"\x02" + plain[5:], {}),
        ("cut off", plain[:-1], {}),
        ("a byte left over", plain + b"\x00", {}),
        ("another payload type", replaced(plain, b"statement.v1+avro", b"statement.v2+avro"), {}),
        *((f"statement: {name}", raw(data), {}) for name, data in bytes_of_statements.items()),
        ("statement: priority 5", by_g22(11, priority=5), {}),
        ("statement: a recipient twice", by_g22(11, recipients=["H37", "H37"]), {}),
        ("statement: no recipient", by_g22(11, recipients=[]), {}),
        ("statement: no subject", by_g22(11, subject=""), {}),
        ("statement: business type 4", by_g22(11, business_type=4), {}),
        ("statement: changes 4", by_g22(11, business_type=2, changes=4), {}),
        ("statement: for information to no recipient", by_g22(11, for_information=["H41"]), {}),
        ("statement: for information to one twice", by_g22(11, for_information=["H37", "H37"]), {}),
        ("statement: a document replaced twice", by_g22(11, business_type=3, replaces=[REPLACED, REPLACED]), {}),
    ]


def forged() -> list[tuple[str, str, bytes, dict[str, Any]]]:
    """Values whose seal is wrong: reason, name, value, place."""
    batch = sealed([document(30 + at) for at in range(4)], "G22")
    (plain,) = sealed([document(1)], "G22")
    one, two = decode_envelope(batch[0]).seal, decode_envelope(batch[1]).seal
    signature = one.signatures[0].signature
    scalar = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    again = signature[:32] + scalar.to_bytes(32, "little")
    other = decode_envelope(sealed([document(40 + at) for at in range(4)], "G22")[0]).seal
    record = directory_statement(facts()[0][2], 99)._replace(created=NOW)
    (of_operator,) = sealed([record], "operator", Purpose.DIRECTORY)
    (of_receipts,) = sealed([document(1)], "G22", Purpose.RECEIPT)
    (of_backbone,) = sealed([document(1, sender="BACKBONE")], "BACKBONE")
    (elsewhere,) = sealed([document(1)], "G22", origin="other.lienthong.test")
    without = encode_envelope(decode_envelope(plain).statement, [], decode_envelope(plain).seal)
    attached = [attachment_of("", "", b"")] * (MAX_ATTACHMENTS + 1)
    acknowledged = {"documents": [bytes(32)] * (MAX_NAMED + 1), "status": "01", "reason": ""}
    many = document(1, sender="H37", recipients=["G22"], attachments=[], kind=Kind.ACKNOWLEDGEMENT)
    many = many._replace(body=acknowledged)
    at_operator = {"agency": "OPERATOR", "lane": lane_of(bytes(16), LANES)}
    other_lane = {"lane": USUAL["lane"] % (LANES - 1) + 1}
    return [
        ("bad_seal", "a flipped bit in the statement", replaced(batch[0], b"BC-VPCP", b"BC-VPCQ"), {}),
        ("bad_seal", "a flipped bit in the path", resealed(batch[0], path=flipped(one.path)), {}),
        ("bad_seal", "a flipped bit in the signature", resigned(batch[0], flipped(signature)), {}),
        ("bad_seal", "a signature with the group's order added", resigned(batch[0], again), {}),
        ("bad_seal", "the neighbour's path", resealed(batch[0], path=two.path), {}),
        ("bad_seal", "the neighbour's place", resealed(batch[0], leaf_index=1), {}),
        ("bad_seal", "another batch's path", resealed(batch[0], path=other.path), {}),
        ("bad_seal", "another batch's signature", resealed(batch[0], signatures=other.signatures), {}),
        ("bad_seal", "another size with the same length of path", resealed(batch[0], tree_size=3), {}),
        ("bad_seal", "another time of signing", resealed(batch[0], signed_at=one.signed_at + 1), {}),
        ("bad_seal", "a path too short", resealed(batch[0], path=one.path[:-HASH_BYTES]), {}),
        ("bad_seal", "a path too long", resealed(batch[0], path=one.path + bytes(HASH_BYTES)), {}),
        ("bad_seal", "a tree of no leaves", resealed(plain, tree_size=0), {}),
        ("bad_seal", "a tree of 4,097 leaves", resealed(plain, tree_size=4_097), {}),
        ("bad_seal", "no signature", resealed(plain, signatures=[]), {}),
        ("bad_seal", "five signatures", resealed(plain, signatures=list(one.signatures) * 5), {}),
        ("bad_seal", "a signature of 63 bytes", resigned(plain, signature[:-1]), {}),
        ("wrong_origin", "sealed for another backbone", elsewhere, {}),
        ("wrong_purpose", "sealed for receipts", of_receipts, {}),
        ("wrong_purpose", "sealed with a key for receipts", of_backbone, {"agency": "BACKBONE"}),
        ("wrong_purpose", "a directory record", of_operator, at_operator),
        ("wrong_sender", "written to another's topic", plain, {"agency": "H37"}),
        ("wrong_sender", "said in another's name", by_g22(1, sender="H37"), {}),
        ("wrong_lane", "written to another lane", plain, other_lane),
        ("wrong_lane", "express in an ordinary thread", by_g22(1, priority=3), {}),
        ("unknown_sender", "a sender that is not in the directory", by_g22(1, sender="G99"), {"agency": "G99"}),
        ("unknown_sender", "before the sender was in the directory", plain, {"known": RECORDED - 1}),
        ("unknown_key", "a key that is not in the directory", sealed([document(1)], "operator")[0], {}),
        ("unknown_key", "another agency's key", sealed([document(1)], "H37")[0], {}),
        ("key_not_valid", "a key that is not valid yet", sealed([document(1)], "late")[0], {}),
        ("key_revoked", "a revoked key", sealed([document(1)], "revoked")[0], {}),
        ("unknown_recipient", "a recipient that is not in the directory", by_g22(1, recipients=["H99"]), {}),
        ("unknown_recipient", "nothing connected above the recipient", by_g22(1, recipients=["H41"]), {}),
        ("unknown_recipient", "a group that is not in the directory", by_g22(1, recipients=["@KHAC"]), {}),
        ("unknown_recipient", "a group in which nobody is", by_g22(1, recipients=["@CU"]), {}),
        ("unknown_recipient", "a group with a member that cannot be reached", by_g22(1, recipients=["@LE"]), {}),
        ("expired", "a millisecond too old", plain, {"at": NOW - 60_000 + ACCEPTANCE_WINDOW_MS + 1}),
        ("future", "a seal a millisecond too far ahead", plain, {"at": NOW - 30_000 - FUTURE_TOLERANCE_MS - 1}),
        ("bad_attachment", "another content than the one named", replaced(plain, CONTENT, CONTENT[::-1]), {}),
        ("bad_attachment", "no content for an attachment", without, {}),
        (
            "oversize",
            "501 recipients",
            by_g22(1, recipients=[f"A{number}" for number in range(MAX_RECIPIENTS + 1)]),
            {},
        ),
        ("oversize", "51 attachments", sealed([document(1, attachments=attached)], "G22")[0], {}),
        ("oversize", "501 documents acknowledged", sealed([many], "H37")[0], {"agency": "H37"}),
    ]


def flipped(data: bytes) -> bytes:
    """The bytes with their first bit of least weight turned over."""
    return bytes([data[0] ^ 1]) + data[1:]
