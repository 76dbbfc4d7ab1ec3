"""What a record of the inbox is: verified, and for whom it is meant; of a command also the document that it carries."""

from collections.abc import Sequence
from typing import NamedTuple

from lienthong.kernel.addressing import addressed_at
from lienthong.kernel.command import RELEASE, Command
from lienthong.kernel.envelope import OpenedEnvelope
from lienthong.kernel.errors import RejectedError
from lienthong.kernel.judge import Judge
from lienthong.kernel.ledger import Delivery as DeliveryHeaders
from lienthong.kernel.ledger import Record
from lienthong.kernel.reasons import Reason
from lienthong.kernel.statement import Kind

__all__ = ["Opened", "open_record"]


class Opened(NamedTuple):
    """A record of the inbox that can be believed."""

    envelope: OpenedEnvelope
    """What it says; of a command, the document that is handed over."""
    headers: DeliveryHeaders
    """Its headers; of a command those of the document, with the command's sequence number."""
    addressed: Sequence[str]
    """Codes it is meant for, of those whose mail this agency gets; none of a release that only tells its sender."""
    value: bytes
    """The envelope's bytes."""
    command: Command | None = None
    """What the operator ordered."""
    routes: Sequence[str] = ()
    """Of a release of our own document: the agencies it goes to."""


def open_record(judge: Judge, agency: str, record: Record, headers: DeliveryHeaders) -> Opened:
    """Verify a record of an agency's inbox.

    Args:
        judge: verifies, by the directory as far as it is known here.
        agency: owner of the inbox.
        record: the record.
        headers: its headers.

    Raises:
        RejectedError: it cannot be believed, or is not meant for this agency.
    """
    if record.value is None:
        raise RejectedError(Reason.MALFORMED, "the record has no value")
    opened = judge.open(record.value, at=headers.judged_at)
    if opened.id != headers.id:
        raise RejectedError(Reason.MALFORMED, "the header's id is not the envelope's")
    addressed = _addressed(judge, agency, opened, headers.judged_at, headers.known_at)
    if not addressed:
        raise RejectedError(Reason.UNKNOWN_RECIPIENT, f"it is not addressed to {agency}")
    if opened.statement.kind is Kind.COMMAND:
        return _ordered(judge, agency, opened, headers, addressed)
    return Opened(opened, headers, addressed, record.value)


def _addressed(judge: Judge, agency: str, opened: OpenedEnvelope, at: int, known: int) -> Sequence[str]:
    statement = opened.statement
    if statement.recipients == [agency]:
        return statement.recipients
    return addressed_at(judge.directory, statement.sender, statement.recipients, agency, at=at, known=known)


def _ordered(
    judge: Judge, agency: str, opened: OpenedEnvelope, headers: DeliveryHeaders, ordered_to: Sequence[str]
) -> Opened:
    """What a command hands over. `ordered_to` is who of its recipients has this inbox."""
    command, document = judge.ordered(opened, at=headers.judged_at, known=headers.known_at)
    is_release = command.action == RELEASE
    at, known = headers.judged_at, headers.known_at
    if not is_release:
        # It stands where it stood, and is for whom it was.
        headers = headers._replace(position=command.position, judged_at=command.judged_at, known_at=command.known_at)
        at, known = command.judged_at, command.known_at
    addressed = dict.fromkeys(
        code for one in ordered_to for code in _addressed(judge, one, document, at, known)
    )  # fmt: skip
    routes: Sequence[str] = ()
    if is_release and document.statement.sender == agency:
        routes = [one for one in opened.statement.recipients if _addressed(judge, one, document, at, known)]
    return Opened(
        document, headers._replace(id=document.id, kind=Kind.DOCUMENT), list(addressed), command.value, command, routes
    )
