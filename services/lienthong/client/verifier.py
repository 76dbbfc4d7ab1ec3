"""What is believed of what an agency reads: records of its inbox, and again documents that waited in its store."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

from lienthong.client.delivery import Delivery, Settler
from lienthong.client.opening import Opened, open_record
from lienthong.client.rows import Arrival, Round
from lienthong.client.sorting import sort
from lienthong.client.store import Store
from lienthong.kernel.command import RELEASE
from lienthong.kernel.directory_reader import DirectoryReader
from lienthong.kernel.envelope import OpenedEnvelope
from lienthong.kernel.errors import RejectedError
from lienthong.kernel.judge import Judge
from lienthong.kernel.ledger import Delivery as DeliveryHeaders
from lienthong.kernel.ledger import Record
from lienthong.kernel.reasons import TOLD_BY_DIRECTORY

__all__ = ["Verifier"]

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")


class Verifier:
    """Verifies what an agency reads, and counts what cannot be believed; that never reaches the caller.

    Args:
        judge: verifies; its directory must be loaded.
        directory: brings the judge's directory up to date.
        thread: the one thread that may touch the store.
        settler: takes what the caller says of documents.
    """

    def __init__(
        self, agency: str, judge: Judge, directory: DirectoryReader, store: Store, thread: Executor, settler: Settler
    ) -> None:
        self._agency = agency
        self._judge = judge
        self._directory = directory
        self._store = store
        self._thread = thread
        self._settler = settler
        self._released: set[bytes] = set()
        """Ids of documents that the operator released to us: of these alone a second record may come."""
        self.refused = 0
        """Records that were not believed or not for us."""

    async def look_up_released(self) -> None:
        """Learn which documents were released; by another process of the agency, too."""
        self._released |= await asyncio.get_running_loop().run_in_executor(self._thread, self._store.released)

    async def believe(self, record: Record, headers: DeliveryHeaders, taken: Round) -> Delivery | None:
        """Verify one record and sort it into what was taken; what cannot be believed is counted and left out.

        Returns:
            The document, if it is one for the caller.
        """
        if headers.known_at > self._judge.directory.known_at:
            # Groups and routes would be those of older facts, and nothing would be refused for it.
            await self._directory.know(headers.known_at)
        try:
            opened = await self._told(lambda: open_record(self._judge, self._agency, record, headers))
            if (opened.command or self._released) and await self._is_here(opened, taken):
                # The operator released it, and its sender sent it again: once is enough.
                opened = opened._replace(addressed=())
                if opened.command is None:
                    return None
            arrival = sort(opened, record.partition, taken)
        except RejectedError as error:
            self.refused += 1
            _log.warning("%s lane %d sequence %d refused: %s", record.topic, record.partition, headers.sequence, error)
            return None
        return self._delivery(arrival, opened.envelope, redelivered=False) if arrival is not None else None

    async def believe_again(self, one: Arrival) -> Delivery | None:
        """Verify a document from the store once more; None if it is not believed any more.

        Raises:
            UnavailableError: Kafka does not answer, and more of the directory might turn the judgement.
        """
        try:
            opened = await self._told(lambda: self._judge.open(one.value, at=one.judged_at))
        except RejectedError as error:
            # It verified when it was stored: a key has been revoked since, from before that time on.
            self.refused += 1
            _log.warning("document %s in the store is not believed any more: %s", one.id.hex(), error)
            return None
        return self._delivery(one, opened, redelivered=one.handed)

    async def _is_here(self, opened: Opened, taken: Round) -> bool:
        """Whether a document that was released, or is now, has come before; others have no second record."""
        identity, command = opened.envelope.id, opened.command
        if command is None:
            return identity in self._released
        if command.action != RELEASE:
            return False
        self._released.add(identity)
        return any(one.id == identity for one in taken.arrivals) or await asyncio.get_running_loop().run_in_executor(
            self._thread, self._store.has, identity
        )

    async def _told(self, judgement: Callable[[], _Result]) -> _Result:
        """A judgement; one that more of the directory may turn is made again when it has been read to its end.

        Intake, or another process of the agency, which stored it, may have known more.
        """
        try:
            return judgement()
        except RejectedError as error:
            if error.reason not in TOLD_BY_DIRECTORY:
                raise
        await self._directory.catch_up()
        return judgement()

    def _delivery(self, arrival: Arrival, opened: OpenedEnvelope, *, redelivered: bool) -> Delivery:
        return Delivery(
            arrival.id, arrival.sender, arrival.lane, arrival.sequence, arrival.position, arrival.judged_at,
            redelivered, opened.statement, opened.contents, len(arrival.value), self._settler,
            addressed=arrival.addressed, ordered=arrival.order,
        )  # fmt: skip
