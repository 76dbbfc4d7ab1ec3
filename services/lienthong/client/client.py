"""The client: what an agency's developer holds."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Self

from lienthong.client.database import StoreThread
from lienthong.client.delivery import Delivery, Settler
from lienthong.client.documents import Document, File, Progress, State
from lienthong.client.drafts import Drafts
from lienthong.client.leftovers import Leftovers
from lienthong.client.receiving import Receiver
from lienthong.client.rows import Outgoing, Summary
from lienthong.client.sending import Identity, Sender
from lienthong.client.store import Store
from lienthong.client.turn import Turn
from lienthong.client.verbs import Verbs
from lienthong.client.verifier import Verifier
from lienthong.kernel.agency import from_qcvn102, is_qcvn102
from lienthong.kernel.bus import Bus, Connect, KafkaSettings
from lienthong.kernel.clock import Clock, now_ms
from lienthong.kernel.directory import Directory
from lienthong.kernel.directory_reader import DirectoryReader
from lienthong.kernel.errors import RejectedError, UnavailableError
from lienthong.kernel.judge import Judge
from lienthong.kernel.keys import SigningKey
from lienthong.kernel.lanes import EXPRESS_LANE
from lienthong.kernel.pieces import Pieces
from lienthong.kernel.reasons import Reason
from lienthong.kernel.topics import LEDGER, inbox, outbox
from lienthong.kernel.trust import Trust
from lienthong.runtime.settings import Settings

__all__ = ["Client", "connect"]

_log = logging.getLogger(__name__)
_DRAIN_SECONDS = 10.0
_READERS_SECONDS = 1.0
_ORDINARY_REST_MS = 40
"""How long documents of ordinary lanes gather while many come."""
_REACHED = {
    State.ACCEPTED: {State.ACCEPTED, State.ARRIVED, State.ACKNOWLEDGED},
    State.ARRIVED: {State.ARRIVED, State.ACKNOWLEDGED},
    State.ACKNOWLEDGED: {State.ACKNOWLEDGED},
}


@asynccontextmanager
async def connect(agency: str, settings: Settings | None = None) -> "AsyncIterator[Client]":
    """Connect as an agency whose key and store lie in ``<home>/agencies/<code>``.

    Args:
        agency: the agency's code.
        settings: where things are; by default from the environment (``LIENTHONG_…``).

    Raises:
        ValueError: there is no key or no trust anchor.
        UnavailableError: Kafka does not answer.
        RejectedError: the directory does not know the agency as connected.
    """
    settings = settings or Settings()
    folder = settings.home / "agencies" / agency
    if is_qcvn102(agency) and not folder.exists():
        agency = from_qcvn102(agency)
        folder = settings.home / "agencies" / agency
    async with Client.open(
        agency, SigningKey.load(folder / "signing.pem"), settings.trust(), settings.kafka(), folder / "store.sqlite"
    ) as client:
        yield client


def _check_connected(directory: Directory, agency: str, now: int) -> None:
    known = directory.agency(agency)
    if known is not None and known.is_retired(now):
        after = f", its mail goes to {', '.join(known.successors)}" if known.successors else ""
        raise RejectedError(
            Reason.UNKNOWN_SENDER, f"{agency} has retired{after}: nothing can be said in its name any more"
        )
    if directory.routes(agency, now, directory.known_at) != (agency,):
        raise RejectedError(Reason.UNKNOWN_SENDER, f"{agency} is not a connected agency of this backbone")


@asynccontextmanager
async def _as_themselves() -> AsyncIterator[None]:
    """An error that ended a group of tasks is raised as it is: a caller who expects it need know nothing of groups."""
    try:
        yield
    except BaseExceptionGroup as group:
        first, *others = group.exceptions
        for one in others:
            _log.error("the connection ended for another reason as well: %r", one)
        raise first from None


class Client(Verbs):
    """One agency's connection: sends from a durable outbox, receives in sequence. Use `connect` or `open`."""

    def __init__(
        self,
        agency: str,
        judge: Judge,
        sender: Sender,
        receiver: Receiver,
        settler: Settler,
        store: Store,
        thread: StoreThread,
        clock: Clock,
        pieces: Pieces,
    ) -> None:
        super().__init__(agency, Drafts(agency, judge, clock), sender, store, thread, clock)
        self._receiver = receiver
        self._settler = settler
        self._pieces = pieces

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        agency: str,
        key: SigningKey,
        trust: Trust,
        kafka: KafkaSettings,
        store: Path,
        clock: Clock = now_ms,
        connect_bus: Connect = Bus.connect,
    ) -> AsyncIterator[Self]:
        """Connect for the time of a context.

        At its end what was settled is said and what was handed over is sent, within ten seconds; the
        rest stays in the store and goes out next time.

        Args:
            agency: the agency's code.
            key: its signing key, one that the directory names.
            trust: the pinned trust anchor.
            kafka: how to reach Kafka.
            store: the SQLite file; made if there is none.
            clock: time, milliseconds since 1970 UTC.
            connect_bus: opens the connection to Kafka.

        Raises:
            UnavailableError: Kafka does not answer, or holds no backbone.
            RejectedError: the directory does not know the agency as connected, or the key as its own.
        """
        async with connect_bus(kafka, agency) as bus:
            follower = DirectoryReader(bus, trust)
            directory = await follower.load()
            lanes = await bus.lanes(LEDGER)
            if not lanes:
                raise UnavailableError(f"Kafka at {kafka.bootstrap} shows no ledger to {agency}: ask the operator")
            topics = await bus.partition_counts([outbox(agency), inbox(agency)])
            _check_connected(directory, agency, clock())
            if len(topics) < 2:  # noqa: PLR2004
                # The broker that was asked may not know of them yet.
                raise UnavailableError(
                    f"Kafka at {kafka.bootstrap} does not show the topics of {agency}: they are new, or its access"
                    " rights are missing"
                )
            known = directory.key(key.key_id)
            if known.agency != agency:
                raise RejectedError(
                    Reason.UNKNOWN_KEY, f"key {key.key_id.hex()} belongs to {known.agency}, not {agency}"
                )
            known.check(clock(), directory.known_at)
            thread = StoreThread(agency)
            loop = asyncio.get_running_loop()
            database = await loop.run_in_executor(thread, Store, store)
            turn = Turn(store.with_name(f"{store.name}-turn"))
            try:
                judge = Judge(directory, lanes)
                sender = Sender(bus, Identity(agency, key, trust.origin), database, thread, clock)
                settler = Settler(agency, database, thread, clock, sender.queue)
                verifier = Verifier(agency, judge, follower, database, thread, settler)
                receiver = Receiver(bus, agency, lanes, verifier, database, thread, settler, turn)
                client = cls(agency, judge, sender, receiver, settler, database, thread, clock, bus.pieces)
                newest = await loop.run_in_executor(thread, database.newest)
                async with client._running(follower, lanes, newest):
                    yield client
            finally:
                turn.give_back()
                closing = loop.run_in_executor(thread, database.close)
                thread.shutdown(wait=False)  # nothing is asked of it after that
                await closing

    @asynccontextmanager
    async def _running(self, follower: DirectoryReader, lanes: int, newest: int) -> AsyncIterator[None]:
        failure: Exception | None = None
        pulling, settling, sending = asyncio.Event(), asyncio.Event(), asyncio.Event()
        ordinary = [lane for lane in range(lanes) if lane != EXPRESS_LANE]
        sender, receiver = self._sender, self._receiver
        leftovers = Leftovers(sender, self._store, self._thread)
        async with _as_themselves(), asyncio.TaskGroup() as tasks:
            reading = [
                tasks.create_task(follower.follow(pulling)),
                tasks.create_task(receiver.pull([EXPRESS_LANE], pulling, rest_ms=0, parts=2)),
                tasks.create_task(receiver.pull(ordinary, pulling, rest_ms=_ORDINARY_REST_MS, parts=2)),
                tasks.create_task(leftovers.queue(newest, receiver.caught_up, pulling)),
            ]
            storing = [
                tasks.create_task(self._settler.run(settling)),
                tasks.create_task(sender.store_handed(settling)),
            ]
            pumping = [
                tasks.create_task(sender.pump(sending, express=True)),
                tasks.create_task(sender.pump(sending, express=False)),
            ]
            try:
                yield
            except Exception as error:  # noqa: BLE001 - the caller's own, which a group must not wrap
                failure = error
            finally:
                try:
                    # Settled documents become acknowledgements, and these are sent, before the connection goes.
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_DRAIN_SECONDS):
                            settling.set()
                            self._settler.wake()
                            sender.wake()
                            await asyncio.wait(storing)
                            sending.set()
                            sender.wake()
                            await asyncio.wait(pumping)
                    pulling.set()
                    # A reader that is let go in the middle of a request leaves an error that nobody reads.
                    await asyncio.wait(reading, timeout=_READERS_SECONDS)
                finally:
                    for task in (*storing, *pumping, *reading):
                        task.cancel()
                    receiver.close()
        if failure is not None:
            raise failure

    async def send(self, document: Document, *files: File, again: str = "") -> bytes:
        """Hand a document over: when this returns it is on disk and will be sent, crash or not.

        The same document with the same files is handed over once: a second call returns the first
        id and sends nothing, unless the first was rejected. Waits while too much is unsent.

        Args:
            document: what is said, and to whom.
            files: attachments; together at most `MAX_INLINE_BYTES`.
            again: any text that tells two equal documents apart, if both are meant.

        Returns:
            The envelope id, 32 bytes.

        Raises:
            RejectedError: it would be rejected: an unknown recipient, too many or too large files.
            UnavailableError: the outbox cannot be written, or the connection is closed.
        """
        return (await self._sender.hand_over([self._drafts.new(document, files, again)]))[0]

    async def send_many(self, documents: Sequence[tuple[Document, Sequence[File]]]) -> list[bytes]:
        """Hand over several documents with one wait for the disk: all of them, or none; otherwise as `send`."""
        outgoing: list[Outgoing] = []
        async for some in self._pieces.cut(documents):
            outgoing += [self._drafts.new(document, files, "") for document, files in some]
        return await self._sender.hand_over(outgoing)

    async def summary(self) -> Summary:
        """Counts over everything in the outbox."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._store.summary)

    async def progress(self, envelope_id: bytes) -> Progress | None:
        """How far something that was sent has come; None if nothing was sent under this id."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._store.progress, envelope_id)

    async def wait(self, envelope_id: bytes, state: State | str, *, timeout_seconds: float = 30.0) -> Progress:
        """Wait until a document has come as far as a state: accepted, arrived or acknowledged.

        Raises:
            RejectedError: the backbone rejected it.
            UnavailableError: it did not come so far in time; it is not lost, ask again later.
            ValueError: nothing was sent under this id, or the state is another one.
        """
        wanted = _REACHED.get(State(state))
        if wanted is None:
            raise ValueError(f"{State(state).value!r} is nothing to wait for: accepted, arrived or acknowledged")
        try:
            async with asyncio.timeout(timeout_seconds):
                while True:
                    progress = await self._reached(envelope_id, wanted)
                    if progress.renewed_as is None:
                        return progress
                    envelope_id = progress.renewed_as
        except TimeoutError as error:
            raise UnavailableError(
                f"document {envelope_id.hex()} is not {State(state).value} after {timeout_seconds:.0f} s"
            ) from error

    async def _reached(self, envelope_id: bytes, wanted: set[State]) -> Progress:
        """Wait until a document is in one of these states, or was signed anew under another id."""
        with self._receiver.watchers.watch(envelope_id) as changed:
            while True:
                progress = await self.progress(envelope_id)
                if progress is None:
                    raise ValueError(f"nothing was sent under id {envelope_id.hex()}")
                if progress.state is State.REJECTED:
                    raise RejectedError(Reason(progress.reason), f"document {envelope_id.hex()} was rejected")
                if progress.state in wanted or progress.renewed_as is not None:
                    return progress
                await self._receiver.next_change(changed)

    async def caught_up(self, *, timeout_seconds: float = 30.0) -> None:
        """Wait until everything that was in the inbox topic has been read once.

        Raises:
            UnavailableError: it was not in time.
            InvariantError: a sequence number is missing.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._receiver.caught_up()
        except TimeoutError as error:
            raise UnavailableError(f"the inbox was not read to its end within {timeout_seconds:.0f} s") from error

    def receive(self, *, idle_seconds: float | None = None) -> AsyncIterator[Delivery]:
        """Documents for this agency, verified, express ones first, each lane in sequence; goes on where it stopped.

        A document is settled when it is acknowledged, or when the next one is asked for, which
        acknowledges that it arrived (01). What was handed to the caller and not settled before a
        crash comes again with `redelivered` set. One that is left without a word by ending the iteration
        comes again in the next connection. Use one iteration at a time. Of several processes of
        an agency one receives; another takes over when that one closes its connection or dies.

        Args:
            idle_seconds: end when nothing came for so long; None: never end.

        Raises:
            InvariantError: a sequence number is missing: something was removed from the inbox.
            UnavailableError: the connection is closed.
        """
        return self._receiver.receive(idle_seconds)

    @property
    def refused(self) -> int:
        """Records of the inbox that were not believed or not for this agency; they are never handed over."""
        return self._receiver.verifier.refused
