"""What must hold at the end of a world, found by reading everything again."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from lienthong.auditor.source import BusSource
from lienthong.auditor.verify import verify
from lienthong.client.documents import State
from lienthong.client.store import Store
from lienthong.kernel.bus import Connect
from lienthong.kernel.clock import Clock
from lienthong.kernel.envelope import decode_envelope
from lienthong.kernel.errors import InvariantError
from lienthong.kernel.fold import Order, compare
from lienthong.kernel.ledger import Delivery, Outcome, is_genesis, read_delivery, read_entry
from lienthong.kernel.statement import Kind, Statement, decode_statement
from lienthong.kernel.topics import LEDGER, Partition, inbox, outbox
from lienthong.kernel.trust import Trust
from lienthong.runtime.settings import Settings
from simulation.agency import Agency
from simulation.kafka import Brokers, ModelRecord
from simulation.plan import Plan

__all__ = ["check", "is_answered", "is_finished", "seen_wrong"]

_MOST = 1_000_000


def is_finished(
    plan: Plan, brokers: Brokers, agencies: Mapping[str, Agency], stores: Mapping[str, Store]
) -> str | None:
    """Whether all that was planned has come to its end; otherwise what is waited for."""
    sent = sum(len(agency.journal.sent) for agency in agencies.values())
    if sent < len(plan.documents):
        return f"{sent} of {len(plan.documents)} documents are handed over"
    handed = {code: {one.subject for one in agency.journal.handed} for code, agency in agencies.items()}
    missing = [
        f"{one.number} for {code}"
        for one in plan.documents
        for code in one.addressees
        if one.subject not in handed[code]
    ]
    if missing:
        return f"not handed to their recipients: {len(missing)}, {missing[0]}"
    for code, agency in agencies.items():
        for number, ids in agency.journal.sent.items():
            for envelope_id in ids:
                progress = stores[code].progress(envelope_id)
                if progress is None:
                    return f"{code} does not know of {number}, which it handed over"
                if progress.state not in {State.ARRIVED, State.ACKNOWLEDGED}:
                    return f"document {number} of {code} is {progress.state}"
        if pending := stores[code].pending():
            return f"{len(pending)} statements of {code} have no receipt, the first is {pending[0][1].kind}"
    return is_answered(plan, brokers, agencies)


def is_answered(plan: Plan, brokers: Brokers, agencies: Mapping[str, Agency]) -> str | None:
    """Whether every record of every out topic has its receipt; otherwise which one has not."""
    inboxes = {code: list(_inbox(brokers, code, plan.lanes, [])) for code in agencies}
    return next(_receipts(brokers, agencies, plan.lanes, inboxes), None)


async def check(
    plan: Plan,
    brokers: Brokers,
    agencies: Mapping[str, Agency],
    stores: Mapping[str, Store],
    connect: Connect,
    settings: Settings,
    trust: Trust,
    clock: Clock,
) -> list[str]:
    """Everything that does not hold, in sentences."""
    found = [*seen_wrong(plan, agencies)]
    inboxes = {code: list(_inbox(brokers, code, plan.lanes, found)) for code in agencies}
    found += _copies(plan, inboxes)
    found += _acknowledgements(agencies, inboxes)
    found += _receipts(brokers, agencies, plan.lanes, inboxes)
    for code, store in stores.items():
        if left := store.waiting(_MOST, {})[0]:
            found.append(f"{code} has not settled {len(left)} documents")
    async with connect(settings.kafka(), "auditor") as bus:
        report = await verify(BusSource(bus), trust, clock=clock)
    found += [f"audit: {one}" for one in report.damage()]
    for lane in report.lanes:
        for name in ("not_judged_yet", "not_delivered_yet", "receipts_not_said_yet"):
            if count := getattr(lane, name):
                found.append(f"audit: lane {lane.lane} has {count} {name}")
    if report.entries != report.verified and not found:
        found.append(f"audit: {report.verified} of {report.entries} entries verified")
    return found


def seen_wrong(plan: Plan, agencies: Mapping[str, Agency]) -> Iterator[str]:
    """What the agencies' own programs saw that must not be."""
    by_subject = {one.subject: one for one in plan.documents}
    for code, agency in agencies.items():
        times: Counter[bytes] = Counter()
        last: dict[tuple[str, int], int] = {}
        places: dict[bytes, tuple[int, int]] = {}
        for one in agency.journal.handed:
            planned = by_subject.get(one.subject)
            if planned is None or code not in planned.addressees or planned.sender != one.sender:
                yield f"{code} was handed {one.subject!r} of {one.sender}, which is not for it"
            if times[one.id] and not one.redelivered:
                yield f"{code} was handed {one.subject!r} twice, and the second time does not say so"
            times[one.id] += 1
            if places.setdefault(one.id, (one.lane, one.sequence)) != (one.lane, one.sequence):
                yield f"{code} was handed {one.subject!r} under two numbers"
            if last.get((one.process, one.lane), 0) >= one.sequence:
                yield f"{code} was handed lane {one.lane} out of sequence or twice in {one.process}: {one.sequence}"
            last[one.process, one.lane] = one.sequence
        ids = Counter(one.subject for one in {(one.id, one.subject): one for one in agency.journal.handed}.values())
        yield from (
            f"{code} was handed {subject!r} as {count} documents" for subject, count in ids.items() if count > 1
        )
        for number, known in agency.journal.sent.items():
            if len(known) > 1:
                yield f"{code} handed document {number} over twice, as {len(known)} documents"


