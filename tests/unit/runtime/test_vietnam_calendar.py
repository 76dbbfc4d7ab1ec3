"""Working days of Vietnam, against what was announced."""

import sys
from datetime import date, timedelta

import pytest

from lienthong.runtime.vietnam_calendar import FIRST_YEAR, LAST_YEAR, CalendarRules, vietnam_calendar

LAW = vietnam_calendar()


def days_off(first: date, last: date) -> list[date]:
    """Days in a span that are not worked."""
    span = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [day for day in span if not LAW.is_working(day)]


@pytest.mark.parametrize(
    ("first_off", "last_off"),
    [
        (date(2023, 1, 20), date(2023, 1, 26)),  # Tết Quý Mão
        (date(2024, 2, 8), date(2024, 2, 14)),  # Tết Giáp Thìn
        (date(2025, 1, 25), date(2025, 2, 2)),  # Tết Ất Tỵ, with the weekends around it
        (date(2024, 4, 27), date(2024, 5, 1)),  # 30/4 and 1/5, Monday 29 April given for Saturday 4 May
        (date(2025, 4, 30), date(2025, 5, 4)),  # Friday 2 May given for Saturday 26 April
        (date(2024, 8, 31), date(2024, 9, 3)),  # 2/9 and the day after it
        (date(2025, 8, 30), date(2025, 9, 2)),  # 2/9 and the day before it
        (date(2025, 1, 1), date(2025, 1, 1)),
        (date(2022, 1, 1), date(2022, 1, 3)),  # New Year on a Saturday: Monday in lieu
    ],
)
def test_announced_holidays(first_off: date, last_off: date) -> None:
    """Offices are closed in exactly this span: open on the day before it and on the day after."""
    closed = days_off(first_off - timedelta(days=1), last_off + timedelta(days=1))
    assert [first_off, last_off] == [closed[0], closed[-1]]
    assert len(closed) == (last_off - first_off).days + 1


@pytest.mark.parametrize("saturday", [date(2019, 1, 5), date(2024, 5, 4), date(2025, 4, 26), date(2026, 8, 22)])
def test_saturdays_worked_in_exchange(saturday: date) -> None:
    """A Saturday for which a working day was given is worked."""
    assert 5 == saturday.weekday()
    assert LAW.is_working(saturday)


@pytest.mark.parametrize("year", [FIRST_YEAR, 2026, LAST_YEAR])
def test_every_year_that_is_promised_is_known(year: int) -> None:
    """From 10 to 25 days of each year have a name, those of the law among them."""
    names = {day: name for day, name in LAW.days_off.items() if day.year == year}
    assert 10 <= len(names) <= 25
    assert {date(year, 1, 1), date(year, 4, 30), date(year, 5, 1), date(year, 9, 2)} <= names.keys()
    assert any("Tết Nguyên Đán" in name for name in names.values())


def test_other_years_know_weekends_only() -> None:
    """Far away from today there is an answer too."""
    assert date(1, 1, 1) == LAW.working_day(date(1, 1, 1))
    assert LAW.is_working(date(LAST_YEAR + 1, 1, 3)) == (date(LAST_YEAR + 1, 1, 3).weekday() < 5)


def test_an_owner_comes_first() -> None:
    """Own days off and own working days win over the library's, and may be all there is."""
    own = CalendarRules(
        days_off={date(2024, 5, 4): "no exchange here"},
        working_days={date(2024, 4, 30): "on duty"},
        weekend=("sunday",),
    )
    calendar = vietnam_calendar(own)
    assert not calendar.is_working(date(2024, 5, 4))
    assert calendar.is_working(date(2024, 4, 30))
    assert "no exchange here" == calendar.days_off[date(2024, 5, 4)]
    assert date(2024, 4, 30) not in calendar.days_off
    assert calendar.is_working(date(2024, 6, 8))
    assert {} == vietnam_calendar(CalendarRules(holidays="none")).days_off


def test_without_the_package_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the extra to install."""
    monkeypatch.setitem(sys.modules, "holidays", None)
    with pytest.raises(ValueError, match=r"pip install 'lienthong\[deadlines\]'"):
        vietnam_calendar()
    assert vietnam_calendar(CalendarRules(holidays="none")).is_working(date(2024, 4, 30))
