"""The life of a document at one recipient, as a state machine without I/O.

A life is kept for every pair of a document and a recipient. What its sender and that recipient say
of it is given to `advance` in the order of the ledger, within the lane of the document's thread, and
everybody who does so arrives at the same life: client, tracker and auditor alike. `advance` never
refuses: what is impossible leaves the life as it was and is named by a flag, because the statement
is signed and stands in the ledger.

The rules, and where they come from:

- Progress (01 03 04 05 06) is a maximum, so what comes late changes nothing and is no fault.
- A recipient refuses before it accepts (Decision 28/2018, Articles 5.4 and 9.1), not afterwards.
- Status 13 and a document of kind 1 ask for the same, and are one event in two forms.
- What the recipient has not entered in its register (03) is taken back at once; afterwards it is
  asked, and agrees (15) or refuses (16). An update is always asked for: an acceptance names the
  document and not what its recipient had seen of it.
- What was refused or taken back stays so, with all that was recorded of it (Decree 30/2020, Annex VI).
- That a document was replaced (kind 3) is a fact beside the state. It decides nothing.
"""

from enum import StrEnum
from typing import NamedTuple

__all__ = [
    "ALL_ASKED",
    "EVENT_OF_KIND",
    "INITIAL",
    "Answer",
    "Asking",
    "Event",
    "Flag",
    "Life",
    "Party",
    "Request",
    "Stage",
    "Step",
    "advance",
]


class Stage(StrEnum):
    """How far a document has come at a recipient. From sent to done in this order; the others end it."""

    SENT = "sent"
    """The backbone has accepted it."""
    ARRIVED = "arrived"
    """The recipient's system has it; nobody has acted (01)."""
    REFUSED = "refused"
    """Returned to its sender (02)."""
    ACCEPTED = "accepted"
    """Entered in the register of incoming documents (03)."""
    ASSIGNED = "assigned"
    """Given to somebody to handle (04)."""
    PROCESSING = "processing"
    """Being handled (05)."""
    DONE = "done"
    """Handled (06)."""
    TAKEN_BACK = "taken back"
    """Its sender has taken it back; the recipient cancels it."""


class Request(StrEnum):
    """What the sender has asked and the recipient has not answered."""

    NONE = "none"
    TAKE_BACK = "take back"
    UPDATE = "update"


class Answer(StrEnum):
    """The recipient's answer to what was asked last; none while it is open."""

    NONE = "none"
    AGREED = "agreed"
    """Of a document that was taken back at once: its recipient has reported that it cancelled it."""
    REFUSED = "refused"


class Event(StrEnum):
    """What is said of a document: a status code (QCVN 102, StatusCode), or a document that refers to it."""

    ARRIVED = "01"
    REFUSED = "02"
    ACCEPTED = "03"
    ASSIGNED = "04"
    PROCESSING = "05"
    DONE = "06"
    TAKE_BACK_ASKED = "13"
    AGREED = "15"
    CHANGE_REFUSED = "16"
    RECALL = "recall"
    UPDATE = "update"
    REPLACE = "replace"


class Party(StrEnum):
    """Who says it."""

    SENDER = "sender"
    RECIPIENT = "recipient"


class Flag(StrEnum):
    """Why what was said is impossible. It is recorded all the same."""

    NOT_HIS_TO_SAY = "not_his_to_say"
    """The other party says this, or the one who said it is neither sender nor recipient."""
    AFTER_REFUSAL = "after_refusal"
    """The document was refused and returned; it must be sent anew."""
    AFTER_ACCEPTANCE = "after_acceptance"
    """It was accepted, so it cannot be refused any more."""
    AFTER_TAKE_BACK = "after_take_back"
    """It had been taken back."""
    TAKE_BACK_OPEN = "take_back_open"
    """Its sender has asked for it back and waits for the answer: there is nothing to update until then."""
    NOTHING_ASKED = "nothing_asked"
    """An answer, and nothing was asked."""
    ANOTHER_ASKED = "another_asked"
    """An answer to something else than what is asked now: a newer request has taken its place."""
    ALREADY_ANSWERED = "already_answered"
    """The opposite of the answer that was given before."""
    OTHER_LANE = "other_lane"
    """Said outside the document's lane, where its order is not known. Not from `advance`: whoever reads tells."""
    NO_SUCH_DOCUMENT = "no_such_document"
    """It names a document that is not known, or was not for that recipient. Not from `advance` either."""

    # An Enum's own goes through Python.
    __hash__ = str.__hash__


class Asking(NamedTuple):
    """A document that asks for something: what, and its envelope id."""

    request: Request
    id: bytes


ALL_ASKED = Asking(Request.NONE, b"")
"""An answer that names the original document answers all that is asked of it."""


class Life(NamedTuple):
    """What became of a document at one recipient."""

    stage: Stage
    request: Request
    replaced: bool
    answer: Answer = Answer.NONE
    update: bytes = b""
    """Envelope id of the update that waits for its answer: the newest; empty if none waits."""

    @property
    def frozen(self) -> bool:
        """It was refused or taken back: stage and request never change again."""
        return self.stage in _ENDED


class Step(NamedTuple):
    """What an event makes of a life: the life after it, and why it was impossible, or None."""

    life: Life
    flag: Flag | None


