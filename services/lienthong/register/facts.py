"""What is known of a document and its recipients, as the tracker holds it. Times are milliseconds UTC."""

from datetime import date
from typing import NamedTuple

from lienthong.kernel.deadlines import DeliveryFacts, SendingFacts
from lienthong.kernel.lifecycle import Request, Stage

__all__ = ["Delivered", "Issued", "Paper", "day_stated"]


class Paper(NamedTuple):
    """The document itself, as its sender describes it."""

    id: bytes
    lane: int
    position: int
    sender: str
    kind: int
    """0 new, 3 replace: no others are registered."""
    priority: int
    accepted_at: int
    code_number: str
    code_notation: str
    document_type: str
    promulgated: str
    """YYYY-MM-DD if the sender keeps the rules; likewise `due_date`."""
    subject: str
    due_date: str

    @property
    def code(self) -> str:
        """Number and notation as they are written on it: 12/BC-VPCP."""
        return "/".join(part for part in (self.code_number, self.code_notation) if part)

    def sending(self) -> SendingFacts:
        """What the rule for senders looks at."""
        return SendingFacts(self.accepted_at, self.kind, self.priority, day_stated(self.promulgated))


class Delivered(NamedTuple):
    """A document at one recipient."""

    paper: Paper
    recipient: str
    for_information: bool
    stage: Stage
    request: Request
    arrived_at: int | None = None
    refused_at: int | None = None
    registered_at: int | None = None
    assigned_at: int | None = None
    processing_at: int | None = None
    done_at: int | None = None
    taken_back_at: int | None = None
    replaced_at: int | None = None
    flags: int = 0

    @property
    def ended_at(self) -> int | None:
        """When it was taken back or replaced."""
        return min((at for at in (self.taken_back_at, self.replaced_at) if at is not None), default=None)

    @property
    def handled(self) -> bool:
        """Its recipient has said that the work is finished."""
        return self.stage is Stage.DONE

    @property
    def needs_handling(self) -> bool:
        """It is for action, and was neither returned nor taken back nor, before it was handled, replaced."""
        if self.for_information or self.stage in {Stage.REFUSED, Stage.TAKEN_BACK}:
            return False
        return self.handled or self.replaced_at is None

    def facts(self) -> DeliveryFacts:
        """What the rules for recipients look at."""
        paper = self.paper
        return DeliveryFacts(
            accepted_at=paper.accepted_at,
            kind=paper.kind,
            priority=paper.priority,
            for_action=not self.for_information,
            due_date=day_stated(paper.due_date),
            arrived_at=self.arrived_at,
            refused_at=self.refused_at,
            entered_at=self.registered_at,
            assigned_at=self.assigned_at,
            processing_at=self.processing_at,
            done_at=self.done_at,
            ended_at=self.ended_at,
        )


class Issued(NamedTuple):
    """A document with all its recipients."""

    paper: Paper
    deliveries: tuple[Delivered, ...]


def day_stated(text: str) -> date | None:
    """A date of a document; None for an empty one and for what is none, which no rule can count from."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.isoformat() == text else None
