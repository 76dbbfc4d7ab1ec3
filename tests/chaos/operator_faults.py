"""Faults that an operator or an administrator makes, each mended as the handbook says (docs/operations.md)."""

import asyncio
import os
import random
import sys
from collections.abc import Callable
from contextlib import suppress

from chaos.processes import together
from chaos.rig import REMADE, SERVICES, Rig
from chaos.schedule import Injection
from lienthong.cli.resume import standing
from lienthong.kernel.directory_reader import DirectoryReader
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.ledger import is_genesis, read_delivery
from lienthong.kernel.topics import Partition, inbox, outbox

__all__ = ["offsets_lost", "on_duty", "remakes_outbox", "service_clock", "topic_again"]

_HOUR_MS = 3_600_000
_TRIES = 60
_FORGET_SECONDS = 20.0
_MEND_SECONDS = 90.0
_LOOK_SECONDS = 0.5
_OFF_SECONDS = 1.0
_WRITTEN_SECONDS = 600.0
_DUTY_SECONDS = 3.0


async def _forget_offsets(rig: Rig, service: str) -> None:
    """Delete the consumer group of a service that does not run.

    Raises:
        UnavailableError: Kafka does not do it for a long time.
    """
    group = f"lt.{service}"
    for _ in range(_TRIES):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "chaos.forget", rig.backbone.settings.bootstrap, group,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        try:
            async with asyncio.timeout(_FORGET_SECONDS):
                if await process.wait() == 0:
                    return
        except TimeoutError:
            process.kill()
            await process.wait()
        await asyncio.sleep(_LOOK_SECONDS)
    raise UnavailableError(f"the group {group} cannot be deleted")


async def _start_without_offsets(rig: Rig, service: str) -> None:
    await rig.services[service].stop()
    try:
        await _forget_offsets(rig, service)
        await asyncio.sleep(_OFF_SECONDS)
    finally:
        await rig.services[service].start()


async def offsets_lost(rig: Rig, injection: Injection) -> None:
    """A service was off for so long that nobody knows where it stood."""
    await _start_without_offsets(rig, SERVICES[int(injection.choice * len(SERVICES))])


async def service_clock(rig: Rig, injection: Injection) -> None:
    """A service runs with a wrong clock; then the operator mends it, and lifts what intake halted for.

    Raises:
        UnavailableError: intake does not go on.
    """
    chance = random.Random(injection.choice)
    name, ahead = chance.choice(SERVICES), chance.choice((_HOUR_MS, -_HOUR_MS))
    service = rig.services[name]
    usual = list(service.words)
    service.words = rig.wrong_clock(name, ahead)
    await service.kill()
    try:
        await asyncio.sleep(injection.seconds)
    finally:
        service.words = usual
        await service.kill()
        if name == "intake":
            await _resume(rig)
    # Receipts that were rejected for a clock are said again only when the notary reads the ledger again.
    if (name, ahead) in {("intake", -_HOUR_MS), ("notary", _HOUR_MS)}:
        await _start_without_offsets(rig, "notary")


async def _resume(rig: Rig) -> None:
    until = asyncio.get_running_loop().time() + _MEND_SECONDS
    lifted = False
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        waiting = await rig.waiting("intake")
        if not waiting:
            return
        if asyncio.get_running_loop().time() > until:
            raise UnavailableError(f"intake does not go on: {waiting}")
        # What halts it with the right clock is rejected rightly, for a revoked key.
        lifted = await _lift(rig, "the clock was wrong", rejections_stand=lifted) or lifted


async def _lift(rig: Rig, why: str, *, rejections_stand: bool = False) -> bool:
    """Lift what stands, unless Kafka cannot be reached at the moment; whether something was lifted."""
    with suppress(UnavailableError):
        async with rig.backbone.bus("chaos-resume") as bus:
            halts = await standing(bus, await DirectoryReader(bus, rig.backbone.trust).load())
        if halts:
            async with rig.operator() as operator:
                await operator.lift(
                    [one.id for one in halts], why, rig.backbone.settings.backbone, rejections_stand=rejections_stand
                )
            return True
    return False


