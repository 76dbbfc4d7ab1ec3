"""What the vectors are made of: fixed keys, a few statements, a directory, and ways to seal and to spoil."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from lienthong.kernel.command import ENVELOPE_TYPE
from lienthong.kernel.directory import Agency, Group, Key
from lienthong.kernel.envelope import decode_envelope, encode_envelope, envelope_id
from lienthong.kernel.keys import ALGORITHM, SigningKey
from lienthong.kernel.lanes import lane_of
from lienthong.kernel.seal import Purpose, Seal, Signature, seal_batch
from lienthong.kernel.statement import Kind, Statement, attachment_of, decode_statement, encode_statement
from lienthong.kernel.trust import OPERATOR, Trust

ORIGIN = "vectors.lienthong.test"
LANES = 4
RECORDED = 1_788_200_000_000
"""When the directory was written, milliseconds since 1970 UTC."""
NOW = RECORDED + 30 * 24 * 3_600_000
"""When statements were made and judged."""
CONTENT = b"Noi dung van ban.\n"
THREAD = bytes.fromhex("1d0c2f6b8e4a4f7d9b3a5c6e7f809102")
EXPRESS_THREAD = bytes.fromhex("9d0c2f6b8e4a4f7d9b3a5c6e7f809102")


def seed_of(name: str) -> bytes:
    """The seed of a key of these vectors."""
    return sha256(f"lienthong vectors: {name}".encode()).digest()


def salt_of(number: int) -> bytes:
    """Sixteen bytes that stand for random ones."""
    return bytes([number]) * 16


KEYS = {name: SigningKey.from_seed(seed_of(name)) for name in ("operator", "G22", "H37", "BACKBONE", "revoked", "late")}
TRUST = Trust(origin=ORIGIN, operator_key=KEYS["operator"].public_key.hex())


def document(salt: int, **changes: Any) -> Statement:
    """A document from G22 to H37; `changes` replace fields of the statement, or of its body."""
    body = {
        "business_type": 0,
        "code_number": "1842",
        "code_notation": "BC-VPCP",
        "document_type": "Báo cáo",
        "promulgation_date": "2026-09-28",
        "promulgation_place": "Hà Nội",
        "subject": "Về việc liên thông văn bản điện tử",
        "signer": {"competence": "TL.", "position": "Vụ trưởng", "full_name": "Trần Thị B"},
        "steering_type": 0,
        "sphere": "",
        "page_amount": 2,
        "issued_amount": 0,
        "due_date": "2026-10-15",
        "paper": False,
        "for_information": [],
        "in_reply_to": [],
        "reason": "",
        "refers_to": [],
        "changes": 0,
        "replaces": [],
    }
    of_body = {name: changes.pop(name) for name in list(changes) if name in body}
    plain = Statement(
        "G22", ["H37"], THREAD, NOW - 60_000, 0, salt_of(salt),
        [attachment_of("bao-cao.txt", "text/plain", CONTENT)], Kind.DOCUMENT, body | of_body,
    )  # fmt: skip
    return plain._replace(**changes)


SHORT: dict[str, Any] = {"attachments": [], "signer": None, "refers_to": []}


def statements() -> list[tuple[str, str, Statement]]:
    """One statement of each kind and shape, by name and with a description."""
    first = envelope_id(encode_statement(document(1)))
    recall = document(
        3, business_type=1, reason="Sai thẩm quyền", refers_to=[first], paper=True, signer=None, attachments=[],
        due_date="", recipients=["H37", "H37.DN.001"],
    )  # fmt: skip
    update = document(
        241, business_type=2, reason="Sửa thời hạn", refers_to=[first], changes=3, signer=None, attachments=[],
    )  # fmt: skip
    replacing = document(
        242, business_type=3, reason="Thay thế hai văn bản", recipients=["H37", "H37.DN.001"],
        for_information=["H37.DN.001"], in_reply_to=[sha256(b"asked").digest()], sphere="Cải cách hành chính",
        issued_amount=12, attachments=[],
        replaces=[
            {"document": first, "agencies": []}, {"document": sha256(b"another").digest(), "agencies": ["H37"]},
        ],
    )  # fmt: skip
    entry = {
        "envelope_id": first, "digest": sha256(b"value").digest(), "source_offset": 127, "reason": "",
        "position": 8_192, "judged_at": NOW,
    }  # fmt: skip
    plain = {"recipients": ["G22"], "attachments": []}
    return [
        ("document", "A new document with a signer and one attachment.", document(1)),
        (
            "express",
            "An express document: priority 3, first bit of the thread set.",
            document(2, priority=3, thread=EXPRESS_THREAD),
        ),
        ("recall", "A recall that names its document, for two recipients, without signer and attachments.", recall),
        ("update", "An update of data and receivers of its document, in that document's thread.", update),
        (
            "replacement",
            "A document that replaces two, one of them for H37 alone; one of its recipients gets it for information.",
            replacing,
        ),
        (
            "acknowledgement",
            "H37 says of two documents that they arrived.",
            document(4, sender="H37", kind=Kind.ACKNOWLEDGEMENT, **plain)._replace(
                body={"documents": [first, sha256(b"another").digest()], "status": "01", "reason": ""}
            ),
        ),
        (
            "receipt",
            "The backbone says of two records of G22, in lane 2, that one was accepted and one was no envelope.",
            document(5, sender="BACKBONE", kind=Kind.RECEIPT, **plain)._replace(
                body={
                    "lane": 2,
                    "entries": [entry, {**entry, "envelope_id": None, "source_offset": 128, "reason": "malformed"}],
                }
            ),
        ),
        (
            "command",
            "The operator has the first document handed to H37 once more; the attachment is its whole envelope.",
            command(243, sealed([document(1)], "G22")[0]),
        ),
        (
            "notice",
            "The backbone says to G22 that H37 has left the first document unread until its time was over.",
            document(244, sender="BACKBONE", kind=Kind.NOTICE, **plain)._replace(
                body={
                    "lane": lane_of(THREAD, LANES),
                    "entries": [{"document": first, "position": 8_192, "recipient": "H37", "expired_at": NOW}],
                }
            ),
        ),
        *(
            (f"directory: {name}", description, directory_statement(fact, number))
            for number, (name, description, fact) in enumerate(facts()[:1] + facts()[4:5] + facts()[-1:], start=6)
        ),
    ]


def command(salt: int, value: bytes, **changes: Any) -> Statement:
    """A command to hand a document over once more; `changes` replace fields of the statement, or of its body."""
    statement = decode_envelope(value).statement
    carried = decode_statement(statement)
    body = {
        "action": "resend", "document": envelope_id(statement), "position": 8_192, "judged_at": NOW - 10_000,
        "known_at": RECORDED, "reason": "Máy chủ bị hỏng đĩa",
    }  # fmt: skip
    of_body = {name: changes.pop(name) for name in list(changes) if name in body}
    plain = Statement(
        "BACKBONE", ["H37"], carried.thread, NOW - 5_000, carried.priority, salt_of(salt),
        [attachment_of("envelope.avro", ENVELOPE_TYPE, value)], Kind.COMMAND, body | of_body,
    )  # fmt: skip
    return plain._replace(**changes)


def ordered(salt: int, value: bytes, signer: str = "operator", purpose: str = Purpose.COMMAND, **changes: Any) -> bytes:
    """The value of a command, sealed alone."""
    statement = encode_statement(command(salt, value, **changes))
    (seal,) = seals([statement], signer, purpose, sender="BACKBONE", at=NOW - 5_000)
    return encode_envelope(statement, [value], seal)


def agency(code: str, **changes: Any) -> Agency:
    """A connected agency, recorded and valid from the start."""
    return Agency(
        version=1, known_from=RECORDED, code=code, code_qcvn102=f"000.00.00.{code}", name=f"Cơ quan {code}",
        parent=None, connected_from=RECORDED, valid_from=RECORDED, valid_until=None, successors=[],
    )._replace(**changes)  # fmt: skip


def key(name: str, owner: str, **changes: Any) -> Key:
    """A key for exchange, recorded and valid from the start."""
    return Key(
        version=1, known_from=RECORDED, agency=owner, purpose=Purpose.EXCHANGE, algorithm=ALGORITHM,
        public_key=KEYS[name].public_key, valid_from=RECORDED, valid_until=None, revoked_from=None,
        revocation_known_from=None,
    )._replace(**changes)  # fmt: skip


def group(code: str, members: list[str], **changes: Any) -> Group:
    """A group, recorded from the start."""
    return Group(version=1, known_from=RECORDED, code=code, name=f"Nhóm {code}", members=members)._replace(**changes)


def facts() -> list[tuple[str, str, Agency | Group | Key]]:
    """What the directory says, by name and with a description."""
    return [
        ("G22", "A connected agency.", agency("G22")),
        ("H37", "Another connected agency.", agency("H37")),
        ("BACKBONE", "The backbone's own code, under which receipts are sent.", agency("BACKBONE", code_qcvn102="")),
        (
            "H37.DN.001",
            "Not connected: its mail goes to H37.",
            agency("H37.DN.001", code_qcvn102="", parent="H37", connected_from=None),
        ),
        ("key of G22", "A key for exchange.", key("G22", "G22")),
        ("key of H37", "A key for exchange.", key("H37", "H37")),
        ("key of BACKBONE", "A key for receipts.", key("BACKBONE", "BACKBONE", purpose=Purpose.RECEIPT)),
        (
            "revoked key of G22",
            "A key that was revoked a day before it was recorded, both before the moment of judgement.",
            key("revoked", "G22", revoked_from=NOW - 2 * 86_400_000, revocation_known_from=NOW - 86_400_000),
        ),
        (
            "late key of G22",
            "A key that is valid from a second after the moment of judgement.",
            key("late", "G22", valid_from=NOW + 1_000),
        ),
        (
            "H40",
            "An agency that retired; its mail goes to H37.",
            agency("H40", version=2, valid_until=NOW - 86_400_000, successors=["H37"]),
        ),
        (
            "H41",
            "An agency that is not connected and stands alone: nothing can be sent to it.",
            agency("H41", connected_from=None),
        ),
        ("H42", "A third connected agency.", agency("H42")),
        ("@CU", "A group that was given up: nobody is in it.", group("@CU", [])),
        ("@LE", "A group with a member to which nothing can be sent.", group("@LE", ["H37", "H41"])),
        ("@TINH", "A group, as it was at first.", group("@TINH", ["G22", "H37"])),
        (
            "@TINH again",
            "Its second version, a day before the moment of judgement: mail for three of its members goes to H37.",
            group("@TINH", ["G22", "H37.DN.001", "H40", "H37", "H42"], version=2),
        ),
    ]


def directory_statement(fact: Agency | Group | Key, salt: int) -> Statement:
    """The operator's statement of a fact, made when it was recorded; a revocation and a changed group a day ago."""
    kind = {Agency: Kind.AGENCY, Group: Kind.GROUP, Key: Kind.KEY}[type(fact)]
    changed = (isinstance(fact, Key) and fact.revocation_known_from) or (isinstance(fact, Group) and fact.version > 1)
    created = NOW - 86_400_000 if changed else RECORDED
    return Statement(OPERATOR, [], bytes(16), created, 0, salt_of(salt), [], kind, fact._asdict())


