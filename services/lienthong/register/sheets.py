"""A register as JSON values, as CSV and as an Excel workbook.

Texts in a register are other agencies' words, and a spreadsheet runs what looks like a formula. In CSV such a text
gets an apostrophe before it, which spreadsheets take for "this is text"; in a workbook every text is stored as text.
"""

import csv
from collections.abc import Sequence
from datetime import date, datetime
from io import BytesIO, StringIO
from typing import Any, TypeVar

from lienthong.kernel.vietnam_time import local
from lienthong.register.book import Book
from lienthong.register.columns import INCOMING, OUTGOING, Cell, Column, total_lines

__all__ = ["as_csv", "as_json", "as_xlsx", "guarded"]

_Entry = TypeVar("_Entry")
_COMMANDING = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_MARK = "\ufeff"
"""Without it Excel takes UTF-8 for the code page of the machine."""


def guarded(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_COMMANDING) else text


def as_json(book: Book, *, incoming: bool = True, outgoing: bool = True) -> dict[str, Any]:
    """Values for programs: times in ISO 8601 with the zone of Vietnam, None where there is nothing."""
    registers: dict[str, Any] = {}
    if incoming:
        registers["incoming"] = [_keyed(INCOMING, entry) for entry in book.incoming]
    if outgoing:
        registers["outgoing"] = [_keyed(OUTGOING, entry) for entry in book.outgoing]
    totals = {key: value for key, _, value in total_lines(book.totals)}
    as_of = local(book.as_of).isoformat()
    return {"agency": book.agency, "year": book.year, "as_of": as_of, **registers, "totals": totals}


def as_csv(book: Book, *, outgoing: bool, mark: bool = False) -> str:
    """One of the two registers, an empty line, then the totals as lines of two cells.

    Args:
        book: the registers.
        outgoing: which of the two.
        mark: begin with a byte order mark, for Excel.
    """
    file = StringIO()
    writer = csv.writer(file)
    if outgoing:
        _lines(writer, OUTGOING, book.outgoing)
    else:
        _lines(writer, INCOMING, book.incoming)
    writer.writerow(())
    writer.writerows((words, _plain(value)) for _, words, value in total_lines(book.totals))
    return (_MARK if mark else "") + file.getvalue()


def as_xlsx(book: Book, *, incoming: bool = True, outgoing: bool = True) -> bytes:
    """A workbook with a sheet for each register and one for the totals.

    Raises:
        ValueError: the package that writes it is not installed; the text names the extra.
    """
    try:
        import xlsxwriter
    except ImportError as error:
        raise ValueError(
            "workbooks need the package xlsxwriter: pip install 'lienthong[register]', or take --format csv"
        ) from error
    file = BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(file, options) as workbook:
        workbook.set_properties(
            {
                "title": f"Registers of {book.agency}, {book.year}",
                "created": local(book.as_of).replace(tzinfo=None),
            }
        )
        sheets = _Sheets(workbook)
        if incoming:
            sheets.add("Incoming", INCOMING, book.incoming)
        if outgoing:
            sheets.add("Outgoing", OUTGOING, book.outgoing)
        sheets.add("Totals", _TOTALS, total_lines(book.totals))
    return file.getvalue()


_TOTALS: Sequence[Column[tuple[str, str, Any]]] = (
    Column("name", "Total", 30, lambda line: line[1]),
    Column("value", "Value", 12, lambda line: line[2]),
)


class _Sheets:
    """Adds sheets of entries to a workbook."""

    def __init__(self, workbook: Any) -> None:
        self._workbook = workbook
        self._bold = workbook.add_format({"bold": True})
        self._day = workbook.add_format({"num_format": "dd/mm/yyyy", "align": "left"})
        self._time = workbook.add_format({"num_format": "dd/mm/yyyy hh:mm", "align": "left"})

    def add(self, name: str, columns: Sequence[Column[_Entry]], entries: Sequence[_Entry]) -> None:
        sheet = self._workbook.add_worksheet(name)
        for at, column in enumerate(columns):
            sheet.set_column(at, at, column.width)
            sheet.write_string(0, at, column.heading, self._bold)
        for row, entry in enumerate(entries, start=1):
            for at, column in enumerate(columns):
                self._write(sheet, row, at, column.cell(entry))
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, len(entries), len(columns) - 1)

    def _write(self, sheet: Any, row: int, at: int, cell: Cell) -> None:
        if cell is None or cell == "":
            return
        if isinstance(cell, str):
            sheet.write_string(row, at, cell)
        elif isinstance(cell, datetime):
            sheet.write_datetime(row, at, cell.replace(tzinfo=None), self._time)
        elif isinstance(cell, date):
            # A workbook knows no day before 1900.
            if cell.year < _FIRST_YEAR:
                sheet.write_string(row, at, cell.isoformat())
            else:
                sheet.write_datetime(row, at, datetime(cell.year, cell.month, cell.day), self._day)  # noqa: DTZ001
        else:
            sheet.write_number(row, at, cell)


_FIRST_YEAR = 1900


def _lines(writer: Any, columns: Sequence[Column[_Entry]], entries: Sequence[_Entry]) -> None:
    writer.writerow(column.heading for column in columns)
    writer.writerows([_plain(column.cell(entry)) for column in columns] for entry in entries)


def _plain(cell: Cell) -> str:
    """A cell of CSV."""
    if isinstance(cell, str):
        return guarded(cell)
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M:%S}"
    return "" if cell is None else str(cell)


def _keyed(columns: Sequence[Column[_Entry]], entry: _Entry) -> dict[str, Any]:
    cells = ((column.key, column.cell(entry)) for column in columns)
    return {key: cell.isoformat() if isinstance(cell, date) else cell for key, cell in cells}
