"""Which days and hours are worked, and counting in them.

A value that is given its days off: which they are in Vietnam, and what an owner adds, comes from
`lienthong.runtime.vietnam_calendar`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, time
from itertools import pairwise

from lienthong.kernel.vietnam_time import MINUTE_MS, day_of, moment

__all__ = ["OFFICE_HOURS", "WEEKEND", "WorkingCalendar"]

WEEKEND = frozenset({5, 6})
"""Saturday and Sunday, as `date.weekday` counts."""
OFFICE_HOURS = ((time(8), time(12)), (time(13), time(17)))
"""When offices are open on a working day: from, to; the first span is the morning."""


@dataclass(frozen=True, slots=True)
class WorkingCalendar:
    """Working days and hours in Vietnam's time. Every method has an answer for every day of the years 1 to 9999.

    Attributes:
        days_off: holidays and days taken off in exchange, with their names.
        working: days that are worked although they are of a weekend or a day off: compensation.
        weekend: days of the week that are not worked, 0 Monday to 6 Sunday; not all seven.
        hours: spans in which offices are open, in order, none empty, none overlapping.
    """

    days_off: Mapping[date, str] = field(default_factory=dict)
    working: frozenset[date] = frozenset()
    weekend: frozenset[int] = WEEKEND
    hours: tuple[tuple[time, time], ...] = OFFICE_HOURS

    def __post_init__(self) -> None:
        if not self.weekend < frozenset(range(7)):
            raise ValueError("a week needs a working day: weekend names days 0 to 6, not all of them")
        empty = not self.hours or any(closes <= opens for opens, closes in self.hours)
        if empty or any(after[0] < before[1] for before, after in pairwise(self.hours)):
            raise ValueError("hours are spans (from, to) in order, none empty and none overlapping")

    def is_working(self, day: date) -> bool:
        """Whether offices are open on this day."""
        return day in self.working or (day.weekday() not in self.weekend and day not in self.days_off)

    def working_day(self, day: date) -> date:
        """The day itself if it is worked, else the next one that is."""
        return self.later(day, 0)

    def later(self, day: date, count: int) -> date:
        """The working day that comes `count` working days after a day; 0: the day itself or the next working day.

        The day after a Friday, a Saturday and a Sunday is the same Monday, as offices count. At the end of the
        calendar it is 31 December 9999.
        """
        number = day.toordinal() - (count == 0)
        for _ in range(max(count, 1)):
            number += 1
            while number < _LAST and not self.is_working(date.fromordinal(number)):
                number += 1
        return date.fromordinal(min(number, _LAST))

    def morning_ends(self, day: date) -> int:
        """When the morning of a day is over, as milliseconds UTC."""
        return moment(day, self.hours[0][1])

    def shift(self, moment_ms: int, minutes: int) -> int:
        """The moment from which, or until which, so much working time passes.

        Forward, the first moment at which `minutes` of working time have passed; with a negative number, the last
        one from which they pass until `moment_ms`. 0 leaves the moment as it is.
        """
        left = abs(minutes) * MINUTE_MS
        if left == 0:
            return moment_ms
        end = moment_ms
        for opens, closes in self._open_before(moment_ms) if minutes < 0 else self._open_after(moment_ms):
            if closes - opens >= left:
                return closes - left if minutes < 0 else opens + left
            left -= closes - opens
            end = opens if minutes < 0 else closes
        return end

    def _open_after(self, moment_ms: int) -> Iterator[tuple[int, int]]:
        for number in range(day_of(moment_ms).toordinal(), _LAST + 1):
            for opens, closes in self._open_on(date.fromordinal(number)):
                if closes > moment_ms:
                    yield max(opens, moment_ms), closes

    def _open_before(self, moment_ms: int) -> Iterator[tuple[int, int]]:
        for number in range(day_of(moment_ms).toordinal(), 0, -1):
            for opens, closes in reversed(self._open_on(date.fromordinal(number))):
                if opens < moment_ms:
                    yield opens, min(closes, moment_ms)

    def _open_on(self, day: date) -> list[tuple[int, int]]:
        if not self.is_working(day):
            return []
        return [(moment(day, opens), moment(day, closes)) for opens, closes in self.hours]


_LAST = date.max.toordinal()
