"""What earlier runs of an agency, and other processes of it, have left in the outbox without a receipt."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from contextlib import suppress
from typing import TypeVar, TypeVarTuple, Unpack

from lienthong.client.sending import BATCH_BYTES, BATCH_STATEMENTS, Sender
from lienthong.client.store import Store
from lienthong.kernel.errors import InvariantError, UnavailableError

__all__ = ["Leftovers"]

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")
_log = logging.getLogger(__name__)
_RECEIPTS_SECONDS = 5.0
"""How long what an earlier run left waits for its receipts."""
_STRANDED_SECONDS = 60.0
"""How often it is looked for what other processes of the agency have left."""
_STORE_PAUSE_SECONDS = 1.0


class Leftovers:
    """Queues what others of the agency have left in the outbox.

    Args:
        thread: the one thread that may touch the store.
    """

    def __init__(self, sender: Sender, store: Store, thread: Executor) -> None:
        self._sender = sender
        self._store = store
        self._thread = thread
        self._strange: set[bytes] = set()
        """Ids of what had no receipt at the last look, and was not queued here."""

    async def queue(self, until: int, caught_up: Callable[[], Awaitable[None]], stopping: asyncio.Event) -> None:
        """Queue what earlier runs have left, and until stopping now and then what other processes leave.

        What earlier runs left goes out once the receipts that wait for us have been read, or after a while. What has
        expired is signed anew only when they have been read: one may say that it was accepted.

        Args:
            until: number of the newest statement in the store when this run began.
            caught_up: returns when the inbox has been read to its end once; InvariantError where that cannot be.
            stopping: set when it is to end.
        """
        with suppress(TimeoutError, InvariantError):
            async with asyncio.timeout(_RECEIPTS_SECONDS):
                await caught_up()
        await self.queue_pending(until, expired=False)
        with suppress(InvariantError):
            await caught_up()
            await self.queue_pending(until, expired=True)
        while not stopping.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_STRANDED_SECONDS):
                    await stopping.wait()
                    return
            await self.queue_stranded()

    async def queue_pending(self, until: int, *, expired: bool) -> None:
        """Queue what an earlier run left without a receipt, as there is room for it.

        Args:
            until: as for `queue`.
            expired: those that are too old to be sent as they are, and are signed anew; otherwise the others.
        """
        sender, after = self._sender, 0
        while True:
            await sender.wait_for_room()
            page = await self._read(self._store.pending, after, until, BATCH_BYTES)
            if not page:
                return
            after = page[-1][0]
            # What was queued before and is pending still has no receipt yet: it may have been written.
            sender.queue([one for _, one in page if sender.is_expired(one) is expired and one.id not in sender.own])

    async def queue_stranded(self) -> None:
        """Queue some of what other processes have stored and not got rid of, from one look to the next.

        They may have died, or ended while Kafka did not answer. Where they live and wait as we would, it is said twice
        under one id, which is once, and costs: so it is one batch at most, and none while there is anything to send.
        What has expired is left to the next start, for nobody knows whether it was written.
        """
        sender = self._sender
        pending = await self._read(self._store.pending_ids)
        sender.own &= pending.keys()
        strange = pending.keys() - sender.own
        stranded, self._strange = strange & self._strange, strange
        if not stranded or not sender.is_idle:
            return
        numbers = [pending[identity] for identity in stranded]
        page = await self._read(self._store.pending, min(numbers) - 1, max(numbers), BATCH_BYTES)
        some = [one for _, one in page if one.id in stranded][:BATCH_STATEMENTS]
        sender.own.update(one.id for one in some)
        sender.queue([one for one in some if not sender.is_expired(one)], tried=True)

    async def _read(self, function: Callable[[Unpack[_Arguments]], _Result], *args: *_Arguments) -> _Result:
        """What the store says, when it can be asked."""
        while True:
            try:
                return await asyncio.get_running_loop().run_in_executor(self._thread, function, *args)
            except UnavailableError as error:
                _log.warning("what an earlier run left waits: %s", error)
                await asyncio.sleep(_STORE_PAUSE_SECONDS)
