"""Loads the directory from its topic and keeps following it. Whoever judges, routes or reads needs one."""

import asyncio
import logging
from collections.abc import Sequence

from lienthong.kernel.bus import Bus, Reader
from lienthong.kernel.directory import Directory
from lienthong.kernel.errors import RejectedError, UnavailableError
from lienthong.kernel.ledger import Record, is_genesis
from lienthong.kernel.reasons import Reason
from lienthong.kernel.topics import DIRECTORY, Partition
from lienthong.kernel.trust import Trust

__all__ = ["DirectoryReader"]

_log = logging.getLogger(__name__)
_PARTITION = Partition(DIRECTORY, 0)
_IN_VAIN_SECONDS = 1.0
"""How long it is not looked again for facts that somebody claims and that were not there."""


class DirectoryReader:
    """Owns a `Directory` and feeds it. Records the operator did not sign are counted and left out."""

    def __init__(self, bus: Bus, trust: Trust) -> None:
        self.directory = Directory(trust)
        self.refused = 0
        """Records that were not believed."""
        self._bus = bus
        self._next = 0
        self._in_vain_until = 0.0

    async def load(self) -> Directory:
        """Read the whole directory once.

        Raises:
            UnavailableError: Kafka does not answer, or there is no directory on it that can be believed.
        """
        if not await self._bus.lanes(DIRECTORY):
            raise UnavailableError(
                f"there is no directory on Kafka at {self._bus.settings.bootstrap}: run `lienthong directory init`"
            )
        async with self._bus.reader() as reader:
            self._next = (await reader.begins([_PARTITION]))[_PARTITION]
            end = (await reader.ends([_PARTITION]))[_PARTITION]
        async for records in self._bus.scan({_PARTITION: (self._next, end)}):
            self._apply(records)
        self._next = end
        if self.refused and not self.directory.known_at:
            raise UnavailableError(
                f"none of {self.refused} directory records is signed by the operator that the trust anchor names for"
                f" {self.directory.trust.origin}: is it the trust.json of this backbone?"
            )
        return self.directory

    async def catch_up(self) -> None:
        """Read what the operator has added by now, for somebody who cannot wait for `follow`.

        Raises:
            UnavailableError: Kafka does not answer.
        """
        async with self._bus.reader() as reader:
            end = (await reader.ends([_PARTITION]))[_PARTITION]
        async for records in self._bus.scan({_PARTITION: (self._next, end)}):
            self._apply(records)

    async def know(self, moment: int) -> None:
        """Read on if somebody who knew more of the directory judged: by facts recorded up to a moment.

        Who claims a moment of which there are no facts makes it read once in a while only, and then it is judged by
        what there is.

        Args:
            moment: milliseconds since 1970 UTC.

        Raises:
            UnavailableError: Kafka does not answer.
        """
        loop = asyncio.get_running_loop()
        if moment <= self.directory.known_at or loop.time() < self._in_vain_until:
            return
        await self.catch_up()
        if moment > self.directory.known_at:
            self._in_vain_until = loop.time() + _IN_VAIN_SECONDS

    async def follow(self, stopping: asyncio.Event) -> None:
        """Apply what the operator adds, until stopping; waits out a Kafka that does not answer."""
        while not stopping.is_set():
            try:
                async with self._bus.reader() as reader:
                    await reader.assign({_PARTITION: self._next})
                    await self._follow(reader, stopping)
            except UnavailableError as error:
                _log.warning("directory: %s", error)
                await asyncio.sleep(1.0)

    async def _follow(self, reader: Reader, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            for records in (await reader.take(0.5, 1_000)).values():
                self._apply(records)
                self._next = records[-1].offset + 1

    def _apply(self, records: Sequence[Record]) -> None:
        for record in records:
            if is_genesis(record):
                continue
            try:
                if record.value is None:
                    raise RejectedError(Reason.MALFORMED, "a directory record has no value")
                self.directory.apply(record.value)
            except RejectedError as error:
                self.refused += 1
                _log.warning("directory offset %d is not believed: %s", record.offset, error)
