"""Statements: what an agency says, as values. Bytes are made once, when a statement is made, and kept."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from hashlib import sha256
from typing import Any, NamedTuple

from lienthong.kernel import codec
from lienthong.kernel.agency import is_group_code
from lienthong.kernel.errors import RejectedError
from lienthong.kernel.lanes import EXPRESS_PRIORITY, is_express
from lienthong.kernel.limits import (
    MAX_ATTACHMENTS,
    MAX_FILE_NAME_CHARACTERS,
    MAX_GROUP_MEMBERS,
    MAX_NAMED,
    MAX_REASON_CHARACTERS,
    MAX_RECIPIENTS,
    MAX_REFERENCES,
    MAX_STATEMENT_BYTES,
)
from lienthong.kernel.randomness import random_bytes
from lienthong.kernel.reasons import Reason

__all__ = [
    "ACTIONS",
    "REASONED_STATUS_CODES",
    "STATUS_CODES",
    "Attachment",
    "Kind",
    "Statement",
    "attachment_of",
    "check_statement",
    "decode_statement",
    "encode_statement",
    "make_statement",
    "statement_decoder",
]


class Kind(StrEnum):
    """What a statement is, told by the branch of its body. Also the `kind` header."""

    DOCUMENT = "document"
    ACKNOWLEDGEMENT = "acknowledgement"
    RECEIPT = "receipt"
    AGENCY = "agency"
    KEY = "key"
    GROUP = "group"
    COMMAND = "command"
    NOTICE = "notice"

    # An Enum's own goes through Python, for every envelope several times.
    __hash__ = str.__hash__


_BRANCHES = {
    Kind.DOCUMENT: "lienthong.Document",
    Kind.ACKNOWLEDGEMENT: "lienthong.Acknowledgement",
    Kind.RECEIPT: "lienthong.Receipt",
    Kind.AGENCY: "lienthong.AgencyRecord",
    Kind.KEY: "lienthong.KeyRecord",
    Kind.GROUP: "lienthong.GroupRecord",
    Kind.COMMAND: "lienthong.Command",
    Kind.NOTICE: "lienthong.Notice",
}
_KINDS = {branch: kind for kind, branch in _BRANCHES.items()}

_TEXT_LIMITS = (
    ("subject", 500),
    ("reason", 500),
    ("document_type", 100),
    ("sphere", 100),
    ("promulgation_place", 50),
    ("code_notation", 30),
    ("code_number", 11),
    ("promulgation_date", 10),
    ("due_date", 10),
)
"""Most characters of a document's texts, as `schemas/document.avsc` says."""

_BEGINNING_A_THREAD = (0, 3)
"""Business types, new and replace, of documents with a thread of their own."""

ACTIONS = ("resend", "release")
"""What a command may order."""
REASONED_STATUS_CODES = frozenset({"02", "16"})
"""Status codes that need a reason: refusals."""
STATUS_CODES = frozenset({"01", "02", "03", "04", "05", "06", "13", "15", "16"})
"""Status codes an acknowledgement may carry (QCVN 102)."""


class Attachment(NamedTuple):
    """A file that belongs to a statement: name, media type, size in bytes, SHA-256 (32 bytes, raw)."""

    name: str
    media_type: str
    size: int
    sha256: bytes


class Statement(NamedTuple):
    """One statement, decoded. `body` has the fields of the record of `schemas/` that `kind` names."""

    sender: str
    recipients: list[str]
    thread: bytes
    """16 bytes."""
    created: int
    """Milliseconds since 1970-01-01 UTC."""
    priority: int
    salt: bytes
    """16 bytes."""
    attachments: list[Attachment]
    kind: Kind
    body: dict[str, Any]


def _make_statement(fields: tuple[Any, ...]) -> Statement:
    branch, body = fields[7]
    return tuple.__new__(Statement, (*fields[:7], _KINDS[branch], body))


_MAKERS: dict[str, Callable[..., Any]] = {"lienthong.Statement": _make_statement, "lienthong.Attachment": Attachment}
_decode = codec.decoder("Statement", _MAKERS)


def statement_decoder(
    bodies: Mapping[str, Callable[..., Any]], repeated: Sequence[Sequence[str]]
) -> Callable[[bytes], Statement]:
    """A function that reads statements as `decode_statement` does, and makes more of some bodies than dicts.

    Args:
        bodies: for records by full name what `codec.decoder` calls a maker; not for those whose fields are checked.
        repeated: runs of a statement's fields that are often the same in the next one.
    """
    decode = codec.decoder("Statement", {**_MAKERS, **bodies}, {"lienthong.Statement": repeated})

    def decode_and_check(data: bytes) -> Statement:
        if len(data) > MAX_STATEMENT_BYTES:
            raise RejectedError(Reason.OVERSIZE, f"the statement has {len(data)} bytes")
        statement: Statement = decode(data)
        check_statement(statement)
        return statement

    return decode_and_check


