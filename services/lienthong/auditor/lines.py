"""One line of a replay: a record with everything known of it, as JSON, and the files it carries."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NamedTuple

from lienthong.kernel.command import read_command
from lienthong.kernel.envelope import SealedEnvelope, decode_envelope, envelope_id
from lienthong.kernel.errors import RejectedError
from lienthong.kernel.statement import Kind, Statement, decode_statement

__all__ = ["FILES", "Line", "file_name", "line_of", "time_text"]

FILES = "files"
"""Folder of the attachments beside the lines."""
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,8}\Z")


class Line(NamedTuple):
    """One line, and the contents that belong into files: by file name."""

    fields: dict[str, Any]
    contents: Mapping[str, bytes]


def file_name(name: str, content: bytes) -> str:
    """Name of the file for a content: its SHA-256, and of the sender's name no more than a harmless extension."""
    extension = _EXTENSION.search(name)
    return sha256(content).hexdigest() + (extension.group().lower() if extension else "")


def time_text(moment: int | None) -> str | None:
    """A time in milliseconds since 1970 UTC as ISO 8601, or the number itself if no calendar holds it."""
    if moment is None:
        return None
    try:
        return datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return str(moment)


def line_of(value: bytes | None, known: Mapping[str, Any], why: list[str], *, root_verified: bool) -> Line:
    """Describe a record.

    Args:
        value: the record's value.
        known: fields that do not come from the value: direction, lane, position and so on.
        why: what about it could not be verified; empty if everything was.
        root_verified: whether the seal verified.
    """
    sealed, statement, problem = _read(value)
    if problem and known.get("verdict") == "accepted":
        why = [*why, problem]
    fields: dict[str, Any] = {
        "verified": not why,
        "why": why,
        **known,
        "value_sha256": sha256(value).hexdigest() if value is not None else None,
        "id": envelope_id(sealed.statement).hex() if sealed else None,
        "kind": statement.kind.value if statement else None,
        "sender": statement.sender if statement else None,
        "recipients": list(statement.recipients) if statement else [],
        "thread": statement.thread.hex() if statement else None,
        "created": time_text(statement.created) if statement else None,
        "priority": statement.priority if statement else None,
        "seal": _seal(sealed, root_verified=root_verified) if sealed else None,
        "body": _plain(statement.body) if statement else None,
        "attachments": [],
        "carries": None,
    }
    contents: dict[str, bytes] = {}
    if sealed is not None and statement is not None:
        fields["attachments"] = _attachments(statement, sealed.contents, contents)
        if statement.kind is Kind.COMMAND:
            fields["carries"] = _carried(statement, sealed.contents, contents)
    return Line(fields, contents)


def _attachments(statement: Statement, carried: Sequence[bytes], contents: dict[str, bytes]) -> list[dict[str, Any]]:
    """Describe a statement's attachments; what is carried of them is added to the contents."""
    found = []
    for number, attachment in enumerate(statement.attachments):
        content = carried[number] if number < len(carried) else None
        file = None
        if content is not None:
            name = file_name(attachment.name, content)
            contents[name] = content
            file = f"{FILES}/{name}"
        found.append(
            {
                "name": attachment.name,
                "media_type": attachment.media_type,
                "size": attachment.size,
                "sha256": attachment.sha256.hex(),
                "file": file,
            }
        )
    return found


def _carried(statement: Statement, carried: Sequence[bytes], contents: dict[str, bytes]) -> dict[str, Any] | None:
    """Describe the document that a command of the operator carries; None if there is none in it."""
    try:
        command = read_command(statement, carried)
    except RejectedError:
        return None
    document = command.statement
    return {
        "id": command.document.hex(),
        "sender": document.sender,
        "recipients": list(document.recipients),
        "created": time_text(document.created),
        "priority": document.priority,
        "body": _plain(document.body),
        "attachments": _attachments(document, command.sealed.contents, contents),
    }


def _read(value: bytes | None) -> tuple[SealedEnvelope | None, Statement | None, str]:
    """As much of a value as can be read, and what is wrong with the rest."""
    sealed = None
    try:
        if value is None:
            return None, None, "the record has no value"
        sealed = decode_envelope(value)
        return sealed, decode_statement(sealed.statement), ""
    except RejectedError as error:
        return sealed, None, str(error)


def _seal(sealed: SealedEnvelope, *, root_verified: bool) -> dict[str, Any]:
    seal = sealed.seal
    return {
        "key_ids": [one.key_id.hex() for one in seal.signatures],
        "purpose": seal.purpose,
        "signed_at": time_text(seal.signed_at),
        "tree_size": seal.tree_size,
        "leaf_index": seal.leaf_index,
        "root_verified": root_verified,
    }


def _plain(value: Any) -> Any:
    """A decoded value with bytes as hex."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
