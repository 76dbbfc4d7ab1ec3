"""What lies in the quarantine: where it came from, why, how large it is. Contents are never shown: they are hostile."""

from typing import NamedTuple

from lienthong.kernel.bus import Bus
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.ledger import is_genesis, read_entry
from lienthong.kernel.topics import QUARANTINE, Partition

__all__ = ["Kept", "Quarantine", "quarantined"]


class Kept(NamedTuple):
    """A record of the quarantine."""

    agency: str
    """Whose out topic it stood in."""
    lane: int
    offset: int
    """In that out topic."""
    position: int
    """Offset in the quarantine, same lane."""
    reason: str
    size: int
    """Bytes of its value."""
    digest: bytes
    """SHA-256 of its value."""
    judged_at: int
    """Milliseconds since 1970 UTC."""


class Quarantine(NamedTuple):
    """The newest records, and how many there are; a restart of intake may have put some there twice."""

    newest: list[Kept]
    total: int


async def quarantined(bus: Bus, limit: int, agency: str | None = None) -> Quarantine:
    """Read it; of one agency alone it reads all of the quarantine.

    Raises:
        UnavailableError: Kafka does not answer, or has no quarantine.
        InvariantError: somebody else wrote to the quarantine.
    """
    lanes = await bus.lanes(QUARANTINE)
    if not lanes:
        raise UnavailableError(f"there is no {QUARANTINE} on Kafka at {bus.settings.bootstrap}")
    partitions = [Partition(QUARANTINE, lane) for lane in range(lanes)]
    async with bus.reader() as reader:
        begins, ends = await reader.begins(partitions), await reader.ends(partitions)
    ranges = {
        one: (begins[one] if agency is not None else max(begins[one], ends[one] - limit), ends[one])
        for one in partitions
    }
    found: list[Kept] = []
    matching = 0
    async for partition, records in bus.sweep(ranges):
        for record in records:
            if is_genesis(record):
                continue
            entry = read_entry(record)
            if agency is not None and entry.source.agency != agency:
                continue
            matching += 1
            found.append(
                Kept(
                    entry.source.agency, partition.number, entry.source.offset, record.offset, entry.reason,
                    len(record.value or b""), entry.digest, entry.judged_at,
                )
            )  # fmt: skip
        found = _newest(found, limit)
    # A partition begins with its genesis, which is no record of anybody.
    everything = sum(ends[one] - max(begins[one], 1) for one in partitions if ends[one] > 0)
    return Quarantine(found, matching if agency is not None else everything)


def _newest(found: list[Kept], limit: int) -> list[Kept]:
    return sorted(found, key=lambda one: (-one.judged_at, one.lane, -one.position))[:limit]