def attachment_of(name: str, media_type: str, content: bytes) -> Attachment:
    """Name a content as an attachment: its size and SHA-256 are taken from the bytes."""
    return Attachment(name, media_type, len(content), sha256(content).digest())


def make_statement(
    *,
    sender: str,
    recipients: list[str],
    thread: bytes,
    created: int,
    kind: Kind,
    body: dict[str, Any],
    priority: int = 0,
    attachments: list[Attachment] | None = None,
) -> Statement:
    """A new statement with fresh random salt."""
    return Statement(sender, recipients, thread, created, priority, random_bytes(16), attachments or [], kind, body)


def encode_statement(statement: Statement) -> bytes:
    """The bytes that are signed and hashed.

    Raises:
        ValueError: a field does not fit the schema, or a limit is passed.
    """
    data = codec.encode(
        "Statement",
        {
            "sender": statement.sender,
            "recipients": statement.recipients,
            "thread": statement.thread,
            "created": statement.created,
            "priority": statement.priority,
            "salt": statement.salt,
            "attachments": [
                {"name": one.name, "media_type": one.media_type, "size": one.size, "sha256": one.sha256}
                for one in statement.attachments
            ],
            "body": (_BRANCHES[statement.kind], statement.body),
        },
    )
    if len(data) > MAX_STATEMENT_BYTES:
        raise ValueError(f"the statement has {len(data)} bytes, more than {MAX_STATEMENT_BYTES}")
    return data


def decode_statement(data: bytes) -> Statement:
    """Read a statement and hold it to the protocol's rules that need nothing but the statement.

    Raises:
        RejectedError: MALFORMED or OVERSIZE or WRONG_LANE, naming the field.
    """
    if len(data) > MAX_STATEMENT_BYTES:
        raise RejectedError(Reason.OVERSIZE, f"the statement has {len(data)} bytes, more than {MAX_STATEMENT_BYTES}")
    statement: Statement = _decode(data)
    check_statement(statement)
    return statement


def check_statement(statement: Statement) -> None:
    """Hold a statement to the protocol's rules that need nothing but the statement.

    Raises:
        RejectedError: MALFORMED or OVERSIZE or WRONG_LANE, naming the field.
    """
    recipients = statement.recipients
    if len(recipients) > MAX_RECIPIENTS:
        raise RejectedError(Reason.OVERSIZE, f"{len(recipients)} recipients, more than {MAX_RECIPIENTS}")
    if len(statement.attachments) > MAX_ATTACHMENTS:
        raise RejectedError(Reason.OVERSIZE, f"{len(statement.attachments)} attachments, more than {MAX_ATTACHMENTS}")
    if len(recipients) > 1 and len(set(recipients)) < len(recipients):
        raise RejectedError(Reason.MALFORMED, "a recipient is named twice")
    for attachment in statement.attachments:
        name = attachment.name
        if not 1 <= len(name) <= MAX_FILE_NAME_CHARACTERS or "/" in name or "\\" in name or "\x00" in name:
            raise RejectedError(Reason.MALFORMED, f"{name[:40]!r} is not the name of a file without folders")
    if not 0 <= statement.priority <= 4:  # noqa: PLR2004 - the scale of QCVN 102
        raise RejectedError(Reason.MALFORMED, f"priority {statement.priority} is not 0 to 4")
    _BODY_CHECKS[statement.kind](statement)


def _check_document(statement: Statement) -> None:
    body = statement.body
    if not statement.recipients:
        raise RejectedError(Reason.MALFORMED, "a document needs at least one recipient")
    for field, most in _TEXT_LIMITS:
        if len(body[field]) > most:
            raise RejectedError(Reason.OVERSIZE, f"{field} has {len(body[field])} characters, more than {most}")
    if body["refers_to"] or body["in_reply_to"] or body["replaces"]:
        _check_references(body)
    if body["for_information"]:
        _check_for_information(statement.recipients, body["for_information"])
    if not 0 <= body["changes"] <= 3:  # noqa: PLR2004 - 1 data, 2 receivers, 3 both
        raise RejectedError(Reason.MALFORMED, f"changes {body['changes']} is not 0 to 3")
    if not 0 <= body["business_type"] <= 3:  # noqa: PLR2004 - 0 new, 1 recall, 2 update, 3 replace
        raise RejectedError(Reason.MALFORMED, f"business_type {body['business_type']} is not 0 to 3")
    if not body["subject"]:
        raise RejectedError(Reason.MALFORMED, "a document needs a subject")
    # A recall or an update goes where the document it refers to went, whatever its own priority.
    if body["business_type"] in _BEGINNING_A_THREAD and (statement.priority >= EXPRESS_PRIORITY) != is_express(
        statement.thread
    ):
        raise RejectedError(
            Reason.WRONG_LANE, f"priority {statement.priority} and the thread's express bit do not agree"
        )


