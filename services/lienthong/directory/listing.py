"""Lists of agencies in CSV: ``code,code_qcvn102,name,parent,connected``."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

from lienthong.kernel.agency import AgencyCode, agency_code, from_qcvn102, is_qcvn102

__all__ = ["ListedAgency", "read_listing"]

_COLUMNS = ("code", "code_qcvn102", "name", "parent", "connected")
_YES_NO = {"yes": True, "no": False}
_MAX_NAME = 200


class ListedAgency(NamedTuple):
    """One line of a list."""

    code: AgencyCode
    code_qcvn102: str
    name: str
    parent: str | None
    """In either form; `records.agencies_of` finds the code."""
    connected: bool


def read_listing(path: Path) -> list[ListedAgency]:
    """Read a list; nothing is imported unless every line is right.

    Raises:
        ValueError: naming file, line, column and what is wrong.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(_lines(path, file))
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is not CSV in UTF-8: {error}") from error


def _lines(path: Path, file: TextIO) -> Iterator[ListedAgency]:
    reader = csv.DictReader(file)
    missing = [column for column in _COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise ValueError(f"{path} line 1: column {missing[0]!r} is missing; the columns are {','.join(_COLUMNS)}")
    seen: set[str] = set()
    for row in reader:
        where = f"{path} line {reader.line_num}"
        try:
            agency = _agency(row)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
        if agency.code in seen:
            raise ValueError(f"{where}: column code: agency {agency.code} is listed twice")
        seen.add(agency.code)
        yield agency


def _agency(row: dict[str, str | None]) -> ListedAgency:
    values = {column: (row.get(column) or "").strip() for column in _COLUMNS}
    old = values["code_qcvn102"]
    if not values["code"] and not old:
        raise ValueError("column code: there is no code")
    code = _code("code", values["code"]) if values["code"] else _code("code_qcvn102", old, from_qcvn102)
    if not 1 <= len(values["name"]) <= _MAX_NAME:
        raise ValueError(f"column name: it has {len(values['name'])} characters, 1 to {_MAX_NAME} are needed")
    if values["connected"] not in _YES_NO:
        raise ValueError(f"column connected: {values['connected']!r} is neither yes nor no")
    parent = _code("parent", values["parent"], _either) if values["parent"] else None
    return ListedAgency(code, old, values["name"], parent, _YES_NO[values["connected"]])


def _either(text: str) -> AgencyCode:
    if is_qcvn102(text):
        from_qcvn102(text)
        return AgencyCode(text)
    return agency_code(text)


def _code(column: str, text: str, read: Callable[[str], AgencyCode] = agency_code) -> AgencyCode:
    try:
        return read(text)
    except ValueError as error:
        raise ValueError(f"column {column}: {error}") from error
