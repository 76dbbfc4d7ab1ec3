"""Faults of the network: what doors suffer, which ones, and for how long."""

import asyncio
import random

from chaos.network import AGENTS, BETWEEN_BROKERS, NODES, SERVICES_SIDE
from chaos.proxy import Trouble, suffering
from chaos.rig import AGENCIES, SERVICES, Rig
from chaos.schedule import Injection
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.topics import DIRECTORY

__all__ = ["directory_away", "net_cut", "net_cut_brokers", "net_cut_one_way", "net_lost_answer", "net_slow"]

_BOTH = (SERVICES_SIDE, AGENTS)
_PARTIES = (_BOTH, (SERVICES_SIDE,), (AGENTS,))
_SLOW_DELAYS = (0.02, 0.2)
_SLOW_BYTES = (300_000, 2_000_000)
_LOST_SHARE = 0.3
_HELD = Trouble(hold_requests=True, hold_answers=True)
_RESET = Trouble(reset=True)


def _drawn(injection: Injection) -> tuple[random.Random, tuple[str, ...], int]:
    chance = random.Random(injection.choice)
    return chance, chance.choice(_PARTIES), chance.choice(NODES)


async def net_cut(rig: Rig, injection: Injection) -> None:
    """One broker cannot be reached by some: half of the times with an error, half of the times in silence."""
    chance, parties, node = _drawn(injection)
    with suffering(rig.network.doors(parties, [node]), chance.choice((_RESET, _HELD))):
        await asyncio.sleep(injection.seconds)


async def net_cut_one_way(rig: Rig, injection: Injection) -> None:
    """Only requests or only answers pass."""
    chance, parties, node = _drawn(injection)
    trouble = chance.choice((Trouble(hold_requests=True), Trouble(hold_answers=True)))
    with suffering(rig.network.doors(parties, [node]), trouble):
        await asyncio.sleep(injection.seconds)


async def net_slow(rig: Rig, injection: Injection) -> None:
    """All ways of some are slow."""
    chance, parties, _ = _drawn(injection)
    trouble = Trouble(delay_seconds=chance.uniform(*_SLOW_DELAYS), bytes_per_second=chance.uniform(*_SLOW_BYTES))
    with suffering(rig.network.doors(parties), trouble):
        await asyncio.sleep(injection.seconds)


async def net_lost_answer(rig: Rig, injection: Injection) -> None:
    """Some answers to Produce are lost, from every broker."""
    _, parties, _ = _drawn(injection)
    before = rig.network.lost_answers
    with suffering(rig.network.doors(parties), Trouble(lost_answers=_LOST_SHARE)):
        await asyncio.sleep(injection.seconds)
    if rig.network.lost_answers == before:
        raise UnavailableError("nothing was produced meanwhile, so no answer was lost")


async def net_cut_brokers(rig: Rig, injection: Injection) -> None:
    """The others cannot copy from one broker."""
    chance, _, node = _drawn(injection)
    with suffering(rig.network.doors([BETWEEN_BROKERS], [node]), chance.choice((_RESET, _HELD))):
        await asyncio.sleep(injection.seconds)


async def directory_away(rig: Rig, injection: Injection) -> None:
    """A service and an agency begin without the directory; both must come up by themselves.

    Raises:
        UnavailableError: nobody leads the directory already, or one of them ended meanwhile.
    """
    chance = random.Random(injection.choice)
    leader = (await asyncio.to_thread(rig.cluster.partitions, DIRECTORY))[0].leader
    if leader not in NODES:
        raise UnavailableError("nobody leads the directory at the moment")
    service, agent = rig.services[chance.choice(SERVICES)], rig.agents[chance.choice(AGENCIES)]
    with suffering(rig.network.doors(_BOTH, [leader]), chance.choice((_RESET, _HELD))):
        for one in (service, agent):
            await one.kill()
        await asyncio.sleep(injection.seconds)
