"""The owner's file of deadlines."""

import json
import sys
from datetime import date, time, timedelta
from pathlib import Path

import pytest

from lienthong.kernel.deadline_rules import DeadlineRules
from lienthong.runtime.deadline_file import read_deadlines, read_rules

OWN = """
day_closes = "16:30"

[receipt]
working_days = 1

[urgent]
minutes = [240, 90, 20, 10]

[[escalation]]
tell = "văn thư"
after_hours = 2

[[escalation]]
tell = "chánh văn phòng"
after_working_days = 2

[calendar]
hours = [["07:30", "11:30"], ["13:00", "16:30"]]

[calendar.days_off]
2027-02-11 = "Tết, one day more"

[calendar.working_days]
2027-02-20 = "worked for 11 February"
"""


def write(folder: Path, text: str, name: str = "deadlines.toml") -> Path:
    """A file with a text."""
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_without_a_file_it_is_the_law() -> None:
    """Nothing has to be configured."""
    judge = read_deadlines()
    rules, calendar = judge.rules, judge.calendar
    assert DeadlineRules() == rules
    assert not calendar.is_working(date(2025, 1, 29))


def test_what_a_file_says(tmp_path: Path) -> None:
    """What is named is changed, the rest stays as it was."""
    judge = read_deadlines(write(tmp_path, OWN))
    rules, calendar = judge.rules, judge.calendar
    assert (time(16, 30), 1, (240, 90, 20, 10)) == (rules.day_closes, rules.receipt.working_days, rules.urgent.minutes)
    assert ["văn thư", "chánh văn phòng"] == [level.tell for level in rules.escalation]
    assert DeadlineRules().submission == rules.submission
    assert date(2027, 2, 12) == calendar.later(date(2027, 2, 3), 1)
    assert calendar.is_working(date(2027, 2, 20))
    assert ((time(7, 30), time(11, 30)), (time(13), time(16, 30))) == calendar.hours


def test_json_says_the_same(tmp_path: Path) -> None:
    """The same fields in JSON."""
    text = json.dumps({"expiry": {"days": 5}, "calendar": {"days_off": {"2027-02-11": "Tết"}}})
    judge = read_deadlines(write(tmp_path, text, "deadlines.json"))
    rules, calendar = judge.rules, judge.calendar
    assert 5 == rules.expiry.days
    assert not calendar.is_working(date(2027, 2, 11))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[receipt]\nworking_days = -1", "receipt.working_days: .*greater than or equal to 0"),
        ("[receipts]\nworking_days = 1", "receipts: .*not permitted"),
        ("[urgent]\nminutes = [1, 2, 3]", "urgent.minutes.3: Field required"),
        ("[urgent]\nminutes = [1, 2, 3, true]\naround_the_clock_from = 9", "around_the_clock_from: .*less than"),
        ("day_closes = 'noon'", "day_closes: "),
        ("day_closes = '12:00Z'", "day_closes: a time of Vietnam"),
        ("[[escalation]]\ntell = 'x'", "escalation.0: give after_hours or after_working_days"),
        ("[[escalation]]\ntell = 'x'\nafter_hours = 2\n[[escalation]]\ntell = 'y'\nafter_hours = 2", "must be more"),
        ("[calendar]\nweekend = ['sat']", "calendar.weekend.0: "),
        ("[calendar]\nhours = [['12:00', '08:00']]", "calendar.hours: hours are spans"),
        ("[calendar.days_off]\n2027-02-30 = 'x'", "calendar.days_off.2027-02-30.* date"),
        ("[calendar]\ndays_off.2027-02-11 = 'x'\nworking_days.2027-02-11 = 'x'", "2027-02-11 is under days_off and"),
        ("receipt", "deadlines.toml: "),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, words: str) -> None:
    """The error names file, field and rule."""
    path = write(tmp_path, text)
    with pytest.raises(ValueError, match=words) as caught:
        read_deadlines(path)
    assert str(caught.value).startswith(str(path))


def test_rules_are_read_without_the_calendar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever counts no working days needs no package for them; mistakes are named all the same."""
    monkeypatch.setitem(sys.modules, "holidays", None)
    assert DeadlineRules() == read_rules()
    assert timedelta(hours=8) == read_rules(write(tmp_path, '[expiry]\nwithin = "PT8H"')).expiry.within
    with pytest.raises(ValueError, match=r"expiry\.within"):
        read_rules(write(tmp_path, '[expiry]\nwithin = "soon"'))


def test_two_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Nobody mends a file one error at a time."""
    with pytest.raises(ValueError, match=r"receipt\.working_days.*; expiry\.days"):
        read_deadlines(write(tmp_path, "[receipt]\nworking_days = 999\n[expiry]\ndays = 0"))
