"""Work on many values in pieces, so that whatever else an event loop has to do comes in between."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import TypeVar

from lienthong.kernel.ledger import Record
from lienthong.kernel.topics import Partition

__all__ = ["LIGHT_PIECE", "PIECE", "give_way", "in_pieces", "rounds_in_pieces", "split"]

PIECE = 50
"""Records worked on in one go: two or three milliseconds where a record is judged or verified."""
LIGHT_PIECE = 4 * PIECE
"""The same where little is done with each."""
_TURNS = 10
"""Most turns of the event loop between two pieces. Between a record's arrival on its connection and the row made of it
being on the way, tasks wake one another about so often, once a turn."""
_EMPTY_TURNS = 2
"""After so many turns in which nothing happened there is nothing to do: what arrives on a connection wakes its task in
one turn, and the task works in the next."""
_EMPTY_SECONDS = 15e-6
"""A turn in which nothing happened takes some two microseconds."""

_Value = TypeVar("_Value")


async def give_way() -> None:
    """Let the other tasks of this event loop go on, as far as they come without waiting for anybody."""
    empty = 0
    before = time.perf_counter()
    for _ in range(_TURNS):
        await asyncio.sleep(0)
        now = time.perf_counter()
        empty = empty + 1 if now - before < _EMPTY_SECONDS else 0
        if empty == _EMPTY_TURNS:
            return
        before = now


async def in_pieces(values: Sequence[_Value], size: int = PIECE) -> AsyncIterator[Sequence[_Value]]:
    """Values in order, at most so many at a time; the loop's other tasks get their turn between two pieces."""
    for at in range(0, len(values), size):
        if at:
            await give_way()
        yield values[at : at + size]


def split(rounds: Mapping[Partition, Sequence[Record]], size: int) -> Iterator[dict[Partition, Sequence[Record]]]:
    """What a reader took as several rounds of at most so many records, each partition in order."""
    some: dict[Partition, Sequence[Record]] = {}
    room = size
    for partition, records in rounds.items():
        at = 0
        while at < len(records):
            if not room:
                yield some
                some, room = {}, size
            part = some[partition] = records[at : at + room]
            at += len(part)
            room -= len(part)
    if some:
        yield some


async def rounds_in_pieces(
    rounds: Mapping[Partition, Sequence[Record]],
) -> AsyncIterator[dict[Partition, Sequence[Record]]]:
    """What a reader took, at most `PIECE` records at a time; otherwise as `in_pieces`."""
    for number, some in enumerate(split(rounds, PIECE)):
        if number:
            await give_way()
        yield some
