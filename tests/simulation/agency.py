"""An agency at work in a simulated world: sends what is planned, receives, acknowledges, and keeps a journal."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

from lienthong.client import Client, Document, File
from lienthong.kernel.bus import Connect, KafkaSettings
from lienthong.kernel.clock import Clock
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.keys import SigningKey
from lienthong.kernel.trust import Trust
from simulation.history import History
from simulation.loop import PROCESS
from simulation.plan import Planned

__all__ = ["Agency", "Handed", "Journal", "Said"]


class Handed(NamedTuple):
    """A document that was handed to the agency's caller."""

    process: str
    lane: int
    sequence: int
    id: bytes
    sender: str
    subject: str
    redelivered: bool


class Said(NamedTuple):
    """What the caller said of a document."""

    id: bytes
    status: str


class Journal:
    """What an agency did and saw, in all its processes; it survives them, for it is the observer's."""

    def __init__(self) -> None:
        self.sent: dict[int, set[bytes]] = {}
        """Ids that `send` returned, by the document's number. A send that did not return is unknown and not here."""
        self.handed: list[Handed] = []
        self.said: list[Said] = []


class Agency:
    """One agency: whatever its processes share, and what each of them runs."""

    def __init__(
        self,
        code: str,
        key: SigningKey,
        trust: Trust,
        kafka: KafkaSettings,
        store: Path,
        connect: Connect,
        documents: Sequence[Planned],
        statuses: Sequence[str],
        chance: Random,
        history: History,
    ) -> None:
        self.code = code
        self.store = store
        self.documents = documents
        self.journal = Journal()
        self._key = key
        self._trust = trust
        self._kafka = kafka
        self._connect = connect
        self._statuses = statuses
        self._chance = chance
        self._history = history

    async def serve(self, clock: Clock, stopping: asyncio.Event) -> None:
        """What one process of the agency does, until stopping."""
        process = PROCESS.get()
        if process is None:
            raise AssertionError("an agency runs in a process")
        while not stopping.is_set():
            try:
                async with Client.open(
                    self.code, self._key, self._trust, self._kafka, self.store, clock, self._connect
                ) as client:
                    # The operating system gives the lock back, whatever the process has not done any more.
                    process.on_death.append(client._receiver._turn.give_back)
                    async with asyncio.TaskGroup() as tasks:
                        tasks.create_task(self._send(client, stopping))
                        tasks.create_task(self._receive(client, process.name, stopping))
            except UnavailableError as error:
                self._history.note(process.name, f"waits: {error}")
                await asyncio.sleep(0.3)

    async def _send(self, client: Client, stopping: asyncio.Event) -> None:
        for one in self.documents:
            if one.number in self.journal.sent:
                continue
            if one.pause:
                await asyncio.sleep(one.pause)
            if stopping.is_set():
                return
            content = (b"%d " % one.number) * (one.size // 4)
            files = [File("a.txt", content)] if content else []
            document = Document(recipients=one.recipients, subject=one.subject, priority=one.priority)
            envelope_id = await client.send(document, *files)
            self.journal.sent.setdefault(one.number, set()).add(envelope_id)
            self._history.note(self.code, f"sent {one.number} {envelope_id.hex()[:12]}")

    async def _receive(self, client: Client, process: str, stopping: asyncio.Event) -> None:
        draw: Callable[[], float] = self._chance.random
        while not stopping.is_set():
            async for delivery in client.receive(idle_seconds=0.5):
                self.journal.handed.append(
                    Handed(
                        process, delivery.lane, delivery.sequence, delivery.id, delivery.sender,
                        delivery.document.subject, delivery.redelivered,
                    )
                )  # fmt: skip
                self._history.note(
                    process,
                    f"handed {delivery.lane} {delivery.sequence} {delivery.id.hex()[:12]} {delivery.redelivered}",
                )
                if draw() < 0.3:
                    await asyncio.sleep(draw() * 0.02)
                status = self._chance.choice(self._statuses)
                self.journal.said.append(Said(delivery.id, status))
                if status != "01":
                    await delivery.acknowledge(status, "lý do" if status == "02" else "")
