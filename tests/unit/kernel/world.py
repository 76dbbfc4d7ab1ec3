"""A small backbone of fixed keys, agencies and times, and envelopes made in it."""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import settings

from lienthong.kernel.directory import Agency, Directory, Group, Key
from lienthong.kernel.envelope import encode_envelope, envelope_id
from lienthong.kernel.errors import RejectedError
from lienthong.kernel.judge import Judge
from lienthong.kernel.keys import ALGORITHM, SigningKey
from lienthong.kernel.lanes import lane_of
from lienthong.kernel.reasons import Reason
from lienthong.kernel.seal import Purpose, seal_batch
from lienthong.kernel.statement import Attachment, Kind, Statement, encode_statement
from lienthong.kernel.trust import OPERATOR, Trust

quick = settings(deadline=None, database=None, max_examples=100)
"""For property tests: enough examples to find what is wrong, few enough to be run all the time."""

ORIGIN = "lienthong.test"
LANES = 4
EPOCH = 1_788_200_000_000
"""When the directory's facts were recorded, milliseconds since 1970 UTC."""
NOW = EPOCH + 30 * 24 * 3_600_000
"""When envelopes are judged."""
DAY_MS = 24 * 3_600_000

SENDER = "G22"
RECIPIENT = "H37"
BENEATH = "H37.DN.001"
"""Not connected; H37 stands above it."""
BACKBONE = "BACKBONE"
"""The agency that signs receipts."""

THREAD = bytes.fromhex("00112233445566778899aabbccddeeff")
EXPRESS_THREAD = bytes.fromhex("80112233445566778899aabbccddeeff")
SALT = bytes(range(16))
CONTENT = b"%PDF-1.7 content"


def reason_of(call: Callable[..., object], *values: Any, **named: Any) -> Reason:
    """The reason for which a call rejects what it is given."""
    with pytest.raises(RejectedError) as caught:
        call(*values, **named)
    return caught.value.reason


def key_named(name: str) -> SigningKey:
    """The key whose seed is the SHA-256 of a name."""
    return SigningKey.from_seed(sha256(name.encode()).digest())


OPERATOR_KEY = key_named("operator")
SENDER_KEY = key_named("sender")
RECIPIENT_KEY = key_named("recipient")
RECEIPT_KEY = key_named("receipts")
TRUST = Trust(origin=ORIGIN, operator_key=OPERATOR_KEY.public_key.hex())


def agency(code: str, **changes: Any) -> Agency:
    """A connected agency, valid since the epoch; `changes` replace fields."""
    return Agency(
        version=1, known_from=EPOCH, code=code, code_qcvn102="", name=f"Agency {code}", parent=None,
        connected_from=EPOCH, valid_from=EPOCH, valid_until=None, successors=[],
    )._replace(**changes)  # fmt: skip


def key_of(owner: str, key: SigningKey, **changes: Any) -> Key:
    """A key for exchange, valid since the epoch; `changes` replace fields."""
    return Key(
        version=1, known_from=EPOCH, agency=owner, purpose=Purpose.EXCHANGE, algorithm=ALGORITHM,
        public_key=key.public_key, valid_from=EPOCH, valid_until=None, revoked_from=None, revocation_known_from=None,
    )._replace(**changes)  # fmt: skip


def group(code: str, *members: str, **changes: Any) -> Group:
    """A group, known since the epoch; `changes` replace fields."""
    return Group(1, EPOCH, code, f"Group {code}", list(members))._replace(**changes)


_KINDS: dict[type, Kind] = {Agency: Kind.AGENCY, Group: Kind.GROUP, Key: Kind.KEY}
FACTS: tuple[Agency | Key, ...] = (
    agency(SENDER),
    agency(RECIPIENT),
    agency("H37.DN", parent=RECIPIENT, connected_from=None),
    agency(BENEATH, parent="H37.DN", connected_from=None),
    agency(BACKBONE),
    key_of(SENDER, SENDER_KEY),
    key_of(RECIPIENT, RECIPIENT_KEY),
    key_of(BACKBONE, RECEIPT_KEY, purpose=Purpose.RECEIPT),
)


def record(
    fact: Agency | Group | Key,
    *,
    signer: SigningKey = OPERATOR_KEY,
    origin: str = ORIGIN,
    purpose: str = Purpose.DIRECTORY,
    sender: str = OPERATOR,
    created: int = EPOCH,
) -> bytes:
    """The value of a directory record that says this."""
    statement = Statement(
        sender, [], bytes(16), created, 0, SALT, [],
        _KINDS[type(fact)], fact._asdict(),
    )  # fmt: skip
    return seal((statement,), signer=signer, origin=origin, purpose=purpose, signed_at=created)[0]


def directory_of(*facts: Agency | Group | Key, created: int = EPOCH) -> Directory:
    """A directory in which these facts were recorded, in order, at a moment."""
    directory = Directory(TRUST)
    for fact in facts:
        directory.apply(record(fact, created=created))
    return directory


def judge_of(*facts: Agency | Group | Key) -> Judge:
    """A judge by the usual facts and then these."""
    return Judge(directory_of(*FACTS, *facts), LANES)


def document_body(**changes: Any) -> dict[str, Any]:
    """Body of a plain document; `changes` replace fields."""
    return {
        "business_type": 0,
        "code_number": "17",
        "code_notation": "BC-VPCP",
        "document_type": "Báo cáo",
        "promulgation_date": "2026-08-31",
        "promulgation_place": "Hà Nội",
        "subject": "Về việc liên thông văn bản",
        "signer": {"competence": "TM.", "position": "Bộ trưởng", "full_name": "Nguyễn Văn A"},
        "steering_type": 0,
        "sphere": "",
        "page_amount": 3,
        "issued_amount": 0,
        "due_date": "",
        "paper": False,
        "for_information": [],
        "replaces": [],
        "in_reply_to": [],
        "reason": "",
        "refers_to": [],
        "changes": 0,
    } | changes


