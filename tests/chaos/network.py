"""The network between three brokers and those who use them: a door for each broker and each party."""

import random
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from chaos.proxy import Door
from lienthong.embedded import Listener
from lienthong.embedded.ports import first_free

__all__ = ["AGENTS", "BETWEEN_BROKERS", "NODES", "SERVICES_SIDE", "Network"]

NODES = (1, 2, 3)
SERVICES_SIDE, AGENTS, BETWEEN_BROKERS = "SERVICES", "AGENCIES", "BROKERS"
"""Parties, by the names of the brokers' listeners for them."""
_HOST = "127.0.0.1"


class Network:
    """All doors, and the listeners behind them.

    Args:
        seed: decides which answers are lost.
    """

    def __init__(self, seed: int) -> None:
        chance = random.Random(seed)
        taken: set[int] = set()
        self._doors: dict[tuple[str, int], Door] = {}
        for party in (SERVICES_SIDE, AGENTS, BETWEEN_BROKERS):
            for node in NODES:
                port, target = _port(taken), _port(taken)
                self._doors[party, node] = Door(port, target, random.Random(chance.random()))

    @property
    def listeners(self) -> Mapping[int, Sequence[Listener]]:
        """What each broker is told: where to listen behind its doors, and to advertise the doors."""
        return {
            node: [
                Listener(party, door.target, door.port, between_nodes=party == BETWEEN_BROKERS)
                for (party, number), door in self._doors.items()
                if number == node
            ]
            for node in NODES
        }

    def bootstrap(self, party: str) -> str:
        """The addresses of all brokers for a party."""
        return ",".join(f"{_HOST}:{self._doors[party, node].port}" for node in NODES)

    def doors(self, parties: Iterable[str], nodes: Iterable[int] = NODES) -> list[Door]:
        """Doors of some parties to some brokers."""
        some = list(nodes)
        return [self._doors[party, node] for party in parties for node in some]

    @property
    def lost_answers(self) -> int:
        """Answers to Produce that were lost on purpose so far."""
        return sum(door.lost for door in self._doors.values())

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Let all doors listen for the time of a context."""
        async with AsyncExitStack() as stack:
            for door in self._doors.values():
                await stack.enter_async_context(door.opened())
            yield


def _port(taken: set[int]) -> int:
    port = first_free(_HOST, (), avoid=taken)
    taken.add(port)
    return port
