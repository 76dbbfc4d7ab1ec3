"""What would end aiokafka's connection to a cluster for good does not."""

import asyncio
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, RequestTimedOutError

from lienthong.kernel.bus.mended import mend


async def test_a_connection_that_the_loop_has_closed_is_a_lost_one() -> None:
    """The loop says so by an error that aiokafka's tasks do not expect, and end of."""

    async def closed(*_: Any, **__: Any) -> None:
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")

    client = AIOKafkaClient(bootstrap_servers="127.0.0.1:1")
    client.send = closed
    mend(client)
    with pytest.raises(KafkaConnectionError, match="the handler is closed"):
        await client.send(1, object())


async def test_an_error_of_kafka_stays_what_it_is() -> None:
    """What is done about it depends on which it is."""

    async def late(*_: Any, **__: Any) -> None:
        raise RequestTimedOutError

    client = AIOKafkaClient(bootstrap_servers="127.0.0.1:1")
    client.send = late
    mend(client)
    with pytest.raises(RequestTimedOutError):
        await client.send(1, object())


@pytest.mark.parametrize("address", ["127.0.0.1:92092", "kafka..example:9092"])
async def test_an_address_that_cannot_be_one_does_not_end_the_asking(address: str) -> None:
    """It may be looked at first when all others are away."""
    client = AIOKafkaClient(bootstrap_servers=f"127.0.0.1:1,{address}")
    mend(client)
    asking = asyncio.create_task(client._md_synchronizer())
    try:
        for _ in range(2):
            async with asyncio.timeout(5):
                assert not await client.force_metadata_update()
        assert not asking.done()
    finally:
        asking.cancel()
        await client.close()
