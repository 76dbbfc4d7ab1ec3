"""The shell around orders: finds the document in the ledger, brings its bytes, appends the command, waits for it."""

import asyncio
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from lienthong.kernel.bus import Bus, Row
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.ledger import Entry, Outcome, Record, is_genesis, read_entry
from lienthong.kernel.statement import Kind
from lienthong.kernel.topics import LEDGER, QUARANTINE, Partition, outbox
from lienthong.ops.traces import Place, Traces, command_in

__all__ = ["Found", "append", "check_about", "entry_at", "named_at", "quarantined_value", "trace"]

_FOLLOW_SECONDS = 0.25


class Found(NamedTuple):
    """An entry of the ledger, and its record."""

    record: Record
    entry: Entry


async def entry_at(bus: Bus, place: Place) -> Found:
    """The entry at a place of the ledger.

    Raises:
        ValueError: there is none.
        UnavailableError: Kafka does not answer, or holds no ledger.
    """
    lanes = await _lanes(bus)
    if place.lane >= lanes:
        raise ValueError(f"there is no lane {place.lane}: the backbone has lanes 0 to {lanes - 1}")
    partition = Partition(LEDGER, place.lane)
    async with bus.reader() as reader:
        begin, end = (await reader.begins([partition]))[partition], (await reader.ends([partition]))[partition]
    if not begin <= place.position < end:
        raise ValueError(f"there is no entry at {place}: lane {place.lane} of the ledger ends at offset {end}")
    async for records in bus.scan({partition: (place.position, place.position + 1)}):
        for record in records:
            if record.offset == place.position and not is_genesis(record):
                return Found(record, read_entry(record))
    raise ValueError(f"there is no entry at {place}")


def named_at(found: Found) -> bytes:
    """Envelope id of the document that an entry is about.

    Raises:
        ValueError: it is about none.
    """
    record, entry = found
    if entry.outcome is Outcome.ACCEPTED and entry.kind == Kind.COMMAND:
        return command_in(record).document
    if entry.id is None:
        raise ValueError(
            f"the entry at {record.partition}:{record.offset} names no document: {entry.reason or entry.outcome}"
        )
    return entry.id


def check_about(found: Found, document: bytes) -> None:
    """Refuse to act on an entry that is about another document.

    Args:
        found: where the document was said to stand.
        document: its envelope id.

    Raises:
        ValueError: it is about another one, or about none.
    """
    named, place = named_at(found), Place(found.record.partition, found.record.offset)
    if named != document:
        raise ValueError(
            f"the entry at {place} is about document {named.hex()[:16]}, not about {document.hex()[:16]}: is the"
            " tracker's database of this ledger?"
        )


async def _lanes(bus: Bus) -> int:
    lanes = await bus.lanes(LEDGER)
    if not lanes:
        raise UnavailableError(f"there is no {LEDGER} on Kafka at {bus.settings.bootstrap}")
    return lanes


async def trace(bus: Bus, traces: Traces, since: Mapping[int, int], lanes: Sequence[int] | None = None) -> None:
    """Read the ledger to its end, and note what it says of the documents that are looked for.

    Args:
        bus: where the ledger is.
        traces: notes them.
        since: by lane, the offset before which everything is noted already; from the beginning for others.
        lanes: which; None: all.
    """
    chosen = range(await _lanes(bus)) if lanes is None else lanes
    partitions = [Partition(LEDGER, lane) for lane in chosen]
    async with bus.reader() as reader:
        begins, ends = await reader.begins(partitions), await reader.ends(partitions)
    ranges = {one: (max(begins[one], min(since.get(one.number, 0), ends[one])), ends[one]) for one in partitions}
    async for _, records in bus.sweep({one: span for one, span in ranges.items() if span[0] < span[1]}):
        for record in records:
            traces.take(record)


async def quarantined_value(bus: Bus, lane: int, entry: Entry) -> bytes:
    """The bytes that an entry rejected.

    Raises:
        ValueError: the quarantine does not hold them.
        UnavailableError: Kafka does not answer.
    """
    partition = Partition(QUARANTINE, lane)
    async with bus.reader() as reader:
        begin, end = (await reader.begins([partition]))[partition], (await reader.ends([partition]))[partition]
    async for _, records in bus.sweep({partition: (begin, end)}):
        for record in records:
            if is_genesis(record) or record.value is None:
                continue
            kept = read_entry(record)
            if kept.source == entry.source and sha256(record.value).digest() == entry.digest:
                return record.value
    raise ValueError(
        f"{QUARANTINE} lane {lane} does not hold the record at offset {entry.source.offset} of {entry.source.agency}"
    )


async def append(bus: Bus, lane: int, identity: bytes, value: bytes, backbone: str, seconds: float) -> Entry | None:
    """Append a command to the backbone's out topic and wait until the ledger has it.

    Args:
        bus: a connection that may write there.
        lane: of the document.
        identity: of the command, 32 bytes.
        value: its envelope.
        backbone: the backbone's code.
        seconds: longest wait for intake.

    Returns:
        Its entry, accepted or rejected; None: it is written and its entry was not seen, in time or because Kafka
        does not answer any more. Intake judges it when it runs again.

    Raises:
        UnavailableError: it is unknown whether it was appended.
    """
    ledger = Partition(LEDGER, lane)
    async with bus.reader() as reader:
        end = (await reader.ends([ledger]))[ledger]
        await reader.assign({ledger: end})
        async with bus.publisher() as publisher:
            await publisher.know([outbox(backbone)])
            try:
                await publisher.append({Partition(outbox(backbone), lane): [Row(value)]})
            except UnavailableError as error:
                raise UnavailableError(
                    f"it is not known whether command {identity.hex()[:16]} was written: look at"
                    f" `lienthong ops commands` before you order it again ({error})"
                ) from error
        try:
            async with asyncio.timeout(seconds):
                while True:
                    for records in (await reader.take(_FOLLOW_SECONDS, 1_000)).values():
                        for record in records:
                            if not is_genesis(record) and (entry := read_entry(record)).id == identity:
                                return entry
        except (TimeoutError, UnavailableError):  # told as an error, it would be ordered once more
            return None
