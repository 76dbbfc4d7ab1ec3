"""How each fault is injected and ended. Each is one coroutine that takes the rig and an injection."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from types import MappingProxyType

from chaos.checker import Allowed
from chaos.failover import all_in_sync
from chaos.net_faults import directory_away, net_cut, net_cut_brokers, net_cut_one_way, net_lost_answer, net_slow
from chaos.operator_faults import offsets_lost, remakes_outbox, service_clock, topic_again
from chaos.poison import poison
from chaos.rig import AGENCIES, REMADE, SERVICES, SMALL_NODE, Rig
from chaos.schedule import FaultKind, Injection
from lienthong.directory.operator import Operator
from lienthong.kernel.agency import agency_code
from lienthong.kernel.bus import Row
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.keys import SigningKey
from lienthong.kernel.topics import Partition, outbox

__all__ = ["INJECTORS", "allowed", "inject"]

_NODES = (1, 2, 3)
_TWIN_SECONDS = 4.0
_TWIN_RATE = 5.0
_ROLL_SECONDS = 1.0
_SAMPLES = 3
_HOUR_MS = 3_600_000
_DAMAGED_BYTES = 8_192
_WHOLE_SECONDS = 120.0
_WHOLE_LOOKS = 3
_WHOLE_PAUSE_SECONDS = 0.5
_NOTICED_SECONDS = 8

_REJECTIONS: Mapping[FaultKind, tuple[str, ...]] = MappingProxyType(
    {
        FaultKind.KEY_REVOKED: ("key_revoked", "key_not_valid"),
        FaultKind.CLIENT_CLOCK: ("future",),
        # An intake whose clock is behind finds everything to be from the future, and keys not valid yet.
        FaultKind.SERVICE_CLOCK: ("future", "key_not_valid"),
    }
)
"""For which reasons a good agency's documents may be rejected because of a fault."""
_DAMAGE: Mapping[FaultKind, tuple[str, ...]] = MappingProxyType(
    {
        FaultKind.SERVICE_CLOCK: ("away from when Kafka appended it",),
        FaultKind.TOPIC_AGAIN: ("the topic was made anew",),
    }
)
"""What the auditor says, and has to, because of a fault."""


def allowed(schedule: Sequence[Injection]) -> Allowed:
    """What is no broken promise after these faults, because it is what we say happens then."""
    kinds = {one.kind for one in schedule}
    remade = any(one.kind is FaultKind.TOPIC_AGAIN and remakes_outbox(one) for one in schedule)
    return Allowed(
        rejections=frozenset(reason for kind in kinds for reason in _REJECTIONS.get(kind, ())),
        damage=tuple(text for kind in kinds for text in _DAMAGE.get(kind, ())),
        remade=frozenset({REMADE} if remade else ()),
        alarms=frozenset({"intake"} if remade else ()),
    )


_ALONE = frozenset(
    {
        FaultKind.BROKER_KILL,
        FaultKind.BROKER_KILL_MAJORITY,
        FaultKind.BROKER_KILL_ALL,
        FaultKind.BROKER_ROLL,
        FaultKind.BROKER_CUT,
        FaultKind.BROKER_DISK_FULL,
        FaultKind.NET_CUT_BROKERS,
    }
)
"""They wait for one another: records that are cut off must stand in the other two copies, which is all we promise."""
_MENDED = frozenset({FaultKind.SERVICE_CLOCK, FaultKind.OFFSETS_LOST, FaultKind.TOPIC_AGAIN})
"""They wait for one another: the operator mends each before the next."""


_AGAIN = frozenset({FaultKind.POISON, FaultKind.DIRECTORY_AWAY, FaultKind.NET_LOST_ANSWER})
"""They are tried again for a while when another fault has taken away what they need."""
_AGAIN_SECONDS = 30.0
_AGAIN_PAUSE_SECONDS = 1.0


async def inject(rig: Rig, injection: Injection, load_ends: float) -> None:
    """Inject a fault, and end it when its time is over.

    Args:
        rig: what it is injected into.
        injection: the fault.
        load_ends: the event loop's time from which on nothing is injected any more: a fault that had to wait for
            another one that long would meet no load.

    Raises:
        UnavailableError: it could not be injected, or its turn came too late.
    """
    async with AsyncExitStack() as stack:
        if injection.kind in _ALONE:
            await stack.enter_async_context(rig.brokers)
        if injection.kind in _MENDED:
            await stack.enter_async_context(rig.topics)
        if asyncio.get_running_loop().time() > load_ends:
            raise UnavailableError("its turn came when the load had ended")
        until = asyncio.get_running_loop().time() + _AGAIN_SECONDS
        while True:
            try:
                return await INJECTORS[injection.kind](rig, injection)
            except UnavailableError:
                if injection.kind not in _AGAIN or asyncio.get_running_loop().time() > until:
                    raise
            await asyncio.sleep(_AGAIN_PAUSE_SECONDS)


def _node(injection: Injection) -> int:
    return _NODES[int(injection.choice * len(_NODES))]


