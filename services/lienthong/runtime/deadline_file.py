"""The owner's file of deadlines: rules and calendar, in TOML or JSON (docs/deadlines.md)."""

import json
import tomllib
from pathlib import Path

from pydantic import ValidationError

from lienthong.kernel.deadline_rules import DeadlineRules
from lienthong.kernel.deadlines import DeadlineJudge
from lienthong.runtime.vietnam_calendar import CalendarRules, vietnam_calendar

__all__ = ["read_deadlines", "read_rules"]


class _File(DeadlineRules):
    calendar: CalendarRules = CalendarRules()


def read_deadlines(path: Path | None = None) -> DeadlineJudge:
    """A judge by the rules and days of a file, by the law's without one.

    A file whose name ends with ``.json`` is read as JSON, any other as TOML.

    Raises:
        ValueError: it is no TOML or JSON, or fields are wrong or unknown: the text names file, fields and what is
            wrong with each; or the package for the calendar is missing.
        OSError: it cannot be read.
    """
    given = _File() if path is None else _parse(path)
    own = {name: getattr(given, name) for name in DeadlineRules.model_fields}
    return DeadlineJudge(DeadlineRules.model_construct(**own), vietnam_calendar(given.calendar))


def read_rules(path: Path | None = None) -> DeadlineRules:
    """The rules alone, for what counts no working days: the calendar's package need not be there.

    Raises:
        ValueError, OSError: as `read_deadlines` raises them for what the file says.
    """
    return DeadlineRules() if path is None else _parse(path)


def _parse(path: Path) -> _File:
    try:
        text = path.read_text("utf-8")
        return _File.model_validate(json.loads(text) if path.suffix == ".json" else tomllib.loads(text))
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, part['loc'])) or 'rules'}: {part['msg'].removeprefix('Value error, ')}"
            for part in error.errors(include_url=False, include_input=False)
        )
        raise ValueError(f"{path}: {wrong}") from error
    except (json.JSONDecodeError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: {error}") from error
