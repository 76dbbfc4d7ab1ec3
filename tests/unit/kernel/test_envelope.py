"""Envelopes: the id is the content, the bytes are the sender's, and contents are held against the statement."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.kernel.envelope import (
    PAYLOAD_TYPE,
    check_contents,
    decode_envelope,
    encode_envelope,
    envelope_id,
)
from lienthong.kernel.limits import MAX_ENVELOPE_BYTES, MAX_SIGNATURES, MAX_TREE_SIZE
from lienthong.kernel.reasons import Reason
from lienthong.kernel.seal import Purpose, Seal, Signature
from lienthong.kernel.statement import Kind, attachment_of, decode_statement, encode_statement
from unit.kernel.strategies import kinds, statements
from unit.kernel.wire import envelope_bytes, number, octets, seal_bytes, text
from unit.kernel.world import (
    CONTENT,
    NOW,
    ORIGIN,
    SENDER_KEY,
    document,
    document_body,
    one_of_each_kind,
    quick,
    reason_of,
    seal,
)

NAMED = [attachment_of(f"{number}", "text/plain", b"%d" % number) for number in range(3)]
CARRIED = [b"0", b"1", b"2"]
PLAIN_SEAL = Seal(ORIGIN, Purpose.EXCHANGE, NOW, 1, 0, b"", (Signature(SENDER_KEY.key_id, bytes(64)),))


def test_the_id_is_the_hash_of_type_and_statement() -> None:
    """An envelope's id is SHA-256 of a zero byte and DSSE's encoding of the payload type and the statement."""
    statement = encode_statement(document())
    kind = b"application/vnd.lienthong.statement.v1+avro"
    assert kind.decode() == PAYLOAD_TYPE
    plain = b"\x00DSSEv1 " + b" ".join([b"%d" % len(kind), kind, b"%d" % len(statement), statement])
    assert sha256(plain).digest() == envelope_id(statement)
    assert envelope_id(statement) != envelope_id(statement, "application/vnd.lienthong.statement.v2+avro")


@quick
@given(kinds, st.data())
def test_every_envelope_comes_back(kind: Kind, draw: st.DataObject) -> None:
    """Statement, contents and seal of an envelope come back byte for byte, and encode to the same value."""
    _, signer, purpose = one_of_each_kind()[kind]
    batch = draw.draw(st.lists(statements(kind).map(lambda one: one._replace(sender="G22")), min_size=1, max_size=3))
    contents = draw.draw(st.lists(st.binary(max_size=100), max_size=3))
    values = seal(batch, signer=signer, purpose=purpose, contents=contents)
    for index, (value, statement) in enumerate(zip(values, batch, strict=True)):
        sealed = decode_envelope(value)
        assert encode_statement(statement) == sealed.statement
        assert statement == decode_statement(sealed.statement)
        assert contents == list(sealed.contents)
        assert (PAYLOAD_TYPE, index, len(batch)) == (sealed.payload_type, sealed.seal.leaf_index, sealed.seal.tree_size)
        assert value == encode_envelope(sealed.statement, sealed.contents, sealed.seal)


def test_largest_envelope() -> None:
    """A value of 960 KiB is made and read, one byte more is neither."""
    statement = encode_statement(document())
    room = MAX_ENVELOPE_BYTES - len(encode_envelope(statement, [bytes(900_000)], PLAIN_SEAL)) + 900_000
    value = encode_envelope(statement, [bytes(room)], PLAIN_SEAL)
    assert MAX_ENVELOPE_BYTES == len(value)
    assert room == len(decode_envelope(value).contents[0])
    with pytest.raises(ValueError, match="more than 983040"):
        encode_envelope(statement, [bytes(room + 1)], PLAIN_SEAL)
    assert Reason.OVERSIZE is reason_of(decode_envelope, value + b"\x00")


@pytest.mark.parametrize(
    "payload_type",
    ["", "application/vnd.lienthong.statement.v2+avro", PAYLOAD_TYPE.upper(), PAYLOAD_TYPE + "\n", "x" * 9_000],
)
def test_another_payload_type_is_malformed(payload_type: str) -> None:
    """Only statements of the one type we know are read."""
    assert Reason.MALFORMED is reason_of(decode_envelope, envelope_bytes(payload_type=text(payload_type)))


@pytest.mark.parametrize(
    "wrong",
    [
        seal_bytes(tree_size=number(0)),
        seal_bytes(tree_size=number(-1)),
        seal_bytes(tree_size=number(MAX_TREE_SIZE + 1)),
        seal_bytes(tree_size=number(2**31 - 1)),
        seal_bytes(leaf_index=number(-1)),
        seal_bytes(leaf_index=number(1)),
        seal_bytes(path=octets(bytes(32))),
        seal_bytes(path=octets(bytes(1))),
        seal_bytes(signatures=b"\x00"),
        seal_bytes(signatures=number(MAX_SIGNATURES + 1) + (bytes(16) + octets(bytes(64))) * 5 + b"\x00"),
        seal_bytes(signatures=number(1) + bytes(16) + octets(bytes(63)) + b"\x00"),
    ],
)
def test_a_seal_out_of_bounds_is_refused_when_read(wrong: bytes) -> None:
    """The numbers of a seal are checked before anything is hashed or looked up."""
    assert Reason.BAD_SEAL is reason_of(decode_envelope, envelope_bytes(seal=wrong))


def test_contents_fit() -> None:
    """Contents that are the ones the statement names, in its order, pass; so do none for none."""
    check_contents(NAMED, CARRIED)
    check_contents([], [])


@pytest.mark.parametrize(
    "carried",
    [[], CARRIED[:2], [*CARRIED, b"3"], CARRIED[::-1], [b"0", b"1", b"3"], [b"0", b"1", b"22"], [b"0", b"", b"2"]],
    ids=str,
)
def test_contents_that_do_not_fit(carried: list[bytes]) -> None:
    """Contents that are missing, left over, in another order, or other bytes are refused."""
    assert Reason.BAD_ATTACHMENT is reason_of(check_contents, NAMED, carried)


def test_a_wrong_size_is_refused_although_the_hash_fits() -> None:
    """An attachment's size counts as well as its hash."""
    for size in (-1, 0, 2, 2**63 - 1):
        assert Reason.BAD_ATTACHMENT is reason_of(check_contents, [NAMED[0]._replace(size=size)], CARRIED[:1])


def test_two_envelopes_of_one_statement_have_one_id() -> None:
    """Sealed again, later and with other statements, a statement keeps its id."""
    once = decode_envelope(seal([document()])[0])
    again = decode_envelope(seal([document(body=document_body(subject="x")), document()], signed_at=NOW + 1)[1])
    assert once.seal != again.seal
    assert envelope_id(once.statement) == envelope_id(again.statement)
    assert [CONTENT] == again.contents
