"""The history of a document: everything that was said of it, and what became of it at each recipient."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from lienthong.kernel.lifecycle import ALL_ASKED, INITIAL, Asking, Event, Flag, Life, Party, Request, advance
from lienthong.kernel.vietnam_time import ZONE

__all__ = ["History", "Saying", "Unread", "among", "describe", "live", "vietnam_time"]

_SENDERS = frozenset({Event.TAKE_BACK_ASKED, Event.RECALL, Event.UPDATE, Event.REPLACE})
_ANSWERS = (Event.AGREED, Event.CHANGE_REFUSED)
_LAST = 1 << 62


class Saying(NamedTuple):
    """One signed statement about a document."""

    id: bytes
    """Its envelope id, 32 bytes."""
    agency: str
    """Who said it."""
    event: Event
    reason: str
    created: int
    """When it was made by its author's clock, milliseconds since 1970 UTC."""
    judged_at: int | None
    """When the backbone took it; None of our own, and of others whose time was not kept."""
    lane: int
    position: int | None
    """Its place in the ledger; None while the backbone has not said that it took it."""
    own: bool
    """Whether we said it."""
    to: Sequence[str] | None = None
    """Recipients it is about; None: all, or the one who said it."""
    asking: Asking = ALL_ASKED
    """With an update the update itself, with an answer what it answers: as `advance` takes it."""
    rejected: str = ""
    """Why the backbone did not take it; it then says nothing."""
    flags: Mapping[str, Flag] = {}
    """Why it was impossible, by recipient."""


class Unread(NamedTuple):
    """A notice of the backbone: a recipient has left the document unread. Times are milliseconds since 1970 UTC."""

    agency: str
    """The recipient in whose inbox it is."""
    expired_at: int
    """When its time was over."""
    told_at: int
    """When the notice was taken into the ledger."""
    id: bytes
    """The notice's envelope id, 32 bytes."""
    lane: int
    position: int
    """The notice's place in the ledger."""
    read: bool
    """Whether the recipient has said something of the document after all."""


class History(NamedTuple):
    """A document with everything that was said of it."""

    id: bytes
    """Its envelope id, 32 bytes."""
    own: bool
    """Whether we sent it; otherwise we received it, and know what its sender and we have said."""
    sender: str
    subject: str
    thread: bytes
    priority: int
    addressed: Sequence[str]
    """Codes it was addressed to; of a received one our own."""
    lane: int
    position: int | None
    """Its place in the ledger; None while the backbone has not said that it took it."""
    at: int
    """When it was handed over, of one we received when the backbone took it; milliseconds since 1970 UTC."""
    lives: Mapping[str, Life]
    """What became of it, by the agency that it was delivered to. Only what stands in the ledger counts."""
    awaited: Mapping[str, Life]
    """The same once all that we have said stands in the ledger."""
    sayings: Sequence[Saying]
    """In the order of the ledger; what has no place in it yet, last."""
    rejected: str = ""
    """Why the backbone did not take it."""
    unread: Sequence[Unread] = ()
    """Recipients that let its time pass, in the order of the ledger; only of what we sent."""

    def as_json(self) -> dict[str, Any]:
        """For people and programs; times in Vietnam's zone."""
        return {
            "id": self.id.hex(),
            "own": self.own,
            "sender": self.sender,
            "subject": self.subject,
            "lane": self.lane,
            "position": self.position,
            "at": vietnam_time(self.at),
            "rejected": self.rejected,
            "recipients": {
                agency: {
                    "state": life.stage.value,
                    "asked": life.request.value,
                    "answer": life.answer.value,
                    "replaced": life.replaced,
                }
                for agency, life in self.lives.items()
            },
            "said": [
                {
                    "id": one.id.hex(),
                    "by": one.agency,
                    "event": one.event.value,
                    "reason": one.reason,
                    "created": vietnam_time(one.created),
                    "judged_at": vietnam_time(one.judged_at) if one.judged_at is not None else None,
                    "lane": one.lane,
                    "position": one.position,
                    "answers": one.asking.id.hex() if one.asking.id and one.event in _ANSWERS else None,
                    "rejected": one.rejected,
                    "flags": {agency: flag.value for agency, flag in one.flags.items()},
                }
                for one in self.sayings
            ],
            "unread": [
                {
                    "recipient": one.agency,
                    "expired_at": vietnam_time(one.expired_at),
                    "told_at": vietnam_time(one.told_at),
                    "id": one.id.hex(),
                    "lane": one.lane,
                    "position": one.position,
                    "read": one.read,
                }
                for one in self.unread
            ],
        }


def vietnam_time(moment: int) -> str:
    """Milliseconds since 1970 UTC as ISO 8601 in Vietnam's zone (Decision 28/2018, Article 14.4)."""
    return datetime.fromtimestamp(moment / 1000, ZONE).isoformat(timespec="seconds")


def live(history: History, recipients: Iterable[str], sayings: Iterable[Saying]) -> History:
    """Fill in what became of a document at each of its recipients, and what of it was impossible.

    Args:
        history: everything but lives and sayings.
        recipients: the agencies it was delivered to.
        sayings: in any order, without flags; of several under one id the first counts.
    """
    lives = dict.fromkeys(recipients, INITIAL)
    awaited: dict[str, Life] | None = None
    flagged = []
    unique: dict[bytes, Saying] = {}
    for one in sayings:
        unique.setdefault(one.id, one)
    for one in sorted(unique.values(), key=_place):
        if one.position is None and awaited is None:
            awaited = dict(lives)
        flags: dict[str, Flag] = {}
        if not one.rejected:
            _say(one, history, lives if awaited is None else awaited, flags)
        flagged.append(one._replace(flags=flags))
    return history._replace(lives=lives, awaited=awaited or lives, sayings=flagged)


def _place(one: Saying) -> tuple[int, int]:
    return (_LAST, one.created) if one.position is None else (one.position, 0)


def _say(one: Saying, history: History, lives: dict[str, Life], flags: dict[str, Flag]) -> None:
    """Advance the lives that a statement is about."""
    if one.event in _SENDERS and one.agency == history.sender:
        party, about = Party.SENDER, list(lives) if one.to is None else among(lives, one.to)
    elif one.agency in lives:
        party, about = Party.RECIPIENT, [one.agency]
    elif one.agency == history.sender:
        party, about = Party.SENDER, list(lives)
    else:
        flags[one.agency] = Flag.NOT_HIS_TO_SAY
        return
    for code in about:
        if one.lane != history.lane and one.event is not Event.REPLACE:
            # A replacement has a thread of its own, and commutes with everything.
            flags[code] = Flag.OTHER_LANE
            continue
        lives[code], flag = advance(lives[code], one.event, party, one.asking)
        if flag is not None:
            flags[code] = flag


def among(lives: Mapping[str, Life], codes: Sequence[str]) -> list[str]:
    """Those that these codes are delivered to: themselves, or the nearest above them."""
    found: dict[str, None] = {}
    for code in codes:
        above = code
        while above and above not in lives:
            above = above.rpartition(".")[0]
        if above:
            found[above] = None
    return list(found)


def describe(life: Life) -> str:
    """A life in a few words, for people."""
    words = [life.stage.value]
    if life.request is not Request.NONE:
        words.append(f"{life.request.value} asked")
    elif life.answer.value != "none":
        words.append(f"last request {life.answer.value}")
    if life.replaced:
        words.append("replaced")
    return ", ".join(words)
