"""Builds a database from the ledger alone, beside the one that is used, and puts it in its place."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import func, select

from lienthong.kernel.bus import Bus
from lienthong.kernel.bus.sweep import sweep
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.fold import LedgerFold
from lienthong.kernel.ledger import Record, is_genesis, read_entry
from lienthong.kernel.topics import LEDGER, Partition
from lienthong.runtime.session import lane_count
from lienthong.tracker.database import Database
from lienthong.tracker.item import Item
from lienthong.tracker.migration import migrate
from lienthong.tracker.reading import read_item
from lienthong.tracker.store import Step, Store
from lienthong.tracker.tables import positions

__all__ = ["Rebuilt", "fill", "rebuild"]

_ROUND_RECORDS = 4_000
_NEW, _OLD = "new", "old"


class Rebuilt(NamedTuple):
    """What was done."""

    entries: int
    lanes: int
    seconds: float


async def rebuild(bus: Bus, database: Database, told: Callable[[int, int], None]) -> Rebuilt:
    """Build a database anew beside one, and put it in its place.

    A tracker that runs on it notices and goes on from where the new one ends. When this fails, the old one is
    untouched.

    Args:
        bus: where the ledger is.
        database: the one to be replaced; it need not be there yet.
        told: is told how many records were read, and of how many.

    Raises:
        UnavailableError: Kafka or the database does not answer.
        InvariantError: the ledger has a gap, or a record in it is no entry.
    """
    beside = database.beside(_NEW)
    try:
        _remove(beside)
        rebuilt = await fill(bus, beside, told)
        beside.close()
        _swap(beside, database)
    finally:
        _remove(beside)
        beside.close()
    return rebuilt


async def fill(bus: Bus, database: Database, told: Callable[[int, int], None]) -> Rebuilt:
    """Build a database that is empty, up to where the ledger ends now.

    Raises:
        ValueError: it is not empty.
        UnavailableError: Kafka or the database does not answer.
        InvariantError: the ledger has a gap, or a record in it is no entry.
    """
    migrate(database)
    with database.reading() as connection:
        if connection.scalar(select(func.count()).select_from(positions)):
            raise ValueError(f"{database} is not empty: name another one, or none to replace the one that is used")
    began = asyncio.get_running_loop().time()
    partitions = [Partition(LEDGER, lane) for lane in range(await lane_count(bus))]
    async with bus.reader() as reader:
        begins, ends = await reader.begins(partitions), await reader.ends(partitions)
    entries = await _Filling(bus, Store(database), begins, ends, told).run()
    return Rebuilt(entries, len(partitions), asyncio.get_running_loop().time() - began)


class _Filling:
    """Reads and decodes entries while those before are stored by a thread, which mostly waits for the database."""

    def __init__(
        self,
        bus: Bus,
        store: Store,
        begins: dict[Partition, int],
        ends: dict[Partition, int],
        told: Callable[[int, int], None],
    ) -> None:
        self._bus = bus
        self._store = store
        self._ranges = {one: (begins[one], ends[one]) for one in ends}
        self._stands = {one.number: begin for one, begin in begins.items()}
        """By lane, the offset up to which rounds were handed to the thread."""
        self._folds = {one.number: LedgerFold(complete=begin == 0, positions=False) for one, begin in begins.items()}
        self._told = told
        self._entries = 0
        self._stored: Future[None] | None = None

    async def run(self) -> int:
        """Read it all; returns how many entries there were."""
        total = sum(end - begin for begin, end in self._ranges.values())
        self._store.begin(self._stands)
        read, at, items = 0, dict(self._stands), list[Item]()
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="rebuild") as thread:
            async for partition, records in sweep(self._bus.settings, "lt-tracker", self._ranges):
                items += self._items(partition.number, records)
                at[partition.number] = records[-1].offset + 1
                read += len(records)
                if len(items) >= _ROUND_RECORDS:
                    await self._hand_over(thread, at, items)
                    items = []
                    self._told(read, total)
            # Offsets at the end that hold no record are taken too.
            await self._hand_over(thread, {one.number: end for one, (_, end) in self._ranges.items()}, items)
            await self._wait()
        return self._entries

    def _items(self, lane: int, records: Sequence[Record]) -> list[Item]:
        fold = self._folds[lane]
        entries = [(record, read_entry(record)) for record in records if not is_genesis(record)]
        return [read_item(lane, record, entry, fold.take(entry)) for record, entry in entries]

    async def _hand_over(self, thread: ThreadPoolExecutor, at: dict[int, int], items: list[Item]) -> None:
        steps = {lane: Step(self._stands[lane], after) for lane, after in at.items() if after > self._stands[lane]}
        self._stands.update(at)
        self._entries += len(items)
        await self._wait()
        self._stored = thread.submit(self._store.apply, steps, items)

    async def _wait(self) -> None:
        """Until what was handed over is stored."""
        if self._stored is not None:
            await asyncio.wrap_future(self._stored)


def _swap(beside: Database, database: Database) -> None:
    """Put a database in the place of another one, at once for everybody who reads or writes."""
    if database.is_postgresql:
        with database.writing() as connection:
            new, old = beside.schema, f"{database.schema}_{_OLD}"
            connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {old} CASCADE")
            connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {database.schema}")
            connection.exec_driver_sql(f"ALTER SCHEMA {database.schema} RENAME TO {old}")
            connection.exec_driver_sql(f"ALTER SCHEMA {new} RENAME TO {database.schema}")
            connection.exec_driver_sql(f"DROP SCHEMA {old} CASCADE")
        return
    if beside.path is None or database.path is None:
        raise ValueError("a database in memory cannot be replaced")
    # By copying pages within one transaction of the old file: renaming the new file over it would leave whoever has
    # the old one open in it, and its write-ahead log beside the new one.
    try:
        with (
            contextlib.closing(sqlite3.connect(beside.path)) as source,
            contextlib.closing(sqlite3.connect(database.path, timeout=30)) as target,
        ):
            target.execute("PRAGMA journal_mode = WAL")
            source.backup(target)
    except sqlite3.Error as error:
        raise UnavailableError(f"{database} cannot be replaced now: {error}") from error


def _remove(database: Database) -> None:
    """Remove what `beside` has made."""
    if database.is_postgresql:
        with database.writing() as connection:
            connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {database.schema} CASCADE")
    elif database.path is not None:
        database.close()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{database.path}{suffix}").unlink(missing_ok=True)
