"""Waiting for a tracker that runs, perhaps in another process."""

import asyncio

from lienthong.kernel.bus import Bus
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.topics import LEDGER, Partition
from lienthong.tracker import queries
from lienthong.tracker.database import Database

__all__ = ["caught_up"]

_LOOK_SECONDS = 0.05


async def caught_up(database: Database, bus: Bus, *, timeout_seconds: float = 30.0) -> None:
    """Wait until a tracker has stored the ledger up to where it ends now.

    Raises:
        UnavailableError: it has not in time, or Kafka or the database does not answer.
    """
    async with bus.reader() as reader:
        partitions = [Partition(LEDGER, lane) for lane in range(await bus.lanes(LEDGER))]
        ends = {one.number: end for one, end in (await reader.ends(partitions)).items()}
    try:
        async with asyncio.timeout(timeout_seconds):
            while not await asyncio.to_thread(_has_read, database, ends):
                await asyncio.sleep(_LOOK_SECONDS)
    except TimeoutError as error:
        raise UnavailableError(
            f"the tracker has not read the ledger to its end within {timeout_seconds:.0f} s"
        ) from error


def _has_read(database: Database, ends: dict[int, int]) -> bool:
    with database.reading() as connection:
        read = queries.overview(connection).positions
    return all(read.get(lane, 0) >= end for lane, end in ends.items())
