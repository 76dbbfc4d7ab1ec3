"""What stands in the columns of a register: one list for the screen, files and JSON."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from lienthong.kernel.deadlines import Due, Verdict
from lienthong.kernel.lifecycle import Request
from lienthong.kernel.vietnam_time import MINUTE_MS, local
from lienthong.register.book import Incoming, Outgoing, Totals
from lienthong.register.facts import Delivered, day_stated

__all__ = ["INCOMING", "OUTGOING", "Cell", "Column", "total_lines"]

Cell: TypeAlias = str | int | float | date | datetime | None
"""Times carry the zone of Vietnam; texts are as agencies wrote them, so a writer has to guard them."""
_Entry = TypeVar("_Entry")
_PRIORITIES = ("", "khẩn", "thượng khẩn", "hỏa tốc", "hỏa tốc hẹn giờ")


class Column(NamedTuple, Generic[_Entry]):
    """A column: its key for programs, its heading for people, its width in characters, and its cells."""

    key: str
    heading: str
    width: int
    cell: Callable[[_Entry], Cell]


def _day(text: str) -> Cell:
    """A date if it is one, else what stands there."""
    return day_stated(text) or text or None


def _time(moment_ms: int | None) -> Cell:
    return None if moment_ms is None else local(moment_ms)


def _state(delivered: Delivered) -> str:
    asked = {Request.NONE: "", Request.TAKE_BACK: ", asked back", Request.UPDATE: ", update asked"}
    replaced = "" if delivered.replaced_at is None else ", replaced"
    return f"{delivered.stage.value}{asked[delivered.request]}{replaced}"


def _handled(delivered: Delivered) -> str:
    if not delivered.needs_handling:
        return "not needed"
    return "yes" if delivered.handled else "no"


def _late_hours(verdict: Verdict) -> Cell:
    if verdict.state not in {Due.LATE, Due.OVERDUE}:
        return None
    return round(-verdict.margin_ms / (60 * MINUTE_MS), 1)


def _deadline(verdict_of: Callable[[_Entry], Verdict | None]) -> tuple[Column[_Entry], ...]:
    """State, rule, time and delay of the verdict to look at first."""

    def told(tell: Callable[[Verdict], Cell]) -> Callable[[_Entry], Cell]:
        return lambda entry: None if (verdict := verdict_of(entry)) is None else tell(verdict)

    return (
        Column("deadline", "Deadline", 10, told(lambda verdict: verdict.state.value)),
        Column("deadline_rule", "Rule", 11, told(lambda verdict: verdict.rule.value)),
        Column("deadline_at", "Due by", 17, told(lambda verdict: _time(verdict.due_at))),
        Column("late_hours", "Hours late", 10, told(_late_hours)),
    )


_INCOMING_DEADLINE: tuple[Column[Incoming], ...] = _deadline(lambda entry: entry.deadline)
_OUTGOING_DEADLINE: tuple[Column[Outgoing], ...] = _deadline(lambda entry: entry.deadline)

INCOMING: Sequence[Column[Incoming]] = (
    Column("arrival_number", "No.", 6, lambda entry: entry.arrival_number),
    Column("arrived", "Arrived", 17, lambda entry: _time(entry.delivered.paper.accepted_at)),
    Column("sender", "From", 14, lambda entry: entry.delivered.paper.sender),
    Column("code", "Number and notation", 18, lambda entry: entry.delivered.paper.code),
    Column("promulgated", "Dated", 11, lambda entry: _day(entry.delivered.paper.promulgated)),
    Column("document_type", "Type", 14, lambda entry: entry.delivered.paper.document_type),
    Column("subject", "Subject", 50, lambda entry: entry.delivered.paper.subject),
    Column("priority", "Urgency", 12, lambda entry: _PRIORITIES[entry.delivered.paper.priority]),
    Column("purpose", "For", 12, lambda entry: "information" if entry.delivered.for_information else "action"),
    Column("due_date", "Due", 11, lambda entry: _day(entry.delivered.paper.due_date)),
    Column("state", "State", 16, lambda entry: _state(entry.delivered)),
    Column("handled", "Handled", 11, lambda entry: _handled(entry.delivered)),
    Column("handled_at", "Handled at", 17, lambda entry: _time(entry.delivered.done_at)),
    *_INCOMING_DEADLINE,
    Column("id", "Envelope id", 66, lambda entry: entry.delivered.paper.id.hex()),
)

OUTGOING: Sequence[Column[Outgoing]] = (
    Column("number", "No.", 6, lambda entry: entry.number),
    Column("code", "Number and notation", 18, lambda entry: entry.issued.paper.code),
    Column("promulgated", "Dated", 11, lambda entry: _day(entry.issued.paper.promulgated)),
    Column("sent", "Sent", 17, lambda entry: _time(entry.issued.paper.accepted_at)),
    Column("document_type", "Type", 14, lambda entry: entry.issued.paper.document_type),
    Column("subject", "Subject", 50, lambda entry: entry.issued.paper.subject),
    Column("priority", "Urgency", 12, lambda entry: _PRIORITIES[entry.issued.paper.priority]),
    Column("due_date", "Due", 11, lambda entry: _day(entry.issued.paper.due_date)),
    Column("recipients", "To", 30, lambda entry: ", ".join(one.recipient for one in entry.issued.deliveries)),
    Column("recipient_count", "Recipients", 10, lambda entry: len(entry.issued.deliveries)),
    Column("state", "State", 24, lambda entry: ", ".join(f"{count} {stage}" for stage, count in entry.stages.items())),
    Column("sending", "Sent in time", 12, lambda entry: "" if entry.sending is None else entry.sending.state.value),
    *_OUTGOING_DEADLINE,
    Column("id", "Envelope id", 66, lambda entry: entry.issued.paper.id.hex()),
)


def total_lines(totals: Totals) -> list[tuple[str, str, Any]]:
    """Key, words and value of each total, in the order of a register's end."""
    return [
        ("received", "Received", totals.received),
        ("needing_handling", "Of these, needing handling", totals.needing),
        ("handled", "Of these, handled", totals.handled),
        ("handled_percent", "Handled, %", _percent(totals.handled_share)),
        ("issued", "Issued", totals.issued),
        ("in_time", "Duties done in time", totals.in_time),
        ("late", "Duties done late", totals.late),
        ("overdue", "Duties overdue", totals.overdue),
        ("on_time_percent", "On time, %", _percent(totals.on_time_share)),
        ("sent_in_time", "Documents sent in time", totals.sent_in_time),
        ("sent_late", "Documents sent late", totals.sent_late),
        ("sent_on_time_percent", "Sent on time, %", _percent(totals.sent_on_time_share)),
    ]


def _percent(share: float | None) -> float | None:
    """With one decimal; never 100.0 while something is missing."""
    if share is None:
        return None
    return 99.9 if 0.9995 <= share < 1 else round(100 * share, 1)  # noqa: PLR2004