def _agency(injection: Injection) -> str:
    return AGENCIES[int(injection.choice * len(AGENCIES))]


async def _kill_brokers(rig: Rig, numbers: tuple[int, ...], seconds: float) -> None:
    await asyncio.to_thread(rig.cluster.kill, *numbers)
    await asyncio.sleep(seconds)
    await rig.start_brokers(numbers)


async def _broker_kill(rig: Rig, injection: Injection) -> None:
    await _kill_brokers(rig, (_node(injection),), injection.seconds)


async def _broker_kill_majority(rig: Rig, injection: Injection) -> None:
    spared = _node(injection)
    await _kill_brokers(rig, tuple(one for one in _NODES if one != spared), injection.seconds)


async def _broker_kill_all(rig: Rig, injection: Injection) -> None:
    await _kill_brokers(rig, _NODES, injection.seconds)


async def _broker_pause(rig: Rig, injection: Injection) -> None:
    rig.cluster.pause(_node(injection))
    await asyncio.sleep(injection.seconds)
    rig.cluster.resume(_node(injection))


async def _broker_roll(rig: Rig, _: Injection) -> None:
    for number in _NODES:
        try:
            await asyncio.to_thread(rig.cluster.stop, number)
            await asyncio.to_thread(rig.cluster.start, number, timeout_seconds=60)
        except UnavailableError:
            # Another fault has taken the majority away meanwhile.
            await rig.start_brokers([number])
        await asyncio.sleep(_ROLL_SECONDS)


async def _broker_cut(rig: Rig, injection: Injection) -> None:
    number = _node(injection)
    await _whole(rig, number)
    await asyncio.to_thread(rig.cluster.kill, number)
    damage(rig.cluster.folder(number).data, random.Random(injection.choice))
    await asyncio.sleep(injection.seconds)
    await rig.start_brokers([number])
    await _whole(rig, number)


async def _whole(rig: Rig, number: int) -> None:
    """Wait until all copies are in sync of everything that a broker has a copy of, and stay so for some looks.

    Otherwise the copy that is cut may be the only one in sync. Kafka makes it the leader again, as the last one that
    was, and the others cut theirs to be like it.

    Raises:
        UnavailableError: they are not in time.
    """
    data, seen = rig.cluster.folder(number).data, 0
    until = asyncio.get_running_loop().time() + _WHOLE_SECONDS
    while seen < _WHOLE_LOOKS:
        if asyncio.get_running_loop().time() > until:
            raise UnavailableError("not all copies are in sync")
        await asyncio.sleep(_WHOLE_PAUSE_SECONDS)
        topics = {folder.name.rpartition("-")[0] for folder in _partitions(data)}
        seen = seen + 1 if await asyncio.to_thread(all_in_sync, rig.cluster, topics) else 0


def _partitions(data: Path) -> list[Path]:
    """Folders of the backbone's partitions in the folder of a broker; those that are being deleted left out."""
    return sorted(folder for folder in data.glob("lt.*") if folder.name.rpartition("-")[2].isdigit())


def damage(data: Path, chance: random.Random) -> None:
    """Cut off or overwrite the end of the newest file of records of every partition of the backbone."""
    for folder in _partitions(data):
        newest = max(folder.glob("*.log"))
        size = newest.stat().st_size
        some = min(size, chance.randrange(1, _DAMAGED_BYTES))
        with newest.open("r+b") as file:
            if chance.random() < 0.5:
                file.truncate(size - some)
            else:
                file.seek(size - some)
                file.write(chance.randbytes(some))


async def _broker_disk_full(rig: Rig, injection: Injection) -> None:
    if not rig.small_disk:
        raise UnavailableError("a small file system cannot be mounted here")
    filler = rig.small_disk / "filler"
    await asyncio.to_thread(fill, filler)
    await asyncio.sleep(injection.seconds)
    filler.unlink()
    # A broker whose only disk fails ends by itself, at its next write.
    for _ in range(_NOTICED_SECONDS):
        await rig.start_brokers([SMALL_NODE])
        await asyncio.sleep(1)


def fill(file: Path) -> None:
    """Write to a file until there is no room left on its disk."""
    block = bytes(1 << 20)
    with suppress(OSError), file.open("wb", buffering=0) as stream:
        while True:
            stream.write(block)


async def _service_kill(rig: Rig, injection: Injection) -> None:
    await rig.services[SERVICES[int(injection.choice * len(SERVICES))]].kill()


async def _service_zombie(rig: Rig, injection: Injection) -> None:
    name = SERVICES[int(injection.choice * len(SERVICES))]
    async with AsyncExitStack() as stack:
        if name == "dispatch":
            # Who makes an inbox again stops every dispatcher before.
            await stack.enter_async_context(rig.topics)
        await _zombie(rig, name, injection.seconds)


