"""A client of aiokafka that finds the cluster again, whichever brokers it knew."""

import asyncio
from collections.abc import Collection
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.structs import BrokerMetadata

__all__ = ["find_again"]

_IN_VAIN_SECONDS = 0.1


def find_again(client: AIOKafkaClient) -> None:
    """Let a client ask where it began when no broker that it knows answers, and rest when nobody does.

    It knows those brokers that were there when it last asked. Where others died and came back meanwhile, and then
    the ones it knows die, or all move to other addresses, it would ask those for ever (KIP-899 tells of the same in
    Java's clients). And its fetcher asks again at once: without brokers, a thousand connections a second and a third
    of a core.
    """
    update = client._metadata_update  # noqa: SLF001 - there is no public way
    # Under these names the client finds their addresses; they do not count as brokers of the cluster.
    beginning = {
        name: BrokerMetadata(name, host, port, None)
        for name, (host, port, _) in ((f"bootstrap-{at}", one) for at, one in enumerate(client.hosts))
    }
    client.cluster._bootstrap_brokers = beginning  # noqa: SLF001

    async def ask_anew(cluster: ClusterMetadata, topics: Collection[str] | None) -> bool:
        for name in beginning:
            connection = await client._get_conn(name)  # noqa: SLF001
            if connection is None:
                continue
            try:
                metadata = await connection.send(MetadataRequest(list(topics) if topics else None))
            except (KafkaError, TimeoutError):
                continue
            finally:
                connection.close()
            if metadata.brokers:
                cluster.update_metadata(metadata)
                return True
        return False

    async def update_or_ask_anew(*arguments: Any) -> bool:
        if await update(*arguments) or await ask_anew(*arguments):
            return True
        await asyncio.sleep(_IN_VAIN_SECONDS)
        return False

    client._metadata_update = update_or_ask_anew  # noqa: SLF001