def document(**changes: Any) -> Statement:
    """A document from the sender to the recipient with one attachment; `changes` replace fields."""
    return Statement(
        SENDER, [RECIPIENT], THREAD, NOW, 0, SALT,
        [Attachment("công văn.pdf", "application/pdf", len(CONTENT), sha256(CONTENT).digest())],
        Kind.DOCUMENT, document_body(),
    )._replace(**changes)  # fmt: skip


def acknowledgement(**changes: Any) -> Statement:
    """An acknowledgement of two documents, by their recipient; `changes` replace fields."""
    return Statement(
        RECIPIENT, [SENDER], THREAD, NOW, 0, SALT, [], Kind.ACKNOWLEDGEMENT,
        {"documents": [sha256(b"1").digest(), sha256(b"2").digest()], "status": "01", "reason": ""},
    )._replace(**changes)  # fmt: skip


def receipt(**changes: Any) -> Statement:
    """A receipt about an accepted and a rejected record; `changes` replace fields."""
    accepted = {
        "envelope_id": sha256(b"1").digest(), "digest": sha256(b"value").digest(), "source_offset": 7,
        "reason": "", "position": 70_000, "judged_at": NOW,
    }  # fmt: skip
    rejected = {**accepted, "envelope_id": None, "source_offset": 8, "reason": Reason.MALFORMED.value}
    return Statement(
        BACKBONE, [SENDER], THREAD, NOW, 0, SALT, [], Kind.RECEIPT,
        {"lane": lane_of(THREAD, LANES), "entries": [accepted, rejected]},
    )._replace(**changes)  # fmt: skip


def command(**changes: Any) -> Statement:
    """An order of the operator to hand an envelope over once more; `changes` replace fields."""
    return Statement(
        BACKBONE, [RECIPIENT], THREAD, NOW, 0, SALT,
        [
            Attachment(
                "envelope.avro", "application/vnd.lienthong.envelope.v1+avro", len(CONTENT), sha256(CONTENT).digest()
            )
        ],
        Kind.COMMAND,
        {"action": "resend", "document": sha256(b"1").digest(), "position": 70_000, "reason": "the disk was lost"},
    )._replace(**changes)  # fmt: skip


def notice(**changes: Any) -> Statement:
    """A notice that a document is unread and its time is over; `changes` replace fields."""
    entry = {"document": sha256(b"1").digest(), "position": 70_000, "recipient": RECIPIENT, "expired_at": NOW}
    return Statement(
        BACKBONE, [SENDER], THREAD, NOW, 0, SALT, [], Kind.NOTICE,
        {"lane": lane_of(THREAD, LANES), "entries": [entry]},
    )._replace(**changes)  # fmt: skip


def one_of_each_kind() -> dict[Kind, tuple[Statement, SigningKey, str]]:
    """For every kind a statement, the key that may sign it and the purpose it is sealed for."""
    at_operator = {"sender": OPERATOR, "recipients": [], "thread": bytes(16), "attachments": []}
    return {
        Kind.DOCUMENT: (document(), SENDER_KEY, Purpose.EXCHANGE),
        Kind.ACKNOWLEDGEMENT: (acknowledgement(), RECIPIENT_KEY, Purpose.EXCHANGE),
        Kind.RECEIPT: (receipt(), RECEIPT_KEY, Purpose.RECEIPT),
        Kind.AGENCY: (
            document(
                **at_operator, kind=Kind.AGENCY, body=agency(BENEATH, parent=RECIPIENT, successors=["G22"])._asdict()
            ),
            OPERATOR_KEY,
            Purpose.DIRECTORY,
        ),
        Kind.GROUP: (
            document(**at_operator, kind=Kind.GROUP, body=group("@TINH-THANH", SENDER, RECIPIENT)._asdict()),
            OPERATOR_KEY,
            Purpose.DIRECTORY,
        ),
        Kind.KEY: (
            document(**at_operator, kind=Kind.KEY, body=key_of(SENDER, SENDER_KEY, valid_until=NOW)._asdict()),
            OPERATOR_KEY,
            Purpose.DIRECTORY,
        ),
        Kind.COMMAND: (command(), OPERATOR_KEY, Purpose.COMMAND),
        Kind.NOTICE: (notice(), RECEIPT_KEY, Purpose.RECEIPT),
    }


def seal(
    statements: Sequence[Statement | bytes],
    *,
    signer: SigningKey = SENDER_KEY,
    origin: str = ORIGIN,
    purpose: str = Purpose.EXCHANGE,
    sender: str | None = None,
    signed_at: int = NOW,
    contents: Sequence[bytes] | None = None,
) -> list[bytes]:
    """Values of the envelopes of one batch; statements given as bytes need a sender.

    Contents are taken to be `CONTENT` once for each attachment unless they are given.
    """
    encoded = [one if isinstance(one, bytes) else encode_statement(one) for one in statements]
    names = [None if isinstance(one, bytes) else one.sender for one in statements]
    owner = sender or names[0]
    assert owner is not None
    seals = seal_batch(
        [envelope_id(data) for data in encoded],
        key=signer, origin=origin, sender=owner, purpose=purpose, signed_at=signed_at,
    )  # fmt: skip
    carried = [
        [CONTENT] * (0 if isinstance(one, bytes) else len(one.attachments)) if contents is None else contents
        for one in statements
    ]
    return [encode_envelope(data, some, one) for data, some, one in zip(encoded, carried, seals, strict=True)]
