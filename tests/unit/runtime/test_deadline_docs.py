"""The page about deadlines says what the code does."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from lienthong.kernel.deadline_rules import DeadlineRules
from lienthong.kernel.deadlines import Due, Rule
from lienthong.runtime.deadline_file import read_deadlines
from lienthong.runtime.vietnam_calendar import CalendarRules

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "deadlines.md").read_text("utf-8")


def flat(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Fields by their dotted names; tables that are empty by default are values."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= flat(value, f"{before}{name}.") if isinstance(value, dict) and value else {f"{before}{name}": value}
    return found


def test_every_field_has_a_row_with_its_default() -> None:
    """No field is missing, none is too many, and every default is right."""
    fields = flat({**DeadlineRules().model_dump(mode="json"), "calendar": CalendarRules().model_dump(mode="json")})
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| (.+?) \| ", PAGE.partition("| field |")[2], re.MULTILINE))
    assert fields.keys() == rows.keys()
    assert "four levels" == rows.pop("escalation")
    assert 4 == len(fields.pop("escalation"))
    for name, default in rows.items():
        text = default.strip("`")
        assert fields[name] == (json.loads(text) if text[0] in "[{0123456789tf" and ":" not in text[:3] else text), name


def test_every_rule_and_state_has_a_row() -> None:
    """In the order of the code."""
    assert list(map(str, Rule)) == re.findall(r"^\| `([a-z_]+)` \|", PAGE.partition("## Verdicts")[0], re.MULTILINE)
    states = PAGE.partition("## Verdicts")[2].partition("## Working days")[0]
    assert list(map(str, Due)) == re.findall(r"^\| `([a-z_]+)` \|", states, re.MULTILINE)


def test_the_example_is_a_file_that_is_read(tmp_path: Path) -> None:
    """Whoever copies it gets what it says."""
    text = PAGE.partition("```toml\n")[2].partition("```")[0]
    path = tmp_path / "deadlines.toml"
    path.write_text(text, "utf-8")
    assert tomllib.loads(text)["urgent"]["minutes"] == list(read_deadlines(path).rules.urgent.minutes)
