"""``lienthong register``: an agency's registers of incoming and outgoing documents."""

import json
import sys
from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from lienthong.cli.extras import extra
from lienthong.cli.output import console, say_table, told
from lienthong.kernel.agency import agency_code
from lienthong.kernel.clock import now_ms
from lienthong.kernel.vietnam_time import day_of, local
from lienthong.register.book import Book, keep
from lienthong.register.columns import INCOMING, OUTGOING, Cell, Column, total_lines
from lienthong.register.facts import Delivered, Issued
from lienthong.register.sheets import as_csv, as_json, as_xlsx
from lienthong.runtime.deadline_file import read_deadlines
from lienthong.runtime.settings import Settings

__all__ = ["app"]

app = typer.Typer(add_completion=False)
_Entry = TypeVar("_Entry")
_HIDDEN = {"id", "promulgated", "document_type", "handled_at", "purpose", "deadline_at", "late_hours"}
"""Columns that a screen has no room for; files have all."""
_LONGEST = 40
"""Characters of a cell on the screen, of which a list of recipients may have thousands."""


class Format(StrEnum):
    """How the registers are written."""

    TABLE = "table"
    CSV = "csv"
    XLSX = "xlsx"
    JSON = "json"


@app.command()
def register(
    agency: Annotated[str, typer.Option(help="Code of the agency whose registers are wanted.")],
    year: Annotated[int | None, typer.Option(min=1976, max=9998, help="Year; default: this one, in Vietnam.")] = None,
    incoming: Annotated[bool, typer.Option("--incoming", help="Only the register of incoming documents.")] = False,
    outgoing: Annotated[bool, typer.Option("--outgoing", help="Only the register of outgoing documents.")] = False,
    format_: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.TABLE,
    output: Annotated[Path | None, typer.Option(help="File to write; default: standard output.")] = None,
    mark: Annotated[bool, typer.Option("--bom", help="Begin CSV with a byte order mark, which Excel needs.")] = False,
    last: Annotated[int, typer.Option(min=0, help="On the screen only so many lines of each, the last; 0: all.")] = 40,
    deadlines: Annotated[Path | None, typer.Option(help="File with deadlines and days off; default: setting.")] = None,
    database: Annotated[str | None, typer.Option(help="URL of the tracker's database; default: setting.")] = None,
) -> None:
    """Print the registers of an agency for a year: numbers, dates, states, deadlines, and the totals at the end."""
    with told():
        if format_ is Format.CSV and incoming == outgoing:
            raise ValueError("a CSV file holds one register: add --incoming or --outgoing")
        if format_ is Format.XLSX and output is None and sys.stdout.isatty():
            raise ValueError("a workbook is nothing for a terminal: add --output FILE")
        if format_ is Format.TABLE and output is not None:
            raise ValueError("--output goes with --format csv, xlsx or json")
        settings, now = Settings(), now_ms()
        judge = read_deadlines(deadlines or settings.deadlines_file)
        code, wanted = agency_code(agency), year or day_of(now).year
        delivered, issued = _facts(database, settings, code, wanted)
        book = keep(code, wanted, delivered, issued, judge, now)
        both = incoming == outgoing
        if format_ is Format.TABLE:
            _show(book, last, incoming=incoming or both, outgoing=outgoing or both)
        else:
            content = _content(book, format_, incoming=incoming or both, outgoing=outgoing or both, mark=mark)
            _write(content, output)


def _facts(url: str | None, settings: Settings, agency: str, year: int) -> tuple[list[Delivered], list[Issued]]:
    with extra("register"):
        from lienthong.register.reading import delivered_to, issued_by
        from lienthong.tracker.database import Database
        from lienthong.tracker.migration import check
    database = Database.of(settings, url)
    if database.path is not None and not database.path.is_file():
        raise ValueError(f"there is no database {database.path}: `lienthong run tracker` makes one")
    try:
        check(database)
        with database.reading() as connection:
            return delivered_to(connection, agency, year), issued_by(connection, agency, year)
    finally:
        database.close()


def _content(book: Book, format_: Format, *, incoming: bool, outgoing: bool, mark: bool) -> bytes:
    if format_ is Format.XLSX:
        return as_xlsx(book, incoming=incoming, outgoing=outgoing)
    if format_ is Format.CSV:
        return as_csv(book, outgoing=outgoing, mark=mark).encode()
    values = as_json(book, incoming=incoming, outgoing=outgoing)
    return (json.dumps(values, ensure_ascii=False) + "\n").encode()


def _write(content: bytes, output: Path | None) -> None:
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        output.write_bytes(content)


def _show(book: Book, last: int, *, incoming: bool, outgoing: bool) -> None:
    if incoming:
        _show_one(f"Incoming, {book.agency}, {book.year}", INCOMING, book.incoming, last)
    if outgoing:
        _show_one(f"Outgoing, {book.agency}, {book.year}", OUTGOING, book.outgoing, last)
    say_table("Totals", ("Total", "Value"), [(words, _short(value)) for _, words, value in total_lines(book.totals)])
    console.print(f"as of {local(book.as_of):%d/%m/%Y %H:%M}, Vietnam", highlight=False)


def _show_one(title: str, columns: Sequence[Column[_Entry]], entries: Sequence[_Entry], last: int) -> None:
    shown = [column for column in columns if column.key not in _HIDDEN]
    wanted = entries[-last:] if last else entries
    if len(wanted) < len(entries):
        title = f"{title}: the last {len(wanted)} of {len(entries):,}"
    say_table(
        title, [column.heading for column in shown], ([_short(column.cell(e)) for column in shown] for e in wanted)
    )


def _short(cell: Cell) -> str:
    """A cell as people read it."""
    if isinstance(cell, datetime):
        return f"{cell:%d/%m %H:%M}"
    if isinstance(cell, date):
        return f"{cell:%d/%m/%Y}"
    if isinstance(cell, int):
        return f"{cell:,}"
    text = "–" if cell is None else str(cell)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
