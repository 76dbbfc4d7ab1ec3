"""What the caller gets: one document, verified and in sequence, and the word on what became of it."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TypeAlias

from lienthong.client.documents import Document, File, Status, document_of, take_back_of
from lienthong.client.history import History
from lienthong.client.rows import Ordered, Outgoing
from lienthong.client.store import Store
from lienthong.kernel.clock import Clock
from lienthong.kernel.envelope import envelope_id
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.lanes import EXPRESS_LANE
from lienthong.kernel.lifecycle import EVENT_OF_KIND, Event, Flag
from lienthong.kernel.limits import MAX_NAMED, MAX_REASON_CHARACTERS
from lienthong.kernel.pace import Pace
from lienthong.kernel.statement import REASONED_STATUS_CODES, Kind, Statement, encode_statement, make_statement

__all__ = ["Delivery", "Settler", "acknowledgement"]

_log = logging.getLogger(__name__)
_SETTLE_SECONDS = 0.006
"""How long settled documents wait for company in one acknowledgement."""
_BUSY_SETTLE_SECONDS = 0.05
"""The same while many are settled."""
_STORE_PAUSE_SECONDS = 1.0
"""Until the next attempt, when the store cannot be written."""
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
    addressed: Sequence[str] = field(default=(), repr=False)
    """Codes it is meant for, of those whose mail this agency gets: itself, units below it, agencies it took over from;
    as the directory was when the backbone took it, and groups expanded."""
    ordered: Ordered | None = field(default=None, repr=False)
    """The operator's word by which it was handed over, if it was: sent again, or released although it had been
    rejected. What was sent again may have been handed over, and acknowledged, before."""
    about: Sequence[History] = field(default=(), repr=False)
    """Of a recall, an update or a replacement: the documents it speaks of that this agency has received, with what
    became of them, this counted in."""

    @property
    def document(self) -> Document:
        """The document it carries. A take-back that was asked by status 13 reads as one of kind 1."""
        if self.statement.kind is Kind.ACKNOWLEDGEMENT:
            return take_back_of(self.statement)
        return document_of(self.statement)

    @property
    def event(self) -> Event | None:
        """What it says of the documents it refers to: recall, update, replace; None if it is a document by itself."""
        if self.statement.kind is Kind.ACKNOWLEDGEMENT:
            return Event.TAKE_BACK_ASKED
        return EVENT_OF_KIND.get(self.statement.body["business_type"])

    @property
    def flags(self) -> Sequence[Flag]:
        """Why what it says is impossible: of each document in `about` of which it is so."""
        return [
            flag for one in self.about for said in one.sayings if said.id == self.id for flag in said.flags.values()
        ]

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
            status: 02 and 16 need a reason; 13 is the sender's.
            reason: at most 500 characters.

        Raises:
            ValueError: the status is none, is not a recipient's to say, or its reason is missing.
            UnavailableError: the connection is closed; the document comes again in the next one.
        """
        self._settler.settle(self, Status(status), reason)

    async def agree(self) -> None:
        """Agree to a recall or an update (15). Of a document that is taken back: say that it was cancelled.

        Raises:
            ValueError: it asks for nothing, or what it asks is impossible, or was asked of nothing that was received.
        """
        self._check_asks()
        await self.acknowledge(Status.AGREED)

    async def refuse(self, reason: str) -> None:
        """Refuse a recall or an update (16), or a document itself (02).

        Raises:
            ValueError: the reason is missing, or what was asked is not to be refused: a document that was not
                accepted is taken back without consent.
        """
        if self.event in (None, Event.REPLACE):
            await self.acknowledge(Status.REFUSED, reason)
            return
        self._check_asks()
        if all(one.lives[self._settler.agency].frozen for one in self.about):
            raise ValueError("it had not been accepted when it was taken back: agree, which says that it was cancelled")
        await self.acknowledge(Status.CHANGE_REFUSED, reason)

    def _check_asks(self) -> None:
        if self.event in (None, Event.REPLACE):
            raise ValueError("this document asks for nothing: acknowledge it, or refuse it")
        if not self.about:
            raise ValueError("it speaks of no document that was received here")
        if len(self.flags) == len(self.about):
            raise ValueError(f"what it asks is impossible ({self.flags[0].value}), so there is no answer to it")


