"""W1 with nothing to lose: the same way there and back between two programs that keep nothing on disk.

Documents and acknowledgements are sealed, judged, entered, numbered, delivered and verified by the same services
and the same kernel as in W1. Left out is what a client promises beside: no outbox, no store, no inbox that a crash
leaves intact, no progress of a document. What W1 takes longer is the price of these promises.
"""

import asyncio
from collections.abc import Sequence

from bench.bulk import BATCH, Author
from bench.crew import Gate, Outcome, Role, run_crew
from bench.fleet import Inboxes
from bench.rig import Rig
from lienthong.kernel.bus import Bus, Publisher, Row
from lienthong.kernel.clock import now_ms
from lienthong.kernel.directory_reader import DirectoryReader
from lienthong.kernel.envelope import OpenedEnvelope, encode_envelope, envelope_id
from lienthong.kernel.judge import Judge
from lienthong.kernel.keys import SigningKey
from lienthong.kernel.seal import Purpose, seal_batch
from lienthong.kernel.statement import Kind, encode_statement, make_statement
from lienthong.kernel.topics import LEDGER, Partition, inbox, outbox
from lienthong.runtime.settings import Settings

__all__ = ["bare_round_trip"]

_TOGETHER = 4 * BATCH
_NAMED = 500
"""Most documents one acknowledgement names, as in the client."""
_REST_MS = 40
"""As the client's readers rest in ordinary lanes."""
_ROUND_RECORDS = 2_000
_ACCEPTED = "03"


async def _open(bus: Bus, settings: Settings, agency: str) -> tuple[Inboxes, list[Partition], dict[Partition, int]]:
    directory = await DirectoryReader(bus, settings.trust()).load()
    lanes = await bus.lanes(LEDGER)
    partitions = [Partition(inbox(agency), lane) for lane in range(lanes)]
    async with bus.reader() as reader:
        ends = await reader.ends(partitions)
    return Inboxes(Judge(directory, lanes), ends), partitions, ends


async def _write(publisher: Publisher, author: Author, to: str, count: int, mark: str) -> None:
    for first in range(0, count, _TOGETHER):
        rows: dict[Partition, list[Row]] = {}
        for at in range(first, min(count, first + _TOGETHER), BATCH):
            numbers = range(at, min(count, first + _TOGETHER, at + BATCH))
            for partition, some in author.write(to, numbers, mark, now_ms()).items():
                rows.setdefault(partition, []).extend(some)
        await publisher.append(rows)


async def _send(gate: Gate, settings: Settings, agency: str, to: str, count: int, mark: str) -> None:
    async with Bus.connect(settings.kafka(), "bench-bare-sender") as bus, bus.publisher() as publisher:
        inboxes, partitions, ends = await _open(bus, settings, agency)
        author = Author.load(agency, settings, len(partitions))
        await publisher.know([outbox(agency)])
        async with bus.reader(rest_ms=_REST_MS) as reader:
            await reader.assign(ends)
            await gate.enter()
            writing = asyncio.create_task(_write(publisher, author, to, count, mark))
            acknowledged: set[bytes] = set()
            while len(acknowledged) < count:
                for partition, records in (await reader.take(0.25, _ROUND_RECORDS)).items():
                    for opened in inboxes.take(partition, records):
                        if opened.statement.kind is Kind.ACKNOWLEDGEMENT:
                            acknowledged.update(opened.statement.body["documents"])
            await writing
            gate.report()


def _acknowledgements(
    documents: Sequence[OpenedEnvelope], lane: int, agency: str, to: str, key: SigningKey, origin: str
) -> dict[Partition, list[Row]]:
    """One signed acknowledgement for up to 500 documents of one lane, all under one seal."""
    now = now_ms()
    statements = [
        encode_statement(
            make_statement(
                sender=agency,
                recipients=[to],
                thread=some[0].statement.thread,
                created=now,
                kind=Kind.ACKNOWLEDGEMENT,
                body={"documents": [one.id for one in some], "status": _ACCEPTED, "reason": ""},
            )
        )
        for some in (documents[at : at + _NAMED] for at in range(0, len(documents), _NAMED))
    ]
    seals = seal_batch(
        [envelope_id(one) for one in statements],
        key=key,
        origin=origin,
        sender=agency,
        purpose=Purpose.EXCHANGE,
        signed_at=now,
    )
    rows = [Row(encode_envelope(one, (), seal)) for one, seal in zip(statements, seals, strict=True)]
    return {Partition(outbox(agency), lane): rows}


async def _receive(gate: Gate, settings: Settings, agency: str, to: str, count: int) -> None:
    key = SigningKey.load(settings.home / "agencies" / agency / "signing.pem")
    origin = settings.trust().origin
    async with Bus.connect(settings.kafka(), "bench-bare-receiver") as bus, bus.publisher() as publisher:
        inboxes, _, ends = await _open(bus, settings, agency)
        await publisher.know([outbox(agency)])
        async with bus.reader(rest_ms=_REST_MS) as reader:
            await reader.assign(ends)
            await gate.enter()
            got = 0
            while got < count:
                for partition, records in (await reader.take(0.25, _ROUND_RECORDS)).items():
                    opened = inboxes.take(partition, records)
                    documents = [one for one in opened if one.statement.kind is Kind.DOCUMENT]
                    if documents:
                        await publisher.append(_acknowledgements(documents, partition.number, agency, to, key, origin))
                        got += len(documents)
            await gate.closing()
            gate.report()


async def bare_round_trip(rig: Rig, mark: str, count: int, *, timeout_seconds: float) -> Outcome:
    """One round between the last two agencies of the rig, which no client with a store works for.

    Args:
        rig: the backbone.
        mark: tells the documents of this round from others.
        count: documents.
        timeout_seconds: the longest it may take.

    Raises:
        UnavailableError: it failed, or took too long.
    """
    sender, recipient = rig.agencies[-2:]
    roles = [
        Role("sender", _send, (rig.settings, sender, recipient, count, mark)),
        Role("receiver", _receive, (rig.settings, recipient, sender, count)),
    ]
    return await run_crew(roles, counting=("sender",), timeout_seconds=timeout_seconds, watch=rig.watch)
