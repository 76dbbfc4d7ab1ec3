"""What a verified envelope of the inbox means for the store: a document, an answer, a receipt, a notice, a remark."""

from collections.abc import Mapping, Sequence

from lienthong.client.documents import TAKE_BACK_SUBJECT
from lienthong.client.opening import Opened
from lienthong.client.rows import Arrival, Heard, NoticeLine, Ordered, ReceiptLine, Remark, Round, place_of
from lienthong.kernel.command import RELEASE
from lienthong.kernel.envelope import OpenedEnvelope
from lienthong.kernel.errors import RejectedError
from lienthong.kernel.ledger import Delivery as DeliveryHeaders
from lienthong.kernel.lifecycle import EVENT_OF_KIND, Event
from lienthong.kernel.reasons import Reason
from lienthong.kernel.statement import Kind, Statement

__all__ = ["documents_named", "sort"]


def sort(opened: Opened, lane: int, taken: Round) -> Arrival | None:
    """Add what a record of the inbox says to the round.

    Returns:
        What the caller is to be handed, if anything: a document, or a request made by status 13.

    Raises:
        RejectedError: MALFORMED: nothing of this kind is for an inbox; nothing was added.
    """
    envelope, headers, addressed, value, command, routes = opened
    statement = envelope.statement
    body = statement.body
    order = None
    if command is not None:
        order = Ordered(command.action, command.reason)
        if routes and command.action == RELEASE:
            taken.receipts.append(ReceiptLine(envelope.id, "", headers.position, command.reason, routes))
        if not addressed:
            return None
    if statement.kind is Kind.DOCUMENT:
        subject = body["subject"]
        if body["business_type"]:
            _remark(envelope, headers, lane, taken)
    elif statement.kind is Kind.ACKNOWLEDGEMENT:
        taken.answers.append(
            Heard(
                place_of(lane, headers.position), envelope.id, statement.sender, body["status"], body["reason"],
                statement.created, headers.judged_at, body["documents"],
            )
        )  # fmt: skip
        if body["status"] != Event.TAKE_BACK_ASKED:
            return None
        subject = TAKE_BACK_SUBJECT
    elif statement.kind is Kind.NOTICE:
        place = place_of(lane, headers.position)
        taken.notices.extend(
            NoticeLine(
                line["document"], line["recipient"], place, envelope.id, line["expired_at"], statement.created,
                headers.judged_at,
            )
            for line in body["entries"]
        )  # fmt: skip
        return None
    elif statement.kind is Kind.RECEIPT:
        taken.receipts.extend(
            ReceiptLine(entry["envelope_id"], entry["reason"], entry["position"])
            for entry in body["entries"]
            if entry["envelope_id"] is not None
        )
        return None
    else:
        raise RejectedError(Reason.MALFORMED, f"a statement of kind {statement.kind} is not for an inbox")
    arrival = Arrival(
        lane, headers.sequence, envelope.id, statement.sender, statement.thread, statement.priority, subject,
        headers.position, headers.judged_at, True, value, addressed, order,
    )  # fmt: skip
    taken.arrivals.append(arrival)
    return arrival


def documents_named(statement: Statement) -> Mapping[bytes, Sequence[str]]:
    """Envelope ids of the documents whose life a statement is about; of a replacement also for whom, none: for all."""
    body = statement.body
    if statement.kind is Kind.ACKNOWLEDGEMENT:
        return dict.fromkeys(body["documents"], ())
    named: dict[bytes, Sequence[str]] = dict.fromkeys(body["refers_to"], ())
    return named | {one["document"]: one["agencies"] for one in body["replaces"]}


def _remark(opened: OpenedEnvelope, headers: DeliveryHeaders, lane: int, taken: Round) -> None:
    statement = opened.statement
    event = EVENT_OF_KIND[statement.body["business_type"]].value
    place = place_of(lane, headers.position)
    taken.remarks.extend(
        Remark(
            document, place, event, statement.sender, opened.id, statement.body["reason"], statement.created,
            headers.judged_at, agencies,
        )
        for document, agencies in documents_named(statement).items()
    )  # fmt: skip
