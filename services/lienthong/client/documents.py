"""What an agency's developer handles: documents, files and the progress of what was sent."""

import mimetypes
from collections.abc import Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from lienthong.kernel.agency import agency_code, is_group_code, is_qcvn102
from lienthong.kernel.limits import MAX_INLINE_BYTES, MAX_RECIPIENTS, MAX_REFERENCES
from lienthong.kernel.statement import Statement

__all__ = [
    "TAKE_BACK_SUBJECT",
    "Document",
    "File",
    "Priority",
    "Progress",
    "Replacement",
    "Signer",
    "State",
    "Status",
    "document_of",
    "take_back_of",
]


class Priority:
    """Urgency (QCVN 102). From express on, a document travels in the express lane."""

    ORDINARY = 0
    URGENT = 1
    VERY_URGENT = 2
    EXPRESS = 3
    EXPRESS_AT_SET_TIME = 4


class Status(StrEnum):
    """What a recipient, or for 13 the sender, says of a document (QCVN 102, StatusCode)."""

    ARRIVED = "01"
    REFUSED = "02"
    ACCEPTED = "03"
    ASSIGNED = "04"
    PROCESSING = "05"
    DONE = "06"
    TAKE_BACK_ASKED = "13"
    AGREED = "15"
    CHANGE_REFUSED = "16"


class Signer(BaseModel):
    """Who signed the document itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    competence: str = Field(default="", max_length=10)
    position: str = Field(default="", max_length=100)
    full_name: str = Field(default="", max_length=50)


class Replacement(BaseModel):
    """A document that another one replaces."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    document: bytes = Field(min_length=32, max_length=32)
    """Its envelope id, 32 bytes."""
    agencies: tuple[str, ...] = Field(default=(), max_length=MAX_RECIPIENTS)
    """Codes of the agencies for which it is replaced; none: all that got it."""


