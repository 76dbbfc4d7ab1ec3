"""What the caller gets: one document, verified and in sequence, and the word on what became of it."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from lienthong.client.documents import Document, File, Status, document_of
from lienthong.client.rows import Outgoing
from lienthong.client.store import Store
from lienthong.kernel.clock import Clock
from lienthong.kernel.envelope import envelope_id
from lienthong.kernel.lanes import EXPRESS_LANE
from lienthong.kernel.limits import MAX_NAMED, MAX_REASON_CHARACTERS
from lienthong.kernel.pace import Pace
from lienthong.kernel.statement import REASONED_STATUS_CODES, Kind, Statement, encode_statement, make_statement

__all__ = ["Delivery", "Settler"]

_SETTLE_SECONDS = 0.006
"""How long settled documents wait for company in one acknowledgement."""
_BUSY_SETTLE_SECONDS = 0.05
"""The same while many are settled."""
_SETTLED_TOGETHER = 500
"""Most documents of one transaction: an express one that has just come waits for it, as the store has one thread."""


@dataclass(slots=True, eq=False)
class Delivery:
    """One document, verified and in sequence, as the caller gets it."""

    id: bytes
    """Envelope id, 32 bytes."""
    sender: str
    lane: int
    sequence: int
    position: int
    """Offset of its entry in the ledger."""
    accepted_at: int
    """When the backbone took it, milliseconds since 1970 UTC."""
    redelivered: bool
    """It may have been handed to the caller before, and was not settled then."""
    statement: Statement = field(repr=False)
    """The verified statement."""
    contents: Sequence[bytes] = field(repr=False)
    """Contents of the attachments, each of the size and SHA-256 that the statement names."""
    size: int = field(repr=False)
    _settler: "Settler" = field(repr=False)
    settled: bool = field(default=False, repr=False)
    """Whether it was acknowledged."""

    @property
    def document(self) -> Document:
        """The document it carries."""
        return document_of(self.statement)

    @property
    def files(self) -> list[File]:
        """The files that came with it. Names are as the sender gave them: never use one as a path."""
        return [
            File(attachment.name, content, attachment.media_type)
            for attachment, content in zip(self.statement.attachments, self.contents, strict=True)
        ]

    async def acknowledge(self, status: Status | str = Status.ACCEPTED, reason: str = "") -> None:
        """Say what became of it; it is then settled and will not be handed over again.

        What is said within a few milliseconds of the same sender is signed as one statement.

        Args:
            status: 02 and 16 need a reason.
            reason: at most 500 characters.

        Raises:
            ValueError: the status is none, or its reason is missing.
        """
        self._settler.settle(self, Status(status), reason)


class Settler:
    """Collects what is to be said of documents, and says it: stored and signed, many in one statement.

    Args:
        agency: the recipient, who speaks.
        hand_over: queues statements that the store has taken.
        thread: the one thread that may touch the store.
    """

    def __init__(
        self,
        agency: str,
        store: Store,
        thread: Executor,
        clock: Clock,
        hand_over: Callable[[Sequence[Outgoing]], None],
    ) -> None:
        self._agency = agency
        self._store = store
        self._thread = thread
        self._clock = clock
        self._hand_over = hand_over
        self._settled: list[tuple[Delivery, Status, str]] = []
        self._settled_any = asyncio.Event()

    def settle(self, delivery: Delivery, status: Status, reason: str) -> None:
        """Note what is to be said of a document."""
        if status.value in REASONED_STATUS_CODES and not reason:
            raise ValueError(f"status {status.value} needs a reason")
        if len(reason) > MAX_REASON_CHARACTERS:
            raise ValueError(f"the reason has {len(reason)} characters, more than {MAX_REASON_CHARACTERS}")
        delivery.settled = True
        self._settled.append((delivery, status, reason))
        self._settled_any.set()

    def wake(self) -> None:
        """Let the tasks look whether they are to stop."""
        self._settled_any.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Store what was settled and say it, all of one sender, lane and status in one statement."""
        loop = asyncio.get_running_loop()
        pace = Pace(_BUSY_SETTLE_SECONDS)
        while not (stopping.is_set() and not self._settled):
            await self._settled_any.wait()
            if not stopping.is_set():
                await asyncio.sleep(max(_SETTLE_SECONDS, pace.rest(loop.time())))
            self._settled_any.clear()
            settled, self._settled = self._settled, []
            pace.took(len(settled), now=loop.time(), cpu=time.process_time())
            if not settled:
                continue
            settled.sort(key=lambda one: one[0].lane != EXPRESS_LANE)
            for at in range(0, len(settled), _SETTLED_TOGETHER):
                some = settled[at : at + _SETTLED_TOGETHER]
                acknowledgements = self._statements(some)
                await loop.run_in_executor(
                    self._thread,
                    self._store.settle,
                    [(status.value, one.lane, one.sequence) for one, status, _ in some],
                    acknowledgements,
                )
                self._hand_over(acknowledgements)

    def _statements(self, settled: Sequence[tuple[Delivery, Status, str]]) -> list[Outgoing]:
        together: dict[tuple[str, int, Status, str], list[Delivery]] = {}
        for delivery, status, reason in settled:
            together.setdefault((delivery.sender, delivery.lane, status, reason), []).append(delivery)
        now = self._clock()
        outgoing = []
        for (sender, lane, status, reason), deliveries in together.items():
            for at in range(0, len(deliveries), MAX_NAMED):
                some = deliveries[at : at + MAX_NAMED]
                data = encode_statement(
                    make_statement(
                        sender=self._agency,
                        recipients=[sender],
                        thread=some[0].statement.thread,
                        created=now,
                        priority=some[0].statement.priority,
                        kind=Kind.ACKNOWLEDGEMENT,
                        body={"documents": [one.id for one in some], "status": status.value, "reason": reason},
                    )
                )
                outgoing.append(Outgoing(envelope_id(data), None, Kind.ACKNOWLEDGEMENT, lane, data, (), now, ()))
        return outgoing
