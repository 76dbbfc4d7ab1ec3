"""Envelopes: sealed bytes from the wire, and opened ones whose seal has verified.

The two are different types, so that a handler which takes an `OpenedEnvelope` cannot be given
anything that was not verified. The id is the content: the RFC 9162 leaf hash of the statement's
pre-authentication encoding, so one id can never name two contents.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple, NewType

from lienthong.kernel import codec
from lienthong.kernel.errors import RejectedError
from lienthong.kernel.limits import MAX_ENVELOPE_BYTES
from lienthong.kernel.merkle import leaf_hash
from lienthong.kernel.reasons import Reason
from lienthong.kernel.seal import Seal, Signature, check_limits, pae
from lienthong.kernel.statement import Attachment, Statement

__all__ = [
    "PAYLOAD_TYPE",
    "EnvelopeId",
    "OpenedEnvelope",
    "SealedEnvelope",
    "check_contents",
    "decode_envelope",
    "encode_envelope",
    "envelope_id",
]

EnvelopeId = NewType("EnvelopeId", bytes)
"""32 bytes: SHA-256(0x00 ‖ PAE(payload type, statement))."""

PAYLOAD_TYPE = "application/vnd.lienthong.statement.v1+avro"


class SealedEnvelope(NamedTuple):
    """An envelope as it came from the wire: in canonical form and within limits, nothing verified."""

    payload_type: str
    statement: bytes
    contents: Sequence[bytes]
    seal: Seal


class OpenedEnvelope(NamedTuple):
    """An envelope whose seal verified: made by `lienthong.kernel.judge` alone."""

    id: EnvelopeId
    statement: Statement
    contents: Sequence[bytes]
    seal: Seal


_decode = codec.decoder(
    "Envelope",
    {
        "lienthong.Envelope": SealedEnvelope,
        "lienthong.Seal": Seal,
        "lienthong.Signature": Signature,
    },
    # All envelopes of a batch have the same.
    {
        "lienthong.Envelope": [("payload_type",)],
        "lienthong.Seal": [("origin", "purpose", "signed_at", "tree_size"), ("signatures",)],
    },
)


def envelope_id(statement: bytes, payload_type: str = PAYLOAD_TYPE) -> EnvelopeId:
    """Id of the envelope that carries these statement bytes."""
    return EnvelopeId(leaf_hash(pae(payload_type, statement)))


def encode_envelope(statement: bytes, contents: Sequence[bytes], seal: Seal) -> bytes:
    """The value of a record: Confluent frame and Avro bytes of `lienthong.Envelope`.

    Raises:
        ValueError: it would be larger than `MAX_ENVELOPE_BYTES`.
    """
    value = codec.frame(
        codec.encode(
            "Envelope",
            {
                "payload_type": PAYLOAD_TYPE,
                "statement": statement,
                "contents": contents,
                "seal": {
                    "origin": seal.origin,
                    "purpose": seal.purpose,
                    "signed_at": seal.signed_at,
                    "tree_size": seal.tree_size,
                    "leaf_index": seal.leaf_index,
                    "path": seal.path,
                    "signatures": [{"key_id": one.key_id, "signature": one.signature} for one in seal.signatures],
                },
            },
        )
    )
    if len(value) > MAX_ENVELOPE_BYTES:
        raise ValueError(f"the envelope has {len(value)} bytes, more than {MAX_ENVELOPE_BYTES}")
    return value


def decode_envelope(value: bytes) -> SealedEnvelope:
    """Read a record's value; nothing is verified but form and limits.

    Raises:
        RejectedError: OVERSIZE, MALFORMED or BAD_SEAL.
    """
    if len(value) > MAX_ENVELOPE_BYTES:
        raise RejectedError(Reason.OVERSIZE, f"the record has {len(value)} bytes, more than {MAX_ENVELOPE_BYTES}")
    sealed: SealedEnvelope = _decode(codec.unframe(value))
    if sealed.payload_type != PAYLOAD_TYPE:
        raise RejectedError(Reason.MALFORMED, f"payload type {sealed.payload_type[:80]!r} is not {PAYLOAD_TYPE}")
    check_limits(sealed.seal)
    return sealed


def check_contents(attachments: Sequence[Attachment], contents: Sequence[bytes]) -> None:
    """Hold the contents an envelope carries against the attachments its statement names.

    Raises:
        RejectedError: BAD_ATTACHMENT, naming the attachment.
    """
    if len(attachments) != len(contents):
        raise RejectedError(
            Reason.BAD_ATTACHMENT, f"{len(attachments)} attachments are named, {len(contents)} contents carried"
        )
    for number, (attachment, content) in enumerate(zip(attachments, contents, strict=True)):
        if attachment.size != len(content) or attachment.sha256 != sha256(content).digest():
            raise RejectedError(
                Reason.BAD_ATTACHMENT, f"the content of attachment {number} is not the one the statement names"
            )
