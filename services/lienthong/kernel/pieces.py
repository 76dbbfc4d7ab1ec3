"""Work on many values in pieces, so that whatever else an event loop has to do comes in between."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from itertools import repeat
from typing import TypeVar

from lienthong.kernel.lanes import EXPRESS_LANE
from lienthong.kernel.ledger import Record
from lienthong.kernel.topics import Partition

__all__ = ["COARSE_PIECE", "FINE_PIECE", "Pieces", "split"]

FINE_PIECE = 25
"""Records worked on in one go while express ones come: a millisecond or two where a record is judged or verified."""
COARSE_PIECE = 250
"""The same while none come, and so how long the first one waits at each hop: ten to twenty milliseconds."""
_LIGHT = 4
"""So many times as many where little is done with each."""
_LATELY_SECONDS = 2.0
"""For so long after an express record the next one is expected. A document, its receipt and its acknowledgement follow
one another within a second. Where express documents are rarer than that, each is a first one, and cutting finely all
the time would cost all ordinary documents more than it saves one; and a queue goes on quickly when the last one is
through."""
_TURNS = 10
"""Most turns of the event loop between two pieces. Between a record's arrival on its connection and the row made of it
being on the way, tasks wake one another about so often, once a turn."""
_EMPTY_TURNS = 2
"""After so many turns in which nothing happened there is nothing to do: what arrives on a connection wakes its task in
one turn, and the task works in the next. While express records come all turns are taken: one may arrive in any."""
_EMPTY_SECONDS = 15e-6
"""A turn in which nothing happened takes some two microseconds."""

_Value = TypeVar("_Value")


class Pieces:
    """How finely a process cuts its work: finely while express records come, coarsely otherwise.

    All that work in one event loop share one of these; a `Bus` has it. Turns between pieces cost, and they
    win only where something comes that should not wait. The size is looked at anew for every piece, so the
    first express record that is seen makes the rest of a round that is under way go finely.
    """

    def __init__(self) -> None:
        self._fine_until = 0.0

    def express_seen(self) -> None:
        """Note that an express record came."""
        self._fine_until = asyncio.get_running_loop().time() + _LATELY_SECONDS

    @property
    def fine(self) -> bool:
        """Whether an express record was seen lately."""
        return asyncio.get_running_loop().time() < self._fine_until

    @property
    def size(self) -> int:
        """Values of the next piece."""
        return FINE_PIECE if self.fine else COARSE_PIECE

    async def give_way(self) -> None:
        """Let the other tasks of this event loop go on, as far as they come without waiting for anybody."""
        empty, all_turns = 0, self.fine
        before = time.perf_counter()
        for _ in range(_TURNS):
            await asyncio.sleep(0)
            now = time.perf_counter()
            empty = empty + 1 if now - before < _EMPTY_SECONDS else 0
            if empty == _EMPTY_TURNS and not all_turns:
                return
            before = now

    async def cut(self, values: Sequence[_Value], *, light: bool = False) -> AsyncIterator[Sequence[_Value]]:
        """Values in order, some at a time; the loop's other tasks get their turn between two pieces.

        Args:
            values: all of them.
            light: little is done with each.
        """
        at = 0
        while at < len(values):
            if at:
                await self.give_way()
            piece = values[at : at + (_LIGHT * self.size if light else self.size)]
            at += len(piece)
            yield piece

    async def cut_rounds(
        self, rounds: Mapping[Partition, Sequence[Record]]
    ) -> AsyncIterator[dict[Partition, Sequence[Record]]]:
        """What a reader took, some records at a time, otherwise as `cut`; notes whether express ones are among them."""
        if any(partition.number == EXPRESS_LANE for partition in rounds):
            self.express_seen()
        left = sum(map(len, rounds.values()))
        for some in split(rounds, self._sizes()):
            left -= sum(map(len, some.values()))
            yield some
            if left:
                await self.give_way()

    def _sizes(self) -> Iterator[int]:
        while True:
            yield self.size


def split(
    rounds: Mapping[Partition, Sequence[Record]], sizes: int | Iterator[int]
) -> Iterator[dict[Partition, Sequence[Record]]]:
    """What a reader took as several rounds, each partition in order.

    Args:
        rounds: what it took.
        sizes: most records of every round, or of one after the other; the next one is asked for when it is needed.
    """
    each = repeat(sizes) if isinstance(sizes, int) else sizes
    some: dict[Partition, Sequence[Record]] = {}
    room = 0
    for partition, records in rounds.items():
        at = 0
        while at < len(records):
            if not room:
                if some:
                    yield some
                some, room = {}, next(each)
            part = some[partition] = records[at : at + room]
            at += len(part)
            room -= len(part)
    if some:
        yield some