_Word: TypeAlias = tuple[Delivery, Status, str, bool]
"""What is said of a document: status, reason, and whether it was settled before."""


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
        self.agency = agency
        self._store = store
        self._thread = thread
        self._clock = clock
        self._hand_over = hand_over
        self._settled: list[_Word] = []
        self._settled_any = asyncio.Event()
        self._closed = False

    def settle(self, delivery: Delivery, status: Status, reason: str) -> None:
        """Note what is to be said of a document.

        Raises:
            ValueError: see `Delivery.acknowledge`.
            UnavailableError: the connection is closed; the document comes again, and can be settled, in the next one.
        """
        if self._closed:
            raise UnavailableError("the connection is closed: what is said now would be lost")
        if status is Status.TAKE_BACK_ASKED:
            raise ValueError("status 13 is the sender's to say: it asks for its document back")
        if status.value in REASONED_STATUS_CODES and not reason:
            raise ValueError(f"status {status.value} needs a reason")
        if len(reason) > MAX_REASON_CHARACTERS:
            raise ValueError(f"the reason has {len(reason)} characters, more than {MAX_REASON_CHARACTERS}")
        self._settled.append((delivery, status, reason, delivery.settled))
        delivery.settled = True
        self._settled_any.set()

    def wake(self) -> None:
        """Let the tasks look whether they are to stop."""
        self._settled_any.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Store what was settled and say it, all of one sender, lane and status in one statement.

        Runs until stopping and all is said; from its end on nothing can be settled any more.
        """
        loop = asyncio.get_running_loop()
        pace = Pace(_BUSY_SETTLE_SECONDS)
        try:
            while not (stopping.is_set() and not self._settled):
                await self._settled_any.wait()
                if not stopping.is_set():
                    await asyncio.sleep(max(_SETTLE_SECONDS, pace.rest(loop.time())))
                self._settled_any.clear()
                settled, self._settled = self._settled, []
                pace.took(len(settled), now=loop.time(), cpu=time.process_time())
                settled.sort(key=lambda one: one[0].lane != EXPRESS_LANE)
                for at in range(0, len(settled), _SETTLED_TOGETHER):
                    await self._say(settled[at : at + _SETTLED_TOGETHER])
        finally:
            self._closed = True

    async def _say(self, settled: Sequence[_Word]) -> None:
        """Store it and hand it over; waits out a store that cannot be written."""
        places, acknowledgements = self._statements(settled)
        while True:
            try:
                await asyncio.get_running_loop().run_in_executor(
                    self._thread, self._store.settle, places, acknowledgements
                )
            except UnavailableError as error:
                _log.warning("acknowledging waits: %s", error)
                await asyncio.sleep(_STORE_PAUSE_SECONDS)
            else:
                self._hand_over(acknowledgements)
                return

    def _statements(self, settled: Sequence[_Word]) -> tuple[list[tuple[int, int, int]], list[Outgoing]]:
        """What is said, and of each document that it settles which of it says so, its lane and sequence number."""
        places: list[tuple[int, int, int]] = []
        outgoing: list[Outgoing] = []
        for words in _together(settled):
            delivery, status, reason, again = words[0]
            if delivery.statement.kind is Kind.ACKNOWLEDGEMENT:
                # It was asked by status 13, which is answered and otherwise not acknowledged.
                outgoing += self._answers(delivery, status, reason)
                places += [] if again else [(0, delivery.lane, delivery.sequence)]
                continue
            for at in range(0, len(words), MAX_NAMED):
                some = [one for one, *_ in words[at : at + MAX_NAMED]]
                # One that the operator had handed over again may have been settled twice in a moment.
                documents = list(dict.fromkeys(one.id for one in some))
                first = some[0].statement
                outgoing.append(
                    acknowledgement(
                        self.agency, delivery.sender, first.thread, delivery.lane, first.priority, documents, status,
                        reason, self._clock(), refers=documents if again else (),
                    )
                )  # fmt: skip
                if not again:
                    places += [(len(outgoing), delivery.lane, one.sequence) for one in some]
        return places, outgoing

    def _answers(self, delivery: Delivery, status: Status, reason: str) -> list[Outgoing]:
        if status not in (Status.AGREED, Status.CHANGE_REFUSED):
            return []
        documents = [one.id for one in delivery.about]
        if not documents:
            return []
        first = delivery.statement
        return [
            acknowledgement(
                self.agency, delivery.sender, first.thread, delivery.lane, first.priority, documents, status, reason,
                self._clock(), refers=documents,
            )
        ]  # fmt: skip


def _together(settled: Sequence[_Word]) -> list[list[_Word]]:
    """The same said of several documents of one sender, to be signed as one statement; statements in order.

    Every document's words are in the order in which they were said, for the last one counts: a word joins those
    that say the same unless something else was said of its document since. What answers a take-back is alone, and
    stands between all that was said before and after it.
    """
    statements: list[list[_Word]] = []
    newest: dict[tuple[str, int, Status, str, bool], int] = {}
    """Which statement says this."""
    last: dict[bytes, int] = {}
    """Which statement says something of this document, the last one that does."""
    for word in settled:
        delivery, status, reason, again = word
        if delivery.statement.kind is Kind.ACKNOWLEDGEMENT:
            statements.append([word])
            newest.clear()
            continue
        key = (delivery.sender, delivery.lane, status, reason, again)
        at = newest.get(key, -1)
        if at < last.get(delivery.id, 0):
            at = newest[key] = len(statements)
            statements.append([])
        statements[at].append(word)
        last[delivery.id] = at
    return statements


def acknowledgement(
    agency: str,
    to: str,
    thread: bytes,
    lane: int,
    priority: int,
    documents: Sequence[bytes],
    status: Status,
    reason: str,
    now: int,
    *,
    routes: Sequence[str] = (),
    refers: Sequence[bytes] = (),
) -> Outgoing:
    """A signed-to-be acknowledgement as it goes into the outbox.

    Args:
        agency: who says it.
        to: the one other party of the documents.
        thread: 16 bytes, that of one of the documents.
        lane: where they are.
        priority: that of one of the documents.
        documents: envelope ids, all of one lane.
        status: what is said of them.
        reason: why, at most 500 characters.
        now: milliseconds since 1970 UTC.
        routes: with status 13, the agency that is asked.
        refers: see `Outgoing`.
    """
    data = encode_statement(
        make_statement(
            sender=agency,
            recipients=[to],
            thread=thread,
            created=now,
            priority=priority,
            kind=Kind.ACKNOWLEDGEMENT,
            body={"documents": list(documents), "status": status.value, "reason": reason},
        )
    )
    return Outgoing(
        envelope_id(data), None, Kind.ACKNOWLEDGEMENT, lane, data, (), now, routes,
        f"{status.value} {reason}".rstrip(), refers,
    )  # fmt: skip
