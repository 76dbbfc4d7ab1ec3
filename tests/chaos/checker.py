"""Judges a history: nothing lost, nothing twice, nothing out of order, nothing that nobody said. Pure.

It shares no rule with the services: it does not fold and does not route, but compares what clients wrote
down with what fresh readers found. What the ledger's fold says is given, and the auditor checks that.
"""

import itertools
from collections import defaultdict
from collections.abc import Collection, Iterator
from enum import StrEnum
from typing import NamedTuple

from chaos.history import Delivered, History, InboxLine, LedgerLine, Outcome

__all__ = ["BACKBONE", "Allowed", "Kind", "Violation", "check"]

BACKBONE = "LT"
"""Whose own entries get no receipts."""
_ACCEPTED, _REJECTED, _COUNTS, _REPEAT = "accepted", "rejected", "counts", "repeat"
_DOCUMENT, _ACKNOWLEDGEMENT, _RECEIPT = "document", "acknowledgement", "receipt"


class Kind(StrEnum):
    """Promises that can be broken."""

    LOST = "lost"
    """A send that ended ok is not in the ledger, or not in a recipient's inbox."""
    UNDELIVERED = "undelivered"
    """A document is in an inbox and its caller never got it, or its acknowledgement never came back."""
    TWICE = "twice"
    """A document was handed over or numbered twice, or a number stands for two documents."""
    GAP = "gap"
    """A sequence number is missing."""
    ORDER = "order"
    """What was said first comes later."""
    MISROUTED = "misrouted"
    """Somebody saw what was not for him."""
    INVENTED = "invented"
    """Something that nobody said."""
    ACKNOWLEDGEMENT = "acknowledgement"
    """An acknowledgement without a delivery."""
    RECEIPT = "receipt"
    """A verdict without a receipt, or a receipt that says something else."""
    AUDIT = "audit"
    """The auditor found damage."""


class Violation(NamedTuple):
    """One broken promise."""

    kind: Kind
    what: str


class Allowed(NamedTuple):
    """What faults of a run bring about, and is said to: no broken promise.

    Attributes:
        rejections: reasons for which a document of a well-behaved client may be rejected (a key revoked, a clock
            that is wrong); readers may refuse for the same reasons what was accepted before the backbone knew.
        damage: parts of what the auditor says of what was done to the backbone.
        remade: agencies whose out topic was deleted and made again: what was lost with it is said again later, so
            their documents need not keep their order, and a receipt may be about the old topic or the new one.
        alarms: processes that may end because a promise did not hold.
    """

    rejections: Collection[str] = ()
    damage: tuple[str, ...] = ()
    remade: Collection[str] = ()
    alarms: Collection[str] = ()


_NOTHING = Allowed()


def check(history: History, allowed: Allowed = _NOTHING) -> list[Violation]:
    """Return every broken promise of a run in which everything has been healed.

    Args:
        history: what clients wrote and fresh readers found.
        allowed: what the faults of this run bring about.
    """
    checks = (_lost, _twice, _gaps, _misrouted, _invented, _acknowledgements)
    found = [violation for one in checks for violation in one(history)]
    found += _order(history, allowed.remade)
    found += _receipts(history, allowed.remade)
    found += _rejections(history, allowed.rejections)
    found += _undelivered(history, allowed.rejections)
    return found + [
        Violation(Kind.AUDIT, what) for what in history.damage if not any(part in what for part in allowed.damage)
    ]


def _documents(history: History) -> Iterator[LedgerLine]:
    """Entries of documents that count and were accepted."""
    for entry in history.ledger:
        if entry.fold == _COUNTS and entry.outcome == _ACCEPTED and entry.kind == _DOCUMENT:
            yield entry


def _rejected(history: History) -> dict[str, str]:
    """Reasons by the ids of what was rejected and never accepted."""
    accepted = {entry.id for entry in history.ledger if entry.outcome == _ACCEPTED}
    return {
        entry.id: entry.reason
        for entry in history.ledger
        if entry.outcome == _REJECTED and entry.id and entry.id not in accepted
    }


