"""When which fault is injected: drawn from a seed, printed before it begins, and played again from its file. Pure."""

import json
import random
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

__all__ = ["FaultKind", "Injection", "draw", "dump", "load", "parse_kinds"]


class FaultKind(StrEnum):
    """What can go wrong."""

    BROKER_KILL = "broker-kill"
    """kill -9 of one node, started again after a while."""
    BROKER_KILL_MAJORITY = "broker-kill-majority"
    """kill -9 of two nodes at once."""
    BROKER_KILL_ALL = "broker-kill-all"
    """kill -9 of all nodes at once."""
    BROKER_PAUSE = "broker-pause"
    """One node stands still (SIGSTOP): its connections stay open, nobody answers."""
    BROKER_ROLL = "broker-roll"
    """Rolling restart of all nodes, each stopped in an orderly way."""
    BROKER_CUT = "broker-cut"
    """kill -9 of one node, and the ends of its newest files of records are cut off or overwritten."""
    BROKER_DISK_FULL = "broker-disk-full"
    """The disk of the third node is full, then has room again; needs the right to mount a small file system."""
    SERVICE_KILL = "service-kill"
    """kill -9 of a service, which a supervisor starts again at once."""
    SERVICE_ZOMBIE = "service-zombie"
    """A service stands still, a second one takes its work, then the first goes on beside it."""
    SERVICE_ROLL = "service-roll"
    """All services are restarted in an orderly way, one after the other."""
    CLIENT_KILL = "client-kill"
    """kill -9 of an agency's process, started again at once."""
    CLIENT_PAUSE = "client-pause"
    """An agency's process stands still for a while."""
    CLIENT_TWIN = "client-twin"
    """A second process of an agency works beside the first one, on the same store."""
    CLIENT_CLOCK = "client-clock"
    """An agency's process runs with a clock that is an hour ahead, then with the right one."""
    POISON = "poison"
    """An agency's out topic gets records of every hostile kind."""
    KEY_REVOKED = "key-revoked"
    """An agency gets a new key, and the old one is revoked while documents are on their way."""
    NET_CUT = "net-cut"
    """One broker cannot be reached by services, by agencies or by both: connections are reset, or nothing passes."""
    NET_CUT_ONE_WAY = "net-cut-one-way"
    """Requests to one broker arrive and its answers do not, or the other way round; both come late, afterwards."""
    NET_SLOW = "net-slow"
    """The ways to all brokers are slow and narrow for services, for agencies or for both."""
    NET_LOST_ANSWER = "net-lost-answer"
    """What is produced arrives, and the connection ends before its answer, again and again."""
    NET_CUT_BROKERS = "net-cut-brokers"
    """The other brokers cannot copy from one of them: what it leads has one copy in sync, and takes no writes."""
    SERVICE_CLOCK = "service-clock"
    """A service runs with a clock that is an hour ahead or behind, then with the right one."""
    OFFSETS_LOST = "offsets-lost"
    """A service was off for longer than its committed offsets are kept: they are gone when it starts again."""
    DIRECTORY_AWAY = "directory-away"
    """A service and an agency's process start while the broker that leads the directory cannot be reached."""
    TOPIC_AGAIN = "topic-again"
    """The out topic or the inbox of an agency is deleted, and made again as the operator's handbook says."""


class Injection(NamedTuple):
    """One fault at one time.

    Attributes:
        at: seconds after the beginning.
        kind: which fault.
        seconds: how long it lasts, where it lasts.
        choice: from 0 to 1: which node, service or agency, chosen by whoever injects it.
    """

    at: float
    kind: FaultKind
    seconds: float
    choice: float

    def __str__(self) -> str:
        return f"{self.at:7.1f} s  {self.kind:<22} for {self.seconds:4.1f} s, choice {self.choice:.3f}"


_LASTS_SECONDS = {
    FaultKind.BROKER_KILL: (1.0, 8.0),
    FaultKind.BROKER_KILL_MAJORITY: (1.0, 6.0),
    FaultKind.BROKER_KILL_ALL: (1.0, 4.0),
    FaultKind.BROKER_PAUSE: (1.0, 60.0),
    FaultKind.BROKER_CUT: (1.0, 3.0),
    FaultKind.BROKER_DISK_FULL: (2.0, 8.0),
    FaultKind.SERVICE_ZOMBIE: (4.0, 12.0),
    FaultKind.CLIENT_PAUSE: (1.0, 10.0),
    FaultKind.CLIENT_TWIN: (5.0, 12.0),
    FaultKind.CLIENT_CLOCK: (6.0, 12.0),
    FaultKind.NET_CUT: (2.0, 15.0),
    FaultKind.NET_CUT_ONE_WAY: (2.0, 15.0),
    FaultKind.NET_SLOW: (5.0, 20.0),
    FaultKind.NET_LOST_ANSWER: (3.0, 12.0),
    FaultKind.NET_CUT_BROKERS: (2.0, 12.0),
    FaultKind.SERVICE_CLOCK: (6.0, 12.0),
    FaultKind.DIRECTORY_AWAY: (5.0, 15.0),
    FaultKind.TOPIC_AGAIN: (1.0, 5.0),
}
"""Shortest and longest; what is not named is over at once."""
_STORM = (2, 5)
"""How many faults come close together before it is quiet."""
_APART_SECONDS = (0.5, 4.0)
_QUIET_SECONDS = (8.0, 16.0)
_FIRST_SECONDS = 5.0


def draw(seed: int, seconds: float, kinds: Sequence[FaultKind]) -> list[Injection]:
    """Faults for a run: in storms with quiet between, each kind as often as the others. The same seed, the same faults.

    Args:
        seed: decides everything.
        seconds: how long load runs; every fault has ended by then.
        kinds: which faults; in any order.
    """
    chance = random.Random(seed)
    ordered = sorted(set(kinds))
    bag: list[FaultKind] = []
    found: list[Injection] = []
    at = _FIRST_SECONDS
    while True:
        for _ in range(chance.randint(*_STORM)):
            if not bag:
                bag = list(ordered)
                chance.shuffle(bag)
            kind = bag.pop()
            least, most = _LASTS_SECONDS.get(kind, (0.0, 0.0))
            if at + least > seconds:
                return found
            lasts = chance.uniform(least, max(least, min(most, seconds - at)))
            found.append(Injection(round(at, 1), kind, round(lasts, 1), round(chance.random(), 3)))
            at += chance.uniform(*_APART_SECONDS)
        at += chance.uniform(*_QUIET_SECONDS)


def parse_kinds(text: str) -> list[FaultKind]:
    """Kinds of faults from their names with commas between; a name's beginning is enough; `all`: every kind.

    Raises:
        ValueError: a name means nothing.
    """
    if text == "all":
        return list(FaultKind)
    found: list[FaultKind] = []
    for name in filter(None, (part.strip() for part in text.split(","))):
        matches = [kind for kind in FaultKind if kind.startswith(name)]
        if not matches:
            raise ValueError(f"{name!r} is no fault; there are: {', '.join(FaultKind)}")
        found += matches
    return found


def dump(injections: Sequence[Injection]) -> str:
    """A schedule as JSON, one fault a line."""
    return "[\n" + ",\n".join(json.dumps(one) for one in injections) + "\n]\n"


def load(text: str) -> list[Injection]:
    """A schedule from what `dump` made.

    Raises:
        ValueError: it is none.
    """
    try:
        return [
            Injection(float(at), FaultKind(kind), float(seconds), float(choice))
            for at, kind, seconds, choice in json.loads(text)
        ]
    except (TypeError, ValueError) as error:
        raise ValueError(f"this is no schedule: {error}") from error
