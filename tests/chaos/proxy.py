"""A network that can be broken: a door for each broker and party, through which all connections between them go.

A broker advertises to each party the port of its door here, and not its own. What a door suffers is said by
`Trouble`; several at once add up. Bytes that are held are kept and passed on when the trouble is over, as
TCP would, also when the one who sent them has given up meanwhile: a request may arrive very late.

The only thing of Kafka's protocol that is known here is where a request or an answer begins (its length, the
key of the request and the number that an answer repeats), so that answers to Produce can be told from others.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import NamedTuple

__all__ = ["Door", "Frames", "Trouble", "suffering"]

_HOST = "127.0.0.1"
_CHUNK_BYTES = 262_144
_LENGTH_BYTES = 4
_PRODUCE = 0
_REQUEST_HEAD, _ANSWER_HEAD = 8, 4
"""Of a request: key, version, number. Of an answer: the number."""


class Trouble(NamedTuple):
    """What a door suffers for a while."""

    reset: bool = False
    """Connections are reset, new ones too."""
    hold_requests: bool = False
    """What parties send does not arrive."""
    hold_answers: bool = False
    """What the broker sends does not arrive."""
    delay_seconds: float = 0.0
    """Every piece of data comes so much later, in each direction."""
    bytes_per_second: float = 0.0
    """Most data in each direction, of all connections together; 0: no bound."""
    lost_answers: float = 0.0
    """Share of the answers to Produce in whose place the connection is closed, 0 to 1."""


class Frames:
    """Where requests or answers begin in a stream of bytes.

    Args:
        head: how many bytes after the length are wanted of each; every frame must have so many.
    """

    def __init__(self, head: int) -> None:
        self._head = head
        self._begun = b""
        self._left = 0

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Frames whose heads are complete with this piece: where they begin in it (0 if before it), and the head."""
        found = []
        at, whole = 0, _LENGTH_BYTES + self._head
        while at < len(data):
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
                continue
            part = data[at : at + whole - len(self._begun)]
            self._begun += part
            at += len(part)
            if len(self._begun) == whole:
                self._left = max(0, int.from_bytes(self._begun[:_LENGTH_BYTES], "big") - self._head)
                found.append((max(0, at - whole), self._begun[_LENGTH_BYTES:]))
                self._begun = b""
        return found


class _Way:
    """One direction of a door: whether data may pass, and how fast."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.delay_seconds = 0.0
        self.bytes_per_second = 0.0
        self._free_at = 0.0

    async def pass_through(self, size: int) -> None:
        """Wait until so many bytes may pass."""
        if self.delay_seconds or self.bytes_per_second:
            now = asyncio.get_running_loop().time()
            if self.bytes_per_second:
                self._free_at = max(self._free_at, now) + size / self.bytes_per_second
            await asyncio.sleep(max(0.0, self._free_at - now) + self.delay_seconds)
        await self.open.wait()


class Door:
    """A port that leads to a broker's listener.

    Args:
        port: where it listens.
        target: the port of the listener, on this machine.
        chance: decides which answers are lost.
    """

    def __init__(self, port: int, target: int, chance: random.Random) -> None:
        self.port = port
        self.target = target
        self.lost = 0
        """Answers to Produce that were lost on purpose."""
        self._chance = chance
        self._troubles: list[Trouble] = []
        self._requests, self._answers = _Way(), _Way()
        self._connections: set[_Connection] = set()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Listen for the time of a context; at its end all connections are reset.

        Raises:
            OSError: the port is taken.
        """
        server = await asyncio.start_server(self._serve, _HOST, self.port, limit=_CHUNK_BYTES)
        try:
            yield
        finally:
            server.close()
            self._reset()
            await server.wait_closed()

    def begin(self, trouble: Trouble) -> None:
        """Suffer this from now on."""
        self._troubles.append(trouble)
        self._changed()

    def end(self, trouble: Trouble) -> None:
        """Suffer it no more; whatever else the door suffers stays."""
        self._troubles.remove(trouble)
        self._changed()

    def _changed(self) -> None:
        rates = [one.bytes_per_second for one in self._troubles if one.bytes_per_second]
        for way, held in (
            (self._requests, any(one.hold_requests for one in self._troubles)),
            (self._answers, any(one.hold_answers for one in self._troubles)),
        ):
            way.delay_seconds = max((one.delay_seconds for one in self._troubles), default=0.0)
            way.bytes_per_second = min(rates, default=0.0)
            if held:
                way.open.clear()
            else:
                way.open.set()
        if self._refuses:
            self._reset()

    @property
    def _refuses(self) -> bool:
        return any(one.reset for one in self._troubles)

    def loses(self) -> bool:
        """Whether the next answer to Produce is lost."""
        share = max((one.lost_answers for one in self._troubles), default=0.0)
        lost = share > 0 and self._chance.random() < share
        self.lost += lost
        return lost

    def _reset(self) -> None:
        for one in list(self._connections):
            one.reset()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refuses:
            writer.transport.abort()
            return
        try:
            inside = await asyncio.open_connection(_HOST, self.target, limit=_CHUNK_BYTES)
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection(self, (reader, writer), inside)
        self._connections.add(connection)
        try:
            await connection.run(self._requests, self._answers)
        finally:
            self._connections.discard(connection)


class _Connection:
    """One connection through a door."""

    def __init__(
        self,
        door: Door,
        outside: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        inside: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._door = door
        self._outside = outside
        self._inside = inside
        self._produces: set[bytes] = set()
        """Numbers of requests to Produce that have no answer yet."""
        self._tasks: list[asyncio.Task[None]] = []

    def reset(self) -> None:
        """Break it on both sides."""
        self._outside[1].transport.abort()
        self._inside[1].transport.abort()
        for task in self._tasks:
            task.cancel()

    async def run(self, requests: _Way, answers: _Way) -> None:
        """Pass on both directions until one of them ends."""
        self._tasks = [asyncio.create_task(self._send(requests)), asyncio.create_task(self._answer(answers))]
        await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        for _, writer in (self._outside, self._inside):
            # What was passed on still goes out.
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _send(self, way: _Way) -> None:
        frames = Frames(_REQUEST_HEAD)
        with suppress(OSError):
            while data := await self._outside[0].read(_CHUNK_BYTES):
                await way.pass_through(len(data))
                for _, head in frames.feed(data):
                    if int.from_bytes(head[:2], "big") == _PRODUCE:
                        self._produces.add(head[4:])
                self._inside[1].write(data)
                await self._inside[1].drain()

    async def _answer(self, way: _Way) -> None:
        frames = Frames(_ANSWER_HEAD)
        with suppress(OSError):
            while data := await self._inside[0].read(_CHUNK_BYTES):
                await way.pass_through(len(data))
                for at, number in frames.feed(data):
                    if number in self._produces:
                        self._produces.discard(number)
                        if self._door.loses():
                            self._outside[1].write(data[:at])
                            return
                self._outside[1].write(data)
                await self._outside[1].drain()


@contextmanager
def suffering(doors: Iterable[Door], trouble: Trouble) -> Iterator[None]:
    """Let doors suffer this for the time of a context."""
    some = list(doors)
    for door in some:
        door.begin(trouble)
    try:
        yield
    finally:
        for door in some:
            door.end(trouble)
