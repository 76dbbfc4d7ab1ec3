"""What nobody has read, pure: ledger entries in, notices for the documents' senders out.

A document is open at a recipient, the agency in whose inbox it is, from its acceptance until that agency says
anything of it, until its sender takes it back, or until a notice that says that it is unread stands in the
ledger. What the operator releases is accepted by the command. All of that is read out of one lane of the ledger,
so whoever reads it from the oldest open document on knows the same as who has read it all, and what was said
before a restart is not said again.

An open document costs about 300 bytes, and 8 more for each recipient. Beside them only ids of released documents
are kept, for as long as an ordinary entry may repeat them.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from sys import intern
from typing import NamedTuple

from lienthong.kernel.command import RELEASE, Command, routes_released
from lienthong.kernel.deadline_rules import Expiry
from lienthong.kernel.fold import Count, ids_horizon_ms
from lienthong.kernel.lanes import thread_in_lane
from lienthong.kernel.ledger import Entry, Outcome
from lienthong.kernel.lifecycle import Event
from lienthong.kernel.limits import MAX_NAMED
from lienthong.kernel.reasons import Reason
from lienthong.kernel.statement import Kind, Statement, make_statement

__all__ = ["SAYING", "Left", "UnreadLane", "notices"]

SAYING = frozenset({Kind.DOCUMENT.value, Kind.ACKNOWLEDGEMENT.value, Kind.COMMAND.value, Kind.NOTICE.value})
"""Kinds of entries, as their headers name them, of which the statement is wanted; all others say nothing here."""
_RECALL = 1
_UNKNOWN, _NEVER = -1, 2**63
_AGAIN_MS = 60_000
"""How long after a notice was rejected its documents are told again."""


class Left(NamedTuple):
    """A document that one recipient has left unread until its time was over."""

    document: bytes
    """Its envelope id, 32 bytes."""
    position: int
    """Of its entry in the ledger."""
    sender: str
    recipient: str
    expired_at: int
    """Milliseconds since 1970 UTC."""


class _Open(NamedTuple):
    position: int
    ends_at: int
    sender: str
    recipients: tuple[str, ...]
    """Those who have said nothing."""


class _Released(NamedTuple):
    position: int
    """Of the command."""
    until: int
    """From when on its sender cannot send it again, milliseconds since 1970 UTC."""


class UnreadLane:
    """What is open in one lane of the ledger.

    Args:
        backbone: code under which notices are sent; nobody is told about its own.
        expiry: when a document counts as unread.
        position: ledger offset from which on entries will come; nothing before it is open.
    """

    def __init__(self, backbone: str, expiry: Expiry, position: int) -> None:
        self._backbone = backbone
        self._expiry = expiry
        self._open: dict[bytes, _Open] = {}
        self._released: dict[bytes, _Released] = {}
        """What was released and may still be accepted from its sender as well: that second entry is dropped."""
        self._ends_first = _NEVER
        """When the first of what is to be said is over, or before; `_UNKNOWN`: to be looked up."""
        self._said: dict[bytes, Sequence[Left]] = {}
        self._waiting: set[tuple[bytes, str]] = set()
        """What was said and has not been seen in the ledger, by document and recipient."""
        self._again_at = 0
        self.position = position
        """Next ledger offset; entries before it are taken for read again."""

    @property
    def count(self) -> int:
        """Documents that are open at one recipient at least."""
        return len(self._open)

    @property
    def settled(self) -> int:
        """Ledger offset before which nothing is to be known: from there on the lane must be read after a restart."""
        opened = next((one.position for one in self._open.values()), self.position)
        released = next((one.position for one in self._released.values()), self.position)
        return min(self.position, opened, released)

    def read_until(self, position: int) -> None:
        """Offsets up to here that hold no entry were read, too."""
        self.position = max(self.position, position)

    # -- what the ledger says

    def take(
        self, entry: Entry, counts: Count, said: Statement | Command | None, *, accepted_at: int | None = None
    ) -> str:
        """Take the next entry.

        Args:
            entry: of the lane; one that was taken before says nothing new.
            counts: what the fold says of it.
            said: by an accepted entry of a kind in `SAYING`; None if it cannot be read.
            accepted_at: of a command, the ledger offset at which the fold knows its document as accepted.

        Returns:
            Why a notice of ours was rejected, if this entry says so; else empty.
        """
        if entry.position < self.position:
            return ""
        self.position = entry.position + 1
        self._forget_released(entry.judged_at)
        if counts is not Count.COUNTS or entry.id is None:
            return ""
        if entry.outcome is Outcome.REJECTED:
            return self._rejected(entry, entry.id)
        if isinstance(said, Command):
            if said.action == RELEASE and (accepted_at is None or accepted_at > entry.position):
                self._release(entry, said)
        elif entry.kind == Kind.DOCUMENT:
            if entry.id not in self._released:
                self._document(entry, entry.id, entry.source.agency, said)
        elif said is not None and entry.kind == Kind.ACKNOWLEDGEMENT:
            self._acknowledgement(entry, said)
        elif said is not None and entry.kind == Kind.NOTICE:
            self._notice(entry.id, said)
        return ""

    def _release(self, entry: Entry, command: Command) -> None:
        identity, document = command.document, command.statement
        if identity not in self._open and identity not in self._released:
            self._released[identity] = _Released(entry.position, entry.judged_at + ids_horizon_ms())
            routes = routes_released(document, entry.routes)
            self._document(entry._replace(routes=routes), identity, document.sender, document)

    def _forget_released(self, now: int) -> None:
        while self._released:
            identity, one = next(iter(self._released.items()))
            if now <= one.until:
                return
            del self._released[identity]

    def _document(self, entry: Entry, identity: bytes, sender: str, statement: Statement | None) -> None:
        if statement is not None and statement.body["business_type"] == _RECALL:
            for named in statement.body["refers_to"]:
                self._taken_back(named, sender, entry.routes)
        if sender != self._backbone and identity not in self._open and entry.routes:
            ends_at = self._expiry.ends_at(entry.judged_at)
            # Codes are few, and read anew with every entry: one object for each is enough.
            self._open[identity] = _Open(entry.position, ends_at, intern(sender), tuple(map(intern, entry.routes)))
            self._ends_first = min(self._ends_first, ends_at)

    def _acknowledgement(self, entry: Entry, statement: Statement) -> None:
        agency = entry.source.agency
        asks_back = statement.body["status"] == Event.TAKE_BACK_ASKED
        heard_by = {*entry.routes, *statement.recipients}
        for named in statement.body["documents"]:
            one = self._open.get(named)
            if one is None:
                continue
            if asks_back and one.sender == agency:
                self._taken_back(named, agency, entry.routes)
            elif one.sender in heard_by:  # otherwise the sender does not hear of it, and it is said to nobody
                self._close(named, one, (agency,))

    def _taken_back(self, named: bytes, sender: str, routes: Sequence[str]) -> None:
        one = self._open.get(named)
        if one is not None and one.sender == sender:
            self._close(named, one, routes)

    def _notice(self, identity: bytes, statement: Statement) -> None:
        for line in statement.body["entries"]:
            one = self._open.get(line["document"])
            if one is not None and one.position == line["position"]:
                self._close(line["document"], one, (line["recipient"],))
        for left in self._said.pop(identity, ()):
            self._waiting.discard((left.document, left.recipient))

    def _rejected(self, entry: Entry, identity: bytes) -> str:
        said = self._said.pop(identity, None)
        if said is None:
            return ""
        for left in said:
            self._waiting.discard((left.document, left.recipient))
            one = self._open.get(left.document)
            if entry.reason == Reason.UNKNOWN_RECIPIENT and one is not None:
                self._close(left.document, one, (left.recipient,))  # there is nobody any more who could be told
        self._again_at = entry.judged_at + _AGAIN_MS
        self._ends_first = _UNKNOWN
        return entry.reason

    def _close(self, named: bytes, one: _Open, recipients: Sequence[str]) -> None:
        """These have nothing open of it any more."""
        left = tuple(code for code in one.recipients if code not in recipients)
        if left:
            self._open[named] = one._replace(recipients=left)
        else:
            del self._open[named]

    # -- what is to be said

    def is_due(self, now: int) -> bool:
        """Whether there may be something to say; milliseconds since 1970 UTC."""
        if self._ends_first == _UNKNOWN:
            # What waits for its notice is looked at again when something becomes of that.
            self._ends_first = min(
                (one.ends_at for name, one in self._open.items() if self._unsaid(name, one)), default=_NEVER
            )
        return now > self._ends_first and now >= self._again_at

    def _unsaid(self, document: bytes, one: _Open) -> tuple[str, ...]:
        if not self._waiting:
            return one.recipients
        return tuple(code for code in one.recipients if (document, code) not in self._waiting)

    def due(self, now: int, limit: int) -> list[Left]:
        """What is unread and was not said, in ledger order, at most so much; the ledger must be read to its end."""
        if not self.is_due(now):
            return []
        found = list(islice(self._all_due(now), limit))
        if not found:
            self._ends_first = _UNKNOWN  # what was to be over by now is settled
        return found

    def _all_due(self, now: int) -> Iterator[Left]:
        for document, one in self._open.items():
            if one.ends_at < now:
                for recipient in self._unsaid(document, one):
                    yield Left(document, one.position, one.sender, recipient, one.ends_at)

    def said(self, notice: bytes, some: Sequence[Left]) -> None:
        """A notice with this envelope id says so, and is on its way into the ledger."""
        self._said[notice] = some
        self._waiting.update((left.document, left.recipient) for left in some)
        self._ends_first = _UNKNOWN

    def forget_said(self) -> None:
        """Nobody knows whether what is on its way will arrive: what is not in the ledger in the end is said again."""
        self._said.clear()
        self._waiting.clear()
        self._ends_first = _UNKNOWN


def notices(
    some: Sequence[Left], *, backbone: str, lane: int, lanes: int, now: int
) -> list[tuple[Statement, Sequence[Left]]]:
    """What is said of documents of one lane: a notice for each sender, or several of at most `MAX_NAMED` lines.

    Args:
        some: in ledger order.
        backbone: who says it.
        lane: of the ledger.
        lanes: how many the backbone has.
        now: milliseconds since 1970 UTC.
    """
    by_sender: dict[str, list[Left]] = {}
    for left in some:
        by_sender.setdefault(left.sender, []).append(left)
    return [
        (_notice(sender, together, backbone, lane, lanes, now), together)
        for sender, its in by_sender.items()
        for together in (its[at : at + MAX_NAMED] for at in range(0, len(its), MAX_NAMED))
    ]


def _notice(sender: str, some: Sequence[Left], backbone: str, lane: int, lanes: int, now: int) -> Statement:
    lines = [
        {"document": one.document, "position": one.position, "recipient": one.recipient, "expired_at": one.expired_at}
        for one in some
    ]
    return make_statement(
        sender=backbone, recipients=[sender], thread=thread_in_lane(lane, lanes), created=now, kind=Kind.NOTICE,
        body={"lane": lane, "entries": lines},
    )  # fmt: skip