def _records(brokers: Brokers, topic: str, lanes: int) -> Iterator[ModelRecord]:
    for lane in range(lanes):
        partition = Partition(topic, lane)
        for record in brokers.fetch(partition, brokers.begin(partition), _MOST):
            if not is_genesis(record):
                yield record


def _inbox(brokers: Brokers, code: str, lanes: int, found: list[str]) -> Iterator[tuple[Delivery, Statement]]:
    """What a fresh reader takes from an inbox."""
    last: dict[int, int] = defaultdict(int)
    for record in _records(brokers, inbox(code), lanes):
        try:
            delivery = read_delivery(record)
        except InvariantError as error:
            found.append(str(error))
            continue
        order = compare(last[record.partition], delivery.sequence)
        if order is Order.GAP:
            found.append(f"inbox of {code} lane {record.partition} has a gap before {delivery.sequence}")
        if order is not Order.REPEAT:
            last[record.partition] = delivery.sequence
            yield delivery, _statement(record)


def _statement(record: ModelRecord) -> Statement:
    return decode_statement(decode_envelope(record.value or b"").statement)


def _copies(plan: Plan, inboxes: Mapping[str, Sequence[tuple[Delivery, Statement]]]) -> Iterator[str]:
    """Each document stands once in each inbox it is for, and in no other."""
    for code, taken in inboxes.items():
        expected = Counter(one.subject for one in plan.documents if code in one.addressees)
        there = Counter(statement.body["subject"] for _, statement in taken if statement.kind is Kind.DOCUMENT)
        if there != expected:
            yield f"inbox of {code}: missing {sorted(expected - there)[:3]}, too many {sorted(there - expected)[:3]}"


def _acknowledgements(
    agencies: Mapping[str, Agency], inboxes: Mapping[str, Sequence[tuple[Delivery, Statement]]]
) -> Iterator[str]:
    """Every acknowledgement that arrives is of something that was handed over, and says what was said of it."""
    said = {code: {(one.id, one.status) for one in agency.journal.said} for code, agency in agencies.items()}
    for code, taken in inboxes.items():
        for _, statement in taken:
            if statement.kind is not Kind.ACKNOWLEDGEMENT:
                continue
            for document in statement.body["documents"]:
                if (document, statement.body["status"]) not in said[statement.sender]:
                    yield f"{statement.sender} never said {statement.body['status']} of a document, but {code} reads so"


def _receipts(
    brokers: Brokers,
    agencies: Mapping[str, Agency],
    lanes: int,
    inboxes: Mapping[str, Sequence[tuple[Delivery, Statement]]],
) -> Iterator[str]:
    """Every record of every out topic is named by a receipt, with the verdict that the ledger holds."""
    verdicts: dict[tuple[str, int, int], str] = {}
    for record in _records(brokers, LEDGER, lanes):
        entry = read_entry(record)
        if entry.outcome is not Outcome.OPENED:
            verdicts.setdefault((entry.source.agency, record.partition, entry.source.offset), entry.reason)
    for code in agencies:
        told = {
            (statement.body["lane"], entry["source_offset"]): entry["reason"]
            for _, statement in inboxes[code]
            if statement.kind is Kind.RECEIPT
            for entry in statement.body["entries"]
        }
        for record in _records(brokers, outbox(code), lanes):
            verdict = verdicts.get((code, record.partition, record.offset))
            reason = told.get((record.partition, record.offset))
            if verdict is None:
                yield f"out topic of {code} lane {record.partition} offset {record.offset} has no entry"
            elif reason is None:
                yield f"{code} was not told of lane {record.partition} offset {record.offset}"
            elif reason not in {verdict, "duplicate"}:
                yield f"{code} was told {reason!r} of an entry that the ledger calls {verdict!r}"
