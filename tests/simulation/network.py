"""What lies between the processes and the modelled brokers: time, loss, repeats, refusals, brokers that are away.

A request is a function that is carried out at one moment, on its arrival, and has one of these fates:
answered; refused; lost on its way; carried out and its answer lost; tried again by the client library,
with its first try carried out or not; held somewhere until its sender has long given up, and carried
out then. Which one is drawn from a seeded generator, by the probabilities of the weather.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextvars import Context, copy_context
from dataclasses import dataclass
from random import Random
from typing import Generic, NamedTuple, TypeVar
from zlib import crc32

from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.topics import Partition
from simulation.history import History
from simulation.kafka import Brokers

__all__ = ["CALM", "Answer", "Network", "Weather"]

_Result = TypeVar("_Result")
_NODES = 3
_RETRY_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Weather:
    """Probabilities of the fates of one request, and how long things take. Only what writes is ever late."""

    lost: float = 0.0
    unanswered: float = 0.0
    late: float = 0.0
    refused: float = 0.0
    retried: float = 0.0
    slow: float = 0.0
    """That a message takes up to `slow_seconds`, and not `latency_seconds`."""
    latency_seconds: float = 0.0
    slow_seconds: float = 0.0
    late_seconds: float = 0.0
    """How long after its sender has given up a late request is carried out, at most."""
    stale_seconds: float = 0.0
    """How long a broker may not know of a topic that was just created."""


CALM = Weather()


class Answer(NamedTuple, Generic[_Result]):
    """What became of a request: a result, or the error with which it was refused."""

    result: _Result | None
    error: Exception | None


class Network:
    """Carries requests to the brokers.

    Args:
        brokers: what they hold.
        chance: draws every fate.
        clock: the brokers' clock, milliseconds since 1970 UTC.
        history: is told what the brokers do.
    """

    def __init__(self, brokers: Brokers, chance: Random, clock: Callable[[], int], history: History) -> None:
        self.brokers = brokers
        self.weather = CALM
        self.clock = clock
        self.history = history
        self._chance = chance
        self._away: set[int] = set()
        self._waiting: dict[Partition, list[asyncio.Future[None]]] = {}
        self._known_at: dict[str, float] = {}
        self._context: Context = copy_context()
        self._producers = 0
        self.counts: dict[str, int] = {}
        """How many requests had each fate but the good one."""

    # -- brokers

    def node_of(self, name: str) -> int:
        """The broker that leads a partition or coordinates a group."""
        return crc32(name.encode()) % _NODES

    def leader(self, partition: Partition) -> int:
        """The broker that leads a partition."""
        return self.node_of(f"{partition.topic}-{partition.number}")

    def stop(self, nodes: Collection[int]) -> None:
        """Brokers go away; what they hold stays. For their partitions nobody answers until they are back."""
        self._away.update(nodes)
        self.history.note("kafka", f"away {sorted(self._away)}")

    def start(self) -> None:
        """All brokers are there."""
        self._away.clear()
        self.history.note("kafka", "all here")
        for partition in sorted(self._waiting):
            self.tell(partition)

    def is_away(self, node: int | None) -> bool:
        """Whether a broker does not answer; None: whether none does."""
        return len(self._away) == _NODES if node is None else node in self._away

    def new_producer(self) -> int:
        """The id of a producer that begins."""
        self._producers += 1
        return self._producers

    def draw(self) -> float:
        """A number from 0 to 1 that decides something about a reader."""
        return self._chance.random()

    # -- requests

    def latency(self) -> float:
        """How long a message takes now, seconds."""
        weather = self.weather
        if weather.slow and self._chance.random() < weather.slow:
            return self._chance.random() * weather.slow_seconds
        return self._chance.random() * weather.latency_seconds

    def _fate(self, *, writes: bool) -> str:
        weather = self.weather
        drawn = self._chance.random()
        for name in ("lost", "unanswered", "late", "refused", "retried"):
            drawn -= getattr(weather, name)
            if drawn < 0:
                if name == "late" and not writes:
                    return "lost"
                self.counts[name] = self.counts.get(name, 0) + 1
                return name
        return "answered"

    def send(
        self, action: Callable[[], _Result], *, node: int | None, seconds: float, writes: bool
    ) -> "asyncio.Future[Answer[_Result]]":
        """Send a request.

        Args:
            action: what the broker does when it arrives; doing it twice must be as good as once.
            node: which broker; None: any.
            seconds: after which its sender gives up.
            writes: whether it changes anything.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer[_Result]] = loop.create_future()

        def carry_out() -> Answer[_Result]:
            try:
                return Answer(action(), None)
            except Exception as error:  # noqa: BLE001 - it is the sender's
                return Answer(None, error)

        def later(delay: float, what: Callable[..., object], *values: object) -> None:
            loop.call_later(delay, what, *values, context=self._context)

        def arrive() -> None:
            if self.is_away(node):
                # The client library tries again, for as long as its caller waits.
                if not answer.done():
                    later(_RETRY_SECONDS, arrive)
                return
            later(self.latency(), reply, carry_out())

        def reply(done: Answer[_Result]) -> None:
            if not answer.done():
                answer.set_result(done)

        def silently() -> None:
            if not self.is_away(node):
                carry_out()

        delay = self.latency()
        match self._fate(writes=writes):
            case "lost":
                pass
            case "unanswered":
                later(delay, silently)
            case "late":
                later(seconds + self._chance.random() * self.weather.late_seconds, silently)
            case "refused":
                later(delay, reply, Answer(None, UnavailableError("Kafka refuses this for now")))
            case "retried":
                if self._chance.random() < 0.5:
                    later(delay, silently)
                later(delay + _RETRY_SECONDS, arrive)
            case _:
                later(delay, arrive)
        return answer

    async def request(
        self, action: Callable[[], _Result], seconds: float, what: str, *, node: int | None = None, writes: bool = False
    ) -> _Result:
        """Send a request and wait for its answer.

        Raises:
            UnavailableError: it was refused, or no answer came in time.
        """
        return await self.answered(
            self.send(action, node=node, seconds=seconds, writes=writes), seconds=seconds, what=what
        )

    async def answered(self, answer: Awaitable[Answer[_Result]], *, seconds: float, what: str) -> _Result:
        """The result of a request, or its error."""
        try:
            async with asyncio.timeout(seconds):
                result, error = await answer
        except TimeoutError as late:
            raise UnavailableError(f"no answer in time: {what}") from late
        if error is not None:
            raise error
        return result  # type: ignore[return-value] # there is a result where there is no error

    # -- what is new

    def created(self, topic: str) -> None:
        """A topic was created; not every broker knows of it at once."""
        delay = self._chance.random() * self.weather.stale_seconds
        self._known_at[topic] = asyncio.get_running_loop().time() + delay

    def knows(self, topic: str) -> bool:
        """Whether the broker that is asked knows of a topic by now."""
        late = self._known_at.get(topic, 0.0) > asyncio.get_running_loop().time()
        return not late or self._chance.random() < 0.5

    def tell(self, partition: Partition) -> None:
        """Something was appended: who waits for it may look."""
        for waiting in self._waiting.pop(partition, ()):
            if not waiting.done():
                waiting.set_result(None)

    async def news(self, partitions: Collection[Partition], seconds: float) -> None:
        """Wait until something is appended to one of these partitions, or for a time."""
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[None] = loop.create_future()
        for partition in partitions:
            self._waiting.setdefault(partition, []).append(waiting)
        timer = loop.call_later(seconds, _let_go, waiting)
        try:
            await waiting
        finally:
            timer.cancel()
            for partition in partitions:
                others = self._waiting.get(partition)
                if others is not None and waiting in others:
                    others.remove(waiting)


def _let_go(waiting: "asyncio.Future[None]") -> None:
    if not waiting.done():
        waiting.set_result(None)
