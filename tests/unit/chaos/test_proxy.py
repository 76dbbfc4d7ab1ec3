"""A network that can be broken, tried with a server that answers every request by its own bytes."""

import asyncio
import random
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from chaos.proxy import Door, Frames, Trouble, suffering
from lienthong.demo.stage import free_port

PRODUCE, FETCH = 0, 1
HELD_SECONDS = 0.2


def request(key: int, number: int, size: int = 0) -> bytes:
    """A request as Kafka's begin, with as many bytes after its head."""
    body = struct.pack(">hhi", key, 9, number) + bytes(size)
    return struct.pack(">i", len(body)) + body


def answer(number: int, size: int = 0) -> bytes:
    """The answer of `Server` to a request."""
    body = struct.pack(">i", number) + bytes(size)
    return struct.pack(">i", len(body)) + body


class Server:
    """Answers each request with its number, and as many bytes as it had; remembers the numbers."""

    def __init__(self) -> None:
        self.port = free_port()
        self.heard: list[int] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while True:
                (length,) = struct.unpack(">i", await reader.readexactly(4))
                body = await reader.readexactly(length)
                (number,) = struct.unpack_from(">i", body, 4)
                self.heard.append(number)
                writer.write(answer(number, length - 8))
        except (asyncio.IncompleteReadError, OSError):
            writer.close()


@asynccontextmanager
async def opened(seed: int = 1) -> AsyncIterator[tuple[Server, Door]]:
    """A server, and a door that leads to it."""
    server = Server()
    door = Door(free_port(), server.port, random.Random(seed))
    listening = await asyncio.start_server(server.serve, "127.0.0.1", server.port)
    async with door.opened():
        yield server, door
    listening.close()


@asynccontextmanager
async def connected(door: Door) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection through a door."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def hears(server: Server, *numbers: int) -> None:
    """Wait until a server has heard these."""
    async with asyncio.timeout(5):
        while server.heard != list(numbers):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("seed", range(20))
def test_frames_are_found_however_the_bytes_are_cut(seed: int) -> None:
    """Every head comes once and in order, and the place is that of its length in the piece, or 0 if before it."""
    chance = random.Random(seed)
    whole = b"".join(request(chance.randrange(3), number, chance.randrange(40)) for number in range(50))
    frames, found, at = Frames(8), [], 0
    while at < len(whole):
        piece = whole[at : at + chance.randrange(1, 60)]
        for place, head in frames.feed(piece):
            found.append(struct.unpack(">hhi", head)[2])
            if place:
                assert whole[at + place + 4 : at + place + 12] == head
        at += len(piece)
    assert found == list(range(50))


async def test_bytes_pass_in_both_directions() -> None:
    """Without trouble a door changes nothing, also of what is larger than its pieces."""
    async with opened() as (server, door), connected(door) as (reader, writer):
        for number, size in enumerate((0, 10, 1_000_000)):
            writer.write(request(PRODUCE, number, size))
            assert answer(number, size) == await reader.readexactly(8 + size)
        assert server.heard == [0, 1, 2]
    assert door.lost == 0


async def test_connections_are_reset_and_refused_until_it_is_over() -> None:
    """Those that are there break at once, new ones too; afterwards new ones work."""
    async with opened() as (server, door), connected(door) as (reader, writer):
        writer.write(request(FETCH, 1))
        await reader.readexactly(8)
        with suffering([door], Trouble(reset=True)):
            with pytest.raises((OSError, asyncio.IncompleteReadError)):
                await asyncio.wait_for(reader.readexactly(1), 5)
            with pytest.raises((OSError, asyncio.IncompleteReadError)):
                async with connected(door) as (late, _):
                    await asyncio.wait_for(late.readexactly(1), 5)
        async with connected(door) as (again, more):
            more.write(request(FETCH, 2))
            assert answer(2) == await asyncio.wait_for(again.readexactly(8), 5)
        assert server.heard == [1, 2]


@pytest.mark.parametrize("trouble", [Trouble(hold_requests=True), Trouble(hold_answers=True)])
async def test_one_direction_is_held_and_comes_late(trouble: Trouble) -> None:
    """A request that is held is not heard, one whose answer is held is; both come to their end afterwards."""
    async with opened() as (server, door), connected(door) as (reader, writer):
        with suffering([door], trouble):
            writer.write(request(PRODUCE, 7))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.readexactly(1), HELD_SECONDS)
            assert server.heard == ([] if trouble.hold_requests else [7])
        assert answer(7) == await asyncio.wait_for(reader.readexactly(8), 5)


async def test_a_request_arrives_although_its_sender_gave_up() -> None:
    """As a packet that was under way: what is sent again elsewhere meanwhile is overtaken by nothing."""
    async with opened() as (server, door):
        with suffering([door], Trouble(hold_requests=True, hold_answers=True)):
            _, writer = await asyncio.open_connection("127.0.0.1", door.port)
            writer.write(request(PRODUCE, 7))
            await asyncio.sleep(HELD_SECONDS)
            writer.close()
            assert server.heard == []
        await hears(server, 7)


async def test_only_answers_to_produce_are_lost() -> None:
    """The request was heard, the connection ends before the answer, and what came before it was passed on."""
    async with opened() as (server, door), connected(door) as (reader, writer):
        with suffering([door], Trouble(lost_answers=1.0)):
            writer.write(request(FETCH, 1, 100) + request(PRODUCE, 2) + request(FETCH, 3))
            assert answer(1, 100) == await asyncio.wait_for(reader.read(), 5)
            await hears(server, 1, 2, 3)
    assert door.lost == 1


async def test_which_answers_are_lost_is_decided_by_the_seed() -> None:
    """The same chance, the same losses: a schedule is played again."""

    async def losses(seed: int) -> list[bool]:
        async with opened(seed) as (_, door):
            with suffering([door], Trouble(lost_answers=0.5)):
                return [door.loses() for _ in range(40)]

    assert await losses(3) == await losses(3)
    assert await losses(3) != await losses(4)
    assert 5 < sum(await losses(3)) < 35


async def test_a_slow_door_takes_its_time() -> None:
    """The delay comes once for each direction, and the width bounds what passes; a bound from below, so never flaky."""
    async with opened() as (_, door), connected(door) as (reader, writer):
        with suffering([door], Trouble(delay_seconds=0.05, bytes_per_second=1_000_000)):
            began = time.monotonic()
            writer.write(request(PRODUCE, 1, 200_000))
            await asyncio.wait_for(reader.readexactly(200_008), 10)
            assert time.monotonic() - began > 2 * 0.05 + 2 * 0.2


async def test_troubles_add_up_and_end_by_themselves() -> None:
    """Two faults at one door: when the first is over, the second still holds."""
    held = Trouble(hold_requests=True)
    async with opened() as (server, door), connected(door) as (reader, writer):
        door.begin(held)
        with suffering([door], held):
            writer.write(request(FETCH, 1))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readexactly(1), HELD_SECONDS)
        assert server.heard == []
        door.end(held)
        assert answer(1) == await asyncio.wait_for(reader.readexactly(8), 5)


async def test_a_door_to_nobody_refuses() -> None:
    """A broker that is down is down through its door too."""
    door = Door(free_port(), free_port(), random.Random(1))
    async with door.opened():
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            async with connected(door) as (reader, _):
                await asyncio.wait_for(reader.readexactly(1), 5)
