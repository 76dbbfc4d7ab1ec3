"""Record batches as a broker sends them, and the records in them."""

from typing import NamedTuple

from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords

from lienthong.kernel.ledger import Headers
from lienthong.kernel.topics import Partition

__all__ = ["KeptRecord", "unpack"]


class KeptRecord(NamedTuple):
    """A record that was read: what `lienthong.kernel.ledger.Record` asks for, and nothing else."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    value: bytes | None
    headers: Headers


def unpack(data: bytes, partition: Partition, first: int, end: int) -> tuple[list[KeptRecord], int]:
    """Read the records of an offset and after it, up to, not including, an end.

    Args:
        data: batches, one after the other, with their check sums; the last one may be cut off.
        partition: where they stand.
        first: offset of the first record wanted; the first batch may begin before it.
        end: offset after the last record wanted.

    Returns:
        The records, in order, and the offset to go on from: beyond all whole batches, also where offsets are
        taken that hold no record.

    Raises:
        CorruptRecordException: a check sum does not agree.
    """
    topic, number = partition
    new, found, after = tuple.__new__, list[KeptRecord](), first
    batches = MemoryRecords(data)
    while after < end and batches.has_next():
        batch = batches.next_batch()
        if not batch.validate_crc():
            raise CorruptRecordException(f"{topic} lane {number}: the batch of offset {after} has another check sum")
        if not batch.is_control_batch:
            # Without the class's own constructor, which would cost as much as all the rest.
            found += [
                new(KeptRecord, (topic, number, one.offset, one.timestamp, one.value, one.headers)) for one in batch
            ]
        after = max(after, batch.next_offset)
    if found and (found[0].offset < first or found[-1].offset >= end):
        found = [one for one in found if first <= one.offset < end]
    return found, after