INITIAL = Life(Stage.SENT, Request.NONE, replaced=False)
"""A document that the backbone has accepted, before anything is said of it."""

EVENT_OF_KIND = {1: Event.RECALL, 2: Event.UPDATE, 3: Event.REPLACE}
"""What a document says of those it refers to, by its kind (QCVN 102, BussinessDocType)."""

_ENDED = {Stage.REFUSED: Flag.AFTER_REFUSAL, Stage.TAKEN_BACK: Flag.AFTER_TAKE_BACK}
_OPEN_TO_REFUSAL = frozenset({Stage.SENT, Stage.ARRIVED})
"""Before acceptance: it may be refused, and is taken back without consent."""
_PROGRESS = {
    Event.ARRIVED: Stage.ARRIVED,
    Event.ACCEPTED: Stage.ACCEPTED,
    Event.ASSIGNED: Stage.ASSIGNED,
    Event.PROCESSING: Stage.PROCESSING,
    Event.DONE: Stage.DONE,
}
_RANK = {stage: rank for rank, stage in enumerate((Stage.SENT, *_PROGRESS.values()))}
_ANSWERS = {Event.AGREED: Answer.AGREED, Event.CHANGE_REFUSED: Answer.REFUSED}
_BY_SENDER = frozenset({Event.TAKE_BACK_ASKED, Event.RECALL, Event.UPDATE, Event.REPLACE})


def advance(life: Life, event: Event, by: Party, asking: Asking = ALL_ASKED) -> Step:
    """What an event makes of a life.

    Args:
        life: the life before it.
        event: what is said.
        by: who says it.
        asking: with UPDATE the update itself; with 15 and 16 the document of kind 1 or 2 that the answer
            names, or `ALL_ASKED` when it names the original document. Of no matter otherwise.
    """
    if (event in _BY_SENDER) != (by is Party.SENDER):
        return Step(life, Flag.NOT_HIS_TO_SAY)
    if event is Event.REPLACE:
        return Step(life._replace(replaced=True), None)
    if event in _ANSWERS:
        return _answered(life, _ANSWERS[event], asking)
    if event in _PROGRESS:
        return _progressed(life, _PROGRESS[event])
    if event is Event.REFUSED:
        return _refused(life)
    return _update_asked(life, asking) if event is Event.UPDATE else _take_back_asked(life)


def _ended(life: Life, stage: Stage, answer: Answer) -> Life:
    return Life(stage, Request.NONE, life.replaced, answer)


def _progressed(life: Life, stage: Stage) -> Step:
    if life.stage in _ENDED:
        # That it arrived is true whatever became of it, and systems say so by themselves.
        return Step(life, None if stage is Stage.ARRIVED else _ENDED[life.stage])
    return Step(life._replace(stage=stage) if _RANK[stage] > _RANK[life.stage] else life, None)


def _refused(life: Life) -> Step:
    if life.stage is Stage.REFUSED:
        return Step(life, None)
    if life.stage in _OPEN_TO_REFUSAL:
        return Step(_ended(life, Stage.REFUSED, Answer.NONE), None)
    return Step(life, _ENDED.get(life.stage, Flag.AFTER_ACCEPTANCE))


def _take_back_asked(life: Life) -> Step:
    if life.stage is Stage.TAKEN_BACK:
        # Asked both by status 13 and by a document of kind 1.
        return Step(life, None)
    if life.stage in _ENDED:
        return Step(life, _ENDED[life.stage])
    if life.stage in _OPEN_TO_REFUSAL:
        return Step(_ended(life, Stage.TAKEN_BACK, Answer.NONE), None)
    # An update that waits for its answer falls away: what is taken back needs none.
    return Step(Life(life.stage, Request.TAKE_BACK, life.replaced), None)


def _update_asked(life: Life, asking: Asking) -> Step:
    if life.stage in _ENDED:
        return Step(life, _ENDED[life.stage])
    if life.request is Request.TAKE_BACK:
        return Step(life, Flag.TAKE_BACK_OPEN)
    return Step(Life(life.stage, Request.UPDATE, life.replaced, update=asking.id), None)


def _answered(life: Life, answer: Answer, asking: Asking) -> Step:
    if life.stage is Stage.REFUSED:
        return Step(life, Flag.AFTER_REFUSAL)
    if life.stage is Stage.TAKEN_BACK:
        # The report that it was cancelled (Decision 28/2018, Article 9.2), or a repeat of the consent.
        agreed = answer is Answer.AGREED
        return Step(life._replace(answer=answer) if agreed else life, None if agreed else Flag.AFTER_TAKE_BACK)
    if life.request is Request.NONE:
        if life.answer is Answer.NONE:
            return Step(life, Flag.NOTHING_ASKED)
        return Step(life, None if life.answer is answer else Flag.ALREADY_ANSWERED)
    if asking.request not in (Request.NONE, life.request) or (
        asking.request is Request.UPDATE and asking.id != life.update
    ):
        return Step(life, Flag.ANOTHER_ASKED)
    if life.request is Request.TAKE_BACK and answer is Answer.AGREED:
        return Step(_ended(life, Stage.TAKEN_BACK, answer), None)
    return Step(Life(life.stage, Request.NONE, life.replaced, answer), None)
