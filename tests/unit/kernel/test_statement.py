"""Statements: what is made is what is read, and the protocol's rules that need nothing but the statement."""

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.kernel.limits import MAX_ATTACHMENTS, MAX_NAMED, MAX_RECIPIENTS, MAX_STATEMENT_BYTES
from lienthong.kernel.reasons import Reason
from lienthong.kernel.statement import (
    STATUS_CODES,
    Attachment,
    Kind,
    Statement,
    attachment_of,
    decode_statement,
    encode_statement,
    make_statement,
)
from unit.kernel.strategies import kinds, statements
from unit.kernel.world import (
    CONTENT,
    EXPRESS_THREAD,
    NOW,
    RECIPIENT,
    SENDER,
    THREAD,
    acknowledgement,
    document,
    document_body,
    one_of_each_kind,
    quick,
    reason_of,
    receipt,
)

IDS = [sha256(b"%d" % number).digest() for number in range(MAX_NAMED + 1)]
ENTRY = receipt().body["entries"][0]
DIRECTORY_KINDS = (Kind.AGENCY, Kind.KEY)


def codes(count: int) -> list[str]:
    """As many different codes as asked for."""
    return [f"A{number}" for number in range(count)]


def refused(statement: Statement) -> Reason:
    """Why the bytes of a statement are refused."""
    return reason_of(decode_statement, encode_statement(statement))


@quick
@given(kinds, st.data())
def test_every_statement_comes_back(kind: Kind, draw: st.DataObject) -> None:
    """A statement of any kind decodes to itself, with its Python types, and encodes to the same bytes again."""
    statement = draw.draw(statements(kind))
    data = encode_statement(statement)
    decoded = decode_statement(data)
    assert statement == decoded
    assert kind is decoded.kind
    assert data == encode_statement(decoded)
    assert all(isinstance(one, Attachment) for one in decoded.attachments)


@pytest.mark.parametrize("kind", Kind)
def test_one_of_each_kind(kind: Kind) -> None:
    """The plain statement of each kind keeps all rules."""
    statement, _, _ = one_of_each_kind()[kind]
    assert statement == decode_statement(encode_statement(statement))
    assert kind is statement.kind


def test_attachments_are_named_by_their_bytes() -> None:
    """Size and SHA-256 of an attachment are taken from its content."""
    expected = Attachment("a.pdf", "application/pdf", len(CONTENT), sha256(CONTENT).digest())
    assert expected == attachment_of("a.pdf", "application/pdf", CONTENT)
    assert Attachment("", "", 0, sha256(b"").digest()) == attachment_of("", "", b"")


def test_a_new_statement_has_fresh_salt() -> None:
    """Two statements that say the same have different salt, of 16 bytes, and so different bytes."""

    def made() -> Statement:
        return make_statement(
            sender=SENDER, recipients=[RECIPIENT], thread=THREAD, created=NOW, kind=Kind.DOCUMENT, body=document_body()
        )

    assert [16, 16] == [len(made().salt), len(made().salt)]
    assert 100 == len({made().salt for _ in range(100)})
    assert document(attachments=[], salt=b"") == made()._replace(salt=b"")


def test_largest_statement() -> None:
    """A statement of 256 KiB is made, one byte more is not."""

    def with_position(length: int) -> Statement:
        return document(body=document_body(signer={"competence": "", "position": "x" * length, "full_name": ""}))

    room = MAX_STATEMENT_BYTES - len(encode_statement(with_position(200_000))) + 200_000
    data = encode_statement(with_position(room))
    assert MAX_STATEMENT_BYTES == len(data)
    decode_statement(data)
    with pytest.raises(ValueError, match="more than 262144"):
        encode_statement(with_position(room + 1))


@pytest.mark.parametrize(
    ("field", "most"),
    [
        ("subject", 500), ("reason", 500), ("document_type", 100), ("promulgation_place", 50),
        ("code_notation", 30), ("code_number", 11), ("promulgation_date", 10), ("due_date", 10), ("sphere", 100),
    ],
)  # fmt: skip
def test_lengths_of_a_documents_texts(field: str, most: int) -> None:
    """Each text of a document is as long as its schema says at most, in characters."""
    decode_statement(encode_statement(document(body=document_body(**{field: "ộ" * most}))))
    assert Reason.OVERSIZE is refused(document(body=document_body(**{field: "ộ" * (most + 1)})))


