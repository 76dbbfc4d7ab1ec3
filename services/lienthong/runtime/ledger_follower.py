"""Reads lanes of the ledger in order and says of each entry whether it counts."""

import asyncio
from collections.abc import Mapping, Sequence
from types import MappingProxyType, TracebackType
from typing import NamedTuple, Self

from lienthong.kernel.bus import Bus, Reader
from lienthong.kernel.clock import Clock
from lienthong.kernel.errors import InvariantError
from lienthong.kernel.fold import Count, LedgerFold, ids_horizon_ms
from lienthong.kernel.ledger import Entry, Record, is_genesis, read_entry
from lienthong.kernel.topics import LEDGER, Partition
from lienthong.runtime.last_routed import LastRouted
from lienthong.runtime.taken_before import TakenBefore

__all__ = ["LedgerFollower", "Taken"]

_COMMIT_SECONDS = 0.25
_LOOK_SECONDS = 3.0
_PULSE_SECONDS = 3.0
"""How often an idle follower stores a position again: reading goes on where nothing can be written, and looks well."""
_PIECE_RECORDS = 500


class Taken(NamedTuple):
    """One ledger record, its headers read, and whether it counts."""

    lane: int
    record: Record
    entry: Entry
    counts: Count


class LedgerFollower:
    """A projection's view of the ledger.

    It goes on where its group committed. Before that it reads back as far as an id can still be
    accepted, so that the fold knows every id that counts; nothing else is kept between runs.

    Args:
        bus: where the ledger is.
        group: under which name positions are committed.
        lanes: those to be read.
        clock: tells the time.
        rest_ms: how long it lets entries gather between two rounds.
        always_rest: do so while few come as well.
        with_positions: remember where the entry of each id is.
        with_routes: remember the last entry for each agency before the committed position.
        stored: next ledger offset of lanes, for a projection that knows itself where to go on; as a rule it keeps
            them with what it stores, then nothing is committed, and `group` is None.
        max_wait_ms: how long a request for entries that are not there stays with the broker.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        group: str | None,
        lanes: Sequence[int],
        clock: Clock,
        rest_ms: int,
        always_rest: bool = False,
        with_positions: bool = True,
        with_routes: bool = False,
        stored: Mapping[int, int] | None = None,
        max_wait_ms: int = 500,
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._lanes = list(lanes)
        self._partitions = [Partition(LEDGER, lane) for lane in lanes]
        self._reader: Reader = bus.reader(
            group=group, rest_ms=rest_ms, always_rest=always_rest, max_wait_ms=max_wait_ms
        )
        self._with_positions = with_positions
        self._stored = None if stored is None else {Partition(LEDGER, lane): at for lane, at in stored.items()}
        self._folds: dict[int, LedgerFold] = {}
        self._routed: dict[int, LastRouted] | None = {lane: LastRouted() for lane in lanes} if with_routes else None
        self.positions: dict[Partition, int] = {}
        """Next ledger offset of each lane."""
        self._committed: dict[Partition, int] = {}
        self._committed_at = 0.0
        self._ends: dict[Partition, int] = {}
        self._looked_at = 0.0

    async def __aenter__(self) -> Self:
        await self._reader.__aenter__()
        try:
            await self._rebuild()
        except BaseException:
            await self._reader.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._reader.__aexit__(kind, error, trace)

    async def _rebuild(self) -> None:
        reader = self._reader
        await reader.assign(dict.fromkeys(self._partitions, 0))
        # The end last: another process of the service may append and commit in between, and that is no truncation.
        committed = await reader.committed(self._partitions) if self._stored is None else self._stored
        begins = await reader.begins(self._partitions)
        ends = await reader.ends(self._partitions)
        starts = {one: committed.get(one, begins[one]) for one in self._partitions}
        for partition, position in starts.items():
            if not begins[partition] <= position <= ends[partition]:
                raise InvariantError(
                    f"{partition.topic} lane {partition.number} was read up to offset {position} but now goes from"
                    f" {begins[partition]} to {ends[partition]}: it was truncated or made again"
                )
        recent = await reader.offsets_at(
            {one: moment - ids_horizon_ms() for one, moment in (await self._moments(starts)).items()}
        )
        ranges = {}
        for partition, position in starts.items():
            first = recent[partition]
            since = begins[partition] if first is None else max(first, begins[partition])
            self._folds[partition.number] = LedgerFold(
                complete=since == 0 or position == 0, positions=self._with_positions
            )
            self.positions[partition] = position
            ranges[partition] = (min(since, position), position)
        before = {
            one: TakenBefore(self._folds[one.number], self._routed[one.number] if self._routed is not None else None)
            for one in ranges
        }
        async for partition, records in self._bus.sweep(ranges):
            for first in range(0, len(records), _PIECE_RECORDS):
                await asyncio.sleep(0)  # so that the next fetch is on its way meanwhile, and probes are answered
                before[partition].take(records[first : first + _PIECE_RECORDS])
        await reader.assign(self.positions)

    async def _moments(self, starts: Mapping[Partition, int]) -> dict[Partition, int]:
        """When the last entry before each position was appended; now, where there is none.

        What counts is how long before that an id can have been accepted, however long we were off.
        """
        moments = dict.fromkeys(starts, self._clock())
        async for records in self._bus.scan({one: (max(0, start - 1), start) for one, start in starts.items()}):
            for record in records:
                moments[Partition(record.topic, record.partition)] = record.timestamp
        return moments

    async def take(self, timeout_seconds: float, max_records: int) -> list[Taken]:
        """The next entries of all lanes, each lane in order.

        Raises:
            InvariantError: a source offset is missing, or a record is no ledger entry.
            UnavailableError: Kafka does not answer.
        """
        taken: list[Taken] = []
        await self._look_at_ends()
        rounds = await self._reader.take(timeout_seconds, max_records)
        async for some in self._bus.pieces.cut_rounds(rounds):
            for partition, records in some.items():
                lane = partition.number
                fold = self._folds[lane]
                for record in records:
                    if not is_genesis(record):
                        entry = read_entry(record)
                        taken.append(Taken(lane, record, entry, fold.take(entry)))
                self.positions[partition] = records[-1].offset + 1
        return taken

    def position_of(self, lane: int, envelope_id: bytes) -> int | None:
        """Ledger position of the entry of an id that counts. Needs `with_positions`."""
        return self._folds[lane].position_of(envelope_id)

    def last_routed(self, lane: int, agency: str) -> int | None:
        """Ledger position of the last entry routed to an agency, of those before the committed position.

        Only of entries that count; None if there is none as far as was read back. Needs `with_routes`.
        """
        return self._routed[lane].of(agency) if self._routed is not None else None

    def last_offset(self, lane: int, agency: str, generation: str) -> int | None:
        """Last offset taken of an agency's out topic; None if there was none as far as was read back."""
        return self._folds[lane].last_offset(agency, generation)

    async def _look_at_ends(self) -> None:
        """Ask where the lanes end, now and then: a consumer that waits does not notice that Kafka is gone."""
        if asyncio.get_running_loop().time() - self._looked_at >= _LOOK_SECONDS:
            await self.ends()

    async def ends(self) -> dict[Partition, int]:
        """Offset that the next entry of each lane will get, asked for now.

        Raises:
            UnavailableError: Kafka does not answer.
        """
        self._ends = await self._reader.ends(self._partitions)
        self._looked_at = asyncio.get_running_loop().time()
        return dict(self._ends)

    def lag(self) -> dict[int, int]:
        """Entries not yet taken, by lane, as of the last seconds."""
        return {one.number: max(0, self._ends.get(one, 0) - self.positions[one]) for one in self._partitions}

    async def go_back(self, to: Mapping[int, int]) -> None:
        """Store earlier ledger offsets of some lanes; the next follower goes on from there, this one is done.

        Raises:
            UnavailableError: Kafka does not answer; whether they are stored is unknown.
        """
        await self._reader.commit({Partition(LEDGER, lane): offset for lane, offset in to.items()})

    async def commit(self, *, at_once: bool = False, up_to: Mapping[int, int] = MappingProxyType({})) -> None:
        """Store the positions if some time has passed since they were stored last.

        Args:
            at_once: store them in any case.
            up_to: by lane the position to store instead, where entries from there on are not done with yet.
        """
        now = asyncio.get_running_loop().time()
        positions = {one: up_to.get(one.number, offset) for one, offset in self.positions.items()}
        changed = {one: offset for one, offset in positions.items() if self._committed.get(one) != offset}
        if not changed and now - self._committed_at >= _PULSE_SECONDS:
            changed = dict(list(positions.items())[:1])
        if changed and (at_once or now - self._committed_at >= _COMMIT_SECONDS):
            await self._reader.commit(changed)
            self._committed.update(changed)
            self._committed_at = now
