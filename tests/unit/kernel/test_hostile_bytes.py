"""Hostile bytes: everything that decoders of Avro are known to swallow is refused here, at once and cheaply.

Each case is one that a common decoder was seen to accept, to die of, or to spend gigabytes on. It is
put where the codec alone would meet it and where an envelope brings it, and must be refused as
malformed within a bounded time and with memory in proportion to its bytes.
"""

import time
import tracemalloc

import pytest

from lienthong.kernel import codec
from lienthong.kernel.envelope import decode_envelope
from lienthong.kernel.errors import RejectedError
from lienthong.kernel.limits import MAX_ENVELOPE_BYTES, MAX_STATEMENT_BYTES
from lienthong.kernel.reasons import Reason
from lienthong.kernel.statement import decode_statement, encode_statement
from unit.kernel.strategies import SCHEMAS
from unit.kernel.wire import (
    array,
    boolean,
    document_bytes,
    envelope_bytes,
    number,
    octets,
    padded,
    seal_bytes,
    statement_bytes,
    text,
)
from unit.kernel.world import NOW, RECIPIENT, SALT, SENDER, one_of_each_kind, reason_of, seal

LONGEST_SECONDS = 0.5
ONE = text(RECIPIENT)
TWO = text("H38")
HUGE = (2**31 - 1, 2**31, 2**32, 2**40, 2**62, 2**63 - 1)