def _lost(history: History) -> Iterator[Violation]:
    accepted = {entry.id for entry in _documents(history)}
    rejected = _rejected(history)
    delivered = {(line.agency, line.id) for line in history.inboxes}
    renewed = {(one.agency, one.id): one.renewed_as for one in history.outboxes if one.renewed_as}
    for send in history.sends:
        identity = send.id
        while newer := renewed.pop((send.agency, identity), ""):
            identity = newer
        if send.outcome is not Outcome.OK or identity in rejected:
            continue
        if identity not in accepted:
            yield Violation(Kind.LOST, f"{send.agency} sent {send.subject} ok and the ledger does not have it")
            continue
        for recipient in send.recipients:
            if (recipient, identity) not in delivered:
                yield Violation(Kind.LOST, f"{send.subject} of {send.agency} is not in the inbox of {recipient}")


def _rejections(history: History, allowed: Collection[str]) -> Iterator[Violation]:
    rejected = _rejected(history)
    for send in history.sends:
        reason = rejected.get(send.id) if send.id else None
        if reason is not None and reason not in allowed:
            yield Violation(Kind.LOST, f"{send.subject} of {send.agency} was rejected: {reason}")


def _undelivered(history: History, allowed: Collection[str]) -> Iterator[Violation]:
    handed = {(one.agency, one.id) for one in history.deliveries}
    words = [
        entry
        for entry in history.ledger
        if entry.fold == _COUNTS and entry.outcome == _ACCEPTED and entry.kind == _ACKNOWLEDGEMENT
    ]
    acknowledged = {(word.source, named) for word in words for named in word.named}
    disbelieved = {(word.source, named) for word in words if word.refused in allowed for named in word.named}
    known = {(one.agency, one.id): one for one in history.outboxes}
    for entry in _documents(history):
        if entry.refused and entry.refused in allowed:
            continue
        for agency in entry.routes:
            if (agency, entry.id) not in handed:
                yield Violation(Kind.UNDELIVERED, f"{entry.subject} was never handed to {agency}")
            elif (agency, entry.id) not in acknowledged:
                yield Violation(Kind.UNDELIVERED, f"{agency} got {entry.subject}, and nothing was said of it")
        own = known.get((entry.source, entry.id))
        missing = sorted(set(entry.routes) - set(own.acknowledged_by)) if own is not None else []
        if any((agency, entry.id) not in disbelieved for agency in missing):
            yield Violation(Kind.UNDELIVERED, f"{entry.source} does not know that {missing} have {entry.subject}")


def _twice(history: History) -> Iterator[Violation]:
    handed: dict[tuple[str, str], list[Delivered]] = defaultdict(list)
    for delivery in history.deliveries:
        handed[delivery.agency, delivery.id].append(delivery)
    for (agency, _), some in handed.items():
        for place, one in enumerate(some[1:], 1):
            if not one.redelivered:
                yield Violation(Kind.TWICE, f"{agency} got {one.subject} again without a word of it")
            if any(one.run == earlier.run for earlier in some[:place]):
                yield Violation(Kind.TWICE, f"{agency} got {one.subject} twice in one run")
    numbers: dict[tuple[str, str], int] = {}
    ids: dict[tuple[str, int, int], str] = {}
    for line in history.inboxes:
        if numbers.setdefault((line.agency, line.id), line.sequence) != line.sequence:
            yield Violation(Kind.TWICE, f"{line.id[:8]} has two numbers in the inbox of {line.agency}")
        if ids.setdefault((line.agency, line.lane, line.sequence), line.id) != line.id:
            yield Violation(Kind.TWICE, f"number {line.sequence} of lane {line.lane} of {line.agency} names two")


def _first_of_each_number(history: History) -> Iterator[tuple[tuple[str, int], list[InboxLine]]]:
    """Each inbox lane without the repeats of its numbers, in the order of its offsets."""
    lanes: dict[tuple[str, int], list[InboxLine]] = defaultdict(list)
    highest: dict[tuple[str, int], int] = defaultdict(int)
    for line in history.inboxes:
        lane = (line.agency, line.lane)
        if line.sequence > highest[lane]:
            highest[lane] = line.sequence
            lanes[lane].append(line)
    yield from lanes.items()


def _gaps(history: History) -> Iterator[Violation]:
    for (agency, lane), lines in _first_of_each_number(history):
        for expected, line in zip(_count(lines), lines, strict=True):
            if line.sequence != expected:
                yield Violation(Kind.GAP, f"lane {lane} of {agency} goes from {expected - 1} to {line.sequence}")


def _count(lines: list[InboxLine]) -> Iterator[int]:
    expected = 1
    for line in lines:
        yield expected
        expected = line.sequence + 1


