"""The least a relay can do: take records from one topic, append them to another, commit. Nothing is signed."""

import asyncio
import os

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from bench.crew import Gate, Outcome, Role, run_crew
from bench.rig import Rig
from bench.sizes import VALUE_BYTES
from lienthong.kernel.errors import UnavailableError

__all__ = ["consume", "produce", "raw_relay"]

_IN_FLIGHT = 5_000
_ROUND = 1_000
_POLL_MS = 200
_COORDINATOR_SECONDS = 30.0
_PRODUCER = {"acks": "all", "enable_idempotence": True, "linger_ms": 5, "max_batch_size": 262_144}
"""As Lienthong's own publisher asks for it."""
_CONSUMER = {"enable_auto_commit": False, "auto_offset_reset": "earliest"}


async def produce(gate: Gate, bootstrap: str, topic: str, count: int) -> None:
    """A role: append so many values, as fast as they are taken."""
    value = os.urandom(VALUE_BYTES)
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, **_PRODUCER) as producer:
        await gate.enter()
        appended = []
        for _ in range(count):
            appended.append(await producer.send(topic, value, partition=0))
            if len(appended) >= _IN_FLIGHT:
                for one in appended:
                    await one
                appended.clear()
        for one in appended:
            await one
        gate.report()


async def consume(gate: Gate, bootstrap: str, topic: str, count: int) -> None:
    """A role: read so many values; it is the one that counts. What has another size was not sent by `produce`."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, **_CONSUMER)
    async with consumer:
        consumer.assign([TopicPartition(topic, 0)])
        await gate.enter()
        got = 0
        while got < count:
            for records in (await consumer.getmany(timeout_ms=_POLL_MS, max_records=_ROUND)).values():
                got += sum(len(record.value) == VALUE_BYTES for record in records)
        gate.report()


async def _relay(gate: Gate, bootstrap: str, source: str, target: str, count: int) -> None:
    partition = TopicPartition(source, 0)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=f"{source}.relay", **_CONSUMER)
    async with consumer, AIOKafkaProducer(bootstrap_servers=bootstrap, **_PRODUCER) as producer:
        consumer.assign([partition])
        await _coordinated(consumer, partition)
        await gate.enter()
        done = 0
        while done < count:
            records = (await consumer.getmany(timeout_ms=_POLL_MS, max_records=_ROUND)).get(partition)
            if not records:
                continue
            for one in [await producer.send(target, record.value, partition=0) for record in records]:
                await one
            await consumer.commit({partition: records[-1].offset + 1})
            done += len(records)
        gate.report()


async def _coordinated(consumer: AIOKafkaConsumer, partition: TopicPartition) -> None:
    """Wait until the group can commit: on a fresh broker its coordinator takes seconds to come up."""
    try:
        async with asyncio.timeout(_COORDINATOR_SECONDS):
            while True:
                try:
                    await consumer.commit({partition: 0})
                except KafkaError:
                    await asyncio.sleep(0.2)
                else:
                    return
    except TimeoutError as error:
        raise UnavailableError(f"no group coordinator within {_COORDINATOR_SECONDS:.0f} s") from error


async def raw_relay(rig: Rig, mark: str, count: int, *, timeout_seconds: float) -> Outcome:
    """One round: producer, relay and consumer, one process each.

    Args:
        rig: the broker.
        mark: tells the topics of this round from others.
        count: records.
        timeout_seconds: the longest it may take.

    Raises:
        UnavailableError: it failed, or took too long.
    """
    source, target = f"bench.relay.{mark}.in", f"bench.relay.{mark}.out"
    await rig.make_topics(source, target)
    roles = [
        Role("producer", produce, (rig.bootstrap, source, count)),
        Role("relay", _relay, (rig.bootstrap, source, target, count)),
        Role("consumer", consume, (rig.bootstrap, target, count)),
    ]
    return await run_crew(roles, counting=("consumer",), timeout_seconds=timeout_seconds, watch=rig.watch_kafka)