STATEMENTS: dict[str, bytes] = {
    "nothing": b"",
    "one byte": b"\x00",
    "length padded": statement_bytes(sender=padded(3) + SENDER.encode()),
    "length padded long": statement_bytes(sender=padded(3, 8) + SENDER.encode()),
    "length padded with 200,000 bytes": statement_bytes(sender=padded(3, 200_000) + SENDER.encode()),
    "length of 200,000 bytes, all bits set": statement_bytes(sender=b"\xff" * 200_000 + b"\x01"),
    "length that never ends": b"\x80" * MAX_STATEMENT_BYTES,
    "length that never ends, all bits set": b"\xff" * MAX_STATEMENT_BYTES,
    "length minus one": statement_bytes(sender=number(-1)),
    "length one too long": statement_bytes(body=document_bytes(refers_to=b"\x02")),
    "length below zero": statement_bytes(sender=number(-(2**40)) + SENDER.encode()),
    "time padded": statement_bytes(created=padded(NOW)),
    "time with 64 bits and one more": statement_bytes(created=b"\xff" * 9 + b"\x03"),
    "time of eleven bytes": statement_bytes(created=b"\xff" * 10 + b"\x01"),
    "time of 70 bits": statement_bytes(created=number(2**69)),
    "time of 200,000 bytes, all bits set": statement_bytes(created=b"\xff" * 200_000 + b"\x01"),
    "time that never ends": statement_bytes()[:40] + b"\xff" * 200_000,
    "int beyond 32 bits": statement_bytes(priority=number(2**31)),
    "int below 32 bits": statement_bytes(priority=number(-(2**31) - 1)),
    "int holding 2^40": statement_bytes(priority=number(2**40)),
    "int padded": statement_bytes(priority=padded(0)),
    "boolean 2": statement_bytes(body=document_bytes(paper=b"\x02")),
    "boolean 255": statement_bytes(body=document_bytes(paper=b"\xff")),
    "union index -1": statement_bytes(body=document_bytes(branch=number(-1))),
    "union index below zero, long": statement_bytes(body=document_bytes(branch=number(-(2**31)))),
    "union index too large": statement_bytes(body=document_bytes(branch=number(5))),
    "union index padded": statement_bytes(body=document_bytes(branch=padded(0))),
    "union index of 200,000 bytes": statement_bytes(body=document_bytes(branch=b"\xff" * 200_000 + b"\x01")),
    "optional index -1": statement_bytes(body=document_bytes(signer=number(-1))),
    "optional index 2": statement_bytes(body=document_bytes(signer=number(2))),
    "optional index padded": statement_bytes(body=document_bytes(signer=padded(0))),
    "array in two blocks": statement_bytes(recipients=number(1) + ONE + number(1) + TWO + b"\x00"),
    "array block with its size": statement_bytes(recipients=number(-1) + number(len(ONE)) + ONE + b"\x00"),
    "array block with a wrong size": statement_bytes(recipients=number(-1) + number(1) + ONE + b"\x00"),
    "array block with size and count 2^62": statement_bytes(recipients=number(-(2**62)) + number(2**62) + ONE),
    "array end padded": statement_bytes(recipients=number(1) + ONE + b"\x80\x00"),
    "array empty, padded": statement_bytes(body=document_bytes(refers_to=b"\x80\x00")),
    "array count padded": statement_bytes(recipients=padded(1) + ONE + b"\x00"),
    "array without an end": statement_bytes(body=document_bytes(refers_to=number(1) + bytes(32))),
    "array of fixed in two blocks": statement_bytes(
        body=document_bytes(refers_to=number(1) + bytes(32) + number(1) + bytes(32) + b"\x00")
    ),
    "array of fixed cut off": statement_bytes(body=document_bytes(refers_to=number(2) + bytes(63))),
    "array of records in two blocks": statement_bytes(
        attachments=(number(1) + text("a") + text("b") + number(0) + SALT * 2) * 2 + b"\x00"
    ),
    "no UTF-8": statement_bytes(sender=octets(b"\xff\xfe\xfd")),
    "UTF-8 cut off": statement_bytes(sender=octets("ế".encode()[:-1])),
    "UTF-8 overlong": statement_bytes(sender=octets(b"\xc0\x80")),
    "UTF-8 of a surrogate": statement_bytes(sender=octets(b"\xed\xa0\x80")),
    "UTF-8 beyond Unicode": statement_bytes(sender=octets(b"\xf4\x90\x80\x80")),
    "one byte left over": statement_bytes() + b"\x00",
    "a statement twice": statement_bytes() * 2,
    "another's body": statement_bytes(body=number(1) + document_bytes()[1:]),
    "zeros": bytes(MAX_STATEMENT_BYTES),
    "ones": b"\x02" * MAX_STATEMENT_BYTES,
} | {
    f"{name} {size}": data
    for size in HUGE
    for name, data in {
        "string of": statement_bytes(sender=number(size) + SENDER.encode()),
        "last string of": statement_bytes(body=document_bytes(reason=number(size) + b"x", refers_to=b"")),
        "recipients, count": statement_bytes(recipients=number(size) + ONE + b"\x00"),
        "attachments, count": statement_bytes(attachments=number(size)),
        "references, count": statement_bytes(body=document_bytes(refers_to=number(size) + bytes(64) + b"\x00")),
        "documents, count": statement_bytes(body=number(1) + number(size) + bytes(64)),
        "entries, count": statement_bytes(body=number(2) + number(1) + number(size) + bytes(200)),
        "successors, count": statement_bytes(body=number(3) + number(1) * 9 + number(size) + bytes(200)),
        "public key of": statement_bytes(body=number(4) + number(1) * 5 + number(size) + bytes(40)),
    }.items()
}
"""By name, statements that no statement encodes to."""

