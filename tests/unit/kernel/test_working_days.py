"""Working days and hours."""

from datetime import date, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.kernel.vietnam_time import MINUTE_MS, day_of, moment
from lienthong.kernel.working_days import WorkingCalendar
from unit.kernel.world import quick

FRIDAY = date(2025, 4, 25)
# 30 April to 2 May 2025 are off, Saturday 26 April is worked instead of Friday 2 May.
SPRING = WorkingCalendar(
    days_off={date(2025, 4, 30): "30/4", date(2025, 5, 1): "1/5", date(2025, 5, 2): "exchanged"},
    working=frozenset({date(2025, 4, 26)}),
)
DAYS = st.dates(date(2024, 12, 1), date(2026, 1, 31))
CALENDARS = st.builds(
    WorkingCalendar,
    days_off=st.dictionaries(DAYS, st.just("off"), max_size=40),
    working=st.frozensets(DAYS, max_size=20),
    weekend=st.frozensets(st.integers(0, 6), max_size=6),
)
MOMENTS = st.builds(moment, DAYS, st.times())


def at(day: date, hour: int, minute: int = 0) -> int:
    """A moment of a day."""
    return moment(day, time(hour, minute))


def test_weekend_days_off_and_compensation() -> None:
    """A Saturday worked in exchange is worked, a Friday given for it is not."""
    worked = [day for day in (FRIDAY + timedelta(days=n) for n in range(11)) if SPRING.is_working(day)]
    assert [25, 26, 28, 29, 5] == [day.day for day in worked]


@pytest.mark.parametrize(
    ("day", "count", "expected"),
    [
        (FRIDAY, 0, FRIDAY),
        (FRIDAY, 1, date(2025, 4, 26)),
        (FRIDAY, 2, date(2025, 4, 28)),
        (date(2025, 4, 27), 0, date(2025, 4, 28)),
        (date(2025, 4, 27), 1, date(2025, 4, 28)),
        (date(2025, 4, 29), 1, date(2025, 5, 5)),
        (date(2025, 4, 30), 0, date(2025, 5, 5)),
        (date(2025, 4, 29), 3, date(2025, 5, 7)),
        (date.max, 1, date.max),
        (date.max, 0, date.max),
        (date.min, 0, date.min),
    ],
)
def test_the_next_working_days(day: date, count: int, expected: date) -> None:
    """Days off are passed over; counting ends with the calendar."""
    assert expected == SPRING.later(day, count)


@pytest.mark.parametrize(
    ("start", "minutes", "expected"),
    [
        (at(FRIDAY, 9), 0, at(FRIDAY, 9)),
        (at(FRIDAY, 9), 60, at(FRIDAY, 10)),
        (at(FRIDAY, 11, 30), 60, at(FRIDAY, 13, 30)),
        (at(FRIDAY, 12, 30), 1, at(FRIDAY, 13, 1)),
        (at(FRIDAY, 16), 60, at(FRIDAY, 17)),
        (at(FRIDAY, 16), 61, at(date(2025, 4, 26), 8, 1)),
        (at(date(2025, 4, 29), 16, 59), 2, at(date(2025, 5, 5), 8, 1)),
        (at(FRIDAY, 23, 59), -60, at(FRIDAY, 16)),
        (at(date(2025, 5, 5), 8), -60, at(date(2025, 4, 29), 16)),
        (at(date(2025, 5, 5), 8, 30), -60, at(date(2025, 4, 29), 16, 30)),
    ],
)
def test_working_time(start: int, minutes: int, expected: int) -> None:
    """Noon, night and days off do not count, forward and backward."""
    assert expected == SPRING.shift(start, minutes)


@quick
@given(CALENDARS, DAYS, st.integers(0, 12))
def test_later_is_the_nth_working_day(calendar: WorkingCalendar, day: date, count: int) -> None:
    """The answer is worked, and exactly `count` working days lie after the day up to it."""
    answer = calendar.later(day, count)
    between = [day + timedelta(days=n) for n in range(1, (answer - day).days + 1)]
    assert calendar.is_working(answer)
    if count:
        assert count == sum(map(calendar.is_working, between))
    else:
        assert not any(map(calendar.is_working, [day, *between][:-1]))


@quick
@given(CALENDARS, MOMENTS, st.integers(1, 900), st.integers(1, 900))
def test_working_time_adds_up(calendar: WorkingCalendar, start: int, first: int, second: int) -> None:
    """Going on is the same as going at once, later never comes before, and a working day is met."""
    middle = calendar.shift(start, first)
    assert calendar.shift(middle, second) == calendar.shift(start, first + second)
    assert start + first * MINUTE_MS <= middle
    assert calendar.is_working(day_of(middle))


@quick
@given(CALENDARS, MOMENTS, st.integers(1, 900))
def test_back_and_forth(calendar: WorkingCalendar, start: int, minutes: int) -> None:
    """Back and forth again ends no later than it began, and no working time lies between."""
    there = calendar.shift(start, -minutes)
    again = calendar.shift(there, minutes)
    assert again <= start
    assert calendar.shift(again, 1) == calendar.shift(start, 1)


def test_impossible_weeks_and_hours() -> None:
    """A week without working days, and spans that are none, are refused."""
    with pytest.raises(ValueError, match="needs a working day"):
        WorkingCalendar(weekend=frozenset(range(7)))
    for hours in ((), ((time(8), time(8)),), ((time(13), time(17)), (time(8), time(12)))):
        with pytest.raises(ValueError, match="spans"):
            WorkingCalendar(hours=hours)
