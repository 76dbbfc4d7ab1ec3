"""Receiving: everything in the inbox topic is compared, verified and stored; documents wait for the caller."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from lienthong.client.documents import Document, File, Status, document_of
from lienthong.client.store import Answer, Arrival, Outgoing, ReceiptLine, Round, Store
from lienthong.kernel.bus import Bus, Reader
from lienthong.kernel.clock import Clock
from lienthong.kernel.envelope import OpenedEnvelope, envelope_id
from lienthong.kernel.errors import InvariantError, RejectedError, UnavailableError
from lienthong.kernel.fold import Order, compare
from lienthong.kernel.judge import Judge
from lienthong.kernel.ledger import Delivery as DeliveryHeaders
from lienthong.kernel.ledger import Record, is_genesis, read_delivery
from lienthong.kernel.limits import MAX_NAMED
from lienthong.kernel.reasons import Reason
from lienthong.kernel.statement import Kind, Statement, encode_statement, make_statement
from lienthong.kernel.topics import Partition, inbox

__all__ = ["Delivery", "Receiver"]

_log = logging.getLogger(__name__)
_ROUND_RECORDS = 1_000
_READY_BYTES = 33_554_432
_READY_DOCUMENTS = 2_000
_SETTLE_SECONDS = 0.005
"""How long settled documents wait for company in one acknowledgement."""
_COMMIT_SECONDS = 1.0


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
    _receiver: "Receiver" = field(repr=False)
    _settled: bool = field(default=False, repr=False)

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
        self._receiver.acknowledge(self, Status(status), reason)


class Receiver:
    """The way in: inbox topic, comparison, verification, store, caller.

    Args:
        judge: verifies; its directory must be loaded.
        hand_over: queues statements that the store has taken.
        thread: the one thread that may touch the store.
    """

    def __init__(
        self,
        bus: Bus,
        agency: str,
        judge: Judge,
        store: Store,
        thread: Executor,
        clock: Clock,
        hand_over: Callable[[Sequence[Outgoing]], None],
    ) -> None:
        self._bus = bus
        self._agency = agency
        self._judge = judge
        self._store = store
        self._thread = thread
        self._clock = clock
        self._hand_over = hand_over
        self._ready: deque[Delivery] = deque()
        self._ready_bytes = 0
        self._last_ready: dict[int, int] = {}
        self._overflowed = True
        self._spilled = 0
        self._news = asyncio.Event()
        self._settled: list[tuple[Delivery, Status, str]] = []
        self._settled_any = asyncio.Event()
        self._failure: InvariantError | None = None
        self._changed = asyncio.Condition()
        self.caught_up = asyncio.Event()
        """Set when the inbox topic has been read to its end once."""
        self.refused = 0
        """Records that were not believed or not for us; they never reach the caller."""
        self._caught_up_parts = 0

    # -- from the topic into the store

    async def pull(self, lanes: Sequence[int], stopping: asyncio.Event, *, max_wait_ms: int, parts: int) -> None:
        """Read some lanes of the inbox topic until stopping; waits out a Kafka that does not answer.

        A gap ends the reading: `receive` and `wait` then raise the alarm.
        """
        pause = 0.2
        while not stopping.is_set():
            try:
                await self._pull(lanes, stopping, max_wait_ms, parts)
            except InvariantError as error:
                self._failure = error
                _log.error("receiving stopped: %s", error)
                await self._tell()
                return
            except UnavailableError as error:
                _log.warning("receiving waits: %s", error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, 5.0)

    async def _pull(self, lanes: Sequence[int], stopping: asyncio.Event, max_wait_ms: int, parts: int) -> None:
        partitions = [Partition(inbox(self._agency), lane) for lane in lanes]
        group = f"{self._agency}.reader"
        loop = asyncio.get_running_loop()
        async with self._bus.reader(group=group, min_bytes=1, max_wait_ms=max_wait_ms) as reader:
            cursors = await self._assign(reader, partitions)
            ends = await reader.ends(partitions)
            behind = {one.number for one in partitions if ends[one] > cursors.get(one.number, (0, 0))[1]}
            if not behind:
                self._part_caught_up(parts)
            committed_at = loop.time()
            while not stopping.is_set():
                rounds = await reader.take(0.25, _ROUND_RECORDS)
                if rounds:
                    cursors = await self._take(reader, partitions, rounds, cursors)
                    if behind:
                        behind = {
                            lane for lane in behind if cursors[lane][1] < ends[Partition(inbox(self._agency), lane)]
                        }
                        if not behind:
                            self._part_caught_up(parts)
                if loop.time() - committed_at >= _COMMIT_SECONDS and cursors:
                    # Nobody reads from these: they tell the operator how late this agency is.
                    await reader.commit({one: cursors[one.number][1] for one in partitions if one.number in cursors})
                    committed_at = loop.time()

    def _part_caught_up(self, parts: int) -> None:
        self._caught_up_parts += 1
        if self._caught_up_parts >= parts:
            self.caught_up.set()

    async def _assign(self, reader: Reader, partitions: Sequence[Partition]) -> dict[int, tuple[int, int]]:
        cursors = await asyncio.get_running_loop().run_in_executor(self._thread, self._store.cursors)
        await reader.assign({one: cursors.get(one.number, (0, 0))[1] for one in partitions})
        return {one.number: cursors[one.number] for one in partitions if one.number in cursors}

    async def _take(
        self,
        reader: Reader,
        partitions: Sequence[Partition],
        rounds: dict[Partition, list[Record]],
        cursors: dict[int, tuple[int, int]],
    ) -> dict[int, tuple[int, int]]:
        taken = Round({}, {}, [], [], [])
        fresh: list[Delivery] = []
        for partition, records in rounds.items():
            lane = partition.number
            last = cursors.get(lane, (0, 0))[0]
            for record in records:
                if is_genesis(record):
                    continue
                headers = read_delivery(record)
                order = compare(last, headers.sequence)
                if order is Order.GAP:
                    raise InvariantError(
                        f"{partition.topic} lane {lane} goes from sequence {last} to {headers.sequence}:"
                        f" {headers.sequence - last - 1} records are missing"
                    )
                if order is Order.REPEAT:
                    continue
                taken.first.setdefault(lane, headers.sequence)
                last = headers.sequence
                self._believe(record, headers, taken, fresh)
            taken.cursors[lane] = (last, records[-1].offset + 1)
        stored = await asyncio.get_running_loop().run_in_executor(self._thread, self._store.take, taken)
        if not stored:
            # Another process of this agency was quicker; its documents are in the store.
            self._overflowed = True
            self._spilled += 1
            cursors = await self._assign(reader, partitions)
        else:
            cursors = {**cursors, **taken.cursors}
            for delivery in fresh:
                self._make_ready(delivery)
        await self._tell()
        return cursors

    def _believe(self, record: Record, headers: DeliveryHeaders, taken: Round, fresh: list[Delivery]) -> None:
        """Verify one record and sort it; what cannot be believed is counted and left out."""
        try:
            if record.value is None:
                raise RejectedError(Reason.MALFORMED, "the record has no value")
            opened = self._judge.open(record.value, at=headers.judged_at)
            self._check_address(opened, headers)
        except RejectedError as error:
            self.refused += 1
            _log.warning("%s lane %d sequence %d refused: %s", record.topic, record.partition, headers.sequence, error)
            return
        statement = opened.statement
        if statement.kind is Kind.DOCUMENT:
            arrival = Arrival(
                record.partition, headers.sequence, opened.id, statement.sender, statement.thread,
                statement.priority, statement.body["subject"], headers.position, headers.judged_at,
                True, record.value,
            )  # fmt: skip
            room = not self._overflowed and self._has_room(len(fresh), len(record.value))
            taken.arrivals.append(arrival if room else arrival._replace(handed=False))
            if room:
                fresh.append(self._delivery(arrival, opened, redelivered=False))
            else:
                self._overflowed = True
                self._spilled += 1
        elif statement.kind is Kind.ACKNOWLEDGEMENT:
            body = statement.body
            taken.answers.extend(
                Answer(document, statement.sender, body["status"], body["reason"], statement.created)
                for document in body["documents"]
            )
        else:
            taken.receipts.extend(
                ReceiptLine(entry["envelope_id"], entry["reason"], entry["position"])
                for entry in statement.body["entries"]
                if entry["envelope_id"] is not None
            )

    def _check_address(self, opened: OpenedEnvelope, headers: DeliveryHeaders) -> None:
        if opened.id != headers.id:
            raise RejectedError(Reason.MALFORMED, "the header's id is not the envelope's")
        if self._agency in opened.statement.recipients:
            return
        directory = self._judge.directory
        if not any(
            directory.route(recipient, headers.judged_at, directory.known_at) == self._agency
            for recipient in opened.statement.recipients
        ):
            raise RejectedError(Reason.UNKNOWN_RECIPIENT, f"it is not addressed to {self._agency}")

    # -- from the store to the caller

    def _has_room(self, more: int, size: int) -> bool:
        return len(self._ready) + more < _READY_DOCUMENTS and self._ready_bytes + size < _READY_BYTES

    def _make_ready(self, delivery: Delivery) -> None:
        self._ready.append(delivery)
        self._ready_bytes += delivery.size
        self._last_ready[delivery.lane] = delivery.sequence

    def _delivery(self, arrival: Arrival, opened: OpenedEnvelope, *, redelivered: bool) -> Delivery:
        return Delivery(
            arrival.id, arrival.sender, arrival.lane, arrival.sequence, arrival.position, arrival.judged_at,
            redelivered, opened.statement, opened.contents, len(arrival.value), self,
        )  # fmt: skip

    async def _tell(self) -> None:
        self._news.set()
        async with self._changed:
            self._changed.notify_all()

    async def next_change(self) -> None:
        """Wait until something was read from the inbox.

        Raises:
            InvariantError: reading stopped.
        """
        if self._failure is not None:
            raise self._failure
        async with self._changed:
            try:
                # Another process of this agency may be the one that reads: look again soon.
                async with asyncio.timeout(0.5):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def receive(self, idle_seconds: float | None) -> AsyncIterator[Delivery]:
        """Documents, each lane in sequence; see `Client.receive`."""
        while True:
            if self._failure is not None:
                raise self._failure
            if not self._ready and self._overflowed:
                await self._reload()
            if not self._ready:
                self._news.clear()
                if not self._overflowed and not await self._wait_for_news(idle_seconds):
                    return
                continue
            delivery = self._ready.popleft()
            self._ready_bytes -= delivery.size
            yield delivery
            if not delivery._settled:  # noqa: SLF001 - a class of this module
                self.acknowledge(delivery, Status.ARRIVED, "")

    async def _wait_for_news(self, idle_seconds: float | None) -> bool:
        """Whether something was read within the time, counted from when all there was had been read."""
        if idle_seconds is not None:
            await self.caught_up.wait()
        try:
            async with asyncio.timeout(idle_seconds):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    async def _reload(self) -> None:
        """Fetch waiting documents from the store: those of an earlier run, and those memory had no room for."""
        spilled = self._spilled
        waiting = await asyncio.get_running_loop().run_in_executor(
            self._thread, self._store.waiting, _READY_DOCUMENTS // 4, dict(self._last_ready)
        )
        if not waiting and self._spilled == spilled:
            # Rounds are stored in the order in which they are decided on, so nothing is left behind.
            self._overflowed = False
        for arrival in waiting:
            if arrival.sequence <= self._last_ready.get(arrival.lane, 0):
                continue
            try:
                opened = self._judge.open(arrival.value, at=arrival.judged_at)
            except RejectedError as error:  # it verified when it was stored: the store was changed
                raise InvariantError(f"document {arrival.id.hex()} in the store does not verify: {error}") from error
            self._make_ready(self._delivery(arrival, opened, redelivered=arrival.handed))

    # -- from the caller back to the sender

    def acknowledge(self, delivery: Delivery, status: Status, reason: str) -> None:
        """Note what is to be said of a document."""
        if status in (Status.REFUSED, Status.CHANGE_REFUSED) and not reason:
            raise ValueError(f"status {status.value} needs a reason")
        if len(reason) > 500:  # noqa: PLR2004 - as in schemas/acknowledgement.avsc
            raise ValueError(f"the reason has {len(reason)} characters, more than 500")
        delivery._settled = True  # noqa: SLF001 - a class of this module
        self._settled.append((delivery, status, reason))
        self._settled_any.set()

    def wake(self) -> None:
        """Let the tasks look whether they are to stop."""
        self._settled_any.set()
        self._news.set()

    async def settle(self, stopping: asyncio.Event) -> None:
        """Store what was settled and say it, all of one sender, lane and status in one statement."""
        loop = asyncio.get_running_loop()
        while not (stopping.is_set() and not self._settled):
            await self._settled_any.wait()
            if not stopping.is_set():
                await asyncio.sleep(_SETTLE_SECONDS)
            self._settled_any.clear()
            settled, self._settled = self._settled, []
            if not settled:
                continue
            acknowledgements = self._statements(settled)
            await loop.run_in_executor(
                self._thread,
                self._store.settle,
                [(status.value, one.lane, one.sequence) for one, status, _ in settled],
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
                outgoing.append(Outgoing(envelope_id(data), None, Kind.ACKNOWLEDGEMENT, lane, data, (), now, 0))
        return outgoing
