"""What a reader does while no broker is there."""

import asyncio

from lienthong.kernel.bus.reader import Reader
from lienthong.kernel.bus.settings import KafkaSettings
from lienthong.kernel.pace import Pace


async def test_a_reader_that_reaches_no_broker_does_not_ask_without_pause() -> None:
    """Its client is told to ask again as soon as an answer failed, as aiokafka's fetcher does."""
    reader = Reader(KafkaSettings(bootstrap="127.0.0.1:1"), {"bootstrap_servers": "127.0.0.1:1"}, None, Pace(0), 20)
    client = reader._consumer._client
    synchronizer = asyncio.create_task(client._md_synchronizer())
    asked = 0
    try:
        async with asyncio.timeout(0.55):
            while True:
                assert not await client.force_metadata_update()
                asked += 1
    except TimeoutError:
        pass
    finally:
        synchronizer.cancel()
        await client.close()
    assert 2 <= asked <= 6
