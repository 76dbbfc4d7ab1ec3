"""What a service is given: nothing is read from the environment or from globals below this."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from lienthong.kernel.bus import Bus, Connect
from lienthong.kernel.clock import Clock, now_ms
from lienthong.kernel.lanes import EXPRESS_LANE
from lienthong.kernel.trust import Trust
from lienthong.runtime.settings import Settings

__all__ = ["Context", "Health"]


_SILENT_SECONDS = 5.0
"""A round takes a quarter of a second when nothing comes, and is answered in milliseconds by a Kafka that works."""


class Health:
    """Which parts of the process are ready. A part starts as not ready and says why.

    A part that reads and writes says after every round that it is alive. Kafka may keep it waiting without
    an error, for instance when too few copies are in sync, so one that falls silent is not ready either.

    Args:
        monotonic: seconds on a clock that never goes back.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._waiting: dict[str, str] = {}
        self._alive: dict[str, float] = {}
        self._monotonic = monotonic

    def waiting(self, part: str, why: str) -> None:
        """The part is not ready."""
        self._waiting[part] = why
        self._alive.pop(part, None)

    def ready(self, part: str) -> None:
        """The part is ready."""
        self._waiting.pop(part, None)

    def begin_rounds(self, part: str) -> None:
        """The part is ready and its first round begins; like every later one it ends within seconds."""
        self.ready(part)
        self.alive(part)

    def alive(self, part: str) -> None:
        """A part that is ready has finished a round, and will again within seconds."""
        self._alive[part] = self._monotonic()

    def not_ready(self) -> dict[str, str]:
        """Parts that are not ready, and why."""
        now = self._monotonic()
        silent = {
            part: f"Kafka has kept it waiting for {now - since:.0f} s"
            for part, since in self._alive.items()
            if now - since > _SILENT_SECONDS
        }
        return {**silent, **self._waiting}


@dataclass(frozen=True, slots=True)
class Context:
    """Values a service works with.

    `lanes` are the lanes this process serves; None means all of them.
    """

    settings: Settings
    trust: Trust
    lanes: Sequence[int] | None = None
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    health: Health = field(default_factory=Health)
    clock: Clock = now_ms
    connect: Connect = Bus.connect

    def lane_groups(self, count: int) -> dict[str, list[int]]:
        """The lanes this process serves, of the `count` that the backbone has, by how they are read.

        The express lane is read on connections of its own, so that nothing ordinary stands before it.

        Raises:
            ValueError: a lane was asked for that the backbone does not have.
        """
        mine = range(count) if self.lanes is None else self.lanes
        wrong = [lane for lane in mine if not 0 <= lane < count]
        if wrong:
            raise ValueError(f"lanes {wrong} do not exist: the backbone has lanes 0 to {count - 1}")
        groups = {
            "express": [lane for lane in mine if lane == EXPRESS_LANE],
            "ordinary": [lane for lane in mine if lane != EXPRESS_LANE],
        }
        return {name: lanes for name, lanes in groups.items() if lanes}