async def _zombie(rig: Rig, name: str, seconds: float) -> None:
    zombie, twin = rig.services[name], rig.service(name)
    zombie.send(signal.SIGSTOP)
    rig.extra.append(twin)
    await twin.start()
    try:
        await asyncio.sleep(seconds)
    finally:
        zombie.send(signal.SIGCONT)
    # Now both work on the same lanes.
    await asyncio.sleep(_TWIN_SECONDS)
    await twin.stop()
    if twin in rig.extra:
        rig.extra.remove(twin)


async def _service_roll(rig: Rig, _: Injection) -> None:
    for service in rig.services.values():
        await service.stop()
        await service.start()
        await asyncio.sleep(_ROLL_SECONDS)


async def _client_kill(rig: Rig, injection: Injection) -> None:
    await rig.agents[_agency(injection)].kill()


async def _client_pause(rig: Rig, injection: Injection) -> None:
    agent = rig.agents[_agency(injection)]
    agent.send(signal.SIGSTOP)
    await asyncio.sleep(injection.seconds)
    agent.send(signal.SIGCONT)


async def _client_twin(rig: Rig, injection: Injection) -> None:
    twin = rig.agent(_agency(injection), _TWIN_RATE)
    rig.extra.append(twin)
    await twin.start()
    await asyncio.sleep(injection.seconds)
    await twin.stop()
    if twin in rig.extra:
        rig.extra.remove(twin)


async def _client_clock(rig: Rig, injection: Injection) -> None:
    agent = rig.agents[_agency(injection)]
    usual = list(agent.words)
    agent.words += ["--clock-ahead-ms", str(_HOUR_MS)]
    await agent.kill()
    await asyncio.sleep(injection.seconds)
    agent.words = usual
    await agent.kill()


async def _poison(rig: Rig, injection: Injection) -> None:
    agency = _agency(injection)
    other = next(one for one in AGENCIES if one != agency)
    chance = random.Random(injection.choice)
    async with rig.backbone.bus("chaos-poison") as bus:
        for lane in range(await bus.lanes(outbox(agency))):
            samples: dict[str, list[bytes]] = {}
            for code in (agency, other):
                partition = Partition(outbox(code), lane)
                async with bus.reader() as reader:
                    end = (await reader.ends([partition]))[partition]
                found = [
                    record.value
                    async for records in bus.scan({partition: (max(0, end - _SAMPLES), end)})
                    for record in records
                ]
                samples[code] = [value for value in found if value]
            rows: list[Row] = poison(chance, samples[agency], samples[other])
            async with bus.publisher() as publisher:
                await publisher.append({Partition(outbox(agency), lane): rows})


async def _key_revoked(rig: Rig, injection: Injection) -> None:
    agency = _agency(injection)
    settings = rig.backbone.settings
    file = settings.home / "agencies" / agency / "signing.pem"
    old, new = SigningKey.load(file), SigningKey.generate()
    operator_key = SigningKey.load(settings.home / "keys" / "operator.pem")
    async with Operator.open(settings.kafka(), rig.backbone.trust, operator_key) as operator:
        await operator.add_key(agency_code(agency), new.public_key)
        fresh = file.with_suffix(".new")
        new.save(fresh)
        fresh.replace(file)
        # What the old process has on its way meets the revocation there.
        await operator.revoke_key(old.key_id)
    await rig.agents[agency].kill()


INJECTORS: Mapping[FaultKind, Callable[[Rig, Injection], Awaitable[None]]] = MappingProxyType(
    {
        FaultKind.BROKER_KILL: _broker_kill,
        FaultKind.BROKER_KILL_MAJORITY: _broker_kill_majority,
        FaultKind.BROKER_KILL_ALL: _broker_kill_all,
        FaultKind.BROKER_PAUSE: _broker_pause,
        FaultKind.BROKER_ROLL: _broker_roll,
        FaultKind.BROKER_CUT: _broker_cut,
        FaultKind.BROKER_DISK_FULL: _broker_disk_full,
        FaultKind.SERVICE_KILL: _service_kill,
        FaultKind.SERVICE_ZOMBIE: _service_zombie,
        FaultKind.SERVICE_ROLL: _service_roll,
        FaultKind.CLIENT_KILL: _client_kill,
        FaultKind.CLIENT_PAUSE: _client_pause,
        FaultKind.CLIENT_TWIN: _client_twin,
        FaultKind.CLIENT_CLOCK: _client_clock,
        FaultKind.POISON: _poison,
        FaultKind.KEY_REVOKED: _key_revoked,
        FaultKind.NET_CUT: net_cut,
        FaultKind.NET_CUT_ONE_WAY: net_cut_one_way,
        FaultKind.NET_SLOW: net_slow,
        FaultKind.NET_LOST_ANSWER: net_lost_answer,
        FaultKind.NET_CUT_BROKERS: net_cut_brokers,
        FaultKind.SERVICE_CLOCK: service_clock,
        FaultKind.OFFSETS_LOST: offsets_lost,
        FaultKind.DIRECTORY_AWAY: directory_away,
        FaultKind.TOPIC_AGAIN: topic_again,
    }
)
