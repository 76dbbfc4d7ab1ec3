"""The relay as one writes it with FastStream: a subscriber that publishes what it returns."""

import asyncio

from bench.crew import Gate, Outcome, Role, run_crew
from bench.relay import consume, produce
from bench.rig import Rig

__all__ = ["faststream_relay"]

_PROBE = b"probe"


async def _relay(gate: Gate, bootstrap: str, source: str, target: str) -> None:
    from faststream.kafka import KafkaBroker

    broker = KafkaBroker(bootstrap, acks="all", enable_idempotence=True, logger=None)
    joined = asyncio.Event()

    @broker.subscriber(source, group_id=f"{source}.relay", auto_offset_reset="earliest")
    @broker.publisher(target)
    async def relay(body: bytes) -> bytes:
        joined.set()
        return body

    async with broker:
        await broker.start()
        # Joining a group takes seconds, which are not counted: a first record shows that it has joined.
        await broker.publish(_PROBE, source)
        await joined.wait()
        await gate.enter()
        await gate.closing()
        gate.report()


async def faststream_relay(rig: Rig, mark: str, count: int, *, timeout_seconds: float) -> Outcome:
    """One round: the producer and the consumer of the raw relay, and FastStream between them.

    Args:
        rig: the broker.
        mark: tells the topics of this round from others.
        count: records.
        timeout_seconds: the longest it may take.

    Raises:
        UnavailableError: it failed, or took too long.
    """
    source, target = f"bench.faststream.{mark}.in", f"bench.faststream.{mark}.out"
    await rig.make_topics(source, target)
    roles = [
        Role("producer", produce, (rig.bootstrap, source, count)),
        Role("relay", _relay, (rig.bootstrap, source, target)),
        Role("consumer", consume, (rig.bootstrap, target, count)),
    ]
    return await run_crew(roles, counting=("consumer",), timeout_seconds=timeout_seconds, watch=rig.watch_kafka)
