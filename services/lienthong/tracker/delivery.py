"""One row of `deliveries` while it is worked on: a document at a recipient, and its life."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from lienthong.kernel.lifecycle import INITIAL, Answer, Event, Flag, Life, Request, Stage

__all__ = ["Delivery"]

_TIMES = {
    event: number
    for number, some in enumerate((
        (Event.ARRIVED,),
        (Event.REFUSED,),
        (Event.ACCEPTED,),
        (Event.ASSIGNED,),
        (Event.PROCESSING,),
        (Event.DONE,),
        (Event.TAKE_BACK_ASKED, Event.RECALL),
        (Event.UPDATE,),
        (Event.AGREED,),
        (Event.CHANGE_REFUSED,),
    ))
    for event in some
}  # fmt: skip
"""In the order of the columns of the table."""
_FIRST_TIME = 9
_LAST_TIME = _FIRST_TIME + len(set(_TIMES.values()))
_STAGES = {stage.value: stage for stage in Stage}
_REQUESTS = {request.value: request for request in Request}
_ANSWERS = {answer.value: answer for answer in Answer}


@dataclass(slots=True)
class Delivery:
    """A document at one recipient; see `lienthong.tracker.tables.deliveries`."""

    document: int
    route: str
    recipient: str
    for_information: bool
    sent_at: int
    life: Life = INITIAL
    times: list[int] = field(default_factory=lambda: [0] * (_LAST_TIME - _FIRST_TIME))
    last_event_at: int = 0
    flags: int = 0
    expired_at: int = 0
    told_at: int = 0

    @classmethod
    def read(cls, row: Sequence[Any]) -> "Delivery":
        """A row of the table, its columns in order."""
        stage, request, answer, update = row[5:_FIRST_TIME]
        # Whether it was replaced is not kept here: other lanes say it, and it decides nothing.
        life = Life(_STAGES[stage], _REQUESTS[request], False, _ANSWERS[answer], bytes(update))
        document, route, recipient, for_information, sent_at = row[:5]
        last_event_at, flags, expired_at, told_at = row[_LAST_TIME:]
        times = list(row[_FIRST_TIME:_LAST_TIME])
        return cls(
            document, route, recipient, bool(for_information), sent_at, life, times, last_event_at, flags,
            expired_at, told_at,
        )  # fmt: skip

    def row(self) -> tuple[Any, ...]:
        """The row of the table."""
        life = self.life
        return (
            self.document, self.route, self.recipient, self.for_information, self.sent_at,
            life.stage.value, life.request.value, life.answer.value, life.update,
            *self.times, self.last_event_at, self.flags, self.expired_at, self.told_at,
        )  # fmt: skip

    def note(self, event: Event, flag: Flag | None, at: int) -> None:
        """Something was said of it at a time; its life is what that made of it."""
        self.last_event_at = at
        if flag is not None:
            self.flags += 1
            return
        number = _TIMES[event]
        if not self.times[number]:
            self.times[number] = at