def _order(history: History, remade: Collection[str]) -> Iterator[Violation]:
    for (agency, lane), lines in _first_of_each_number(history):
        for before, after in itertools.pairwise(lines):
            if after.position <= before.position:
                what = f"numbers {before.sequence} and {after.sequence} of lane {lane} of {agency}"
                yield Violation(Kind.ORDER, f"{what} stand the other way round in the ledger")
    last: dict[tuple[str, str, int], Delivered] = {}
    for delivery in history.deliveries:
        key = (delivery.agency, delivery.run, delivery.lane)
        if key in last and delivery.sequence < last[key].sequence:
            yield Violation(Kind.ORDER, f"{delivery.agency} got {last[key].subject} before {delivery.subject}")
        last[key] = delivery
    places = {entry.id: entry for entry in _documents(history)}
    newest: dict[tuple[str, str, int], LedgerLine] = {}
    for send in sorted(history.sends, key=lambda one: (one.agency, one.run, one.number)):
        entry = places.get(send.id)
        if entry is not None:
            key = (send.agency, send.run, entry.lane)
            if send.agency not in remade and key in newest and entry.position < newest[key].position:
                yield Violation(Kind.ORDER, f"{send.agency} said {newest[key].subject} before {entry.subject}")
            newest[key] = entry


def _misrouted(history: History) -> Iterator[Violation]:
    routes = {(entry.lane, entry.position): entry for entry in history.ledger}
    for line in history.inboxes:
        entry = routes.get((line.lane, line.position))
        if entry is None or entry.id != line.id:
            yield Violation(Kind.MISROUTED, f"number {line.sequence} of {line.agency} is not what the ledger has there")
        elif line.agency not in entry.routes:
            yield Violation(Kind.MISROUTED, f"{line.agency} was given {line.id[:8]}, which is not for it")
    meant = {(one.run, one.number): one.recipients for one in history.sends}
    for delivery in history.deliveries:
        run, _, number = delivery.subject.rpartition("/")
        recipients = meant.get((run, int(number))) if number.isdecimal() else None
        if recipients is not None and delivery.agency not in recipients:
            yield Violation(Kind.MISROUTED, f"{delivery.agency} got {delivery.subject}, which was for {recipients}")


def _invented(history: History) -> Iterator[Violation]:
    said = {(one.agency, one.subject) for one in history.sends}
    for entry in _documents(history):
        if (entry.source, entry.subject) not in said:
            yield Violation(Kind.INVENTED, f"{entry.source} never said {entry.subject!r}, which the ledger accepted")
    accepted = {entry.id for entry in _documents(history)}
    for delivery in history.deliveries:
        if delivery.id not in accepted:
            yield Violation(Kind.INVENTED, f"{delivery.agency} got {delivery.subject!r}, which was never accepted")


def _acknowledgements(history: History) -> Iterator[Violation]:
    handed = {(one.agency, one.id) for one in history.deliveries}
    for one in history.acknowledgements:
        if (one.agency, one.id) not in handed:
            yield Violation(Kind.ACKNOWLEDGEMENT, f"{one.agency} acknowledged {one.id[:8]}, which it never got")
    for entry in history.ledger:
        if entry.outcome == _ACCEPTED and entry.fold == _COUNTS and entry.kind == _ACKNOWLEDGEMENT:
            for named in entry.named:
                if (entry.source, named) not in handed:
                    what = f"the ledger has a word of {entry.source} on {named[:8]}, which it never got"
                    yield Violation(Kind.ACKNOWLEDGEMENT, what)


def _receipts(history: History, remade: Collection[str]) -> Iterator[Violation]:
    told: dict[tuple[str, int, int], set[str]] = defaultdict(set)
    for line in history.inboxes:
        if line.kind == _RECEIPT:
            for offset, reason in line.told:
                told[line.agency, line.lane, offset].add(reason)
    for entry in history.ledger:
        if entry.source == BACKBONE or entry.fold == _REPEAT or entry.outcome not in (_ACCEPTED, _REJECTED):
            continue
        expected = entry.reason if entry.fold == _COUNTS else "duplicate"
        reasons = told.get((entry.source, entry.lane, entry.offset), set())
        where = f"ledger position {entry.position} of lane {entry.lane}, {entry.source}"
        if not reasons:
            yield Violation(Kind.RECEIPT, f"{where}: no receipt")
        elif expected not in reasons or (len(reasons) > 1 and entry.source not in remade):
            yield Violation(Kind.RECEIPT, f"{where}: the receipt says {sorted(reasons)} and not {expected!r}")