@pytest.mark.parametrize("field", ["refers_to", "in_reply_to", "replaces"])
def test_number_of_references(field: str) -> None:
    """A document refers to, answers and replaces 50 others at most."""
    named: list[Any] = [{"document": one, "agencies": []} for one in IDS] if field == "replaces" else IDS
    decode_statement(encode_statement(document(body=document_body(**{field: named[:50]}))))
    assert Reason.OVERSIZE is refused(document(body=document_body(**{field: named[:51]})))


def test_a_replaced_document_is_named_once_and_for_agencies_within_bounds() -> None:
    """For 500 agencies at most; a document that is named twice is refused."""
    one = {"document": IDS[0], "agencies": codes(MAX_RECIPIENTS)}
    other = {"document": IDS[1], "agencies": []}
    decode_statement(encode_statement(document(body=document_body(replaces=[one, other]))))
    assert Reason.MALFORMED is refused(document(body=document_body(replaces=[one, other, other])))
    one = {"document": IDS[0], "agencies": codes(MAX_RECIPIENTS + 1)}
    assert Reason.OVERSIZE is refused(document(body=document_body(replaces=[one, other])))


@pytest.mark.parametrize("named", [["A2"], ["A0", "A2"], ["A1", "A1"], [""]])
def test_for_information_names_recipients_and_none_twice(named: list[str]) -> None:
    """All of them, some or none; nobody else."""
    for right in ([], ["A1"], ["A1", "A0"]):
        decode_statement(encode_statement(document(recipients=codes(2), body=document_body(for_information=right))))
    assert Reason.MALFORMED is refused(document(recipients=codes(2), body=document_body(for_information=named)))


@pytest.mark.parametrize("changes", [-1, 4])
def test_changes_are_data_receivers_or_both(changes: int) -> None:
    """Anything but 0 to 3 is refused."""
    assert Reason.MALFORMED is refused(document(body=document_body(business_type=2, changes=changes)))


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a\\b", "a\x00b", "x" * 256])
def test_names_of_files(name: str) -> None:
    """An attachment's name has 1 to 255 characters and no folders."""
    assert Reason.MALFORMED is refused(document(attachments=[Attachment(name, "text/plain", 0, bytes(32))]))


@pytest.mark.parametrize("status", ["02", "16"])
def test_refusals_have_a_reason(status: str) -> None:
    """Who refuses says why, in 500 characters at most."""

    def refusing(reason: str) -> Statement:
        return acknowledgement(body={"documents": IDS[:1], "status": status, "reason": reason})

    decode_statement(encode_statement(refusing("x" * 500)))
    assert Reason.MALFORMED is refused(refusing(""))
    assert Reason.OVERSIZE is refused(refusing("x" * 501))


def test_an_acknowledgement_names_no_document_twice() -> None:
    """A document named twice is refused."""
    assert Reason.MALFORMED is refused(acknowledgement(body={"documents": IDS[:1] * 2, "status": "03", "reason": ""}))


def test_number_of_recipients() -> None:
    """A document has 1 to 500 recipients."""
    decode_statement(encode_statement(document(recipients=codes(MAX_RECIPIENTS))))
    assert Reason.OVERSIZE is refused(document(recipients=codes(MAX_RECIPIENTS + 1)))
    assert Reason.MALFORMED is refused(document(recipients=[]))


def test_no_recipient_twice() -> None:
    """A recipient that is named twice is refused."""
    assert Reason.MALFORMED is refused(document(recipients=["H37", "G22", "H37"]))


def test_number_of_attachments() -> None:
    """A statement has at most 50 attachments."""
    one = attachment_of("a", "b", b"c")
    decode_statement(encode_statement(document(attachments=[one] * MAX_ATTACHMENTS)))
    assert Reason.OVERSIZE is refused(document(attachments=[one] * (MAX_ATTACHMENTS + 1)))


@pytest.mark.parametrize("priority", [-(2**31), -1, 5, 2**31 - 1])
@pytest.mark.parametrize("kind", Kind)
def test_priorities(kind: Kind, priority: int) -> None:
    """Priorities are 0 to 4, in every kind of statement."""
    statement, _, _ = one_of_each_kind()[kind]
    assert Reason.MALFORMED is refused(statement._replace(priority=priority))


