"""What an agency does with documents it has sent or received before: change them, ask for them back, answer."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from lienthong.client.delivery import acknowledgement
from lienthong.client.documents import Document, File, Replacement, Status
from lienthong.client.drafts import Drafts
from lienthong.client.history import History, among
from lienthong.client.sending import Sender
from lienthong.client.store import Store
from lienthong.kernel.clock import Clock
from lienthong.kernel.lifecycle import ALL_ASKED, Asking, Event, Flag, Party, Request, advance
from lienthong.kernel.limits import MAX_REASON_CHARACTERS
from lienthong.kernel.statement import REASONED_STATUS_CODES

__all__ = ["Verbs"]

_WHY = {
    Flag.NOT_HIS_TO_SAY: "that is not this agency's to say",
    Flag.AFTER_REFUSAL: "it was refused and returned: send it anew",
    Flag.AFTER_ACCEPTANCE: "it was accepted and cannot be refused any more",
    Flag.AFTER_TAKE_BACK: "it was taken back",
    Flag.TAKE_BACK_OPEN: "it was asked back, and that waits for its answer",
    Flag.NOTHING_ASKED: "nothing is asked of it",
    Flag.ANOTHER_ASKED: "a newer request has taken the place of this one",
    Flag.ALREADY_ANSWERED: "the opposite was answered",
    Flag.OTHER_LANE: "it was said in another lane",
    Flag.NO_SUCH_DOCUMENT: "there is no such document",
}
_ANSWERS = (Status.AGREED, Status.CHANGE_REFUSED)
_CHANGED_DATA, _CHANGED_RECEIVERS = 1, 2


class Verbs:
    """The part of the client that speaks of earlier documents. What the law makes impossible is refused here."""

    def __init__(
        self, agency: str, drafts: Drafts, sender: Sender, store: Store, thread: ThreadPoolExecutor, clock: Clock
    ) -> None:
        self.agency = agency
        self._drafts = drafts
        self._sender = sender
        self._store = store
        self._thread = thread
        self._clock = clock

    async def history(self, envelope_id: bytes) -> History | None:
        """Every signed statement about a document that was sent or received here, and what became of it.

        Of a document that was received it holds what its sender and this agency have said; what other
        recipients say is not theirs to know. None if there is no such document.
        """
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, self._store.history, envelope_id, self.agency
        )

    async def update(self, envelope_id: bytes, document: Document, *files: File) -> bytes:
        """Change a document that was sent: its recipients are asked to agree (kind 2).

        Args:
            envelope_id: the document that is changed.
            document: how it is now, and for whom. `changes` is found out if it is 0; `reason` says why.
            files: its files as they are now.

        Returns:
            The envelope id of the update.

        Raises:
            ValueError: it was not sent from here, or it is impossible at one of its recipients: the sentence says why.
            RejectedError: as for `send`.
        """
        history = await self._of_ours(envelope_id)
        document = self._drafts.without_groups(document)
        to = [code for code in document.recipients if code in history.addressed]
        if not to:
            raise ValueError("an update goes to those who have the document: none of its recipients is named")
        self._check(history, Event.UPDATE, to)
        receivers = _CHANGED_RECEIVERS if set(document.recipients) != set(history.addressed) else 0
        document = document.model_copy(
            update={
                "business_type": 2,
                "refers_to": (history.id,),
                "changes": document.changes or _CHANGED_DATA | receivers,
            }
        )
        return await self._say(history, document, files)

    async def replace(self, document: Document, replaced: Sequence[bytes | Replacement], *files: File) -> bytes:
        """Send a document that takes the place of others that were sent from here (kind 3).

        Args:
            document: the new one.
            replaced: envelope ids of those it replaces, for all that got them, or with the agencies concerned.
            files: attachments.

        Raises:
            ValueError: one was not sent from here, or none is named.
            RejectedError: as for `send`.
        """
        if not replaced:
            raise ValueError("name at least one document that is replaced")
        replaces = []
        for one in replaced:
            named = one if isinstance(one, Replacement) else Replacement(document=one)
            replaces.append(named.model_copy(update={"document": (await self._of_ours(named.document)).id}))
        document = document.model_copy(update={"business_type": 3, "replaces": tuple(replaces)})
        ids = [one.document for one in replaces]
        outgoing = self._drafts.new(document, files, "")._replace(refers=ids)
        return (await self._sender.hand_over([outgoing]))[0]

    async def recall(self, envelope_id: bytes, reason: str, recipients: Sequence[str] | None = None) -> bytes:
        """Take a document back (kind 1): at once where it was not accepted, elsewhere its recipient is asked.

        Args:
            envelope_id: a document that was sent from here.
            reason: why, 1 to 500 characters.
            recipients: from whom; by default from all where that is possible.

        Returns:
            The envelope id of the recall.

        Raises:
            ValueError: it was not sent from here, there is no reason, or it is impossible: the sentence says why.
            RejectedError: as for `send`.
        """
        _check_reason(reason)
        history = await self._of_ours(envelope_id)
        to = self._possible(history, Event.RECALL, recipients)
        document = Document(
            recipients=tuple(to), subject=history.subject, priority=history.priority, business_type=1, reason=reason,
            refers_to=(history.id,),
        )  # fmt: skip
        return await self._say(history, document, ())

    async def ask_back(self, envelope_id: bytes, reason: str, recipients: Sequence[str] | None = None) -> list[bytes]:
        """Ask for a document back by status 13: the same request as `recall`, in the form that QCVN 102 has beside it.

        Returns:
            The envelope ids of what was said, one for each recipient.
        """
        _check_reason(reason)
        history = await self._of_ours(envelope_id)
        to = self._possible(history, Event.TAKE_BACK_ASKED, recipients)
        outgoing = [
            acknowledgement(
                self.agency, code, history.thread, history.lane, history.priority, [history.id],
                Status.TAKE_BACK_ASKED, reason, self._clock(), routes=agencies, refers=[history.id],
            )
            for code, agencies in to.items()
        ]  # fmt: skip
        return await self._sender.hand_over(outgoing)

    async def agree(self, envelope_id: bytes) -> bytes:
        """Agree to what is asked (15).

        Args:
            envelope_id: a recall or an update that was received, or the document itself: then to all that is
                asked of it.

        Raises:
            ValueError: it was not received here, or nothing is asked: the sentence says why.
        """
        return await self.acknowledge(envelope_id, Status.AGREED)

    async def refuse(self, envelope_id: bytes, reason: str) -> bytes:
        """Refuse what is asked (16), or a document of which nothing is asked (02).

        Args:
            envelope_id: as for `agree`.
            reason: why, 1 to 500 characters.

        Raises:
            ValueError: it was not received here, there is no reason, or that is impossible: the sentence says why.
        """
        history = await self.history(envelope_id)
        received = await asyncio.get_running_loop().run_in_executor(
            self._thread, self._store.received, envelope_id, self.agency
        )
        is_request = received is not None and (received.asked or received.by_status)
        is_asked = history is not None and any(life.request is not Request.NONE for life in history.awaited.values())
        status = Status.CHANGE_REFUSED if is_request or is_asked else Status.REFUSED
        return await self.acknowledge(envelope_id, status, reason)

    async def acknowledge(self, envelope_id: bytes, status: Status | str, reason: str = "") -> bytes:
        """Say what became of a document that was received earlier, in this process or before.

        Returns:
            The envelope id of the acknowledgement.

        Raises:
            ValueError: it was not received here, or that is impossible: the sentence says why.
        """
        status = Status(status)
        if status.value in REASONED_STATUS_CODES:
            _check_reason(reason)
        loop = asyncio.get_running_loop()
        received = await loop.run_in_executor(self._thread, self._store.received, envelope_id, self.agency)
        if received is None:
            raise ValueError(f"{self.agency} has not received a document {envelope_id.hex()}")
        spoken_of = received.asked if status in _ANSWERS else []
        if received.by_status and status not in _ANSWERS:
            raise ValueError(f"{envelope_id.hex()} asks for a document back: agree or refuse")
        about = spoken_of or [(received.history, ALL_ASKED)]
        flags = [
            advance(history.awaited[self.agency], Event(status.value), Party.RECIPIENT, asking).flag
            for history, asking in about
        ]
        if all(flags):
            raise ValueError(
                f"{status.name.lower().replace('_', ' ')} is impossible: {_WHY[flags[0] or Flag.NOTHING_ASKED]}"
            )
        history = received.history
        named = [one.id for one, _ in about] if received.by_status else [history.id]
        place = received.waits_at
        outgoing = acknowledgement(
            self.agency, history.sender, history.thread, history.lane, history.priority, named, status, reason,
            self._clock(), refers=named,
        )  # fmt: skip
        settled = [] if place is None else [(0 if received.by_status else 1, *place)]
        await loop.run_in_executor(self._thread, self._store.settle, settled, [outgoing])
        self._sender.queue([outgoing])
        return outgoing.id

    async def _of_ours(self, envelope_id: bytes) -> History:
        history = await self.history(envelope_id)
        if history is None or not history.own:
            what = "it was received" if history else "nothing was sent under this id"
            raise ValueError(f"{envelope_id.hex()} is not a document that {self.agency} sent: {what}")
        if history.rejected:
            raise ValueError(f"document {history.id.hex()} was never delivered: {history.rejected}")
        return history

    async def _say(self, history: History, document: Document, files: Sequence[File]) -> bytes:
        # The same said again after an answer is said anew; without one it is a repeat, which is sent once.
        answers = sum(one.event in (Event.AGREED, Event.CHANGE_REFUSED) for one in history.sayings)
        outgoing = self._drafts.in_thread(history.thread, document, files, f"after {answers}", (history.id,))
        return (await self._sender.hand_over([outgoing]))[0]

    def _got(self, history: History, code: str) -> list[str]:
        """The agencies that got what was addressed to a code of the document: several where it had been divided."""
        for routes in (self._drafts.routes(code, history.at), self._drafts.routes(code)):
            if got := [route for route in routes if route in history.lives]:
                return got
        return among(history.lives, [code])

    def _flag(self, history: History, event: Event, agency: str) -> Flag | None:
        """Why an event would be impossible at an agency that got the document; None if it is not."""
        asking = Asking(Request.UPDATE, b"") if event is Event.UPDATE else ALL_ASKED
        return advance(history.awaited[agency], event, Party.SENDER, asking).flag

    def _check(self, history: History, event: Event, codes: Sequence[str]) -> None:
        """Refuse what is impossible at one of these: at every agency that got what was addressed to it."""
        for code in codes:
            flags = [self._flag(history, event, one) for one in self._got(history, code)] or [Flag.NO_SUCH_DOCUMENT]
            if flags[0] is not None and None not in flags:
                raise ValueError(f"{event.name.lower().replace('_', ' ')} is impossible at {code}: {_WHY[flags[0]]}")

    def _possible(self, history: History, event: Event, recipients: Sequence[str] | None) -> dict[str, Sequence[str]]:
        """Whom it is to be said to, and which of those who got the document each code stands for.

        That is all that were named, or of all who got it those where it is possible.
        """
        lives = history.awaited
        if recipients is None:
            got = {code: self._got(history, code) for code in history.addressed}
            claimed = {one for some in got.values() for one in some}
            got |= {one: [one] for one in lives if one not in claimed}
            at = [one for one in lives if self._flag(history, event, one) is None]
            # Where it has been taken back it need not be said again, unless that is everywhere.
            at = [one for one in at if not lives[one].frozen] or at
            to = self._addressed(got, at)
            to = {code: some for code, some in to.items() if self._drafts.routes(code)} or to
        else:
            got = {code: self._got(history, code) for code in self._drafts.codes(recipients)}
            self._check(history, event, list(got))
            named = {one for some in got.values() for one in some}
            to = self._addressed(got, [one for one in named if self._flag(history, event, one) is None])
        if not to:
            self._check(history, event, history.addressed)
        return to

    def _addressed(self, got: Mapping[str, Sequence[str]], at: Collection[str]) -> dict[str, Sequence[str]]:
        """How to write to these agencies: by the code of the document if it leads to all who got it, and all are meant.

        Otherwise by their own.
        """
        to: dict[str, Sequence[str]] = {}
        for code, agencies in got.items():
            meant = [one for one in agencies if one in at]
            now = set(self._drafts.routes(code))
            if meant == agencies and all(now.issuperset(self._drafts.routes(one)) for one in agencies):
                to[code] = agencies
            else:
                to.update({one: [one] for one in meant if one not in to})
        return to


def _check_reason(reason: str) -> None:
    if not 1 <= len(reason) <= MAX_REASON_CHARACTERS:
        raise ValueError(f"give a reason of 1 to {MAX_REASON_CHARACTERS} characters")
