"""What the operator orders, pure: checked, told in sentences where it is impossible, signed."""

from collections.abc import Sequence
from typing import NamedTuple

from lienthong.kernel.addressing import address
from lienthong.kernel.command import RELEASABLE, RELEASE, RESEND, Original, make_command
from lienthong.kernel.directory import Directory
from lienthong.kernel.envelope import decode_envelope, encode_envelope, envelope_id
from lienthong.kernel.errors import RejectedError
from lienthong.kernel.judge import Judge
from lienthong.kernel.keys import SigningKey
from lienthong.kernel.ledger import Entry, Outcome, Record
from lienthong.kernel.reasons import Reason
from lienthong.kernel.seal import Purpose, seal_batch
from lienthong.kernel.statement import Kind, Statement, decode_statement, encode_statement
from lienthong.ops.traces import Place, Trace, command_in

__all__ = [
    "Order",
    "Signed",
    "check_release",
    "check_resend",
    "newest_rejected",
    "release_order",
    "resend_order",
    "sign",
]


class Order(NamedTuple):
    """What is to be ordered."""

    action: str
    place: Place
    """Of the entry that accepted or rejected the document."""
    original: Original
    document: bytes
    """Envelope id, 32 bytes."""
    sender: str
    subject: str
    recipients: tuple[str, ...]
    """Agencies that get the command."""


class Signed(NamedTuple):
    """A command, ready to be appended to the backbone's out topic."""

    id: bytes
    value: bytes


def check_resend(trace: Trace, place: Place) -> None:
    """Refuse to send again by an entry that is void.

    Raises:
        ValueError: another entry of the document counts.
    """
    if trace.accepted is not None and place not in (trace.accepted, trace.released):
        raise ValueError(
            f"the entry at {place} repeats document {trace.id.hex()[:16]}, which was accepted at"
            f" {trace.accepted}: name that one"
        )


def check_release(trace: Trace) -> None:
    """Refuse to release what was delivered.

    Raises:
        ValueError: the document was accepted, or released before.
    """
    name = f"document {trace.id.hex()[:16]}"
    if trace.accepted is not None:
        raise ValueError(
            f"{name} was accepted at {trace.accepted} and needs no release; to hand it over once more:"
            " lienthong ops resend"
        )
    if trace.released is not None:
        raise ValueError(f"{name} was released at {trace.released}; to hand it over once more: lienthong ops resend")


def newest_rejected(trace: Trace) -> Place:
    """The last entry that rejected a document for what may be released; the last of any lane, if there is none such.

    Others can write somebody's envelope into their own topics, where it is rejected as theirs, in whatever lane they
    choose; what may be released was found in its own topic and lane.

    Raises:
        ValueError: none did.
    """
    if not trace.rejected:
        raise ValueError(f"no entry of document {trace.id.hex()[:16]} was rejected")
    fit = [place for place, reason in trace.rejected.items() if reason in RELEASABLE]
    return max(fit or trace.rejected)


def resend_order(record: Record, entry: Entry, to: Sequence[str]) -> Order:
    """Order that an accepted document is handed over once more.

    Args:
        record: of the ledger: it accepted the document, or is the command that released it.
        entry: its headers.
        to: codes of agencies that got it.

    Raises:
        ValueError: it accepted no document, or not for one of them.
    """
    place = Place(record.partition, record.offset)
    if entry.outcome is Outcome.REJECTED:
        raise ValueError(f"the entry at {place} was rejected ({entry.reason}): release it, or let its sender mend it")
    value, sender = record.value or b"", ""
    if entry.kind == Kind.COMMAND:
        command = command_in(record)
        if command.action != RELEASE:
            raise ValueError(
                f"the entry at {place} is itself a resend: name the document, at {place.lane}:{command.position}"
            )
        value, sender = command.value, command.statement.sender
    elif entry.outcome is not Outcome.ACCEPTED or entry.kind != Kind.DOCUMENT:
        raise ValueError(f"the entry at {place} is no document: only documents are handed over again")
    if not to:
        raise ValueError("say to whom: --to AGENCY")
    others = [code for code in to if code not in entry.routes]
    if others:
        went = ", ".join(code for code in entry.routes if code != sender)
        raise ValueError(f"the document was not delivered to {', '.join(others)}; it went to {went}")
    return _order(RESEND, place, value, entry, tuple(dict.fromkeys(to)))


def release_order(record: Record, value: bytes, entry: Entry, directory: Directory, now: int) -> Order:
    """Order that a rejected document is delivered.

    Args:
        record: of the ledger: it rejected the document.
        value: the bytes that were rejected.
        entry: the record's headers.
        directory: by which it is addressed now.
        now: milliseconds since 1970 UTC.

    Raises:
        ValueError: it rejected no document, or for a reason that no order mends.
        RejectedError: a recipient still cannot be reached, or it is no envelope.
    """
    place = Place(record.partition, record.offset)
    if entry.outcome is not Outcome.REJECTED:
        raise ValueError(f"the entry at {place} is {entry.outcome}: there is nothing to release")
    if entry.reason not in RELEASABLE:
        raise ValueError(
            f"the entry at {place} was rejected as {entry.reason}: only what time or the directory mends is released,"
            f" {', '.join(RELEASABLE)}"
        )
    if entry.kind != Kind.DOCUMENT:
        raise ValueError(f"the entry at {place} is no document: only documents are released")
    order = _order(RELEASE, place, value, entry, ())
    statement = _statement(value)
    try:
        routes = address(directory, statement.sender, statement.recipients, at=now, known=directory.known_at).routes
    except RejectedError as error:
        raise RejectedError(error.reason, f"it still cannot be delivered: {error.detail}") from error
    return order._replace(recipients=tuple(dict.fromkeys((*routes, statement.sender))))


def _statement(value: bytes) -> Statement:
    return decode_statement(decode_envelope(value).statement)


def _order(action: str, place: Place, value: bytes, entry: Entry, recipients: tuple[str, ...]) -> Order:
    sealed = decode_envelope(value)
    statement = decode_statement(sealed.statement)
    return Order(
        action,
        place,
        Original(value, place.position, entry.judged_at, entry.known_at),
        envelope_id(sealed.statement),
        statement.sender,
        statement.body["subject"],
        recipients,
    )


def sign(order: Order, reason: str, judge: Judge, key: SigningKey, *, backbone: str, now: int) -> Signed:
    """Sign a command, and see that intake will accept it.

    Args:
        order: what is ordered.
        reason: why, 1 to 500 characters.
        judge: by the directory as it is.
        key: the operator's.
        backbone: the backbone's code.
        now: milliseconds since 1970 UTC.

    Raises:
        ValueError: it is too large to be carried, or there is no reason.
        RejectedError: intake would reject it, and why.
    """
    statement = make_command(order.action, order.original, order.recipients, reason, backbone=backbone, now=now)
    data = encode_statement(statement)
    identity = envelope_id(data)
    (seal,) = seal_batch(
        [identity],
        key=key,
        origin=judge.directory.trust.origin,
        sender=backbone,
        purpose=Purpose.COMMAND,
        signed_at=now,
    )
    value = encode_envelope(data, [order.original.value], seal)
    verdict = judge.verdict(value, agency=backbone, lane=order.place.lane, at=now)
    if verdict.reason is not None:
        raise RejectedError(Reason(verdict.reason), verdict.detail)
    return Signed(identity, value)