ENVELOPES: dict[str, bytes] = {
    "frame only": envelope_bytes()[:5],
    "one byte left over": envelope_bytes() + b"\x00",
    "payload type padded": envelope_bytes(payload_type=padded(43) + b"application/vnd.lienthong.statement.v1+avro"),
    "payload type of another version": envelope_bytes(payload_type=text("application/vnd.lienthong.statement.v2+avro")),
    "payload type empty": envelope_bytes(payload_type=text("")),
    "contents in two blocks": envelope_bytes(contents=number(1) + octets(b"a") + number(1) + octets(b"b") + b"\x00"),
    "contents block with its size": envelope_bytes(contents=number(-1) + number(2) + octets(b"a") + b"\x00"),
    "contents without an end": envelope_bytes(contents=number(1) + octets(b"a"), seal=b""),
    "signatures in two blocks": envelope_bytes(
        seal=seal_bytes(signatures=(number(1) + bytes(16) + octets(bytes(64))) * 2 + b"\x00")
    ),
    "tree size beyond 32 bits": envelope_bytes(seal=seal_bytes(tree_size=number(2**31))),
    "tree size padded": envelope_bytes(seal=seal_bytes(tree_size=padded(1))),
    "time of 900,000 bytes, all bits set": envelope_bytes(seal=seal_bytes(signed_at=b"\xff" * 900_000 + b"\x01")),
    "payload type that never ends": envelope_bytes(payload_type=b"\xff" * 980_000, seal=b""),
    "zeros": envelope_bytes()[:5] + bytes(MAX_ENVELOPE_BYTES - 5),
    "ones": envelope_bytes()[:5] + b"\x02" * (MAX_ENVELOPE_BYTES - 5),
} | {
    f"{name} {size}": data
    for size in HUGE
    for name, data in {
        "statement of": envelope_bytes(statement=number(size) + b"x"),
        "contents, count": envelope_bytes(contents=number(size) + octets(b"x") + b"\x00"),
        "content of": envelope_bytes(contents=number(1) + number(size) + b"x"),
        "path of": envelope_bytes(seal=seal_bytes(path=number(size) + b"x")),
        "signatures, count": envelope_bytes(seal=seal_bytes(signatures=number(size) + bytes(200))),
        "signature of": envelope_bytes(seal=seal_bytes(signatures=number(1) + bytes(16) + number(size) + bytes(64))),
    }.items()
}
"""By name, values of records that no envelope encodes to."""


def seconds_of(decode: object, value: bytes) -> float:
    """How long it takes to refuse a value as malformed."""
    assert callable(decode)
    before = time.perf_counter()
    assert Reason.MALFORMED is reason_of(decode, value)
    return time.perf_counter() - before


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_hostile_statement_is_malformed(name: str) -> None:
    """A hostile statement is refused as malformed at once."""
    assert LONGEST_SECONDS > seconds_of(decode_statement, STATEMENTS[name])


@pytest.mark.parametrize("name", ENVELOPES)
def test_a_hostile_envelope_is_malformed(name: str) -> None:
    """A hostile envelope is refused as malformed at once."""
    assert len(ENVELOPES[name]) <= MAX_ENVELOPE_BYTES
    assert LONGEST_SECONDS > seconds_of(decode_envelope, ENVELOPES[name])


def test_hostile_bytes_take_little_memory() -> None:
    """Refusing hostile bytes never takes more than 40 times their size and a little, however much they promise."""
    tracemalloc.start()
    try:
        for decode, cases in ((decode_statement, STATEMENTS), (decode_envelope, ENVELOPES)):
            for name, value in cases.items():
                tracemalloc.reset_peak()
                before, _ = tracemalloc.get_traced_memory()
                reason_of(decode, value)
                _, peak = tracemalloc.get_traced_memory()
                assert 40 * len(value) + 65_536 > peak - before, name
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", one_of_each_kind())
def test_a_cut_statement_is_malformed(kind: str) -> None:
    """A statement cut at any byte is malformed."""
    statement, _, _ = one_of_each_kind()[kind]  # type: ignore[index]
    whole = encode_statement(statement)
    assert statement == decode_statement(whole)
    for length in range(len(whole)):
        assert Reason.MALFORMED is reason_of(decode_statement, whole[:length])


@pytest.mark.parametrize("kind", one_of_each_kind())
def test_a_cut_envelope_is_malformed(kind: str) -> None:
    """An envelope cut at any byte is malformed."""
    statement, signer, purpose = one_of_each_kind()[kind]  # type: ignore[index]
    whole = seal([statement] * 3, signer=signer, purpose=purpose)[1]
    decode_envelope(whole)
    for length in range(len(whole)):
        assert Reason.MALFORMED is reason_of(decode_envelope, whole[:length])


