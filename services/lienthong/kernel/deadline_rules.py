"""What is due when: rules an owner may change. Each default is what the law says, or the nearest number to it.

The table with sources is in docs/deadlines.md. Minutes before a warning are minutes in which offices are open, except
where a level of urgency counts around the clock.
"""

from datetime import time, timedelta
from itertools import pairwise
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from lienthong.kernel.vietnam_time import day_of, end_of_day

__all__ = ["DeadlineRules", "DueDate", "Expiry", "Level", "Receipt", "Sending", "Submission", "Urgent"]

_Minutes = Annotated[int, Field(ge=0, le=60 * 24 * 365)]
_WorkingDays = Annotated[int, Field(ge=0, le=250)]
_NO_TIME = timedelta(0)
_MILLISECOND = timedelta(milliseconds=1)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Receipt(_Part):
    """The recipient says that it has the document: any status (Decree 30/2020, Article 21.2)."""

    enabled: bool = True
    working_days: _WorkingDays = 0
    """0: by the end of the day it came, or of the next working day when it came on a day off."""
    warn_minutes: _Minutes = 120


class Submission(_Part):
    """It is put before whoever decides: status 04, 05 or 06, or is returned (Decree 30/2020, Article 23)."""

    enabled: bool = True
    working_days: _WorkingDays = 1
    """1: by the end of the working day after the day it came."""
    warn_minutes: _Minutes = 240


class Urgent(_Part):
    """As submission, but right away (Decree 30/2020, Articles 4.2 and 23; Decision 28/2018, Article 6.2)."""

    enabled: bool = True
    minutes: tuple[_Minutes, _Minutes, _Minutes, _Minutes] = (120, 60, 30, 30)
    """What "right away" is for priorities 1 khẩn, 2 thượng khẩn, 3 hỏa tốc and 4 hỏa tốc hẹn giờ."""
    around_the_clock_from: Annotated[int, Field(ge=1, le=5)] = 3
    """From this priority on minutes count at night and on days off; below only while offices are open; 5: never."""
    warn_minutes: _Minutes = 15
    """Counted as the minutes themselves are."""


class DueDate(_Part):
    """The work is finished by the date the document names: status 06 (Decree 30/2020, Article 24)."""

    enabled: bool = True
    moves_to_working_day: bool = False
    """Whether a date on a day off means the next working day (as Civil Code 2015, Article 148.5); else that day."""
    warn_minutes: _Minutes = 480


class Sending(_Part):
    """The sender sends what was promulgated (Decision 28/2018, Article 6.2; Decree 30/2020, Article 4.2)."""

    enabled: bool = True
    working_days: _WorkingDays = 1
    """1: the same day, at the latest by the end of the morning of the next working day; 0: the same day."""
    urgent_same_day: bool = True
    """Whether a document of priority 1 or above has to go on the day it was promulgated."""


class Expiry(_Part):
    """A document without any status of its recipient for so long counts as unread, and its sender is told."""

    enabled: bool = True
    days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Days of the calendar; the last one counts to its end."""
    within: Annotated[timedelta, Field(ge=_NO_TIME, le=timedelta(days=3650))] = _NO_TIME
    """In place of days, so long by the clock, night and day, from acceptance; zero: the days count."""
    warn_minutes: _Minutes = 3 * 480

    def ends_at(self, accepted_at: int) -> int:
        """The last millisecond in which a document accepted at a time is not unread yet; milliseconds since 1970 UTC.

        Raises:
            ValueError, OverflowError: outside the years 1 to 9999.
        """
        if self.within:
            return accepted_at + self.within // _MILLISECOND
        return end_of_day(day_of(accepted_at) + timedelta(days=self.days))

    @property
    def longest_ms(self) -> int:
        """Most milliseconds from acceptance until a document counts as unread."""
        return (self.within or timedelta(days=self.days + 1)) // _MILLISECOND


class Level(_Part):
    """Who is told once something is overdue for so long; either hours or working days."""

    tell: Annotated[str, Field(min_length=1, max_length=100)]
    """A role or an address; who sends the message gives it a meaning."""
    after_hours: Annotated[int, Field(ge=0, le=24 * 365)] | None = None
    """Hours of the clock after it was due; 0: at once."""
    after_working_days: Annotated[int, Field(ge=1, le=250)] | None = None
    """At the end of the n-th working day after the day it was due."""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.after_hours is None) == (self.after_working_days is None):
            raise ValueError("give after_hours or after_working_days, one of the two")
        return self


_LEVELS = (
    Level(tell="clerk of the agency", after_hours=0),
    Level(tell="chief of the agency's office", after_hours=4),
    Level(tell="head of the agency", after_working_days=1),
    Level(tell="agency above it", after_working_days=3),
)


class DeadlineRules(_Part):
    """All rules. As it is made without arguments it is the law."""

    day_closes: time = time(0, 0)
    """What comes at or after this time of a day counts as having come on the next working day; 00:00: never."""
    receipt: Receipt = Receipt()
    submission: Submission = Submission()
    urgent: Urgent = Urgent()
    due_date: DueDate = DueDate()
    sending: Sending = Sending()
    expiry: Expiry = Expiry()
    escalation: Annotated[tuple[Level, ...], Field(max_length=10)] = _LEVELS
    """Levels of escalation, first to last; the level of something overdue is the last one it has reached."""

    @field_validator("day_closes")
    @classmethod
    def _in_vietnam(cls, closes: time) -> time:
        if closes.tzinfo is not None:
            raise ValueError("a time of Vietnam, without a zone")
        return closes

    @model_validator(mode="after")
    def _later_and_later(self) -> Self:
        for unit in ("after_hours", "after_working_days"):
            given = [after for level in self.escalation if (after := getattr(level, unit)) is not None]
            if any(later <= earlier for earlier, later in pairwise(given)):
                raise ValueError(f"escalation: each level's {unit} must be more than that of the one before")
        return self
