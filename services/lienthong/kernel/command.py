"""Commands of the operator, pure: what one says and carries, and how one is made of a record.

A command orders that one document is handed over: once more (`resend`), or although it was rejected
(`release`). It carries the whole value of the record that it is about as its one attachment. So it
travels, is judged and is read like any envelope, and whoever gets it has the document in hand.
`Judge` verifies the envelope that a command carries; here is what can be told without a directory.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from lienthong.kernel.envelope import EnvelopeId, SealedEnvelope, decode_envelope, envelope_id
from lienthong.kernel.errors import RejectedError
from lienthong.kernel.limits import MAX_INLINE_BYTES, MAX_REASON_CHARACTERS, MAX_RECIPIENTS
from lienthong.kernel.reasons import Reason
from lienthong.kernel.statement import Kind, Statement, attachment_of, decode_statement, make_statement

__all__ = [
    "ENVELOPE_TYPE", "RELEASABLE", "RELEASE", "RESEND", "Command", "Original", "make_command", "read_command",
    "routes_released",
]  # fmt: skip

RESEND: Final = "resend"
"""An accepted document goes once more to some of those to whom it was delivered."""
RELEASE: Final = "release"
"""A rejected document goes to everybody it is addressed to, and its sender is told."""

ENVELOPE_TYPE: Final = "application/vnd.lienthong.envelope.v1+avro"
"""Media type of a command's attachment: the value of a record, with its Confluent frame."""

RELEASABLE: Final[Mapping[Reason, str]] = {
    Reason.EXPIRED: "it was late, and is what its sender signed all the same",
    Reason.FUTURE: "the sender's clock was wrong; what it signed is not",
    Reason.UNKNOWN_RECIPIENT: "the directory lacked a recipient, and has it now",
    Reason.UNKNOWN_SENDER: "the directory lacked the sender, and has it now",
    Reason.UNKNOWN_KEY: "the directory lacked the key, and has it now",
    Reason.KEY_NOT_VALID: "the key was not valid yet, and is now",
}
"""What may be released, and why: rejections that time or the directory mends. Whatever else a rejected record has
wrong with it, forged seals, forms and places above all, stays rejected: no order makes it what its sender signed."""


class Command(NamedTuple):
    """What a command says, and the envelope that it carries: read, not verified."""

    action: str
    """`RESEND` or `RELEASE`."""
    document: EnvelopeId
    """Id of the envelope that it carries."""
    position: int
    """Ledger offset, in the command's lane, of the entry that accepted or rejected it."""
    judged_at: int
    """When that entry was judged, milliseconds since 1970 UTC."""
    known_at: int
    """The newest fact of the directory that it was judged by."""
    reason: str
    """Why, in the operator's words."""
    value: bytes
    """The whole value of the record."""
    sealed: SealedEnvelope
    """The same, decoded."""
    statement: Statement
    """What the document says."""


class Original(NamedTuple):
    """The record that a command is to be about, as the ledger knows it."""

    value: bytes
    position: int
    judged_at: int
    known_at: int


def read_command(statement: Statement, contents: Sequence[bytes]) -> Command:
    """Read what a command says and carries.

    Args:
        statement: of kind command.
        contents: of its attachments.

    Raises:
        RejectedError: MALFORMED: it carries no document of its own thread under the id that it names.
    """
    body = statement.body
    if len(contents) != 1 or statement.attachments[0].media_type != ENVELOPE_TYPE:
        raise RejectedError(Reason.MALFORMED, f"a command's attachment has the media type {ENVELOPE_TYPE}")
    if min(body["position"], body["judged_at"], body["known_at"]) < 0:
        raise RejectedError(Reason.MALFORMED, "a command's position and times are not below zero")
    value = contents[0]
    try:
        sealed = decode_envelope(value)
        carried = decode_statement(sealed.statement)
    except RejectedError as error:
        raise RejectedError(Reason.MALFORMED, f"the envelope that the command carries: {error}") from error
    identity = envelope_id(sealed.statement)
    if identity != body["document"]:
        raise RejectedError(Reason.MALFORMED, "the envelope that the command carries is not the document it names")
    if carried.kind is not Kind.DOCUMENT:
        raise RejectedError(Reason.MALFORMED, f"a command carries a document, not a statement of kind {carried.kind}")
    if carried.thread != statement.thread:
        raise RejectedError(Reason.MALFORMED, "a command has the thread of the document that it carries")
    return Command(
        body["action"], identity, body["position"], body["judged_at"], body["known_at"], body["reason"],
        value, sealed, carried,
    )  # fmt: skip


def routes_released(document: Statement, routes: Sequence[str]) -> tuple[str, ...]:
    """The routes of a document that the operator released: those of the command, without the document's sender.

    The sender is told. It is a route as well where it is a recipient itself, or has the inbox of one by its code,
    or where there is no other.

    Args:
        document: what is released.
        routes: of the command, in ledger order.
    """
    sender, connected = document.sender, frozenset(routes)
    others = tuple(route for route in routes if route != sender)
    if not others or any(_above(code, connected) == sender for code in document.recipients):
        return tuple(routes)
    return others


def _above(code: str, connected: frozenset[str]) -> str:
    """Which of these a code is, or is below by its form; empty if there is none."""
    while code and code not in connected:
        code = code.rpartition(".")[0]
    return code


def make_command(
    action: str, original: Original, recipients: Sequence[str], reason: str, *, backbone: str, now: int
) -> Statement:
    """The statement that orders it; the value is the content of its one attachment.

    Args:
        action: `RESEND` or `RELEASE`.
        original: what is handed over.
        recipients: codes of the agencies that get the command.
        reason: why, 1 to 500 characters.
        backbone: the backbone's code, in whose out topic the command will stand.
        now: milliseconds since 1970 UTC.

    Raises:
        RejectedError: the record is no envelope.
        ValueError: it is too large to be carried, there is no reason or nobody to go to.
    """
    size = len(original.value)
    if size > MAX_INLINE_BYTES:
        raise ValueError(
            f"the envelope has {size} bytes, and a command carries at most {MAX_INLINE_BYTES}: export it with"
            " `lienthong audit replay` and hand it over by other means"
        )
    if not 1 <= len(reason) <= MAX_REASON_CHARACTERS:
        raise ValueError(f"give a reason of 1 to {MAX_REASON_CHARACTERS} characters")
    if not 1 <= len(recipients) <= MAX_RECIPIENTS:
        raise ValueError(f"a command goes to 1 to {MAX_RECIPIENTS} agencies, not {len(recipients)}")
    sealed = decode_envelope(original.value)
    document = decode_statement(sealed.statement)
    identity = envelope_id(sealed.statement)
    return make_statement(
        sender=backbone,
        recipients=list(recipients),
        thread=document.thread,
        created=now,
        kind=Kind.COMMAND,
        priority=document.priority,
        attachments=[attachment_of(f"{identity.hex()}.avro", ENVELOPE_TYPE, original.value)],
        body={
            "action": action,
            "document": identity,
            "position": original.position,
            "judged_at": original.judged_at,
            "known_at": original.known_at,
            "reason": reason,
        },
    )