@pytest.mark.parametrize("business_type", [-1, 4, 2**31 - 1])
def test_business_types(business_type: int) -> None:
    """Documents are new, recall, update or replace: 0 to 3."""
    assert Reason.MALFORMED is refused(document(body=document_body(business_type=business_type)))


def test_a_document_needs_a_subject() -> None:
    """A document without a subject is refused."""
    assert Reason.MALFORMED is refused(document(body=document_body(subject="")))


@pytest.mark.parametrize("priority", range(5))
@pytest.mark.parametrize("thread", [THREAD, EXPRESS_THREAD], ids=["ordinary", "express"])
@pytest.mark.parametrize("business_type", [0, 3])
def test_a_new_documents_thread_says_whether_it_is_express(priority: int, thread: bytes, business_type: int) -> None:
    """A document that is new or replaces others: with priority 3 or 4 in an express thread, otherwise in none."""
    statement = document(body=document_body(business_type=business_type), priority=priority, thread=thread)
    if (priority >= 3) == (thread == EXPRESS_THREAD):
        assert statement == decode_statement(encode_statement(statement))
    else:
        assert Reason.WRONG_LANE is refused(statement)


@pytest.mark.parametrize("business_type", [1, 2])
@pytest.mark.parametrize("priority", [0, 4])
@pytest.mark.parametrize("thread", [THREAD, EXPRESS_THREAD], ids=["ordinary", "express"])
def test_what_follows_stays_in_its_thread(business_type: int, priority: int, thread: bytes) -> None:
    """A recall or an update goes in the thread of its document, whatever its own priority is."""
    statement = document(body=document_body(business_type=business_type), priority=priority, thread=thread)
    assert statement == decode_statement(encode_statement(statement))


@pytest.mark.parametrize("make", [acknowledgement, receipt])
@pytest.mark.parametrize("count", [0, 2])
def test_answers_have_one_recipient(make: Any, count: int) -> None:
    """An acknowledgement and a receipt have exactly one recipient."""
    assert Reason.MALFORMED is refused(make(recipients=codes(count)))


def test_number_of_documents_acknowledged() -> None:
    """An acknowledgement names 1 to 500 documents."""

    def naming(count: int) -> Statement:
        return acknowledgement(body={"documents": IDS[:count], "status": "03", "reason": ""})

    decode_statement(encode_statement(naming(1)))
    decode_statement(encode_statement(naming(MAX_NAMED)))
    assert Reason.OVERSIZE is refused(naming(MAX_NAMED + 1))
    assert Reason.MALFORMED is refused(naming(0))


def test_number_of_receipt_entries() -> None:
    """A receipt names 1 to 500 envelopes."""

    def naming(count: int) -> Statement:
        return receipt(body={"lane": 1, "entries": [ENTRY] * count})

    decode_statement(encode_statement(naming(1)))
    decode_statement(encode_statement(naming(MAX_NAMED)))
    assert Reason.OVERSIZE is refused(naming(MAX_NAMED + 1))
    assert Reason.MALFORMED is refused(naming(0))


@pytest.mark.parametrize("number", range(-1, 101))
def test_status_codes(number: int) -> None:
    """An acknowledgement carries one of QCVN 102's status codes, written with two digits."""
    status = f"{number:02d}"
    statement = acknowledgement(body={"documents": IDS[:1], "status": status, "reason": "vì"})
    if status in {"01", "02", "03", "04", "05", "06", "13", "15", "16"}:
        assert status in STATUS_CODES
        assert statement == decode_statement(encode_statement(statement))
    else:
        assert Reason.MALFORMED is refused(statement)


@pytest.mark.parametrize("status", ["", "1", "001", " 01", "01 ", "０1", "1\n", "a" * 9_000])
def test_other_writings_of_a_status_code(status: str) -> None:
    """A status code written any other way is refused."""
    assert Reason.MALFORMED is refused(acknowledgement(body={"documents": IDS[:1], "status": status, "reason": ""}))


@pytest.mark.parametrize("kind", DIRECTORY_KINDS)
def test_directory_records_have_no_recipients(kind: Kind) -> None:
    """A directory record is for everybody and names nobody."""
    statement, _, _ = one_of_each_kind()[kind]
    assert Reason.MALFORMED is refused(statement._replace(recipients=[SENDER]))