async def on_duty(rig: Rig, say: Callable[[str], None]) -> None:
    """Be the operator whom a halt calls, until cancelled.

    Three revoked keys within five minutes are as much of the agencies as a fault that concerns all; the operator
    finds the rejections to be right and lets intake go on. A wrong clock is mended first, by whoever made it wrong.
    """
    while True:
        await asyncio.sleep(_DUTY_SECONDS)
        told = [str(why) for why in (await rig.waiting("intake")).values() if "until the operator resumes" in str(why)]
        if told:
            async with rig.topics:
                say(f"the operator lifts what intake halted for: {told[0][:300]}")
                await _lift(rig, "keys were revoked, the rejections are right", rejections_stand=True)


def remakes_outbox(injection: Injection) -> bool:
    """Whether it is the out topic that is made again, and not the inbox."""
    return injection.choice < 0.5


async def topic_again(rig: Rig, injection: Injection) -> None:
    """Delete a topic under everybody's hands, and make it again as the handbook says.

    Raises:
        UnavailableError: it cannot be mended in time.
    """
    mend = _outbox_again if remakes_outbox(injection) else _inbox_again
    async with asyncio.timeout(2 * _MEND_SECONDS + _WRITTEN_SECONDS):
        await mend(rig, injection.seconds)


async def _delete(rig: Rig, topic: str) -> None:
    while True:
        try:
            async with rig.backbone.bus("chaos-administrator") as bus:
                await bus.delete_topics([topic])
        except UnavailableError:
            # Whether it is gone is unknown, and what is begun is brought to its end.
            await asyncio.sleep(_LOOK_SECONDS)
        else:
            return


async def _outbox_again(rig: Rig, seconds: float) -> None:
    """Intake ends with an alarm; made again, the topic is another generation; the client sends again what was lost."""
    intake = rig.services["intake"]
    alarms = intake.alarms
    await _delete(rig, outbox(REMADE))
    await asyncio.sleep(seconds)
    await rig.provision()
    until = asyncio.get_running_loop().time() + _MEND_SECONDS
    # Another fault may have ended intake before it looked; then the new one reads the new topic as it is.
    starts = intake.starts
    while intake.alarms == alarms and intake.starts == starts:
        if asyncio.get_running_loop().time() > until:
            raise UnavailableError("intake does not notice that an out topic was made again")
        await asyncio.sleep(_LOOK_SECONDS)
    await rig.agents[REMADE].kill()


async def _inbox_again(rig: Rig, seconds: float) -> None:
    """Dispatch writes the inbox again from the ledger, with the same numbers, before the agency reads it."""
    topic = inbox(REMADE)
    agent, dispatch = rig.agents[REMADE], rig.services["dispatch"]
    old = await _highest_numbers(rig, topic)
    await _delete(rig, topic)
    await asyncio.sleep(seconds)
    await agent.stop()
    # All of them: what one writes that knows the old topic has the old topic's numbers.
    await together(one.stop() for one in (dispatch, *rig.extra) if one.name == dispatch.name)
    try:
        await rig.provision()
        await _forget_offsets(rig, "dispatch")
    finally:
        await dispatch.start()
    try:
        await _written_again(rig, topic, old)
    finally:
        await agent.start()


async def _written_again(rig: Rig, topic: str, old: dict[int, int]) -> None:
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        try:
            new = await _highest_numbers(rig, topic)
        except UnavailableError:
            continue
        if all(new.get(lane, 0) >= number for lane, number in old.items()):
            return


async def _highest_numbers(rig: Rig, topic: str) -> dict[int, int]:
    """The number of the last record of each lane of an inbox."""
    found: dict[int, int] = {}
    async with rig.backbone.bus("chaos-administrator") as bus:
        lanes = [Partition(topic, lane) for lane in range(await bus.lanes(topic))]
        async with bus.reader() as reader:
            ends = await reader.ends(lanes)
        async for records in bus.scan({one: (max(0, ends[one] - 1), ends[one]) for one in lanes}):
            found |= {one.partition: read_delivery(one).sequence for one in records if not is_genesis(one)}
    return found