class Document(BaseModel):
    """An official document and whom it is for (Decree 30/2020, Annex VI)."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    recipients: tuple[str, ...] = Field(min_length=1, max_length=MAX_RECIPIENTS)
    """Codes of the agencies it is for."""
    subject: str = Field(min_length=1, max_length=500)
    """Abstract of the content."""
    priority: int = Field(default=Priority.ORDINARY, ge=0, le=4)
    """One of `Priority`."""
    code_number: str = Field(default="", max_length=11)
    """Number in the year's series."""
    code_notation: str = Field(default="", max_length=30)
    """Notation, for instance BC-VPCP."""
    document_type: str = Field(default="", max_length=100)
    """Name of the document's type, for instance Công văn."""
    promulgation_date: date | None = None
    """Date of issue."""
    promulgation_place: str = Field(default="", max_length=50)
    """Place of issue."""
    signer: Signer | None = None
    """Who signed it."""
    steering_type: int = Field(default=0, ge=0, le=2)
    """0 no steering, 1 steering, 2 report on steering."""
    sphere: str = Field(default="", max_length=100)
    """Field of work it belongs to."""
    page_amount: int = Field(default=0, ge=0, le=999)
    """Number of pages; 0 when not stated."""
    issued_amount: int = Field(default=0, ge=0, le=999)
    """Number of copies issued; 0 when not stated."""
    due_date: date | None = None
    """Deadline for the recipient."""
    paper: bool = False
    """Whether a paper copy is sent as well."""
    for_information: tuple[str, ...] = ()
    """Codes of those recipients who get it for information; all others are to act on it."""
    replaces: tuple[Replacement, ...] = Field(default=(), max_length=MAX_REFERENCES)
    """Documents it replaces, and for whom."""
    in_reply_to: tuple[bytes, ...] = Field(default=(), max_length=MAX_REFERENCES)
    """Envelope ids (32 bytes) of the documents it answers."""
    business_type: int = Field(default=0, ge=0, le=3)
    """0 new, 1 recall, 2 update, 3 replace (QCVN 102, BussinessDocType)."""
    reason: str = Field(default="", max_length=500)
    """Why it is recalled, updated or replaced."""
    refers_to: tuple[bytes, ...] = Field(default=(), max_length=MAX_REFERENCES)
    """Envelope ids (32 bytes) of the documents it recalls, updates or replaces."""
    changes: int = Field(default=0, ge=0, le=3)
    """What an update changes: 1 its data, 2 its receivers, 3 both; 0 not stated, or no update."""

    @field_validator("recipients")
    @classmethod
    def _recipients_are_codes(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        for code in codes:
            # The older form is turned into the newer one when the document is sent: by the directory's table first.
            if not (is_group_code(code) or is_qcvn102(code)):
                agency_code(code)
        if len(set(codes)) < len(codes):
            raise ValueError("a recipient is named twice")
        return codes

    @field_validator("refers_to", "in_reply_to")
    @classmethod
    def _refers_to_ids(cls, ids: tuple[bytes, ...]) -> tuple[bytes, ...]:
        if any(len(one) != 32 for one in ids):  # noqa: PLR2004 - an envelope id
            raise ValueError("an envelope id has 32 bytes")
        return ids

    def to_body(self) -> dict[str, Any]:
        """Fields of the record `lienthong.Document`."""
        return {
            "business_type": self.business_type,
            "code_number": self.code_number,
            "code_notation": self.code_notation,
            "document_type": self.document_type,
            "promulgation_date": self.promulgation_date.isoformat() if self.promulgation_date else "",
            "promulgation_place": self.promulgation_place,
            "subject": self.subject,
            "signer": self.signer.model_dump() if self.signer else None,
            "steering_type": self.steering_type,
            "sphere": self.sphere,
            "page_amount": self.page_amount,
            "issued_amount": self.issued_amount,
            "due_date": self.due_date.isoformat() if self.due_date else "",
            "paper": self.paper,
            "for_information": list(self.for_information),
            "replaces": [{"document": one.document, "agencies": list(one.agencies)} for one in self.replaces],
            "in_reply_to": list(self.in_reply_to),
            "reason": self.reason,
            "refers_to": list(self.refers_to),
            "changes": self.changes,
        }


TAKE_BACK_SUBJECT = "Lấy lại văn bản (13)"
"""Stands for the subject of what is asked by status 13, which has none."""
_NEVER_EMPTY: Mapping[str, Any] = {"recipients": ("X",), "subject": "X"}
"""Stands for the fields without a default while the others are checked."""


def document_of(statement: Statement) -> Document:
    """The document that a verified statement carries.

    A sender that is no client of ours may have filled a field wrongly, a date for instance. Such a
    document is signed and must reach its reader, so fields that do not fit are left empty; recipients
    and subject, which are never empty, stay as they were said.
    """
    body: Mapping[str, Any] = statement.body
    fields: dict[str, Any] = {
        **body,
        "recipients": tuple(statement.recipients),
        "priority": statement.priority,
        "promulgation_date": body["promulgation_date"] or None,
        "due_date": body["due_date"] or None,
        "signer": body["signer"],
        "for_information": tuple(body["for_information"]),
        "in_reply_to": tuple(body["in_reply_to"]),
        "refers_to": tuple(body["refers_to"]),
        "replaces": tuple(body["replaces"]),
    }
    try:
        return Document.model_validate(fields)
    except ValidationError as error:
        wrong = {str(problem["loc"][0]) for problem in error.errors()}
    fitting = {name: value for name, value in fields.items() if name not in wrong}
    document = Document.model_validate({**_NEVER_EMPTY, **fitting})
    return document.model_copy(update={name: fields[name] for name in _NEVER_EMPTY if name in wrong})


def take_back_of(statement: Statement) -> Document:
    """What a verified status 13 asks, as a document of kind 1: both are one and the same request."""
    body: Mapping[str, Any] = statement.body
    return Document(
        recipients=tuple(statement.recipients), subject=TAKE_BACK_SUBJECT, priority=statement.priority,
        business_type=1, reason=body["reason"],
    ).model_copy(update={"refers_to": tuple(body["documents"])})  # fmt: skip


class File(NamedTuple):
    """A file that travels with a document."""

    name: str
    content: bytes
    media_type: str = "application/octet-stream"

    @classmethod
    def read(cls, path: Path | str) -> "File":
        """Read a file from disk.

        Raises:
            ValueError: it cannot be read, or is too large to travel inline.
        """
        path = Path(path)
        try:
            size = path.stat().st_size
            if size > MAX_INLINE_BYTES:
                raise ValueError(
                    f"{path} has {size} bytes; files that travel with a document may have {MAX_INLINE_BYTES}"
                )
            content = path.read_bytes()
        except OSError as error:
            raise ValueError(f"cannot read {path}: {error.strerror}") from error
        return cls(path.name, content, mimetypes.guess_type(path.name)[0] or "application/octet-stream")


class State(StrEnum):
    """How far a document has come, as its sender knows."""

    HANDED_OVER = "handed over"
    """Stored in the outbox; it will be sent, crash or not."""
    ACCEPTED = "accepted"
    """The backbone's receipt names its place in the ledger."""
    ARRIVED = "arrived"
    """Every recipient's system has it (01)."""
    ACKNOWLEDGED = "acknowledged"
    """Every recipient has said more than that it arrived."""
    REJECTED = "rejected"
    """The backbone will not deliver it; `Progress.reason` says why."""
    RENEWED = "renewed"
    """It expired before it could be sent and was signed anew; `Progress.renewed_as` is its new id."""


class Progress(NamedTuple):
    """What is known of something that was sent."""

    id: bytes
    state: State
    handed_over_at: int
    """Milliseconds since 1970 UTC."""
    lane: int
    position: int | None
    """Ledger offset, once accepted."""
    reason: str
    """Why it was rejected."""
    recipients: Mapping[str, str]
    """Newest status code of each agency that acknowledged."""
    renewed_as: bytes | None
    repeats: tuple[bytes, ...] = ()
    """Ids of other documents that this agency handed over before with the same number, notation and year: one of
    them has a wrong number (Decree 30/2020, Annex VI)."""
    unread: Mapping[str, int] = {}
    """Agencies that have left it unread, as the backbone has told, and have said nothing since: when their time was
    over, milliseconds since 1970 UTC."""

    released: str = ""
    """Why the operator had it delivered although the backbone had rejected it; empty if that was not so."""

    def as_json(self) -> dict[str, Any]:
        """For people and programs."""
        return {
            "id": self.id.hex(),
            "state": self.state.value,
            "handed_over_at": datetime.fromtimestamp(self.handed_over_at / 1000, UTC).isoformat(
                timespec="milliseconds"
            ),
            "lane": self.lane,
            "position": self.position,
            "reason": self.reason,
            "recipients": dict(self.recipients),
            "renewed_as": self.renewed_as.hex() if self.renewed_as else None,
            "repeats": [one.hex() for one in self.repeats],
            "released": self.released,
            "unread": {
                agency: datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")
                for agency, at in self.unread.items()
            },
        }
