"""Facts for tests of registers."""

from datetime import date, time
from typing import Any

from lienthong.kernel.deadline_rules import DeadlineRules
from lienthong.kernel.deadlines import DeadlineJudge
from lienthong.kernel.lifecycle import Request, Stage
from lienthong.kernel.vietnam_time import moment
from lienthong.register.book import Book, keep
from lienthong.register.facts import Delivered, Issued, Paper
from lienthong.runtime.vietnam_calendar import vietnam_calendar

JUDGE = DeadlineJudge(DeadlineRules(), vietnam_calendar())
MONDAY = date(2023, 3, 6)
NOW = moment(date(2023, 3, 10), time(12))
AGENCY = "G22.NN"
HOUR = 3_600_000


def at(hour: int, minute: int = 0, day: date = MONDAY) -> int:
    """A moment of a day in Vietnam."""
    return moment(day, time(hour, minute))


def paper(position: int = 0, **changes: Any) -> Paper:
    """A document of the Ministry of Agriculture; `changes` replace fields."""
    given = Paper(
        id=bytes([position % 256]) * 32, lane=1, position=position, sender="G10", kind=0, priority=0, accepted_at=at(9),
        code_number=f"{position + 1:02}", code_notation="BC-BNN", document_type="Báo cáo", promulgated="2023-03-06",
        subject="Về việc tiêu thụ nông sản", due_date="",
    )  # fmt: skip
    return given._replace(**changes)


def delivered(position: int = 0, stage: Stage = Stage.SENT, *, of: Paper | None = None, **changes: Any) -> Delivered:
    """That document at the department; `changes` replace fields."""
    given = Delivered(of or paper(position), AGENCY, for_information=False, stage=stage, request=Request.NONE)
    return given._replace(**changes)


def handled(position: int = 0, **changes: Any) -> Delivered:
    """One that went the whole way in a day."""
    times = {"arrived_at": at(9, 1), "registered_at": at(10), "assigned_at": at(11), "done_at": at(16)}
    return delivered(position, Stage.DONE, **{**times, **changes})


def issued(position: int = 0, *, to: tuple[Delivered, ...] = (), **changes: Any) -> Issued:
    """A document of the department."""
    given = paper(position, sender=AGENCY, code_notation="TB-VPCP", **changes)
    return Issued(given, tuple(one._replace(paper=given) for one in to))


def book(*incoming: Delivered, outgoing: tuple[Issued, ...] = (), as_of: int = NOW) -> Book:
    """The department's registers."""
    return keep(AGENCY, 2023, incoming, outgoing, JUDGE, as_of)
