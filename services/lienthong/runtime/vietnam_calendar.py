"""Working days of Vietnam: public holidays from the kept library `holidays`, and what an owner adds or takes away.

The library knows Tết by the lunar calendar, days off in lieu, and the exchanges of days that have been announced. The
Government announces exchanges and the length of Tết year by year, so an owner's own days come before the library's.
"""

from collections.abc import Mapping
from datetime import date, time
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from lienthong.kernel.working_days import OFFICE_HOURS, WorkingCalendar

__all__ = ["FIRST_YEAR", "LAST_YEAR", "CalendarRules", "vietnam_calendar"]

FIRST_YEAR = 2018
"""The first year whose holidays are known, that of Decision 28/2018; before it only weekends are off."""
LAST_YEAR = 2060
"""The last one."""
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_Name = Annotated[str, Field(max_length=200)]


class CalendarRules(BaseModel):
    """What an owner says about working days; made without arguments it says nothing of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    holidays: Literal["vietnam", "none"] = "vietnam"
    """Whose public holidays; `none`: only those under `days_off`."""
    weekend: tuple[Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"], ...] = (
        "saturday",
        "sunday",
    )
    """Days of the week that are not worked."""
    hours: tuple[tuple[time, time], ...] = OFFICE_HOURS
    """When offices are open, from and to; the first span is the morning."""
    days_off: Mapping[date, _Name] = {}
    """Further days off, by date, with a name."""
    working_days: Mapping[date, _Name] = {}
    """Days that are worked although they are of a weekend or a holiday, by date, with the reason."""

    @field_validator("hours")
    @classmethod
    def _spans(cls, hours: tuple[tuple[time, time], ...]) -> tuple[tuple[time, time], ...]:
        WorkingCalendar(hours=hours)
        return hours

    @model_validator(mode="after")
    def _not_both(self) -> Self:
        if both := sorted(self.days_off.keys() & self.working_days.keys()):
            raise ValueError(f"{both[0].isoformat()} is under days_off and under working_days")
        WorkingCalendar(weekend=frozenset(map(_DAYS.index, self.weekend)))
        return self


def vietnam_calendar(own: CalendarRules | None = None) -> WorkingCalendar:
    """Working days of the years FIRST_YEAR to LAST_YEAR; what the owner says comes first.

    Raises:
        ValueError: the library is not installed; the text names the extra.
    """
    given = own or CalendarRules()
    days_off, working = _public() if given.holidays == "vietnam" else ({}, set())
    return WorkingCalendar(
        days_off={**{day: name for day, name in days_off.items() if day not in given.working_days}, **given.days_off},
        working=frozenset(working - given.days_off.keys() | given.working_days.keys()),
        weekend=frozenset(map(_DAYS.index, given.weekend)),
        hours=given.hours,
    )


def _public() -> tuple[dict[date, str], set[date]]:
    """Days off with their Vietnamese names, and days of weekends that are worked in exchange."""
    try:
        import holidays
    except ImportError as error:
        raise ValueError(
            "the calendar of Vietnam needs the package holidays: pip install 'lienthong[deadlines]'"
        ) from error
    found = holidays.country_holidays("VN", years=range(FIRST_YEAR, LAST_YEAR + 1), language="vi")
    return dict(found.items()), set(found.weekend_workdays)
