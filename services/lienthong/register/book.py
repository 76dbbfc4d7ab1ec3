"""Registers of one agency and one year: numbered entries and their totals, from facts."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lienthong.kernel.deadlines import DeadlineJudge, Due, Rule, Verdict, worst
from lienthong.kernel.lifecycle import Stage
from lienthong.register.facts import Delivered, Issued, Paper

__all__ = ["Book", "Incoming", "Outgoing", "Totals", "keep"]


class Incoming(NamedTuple):
    """A line of the register of incoming documents."""

    arrival_number: int
    """From 1 in each year, in the order in which the backbone accepted them (Decree 30/2020, Article 22)."""
    delivered: Delivered
    verdicts: tuple[Verdict, ...]
    """By all rules but expiry, which is no duty of the recipient."""

    @property
    def deadline(self) -> Verdict | None:
        """The one to look at first."""
        return worst(self.verdicts)


class Outgoing(NamedTuple):
    """A line of the register of outgoing documents."""

    number: int
    """From 1 in each year, in the order in which the backbone accepted them; the document's own is in `paper`."""
    issued: Issued
    sending: Verdict | None
    verdicts: tuple[Verdict, ...]
    """Of all its recipients, as in `Incoming`."""

    @property
    def deadline(self) -> Verdict | None:
        """The recipients' one to look at first."""
        return worst(self.verdicts)

    @property
    def stages(self) -> dict[Stage, int]:
        """How many recipients are how far, in the order of `Stage`."""
        counted = Counter(delivery.stage for delivery in self.issued.deliveries)
        return {stage: counted[stage] for stage in Stage if counted[stage]}


class Totals(NamedTuple):
    """The figures of a year. Shares are None where there is nothing to have a share of."""

    received: int
    """Documents addressed to the agency."""
    needing: int
    """Of these, those that need handling: `Delivered.needs_handling`."""
    handled: int
    """Of these, those whose handling is finished."""
    issued: int
    """Documents the agency sent."""
    in_time: int
    """Of the agency's duties as a recipient, those done in time, by all rules but expiry."""
    late: int
    """… those done late."""
    overdue: int
    """… those not done and overdue."""
    sent_in_time: int
    """Of its documents with a date of promulgation, those sent in time."""
    sent_late: int

    @property
    def handled_share(self) -> float | None:
        """Handled of those that need it."""
        return _share(self.handled, self.needing)

    @property
    def on_time_share(self) -> float | None:
        """Of what fell due as a recipient, what was done in time."""
        return _share(self.in_time, self.in_time + self.late + self.overdue)

    @property
    def sent_on_time_share(self) -> float | None:
        """Of what was sent, what was sent in time."""
        return _share(self.sent_in_time, self.sent_in_time + self.sent_late)


class Book(NamedTuple):
    """Both registers of an agency for a year, and the totals."""

    agency: str
    year: int
    as_of: int
    """The moment for which deadlines were judged."""
    incoming: Sequence[Incoming]
    outgoing: Sequence[Outgoing]
    totals: Totals


def keep(
    agency: str, year: int, delivered: Iterable[Delivered], issued: Iterable[Issued], judge: DeadlineJudge, as_of: int
) -> Book:
    """Number, judge and count.

    Args:
        agency: whose registers.
        year: of which year; all that is given belongs to it.
        delivered: what was addressed to the agency, in any order.
        issued: what it sent, in any order.
        judge: rules and calendar of deadlines.
        as_of: moment for which deadlines are judged.
    """
    ordered = sorted(delivered, key=lambda one: _order(one.paper))
    incoming = [Incoming(number, one, _verdicts(one, judge, as_of)) for number, one in enumerate(ordered, start=1)]
    sent = sorted(issued, key=lambda one: _order(one.paper))
    outgoing = [
        Outgoing(
            number,
            one,
            judge.sending(one.paper.sending(), as_of),
            tuple(verdict for delivery in one.deliveries for verdict in _verdicts(delivery, judge, as_of)),
        )
        for number, one in enumerate(sent, start=1)
    ]
    return Book(agency, year, as_of, incoming, outgoing, _totals(incoming, outgoing))


def _order(paper: Paper) -> tuple[int, int, int]:
    return paper.accepted_at, paper.lane, paper.position


def _verdicts(delivered: Delivered, judge: DeadlineJudge, as_of: int) -> tuple[Verdict, ...]:
    return tuple(verdict for verdict in judge.delivery(delivered.facts(), as_of) if verdict.rule is not Rule.EXPIRY)


def _totals(incoming: Sequence[Incoming], outgoing: Sequence[Outgoing]) -> Totals:
    duties = Counter(verdict.state for entry in incoming for verdict in entry.verdicts)
    sendings = Counter(entry.sending.state for entry in outgoing if entry.sending is not None)
    needing = [entry.delivered for entry in incoming if entry.delivered.needs_handling]
    return Totals(
        received=len(incoming),
        needing=len(needing),
        handled=sum(delivered.handled for delivered in needing),
        issued=len(outgoing),
        in_time=duties[Due.MET],
        late=duties[Due.LATE],
        overdue=duties[Due.OVERDUE],
        sent_in_time=sendings[Due.MET],
        sent_late=sendings[Due.LATE],
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
