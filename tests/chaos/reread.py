"""Fresh readers: everything is read again from the topics and the senders' stores, when all has been healed."""

import sqlite3
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from backbone import Backbone
from chaos.history import InboxLine, LedgerLine, Outbox
from lienthong.auditor.source import BusSource
from lienthong.auditor.verify import verify
from lienthong.kernel.bus import Bus
from lienthong.kernel.directory_reader import DirectoryReader
from lienthong.kernel.envelope import decode_envelope
from lienthong.kernel.errors import LienthongError, RejectedError
from lienthong.kernel.fold import LedgerFold
from lienthong.kernel.judge import Judge
from lienthong.kernel.ledger import Outcome, Record, is_genesis, read_delivery, read_entry
from lienthong.kernel.statement import Kind, Statement, decode_statement
from lienthong.kernel.topics import LEDGER, Partition, inbox

__all__ = ["read_damage", "read_inboxes", "read_ledger", "read_outboxes"]

_STATES = {0: "handed over", 1: "accepted", 2: "rejected", 3: "renewed"}


async def read_ledger(backbone: Backbone) -> list[LedgerLine]:
    """Every entry of the ledger, lane by lane, and whether it counts."""
    folds: dict[int, LedgerFold] = defaultdict(lambda: LedgerFold(complete=True))
    found = []
    async with backbone.bus("chaos-ledger") as bus:
        judge = Judge(await DirectoryReader(bus, backbone.trust).load(), await bus.lanes(LEDGER))
        async for record in _records(bus, LEDGER):
            entry = read_entry(record)
            count = folds[record.partition].take(entry)
            accepted = entry.outcome is Outcome.ACCEPTED
            statement = _statement(record) if accepted else None
            found.append(
                LedgerLine(
                    record.partition,
                    entry.position,
                    entry.source.agency,
                    entry.source.offset,
                    entry.outcome.value,
                    count.name.lower(),
                    entry.id.hex() if entry.id else "",
                    entry.kind or "",
                    entry.routes,
                    entry.reason,
                    statement.body["subject"] if statement and statement.kind is Kind.DOCUMENT else "",
                    tuple(one.hex() for one in statement.body["documents"])
                    if statement and statement.kind is Kind.ACKNOWLEDGEMENT
                    else (),
                    _refusal(judge, record, entry.judged_at) if accepted else "",
                    entry.source.generation,
                )
            )
    return found


def _refusal(judge: Judge, record: Record, judged_at: int) -> str:
    try:
        judge.open(record.value or b"", at=judged_at)
    except RejectedError as error:
        return error.reason.value
    return ""


async def read_inboxes(backbone: Backbone, agencies: Iterable[str]) -> list[InboxLine]:
    """Every record of the inboxes of some agencies, partition by partition."""
    found = []
    async with backbone.bus("chaos-inboxes") as bus:
        for agency in agencies:
            async for record in _records(bus, inbox(agency)):
                delivery = read_delivery(record)
                told: tuple[tuple[int, str], ...] = ()
                if delivery.kind == Kind.RECEIPT:
                    statement = _statement(record)
                    told = tuple((one["source_offset"], one["reason"]) for one in statement.body["entries"])
                found.append(
                    InboxLine(
                        agency,
                        record.partition,
                        record.offset,
                        delivery.sequence,
                        delivery.position,
                        delivery.id.hex(),
                        delivery.kind,
                        told,
                    )
                )
    return found


async def read_damage(backbone: Backbone) -> list[str]:
    """What the auditor finds, in words; nothing when all is well."""
    async with backbone.bus("chaos-audit") as bus:
        try:
            report = await verify(BusSource(bus), backbone.trust)
        except LienthongError as error:
            return [f"the audit ended: {error}"]
    found = [str(one) for one in report.damage()]
    return found if report.clean or found else ["the audit is not clean"]


def read_outboxes(home: Path, agencies: Iterable[str]) -> list[Outbox]:
    """What each agency's own store says of the documents that it sent."""
    found = []
    for agency in agencies:
        store = sqlite3.connect(home / "agencies" / agency / "store.sqlite")
        try:
            answers: dict[int, set[str]] = defaultdict(set)
            for number, recipient in store.execute("SELECT number, agency FROM answer"):
                answers[number].add(recipient)
            rows = store.execute("SELECT number, id, state, reason, renewed_as FROM outbox WHERE kind = 'document'")
            found += [
                Outbox(
                    agency,
                    identity.hex(),
                    _STATES.get(state, str(state)),
                    reason,
                    tuple(sorted(answers[number])),
                    (renewed_as or b"").hex(),
                )
                for number, identity, state, reason, renewed_as in rows
            ]
        finally:
            store.close()
    return found


async def _records(bus: Bus, topic: str) -> AsyncIterator[Record]:
    partitions = [Partition(topic, lane) for lane in range(await bus.lanes(topic))]
    async with bus.reader() as reader:
        ends = await reader.ends(partitions)
    for partition in partitions:
        async for records in bus.scan({partition: (0, ends[partition])}):
            for record in records:
                if not is_genesis(record):
                    yield record


def _statement(record: Record) -> Statement:
    return decode_statement(decode_envelope(record.value or b"").statement)