def _check_references(body: dict[str, Any]) -> None:
    for field in ("refers_to", "in_reply_to", "replaces"):
        if len(body[field]) > MAX_REFERENCES:
            raise RejectedError(Reason.OVERSIZE, f"{field} names {len(body[field])}, more than {MAX_REFERENCES}")
    replaced = body["replaces"]
    if len({one["document"] for one in replaced}) < len(replaced):
        raise RejectedError(Reason.MALFORMED, "replaces names a document twice")
    for one in replaced:
        if len(one["agencies"]) > MAX_RECIPIENTS:
            raise RejectedError(
                Reason.OVERSIZE, f"replaces names {len(one['agencies'])} agencies, more than {MAX_RECIPIENTS}"
            )


def _check_for_information(recipients: list[str], codes: list[str]) -> None:
    if len(set(codes)) < len(codes):
        raise RejectedError(Reason.MALFORMED, "for_information names a recipient twice")
    others = set(codes) - set(recipients)
    if others:
        raise RejectedError(Reason.MALFORMED, f"for_information names {min(others)[:35]!r}, which is no recipient")


def _check_acknowledgement(statement: Statement) -> None:
    body = statement.body
    if len(statement.recipients) != 1:
        raise RejectedError(Reason.MALFORMED, "an acknowledgement has exactly one recipient: the documents' sender")
    _check_named(body["documents"], "an acknowledgement")
    if len(set(body["documents"])) < len(body["documents"]):
        raise RejectedError(Reason.MALFORMED, "an acknowledgement names a document twice")
    if body["status"] not in STATUS_CODES:
        raise RejectedError(Reason.MALFORMED, f"status {body['status'][:8]!r} is not a status code")
    if body["status"] in REASONED_STATUS_CODES and not body["reason"]:
        raise RejectedError(Reason.MALFORMED, f"status {body['status']} needs a reason")
    if len(body["reason"]) > MAX_REASON_CHARACTERS:
        raise RejectedError(Reason.OVERSIZE, f"the reason has {len(body['reason'])} characters")


def _check_named(named: list[Any], what: str) -> None:
    if not named:
        raise RejectedError(Reason.MALFORMED, f"{what} names nothing")
    if len(named) > MAX_NAMED:
        raise RejectedError(Reason.OVERSIZE, f"{what} names {len(named)}, more than {MAX_NAMED}")


def _check_receipt(statement: Statement) -> None:
    if len(statement.recipients) != 1:
        raise RejectedError(Reason.MALFORMED, "a receipt has exactly one recipient")
    _check_named(statement.body["entries"], "a receipt")


def _check_command(statement: Statement) -> None:
    body = statement.body
    if not statement.recipients:
        raise RejectedError(Reason.MALFORMED, "a command needs at least one recipient")
    if body["action"] not in ACTIONS:
        raise RejectedError(Reason.MALFORMED, f"action {body['action'][:20]!r} is not one of {', '.join(ACTIONS)}")
    if not 1 <= len(body["reason"]) <= MAX_REASON_CHARACTERS:
        raise RejectedError(Reason.MALFORMED, f"a command needs a reason of 1 to {MAX_REASON_CHARACTERS} characters")
    if len(statement.attachments) != 1:
        raise RejectedError(Reason.MALFORMED, "a command has exactly one attachment: the envelope")


def _check_notice(statement: Statement) -> None:
    if len(statement.recipients) != 1:
        raise RejectedError(Reason.MALFORMED, "a notice has exactly one recipient: the documents' sender")
    _check_named(statement.body["entries"], "a notice")


def _check_directory_record(statement: Statement) -> None:
    if statement.recipients:
        raise RejectedError(Reason.MALFORMED, "a directory record has no recipients")


def _check_group(statement: Statement) -> None:
    _check_directory_record(statement)
    members = statement.body["members"]
    if len(members) > MAX_GROUP_MEMBERS:
        raise RejectedError(Reason.OVERSIZE, f"a group of {len(members)}, more than {MAX_GROUP_MEMBERS}")
    if len(set(members)) < len(members):
        raise RejectedError(Reason.MALFORMED, "a group names a member twice")
    if not is_group_code(statement.body["code"]):
        raise RejectedError(Reason.MALFORMED, f"{statement.body['code'][:40]!r} is not the code of a group")


_BODY_CHECKS = {
    Kind.DOCUMENT: _check_document,
    Kind.ACKNOWLEDGEMENT: _check_acknowledgement,
    Kind.RECEIPT: _check_receipt,
    Kind.AGENCY: _check_directory_record,
    Kind.KEY: _check_directory_record,
    Kind.GROUP: _check_group,
    Kind.COMMAND: _check_command,
    Kind.NOTICE: _check_notice,
}
