"""aiokafka's connection to a cluster, with what would end it for good mended."""

import asyncio
import logging
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, KafkaError

__all__ = ["mend"]

_log = logging.getLogger(__name__)
_IN_VAIN_SECONDS = 0.1
_UNEXPECTED_SECONDS = 1.0
_ADDRESS_SECONDS = 5.0
"""Longest wait for each of the addresses it began with."""


def mend(client: AIOKafkaClient) -> None:
    """Let a client find the cluster again, whatever becomes of brokers and connections; before it is started."""
    client.send = _send_on_what_is_open(client.send)
    client._metadata_update = _find_again(client)  # noqa: SLF001 - there is no public way


def _send_on_what_is_open(send: Any) -> Any:
    """A connection that has just been reset is a lost one.

    For a turn or two of the loop aiokafka takes it for open; uvloop then raises what aiokafka knows nothing of, and its
    fetcher ends without a word.
    """

    async def send_or_lose(*arguments: Any, **options: Any) -> Any:
        try:
            return await send(*arguments, **options)
        except KafkaError:  # which is a RuntimeError too
            raise
        except RuntimeError as error:
            raise KafkaConnectionError(str(error)) from error

    return send_or_lose


def _find_again(client: AIOKafkaClient) -> Any:
    """Where no known broker tells where things are, ask where the client began, and rest when nobody does.

    It knows those brokers that were there when it last asked. Where others died and came back meanwhile, and then
    the ones it knows die, or all move to other addresses, it would ask those for ever (KIP-899 tells of the same in
    Java's clients). Its fetcher asks again at once: without brokers, a thousand connections a second and a third
    of a core. And an error that nobody expected, such as an address that cannot be one, would end its task: it would
    never ask again.
    """
    update = client._metadata_update  # noqa: SLF001

    async def begin_again() -> bool:
        beginning = {(host, port) for host, port, _ in client.hosts}
        if beginning <= {(broker.host, broker.port) for broker in client.cluster.brokers()}:
            return False  # these are the ones that do not answer
        async with asyncio.timeout(_ADDRESS_SECONDS * len(beginning)):
            await client.bootstrap()
        return True

    async def update_or_begin_again(*arguments: Any) -> bool:
        try:
            if await update(*arguments) or (await begin_again() and await update(*arguments)):
                return True
        except (KafkaConnectionError, TimeoutError) as error:
            _log.debug("no broker answers: %r", error)
        except Exception:  # noqa: BLE001 - whatever it is, the next time it may go well
            _log.exception("brokers cannot be looked for")
            await asyncio.sleep(_UNEXPECTED_SECONDS)
        await asyncio.sleep(_IN_VAIN_SECONDS)
        return False

    return update_or_begin_again
