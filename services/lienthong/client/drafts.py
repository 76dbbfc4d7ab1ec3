"""Documents as statements for the outbox: checked, addressed, encoded once."""

from collections.abc import Sequence
from hashlib import sha256

from lienthong.client.documents import Document, File
from lienthong.client.rows import Outgoing
from lienthong.client.rules import check_document
from lienthong.kernel.addressing import Addressed, address
from lienthong.kernel.agency import is_group_code
from lienthong.kernel.clock import Clock
from lienthong.kernel.envelope import envelope_id
from lienthong.kernel.errors import RejectedError
from lienthong.kernel.judge import Judge
from lienthong.kernel.lanes import EXPRESS_PRIORITY, lane_of, new_thread
from lienthong.kernel.limits import MAX_ATTACHMENTS, MAX_ENVELOPE_BYTES, MAX_INLINE_BYTES
from lienthong.kernel.reasons import Reason
from lienthong.kernel.statement import (
    Kind,
    Statement,
    attachment_of,
    check_statement,
    encode_statement,
    make_statement,
)
from lienthong.kernel.vietnam_time import day_of

__all__ = ["Drafts"]

_RECALL, _UPDATE = 1, 2
_SEAL_BYTES = 2_048
"""More than a seal and the frame around it ever need."""


def _content_key(statement: Statement, data: bytes, again: str) -> bytes:
    """SHA-256 over everything in a statement that its author chose: not salt, thread and time."""
    head = data[: data.index(statement.thread)]
    tail = data[data.index(statement.salt) + len(statement.salt) :]
    return sha256(b"%d %d %d " % (len(head), len(tail), statement.priority) + head + tail + again.encode()).digest()


def _natural_key(document: Document, now: int) -> str:
    """What no other new document of the agency should have; empty for a recall or an update, which have it again."""
    if document.business_type in (_RECALL, _UPDATE):
        return ""
    issued = document.promulgation_date or day_of(now)
    return f"{issued.year}/{document.code_number}/{document.code_notation}"


class Drafts:
    """Makes statements of an agency from its documents.

    Args:
        judge: its directory says where a document goes.
    """

    def __init__(self, agency: str, judge: Judge, clock: Clock) -> None:
        self._agency = agency
        self._judge = judge
        self._clock = clock

    def routes(self, code: str, at: int | None = None) -> tuple[str, ...]:
        """The agencies that get what is addressed to a code; none if nobody does.

        Args:
            code: of an agency.
            at: by what was known at a time, milliseconds since 1970 UTC; None: now.
        """
        directory = self._judge.directory
        if at is not None:
            return directory.routes(code, at, at)
        return directory.routes(code, self._clock(), directory.known_at)

    def address(self, recipients: Sequence[str]) -> Addressed:
        """Everybody who gets what is addressed to agencies and groups now.

        Raises:
            RejectedError: as intake would say it of a document.
        """
        directory = self._judge.directory
        return address(directory, self._agency, recipients, at=self._clock(), known=directory.known_at)

    def codes(self, named: Sequence[str]) -> tuple[str, ...]:
        """The codes that stand on the wire for what people and programs write, in either form.

        Raises:
            ValueError: one is no code, or two name the same agency.
        """
        codes = tuple(one if is_group_code(one) else self._judge.directory.code_of(one) for one in named)
        for number, code in enumerate(codes):
            if code in codes[:number]:
                raise ValueError(f"{named[number]} and {named[codes.index(code)]} are the same agency, {code}")
        return codes

    def canonical(self, document: Document) -> Document:
        """A document with all agencies that it names by their codes on the wire.

        Raises:
            ValueError: as `codes`.
        """
        recipients, informed = self.codes(document.recipients), self.codes(document.for_information)
        if not document.replaces and recipients == document.recipients and informed == document.for_information:
            return document
        replaced = tuple(one.model_copy(update={"agencies": self.codes(one.agencies)}) for one in document.replaces)
        return document.model_copy(update={"recipients": recipients, "for_information": informed, "replaces": replaced})

    def without_groups(self, document: Document) -> Document:
        """A document that names its recipients one by one, those of groups as the groups are now.

        Raises:
            RejectedError: as `address`.
        """
        document = self.canonical(document)
        if not any(map(is_group_code, document.recipients)):
            return document
        recipients = [one.code for one in self.address(document.recipients).addressees]
        informed = [one for one in document.for_information if not is_group_code(one)]
        groups = [one for one in document.for_information if is_group_code(one)]
        if groups:
            members = [one.code for one in self.address(groups).addressees if one.code in recipients]
            informed += [one for one in members if one not in informed and one not in document.recipients]
        return document.model_copy(update={"recipients": tuple(recipients), "for_information": tuple(informed)})

    def new(self, document: Document, files: Sequence[File], again: str) -> Outgoing:
        """A document with a thread of its own.

        Args:
            document: what is said, and to whom.
            files: attachments.
            again: tells two equal documents apart, if both are meant.

        Raises:
            InvalidDocumentError: it breaks rules for official documents.
            RejectedError: it would be rejected: an unknown recipient, too many or too large files.
        """
        thread = new_thread(express=document.priority >= EXPRESS_PRIORITY)
        return self.in_thread(thread, document, files, again)

    def in_thread(
        self, thread: bytes, document: Document, files: Sequence[File], again: str, refers: Sequence[bytes] = ()
    ) -> Outgoing:
        """A document that stands in a thread, that of the document it refers to; otherwise as `new`."""
        check_document(document)
        document = self.canonical(document)
        now = self._clock()
        routes = self.address(document.recipients).routes
        size = sum(len(file.content) for file in files)
        if size > MAX_INLINE_BYTES or len(files) > MAX_ATTACHMENTS:
            raise RejectedError(
                Reason.OVERSIZE,
                f"{len(files)} files with {size} bytes; at most {MAX_ATTACHMENTS} files with {MAX_INLINE_BYTES}"
                " bytes travel with a document",
            )
        attachments = [attachment_of(file.name, file.media_type, file.content) for file in files]
        statement = make_statement(
            sender=self._agency,
            recipients=list(document.recipients),
            thread=thread,
            created=now,
            priority=document.priority,
            kind=Kind.DOCUMENT,
            body=document.to_body(),
            attachments=attachments,
        )
        check_statement(statement)
        try:
            data = encode_statement(statement)
        except ValueError as error:
            raise RejectedError(Reason.OVERSIZE, str(error)) from error
        if len(data) + size + _SEAL_BYTES > MAX_ENVELOPE_BYTES:
            raise RejectedError(
                Reason.OVERSIZE, f"the document and its files have {len(data) + size} bytes, too many for one envelope"
            )
        return Outgoing(
            envelope_id(data),
            _content_key(statement, data, again),
            Kind.DOCUMENT,
            lane_of(thread, self._judge.lanes),
            data,
            [file.content for file in files],
            now,
            routes,
            refers=refers,
            natural_key=_natural_key(document, now) if document.code_number else "",
        )