def directory_values() -> list[bytes]:
    """The directory's records, sealed together."""
    return sealed(
        [directory_statement(fact, 100 + at) for at, (_, _, fact) in enumerate(facts())], "operator", Purpose.DIRECTORY
    )


def seals(
    encoded: Sequence[bytes], signer: str, purpose: str, *, sender: str, origin: str = ORIGIN, at: int = NOW - 30_000
) -> list[Seal]:
    """Seals of statements that are sealed together."""
    return seal_batch(
        [envelope_id(one) for one in encoded],
        key=KEYS[signer],
        origin=origin,
        sender=sender,
        purpose=purpose,
        signed_at=at,
    )


def sealed(together: Sequence[Statement], signer: str, purpose: str = Purpose.EXCHANGE, **changes: Any) -> list[bytes]:
    """Values of the envelopes of a batch."""
    encoded = [encode_statement(one) for one in together]
    made = seals(encoded, signer, purpose, sender=together[0].sender, **changes)
    contents = [[CONTENT] * len(one.attachments) for one in together]
    return [encode_envelope(*parts) for parts in zip(encoded, contents, made, strict=True)]


def raw(statement: bytes) -> bytes:
    """Value of an envelope around any bytes, well sealed by G22: whatever is wrong with it is in the statement."""
    return encode_envelope(statement, [], seals([statement], "G22", Purpose.EXCHANGE, sender="G22")[0])


def replaced(data: bytes, old: bytes, new: bytes) -> bytes:
    """The bytes with a part replaced that must occur exactly once."""
    if data.count(old) != 1:
        raise ValueError(f"{old!r} occurs {data.count(old)} times")
    return data.replace(old, new)


def resealed(value: bytes, **changes: Any) -> bytes:
    """The value with fields of its seal replaced, and not signed anew."""
    envelope = decode_envelope(value)
    return encode_envelope(envelope.statement, envelope.contents, envelope.seal._replace(**changes))


def resigned(value: bytes, signature: bytes, key_id: bytes | None = None) -> bytes:
    """The value with another signature, and perhaps another key's id."""
    named = decode_envelope(value).seal.signatures[0].key_id if key_id is None else key_id
    return resealed(value, signatures=[Signature(named, signature)])