@pytest.mark.parametrize("kind", one_of_each_kind())
def test_a_statement_with_more_is_malformed(kind: str) -> None:
    """Whatever byte follows a statement or an envelope, it is malformed."""
    statement, signer, purpose = one_of_each_kind()[kind]  # type: ignore[index]
    whole = encode_statement(statement)
    value = seal([statement], signer=signer, purpose=purpose)[0]
    for more in range(256):
        assert Reason.MALFORMED is reason_of(decode_statement, whole + bytes([more]))
        assert Reason.MALFORMED is reason_of(decode_envelope, value + bytes([more]))


@pytest.mark.parametrize("record", SCHEMAS)
def test_no_record_dies_of_noise(record: str) -> None:
    """Every record's decoder refuses, quickly, runs of one byte of any value and many lengths."""
    before = time.perf_counter()
    for byte in range(256):
        for length in (0, 1, 2, 9, 10, 11, 33, 200):
            data = bytes([byte]) * length
            try:
                value = codec.decode(record, data)
            except RejectedError as rejected:
                assert Reason.MALFORMED is rejected.reason  # noqa: PT017 - some runs are records
            else:
                assert data == codec.encode(record, value)
    assert 2 > time.perf_counter() - before


def test_a_valid_statement_of_the_largest_size_is_read_at_once() -> None:
    """The largest statement decodes, one byte more is OVERSIZE and is not even looked at."""

    def with_position(length: int) -> bytes:
        signer = number(1) + text("TM.") + octets(b"x" * length) + text("Nguyễn Văn A")
        return statement_bytes(body=document_bytes(signer=signer))

    room = MAX_STATEMENT_BYTES - len(with_position(200_000)) + 200_000
    largest = with_position(room)
    assert MAX_STATEMENT_BYTES == len(largest)
    before = time.perf_counter()
    assert "x" * room == decode_statement(largest).body["signer"]["position"]
    assert LONGEST_SECONDS > time.perf_counter() - before
    assert Reason.OVERSIZE is reason_of(decode_statement, largest + b"\x00")
    assert Reason.OVERSIZE is reason_of(decode_statement, b"\xff" * (MAX_STATEMENT_BYTES + 1))
    assert Reason.OVERSIZE is reason_of(decode_envelope, b"\xff" * (MAX_ENVELOPE_BYTES + 1))


def test_as_many_items_as_bytes() -> None:
    """Arrays of the emptiest items, as many as there is room for, are read or refused in proportion to their bytes."""
    recipients = statement_bytes(recipients=number(250_000) + bytes(250_001))
    attachments = statement_bytes(attachments=number(7_000) + bytes(35 * 7_000 + 1))
    contents = envelope_bytes(contents=number(970_000) + bytes(970_001))
    signatures = envelope_bytes(seal=seal_bytes(signatures=number(57_000) + bytes(17 * 57_000 + 1)))
    before = time.perf_counter()
    assert Reason.OVERSIZE is reason_of(decode_statement, recipients)
    assert Reason.OVERSIZE is reason_of(decode_statement, attachments)
    assert 970_000 == len(decode_envelope(contents).contents)
    assert Reason.BAD_SEAL is reason_of(decode_envelope, signatures)
    assert 4 * LONGEST_SECONDS > time.perf_counter() - before


def test_the_cases_are_what_they_say() -> None:
    """The hand-made bytes are valid where nothing was replaced, so each case is refused for what it replaces."""
    decode_statement(statement_bytes())
    decode_envelope(envelope_bytes())
    two = statement_bytes(recipients=array(ONE, TWO), body=document_bytes(paper=boolean(True), signer=number(0)))
    assert [RECIPIENT, "H38"] == decode_statement(two).recipients
