"""Registers as CSV, JSON and workbooks, in the face of hostile texts."""

import csv
import io
import json
import sys
import zipfile
from datetime import date
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.kernel.lifecycle import Request, Stage
from lienthong.register.book import Book
from lienthong.register.columns import INCOMING, OUTGOING, total_lines
from lienthong.register.sheets import as_csv, as_json, as_xlsx, guarded
from unit.kernel.world import quick
from unit.register.register_world import at, book, delivered, handled, issued, paper

HOSTILE = ['=HYPERLINK("http://x","y")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1+1"]
_NS = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def some_book() -> Book:
    """Two incoming and one outgoing document."""
    return book(
        handled(0),
        delivered(of=paper(1, priority=2, due_date="2023-03-07"), stage=Stage.ACCEPTED, request=Request.UPDATE),
        outgoing=(issued(2, to=(handled(),)),),
    )


def lines(text: str) -> list[list[str]]:
    """The cells of a CSV file."""
    return list(csv.reader(io.StringIO(text, newline="")))


def cells(content: bytes, sheet: int) -> list[list[str | None]]:
    """The texts and numbers of a sheet as another reader sees them; fails on a formula."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        strings = [
            "".join(part.text or "" for part in item.iter(f"{_NS}t"))
            for item in ET.fromstring(archive.read("xl/sharedStrings.xml")).iter(f"{_NS}si")  # noqa: S314
        ]
        root = ET.fromstring(archive.read(f"xl/worksheets/sheet{sheet}.xml"))  # noqa: S314
    assert not list(root.iter(f"{_NS}f"))
    found: list[list[str | None]] = []
    for row in root.iter(f"{_NS}row"):
        values: list[str | None] = []
        for cell in row.iter(f"{_NS}c"):
            value = cell.findtext(f"{_NS}v")
            values.append(strings[int(value)] if cell.get("t") == "s" and value is not None else value)
        found.append(values)
    return found


def test_csv_holds_headings_entries_and_totals() -> None:
    """In this order; times are those of Vietnam."""
    found = lines(as_csv(some_book(), outgoing=False))
    assert [column.heading for column in INCOMING] == found[0]
    first = dict(zip(found[0], found[1], strict=True))
    assert ("1", "2023-03-06 09:00:00", "G10", "01/BC-BNN", "2023-03-06", "done", "yes", "met") == tuple(
        first[name]
        for name in ("No.", "Arrived", "From", "Number and notation", "Dated", "State", "Handled", "Deadline")
    )
    second = dict(zip(found[0], found[2], strict=True))
    assert ("thượng khẩn", "accepted, update asked", "no", "overdue", "urgent", "2023-03-06 10:00:00") == tuple(
        second[name] for name in ("Urgency", "State", "Handled", "Deadline", "Rule", "Due by")
    )
    assert [] == found[3]
    assert ["Received", "2"] == found[4]
    assert len(total_lines(some_book().totals)) == len(found[4:])


def test_the_mark_for_excel() -> None:
    """Only when asked for, and once."""
    assert "\ufeff" not in as_csv(some_book(), outgoing=True)
    text = as_csv(some_book(), outgoing=True, mark=True)
    assert ("\ufeffNo.", 1) == (text[:4], text.count("\ufeff"))


@pytest.mark.parametrize("text", HOSTILE)
def test_formulas_are_texts(text: str) -> None:
    """In CSV with an apostrophe, in a workbook as a stored text, in JSON as it is."""
    kept = book(delivered(of=paper(subject=text, sender="G10")))
    assert f"'{text}" in lines(as_csv(kept, outgoing=False))[1]
    assert text == as_json(kept)["incoming"][0]["subject"]
    assert any(text.strip() in (cell or "") for cell in cells(as_xlsx(kept), 1)[1])


@quick
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_cell_of_csv_begins_like_a_formula(text: str) -> None:
    """Whatever a sender writes, and the text itself is not lost."""
    kept = book(delivered(of=paper(subject=text, code_number=text, document_type=text, due_date=text[:10])))
    row = lines(as_csv(kept, outgoing=False))[1]
    assert len(INCOMING) == len(row)
    assert not any(cell[:1] in {"=", "+", "-", "@", "\t", "\r", "\n"} for cell in row)
    assert guarded(text) in {text, f"'{text}"}
    assert guarded(text) in row


@quick
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_every_text_gives_a_workbook_that_can_be_read(text: str) -> None:
    """Control characters as well."""
    content = as_xlsx(book(delivered(of=paper(subject=text, promulgated=text[:10], code_notation=text))))
    assert 2 == len(cells(content, 1))


def test_a_workbook_has_three_sheets() -> None:
    """Incoming, outgoing, totals; dates are dates, and numbers numbers."""
    content = as_xlsx(some_book())
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [
            sheet.get("name")
            for sheet in ET.fromstring(archive.read("xl/workbook.xml")).iter(f"{_NS}sheet")  # noqa: S314
        ]
    assert ["Incoming", "Outgoing", "Totals"] == names
    incoming = cells(content, 1)
    assert [column.heading for column in INCOMING] == incoming[0]
    days = (date(2023, 3, 6) - date(1899, 12, 30)).days
    assert ["1", str(days + 0.375)] == incoming[1][:2]
    assert str(days) == incoming[1][4]
    assert [column.heading for column in OUTGOING] == cells(content, 2)[0]
    assert [["Received", "2"], ["Of these, needing handling", "2"], ["Of these, handled", "1"]] == cells(content, 3)[
        1:4
    ]


def test_json_is_for_programs() -> None:
    """Keys, times with their zone, and only what is asked for."""
    values = json.loads(json.dumps(as_json(some_book(), outgoing=False)))
    assert ("G22.NN", 2023, "2023-03-10T12:00:00+07:00") == (values["agency"], values["year"], values["as_of"])
    assert "2023-03-06T09:00:00+07:00" == values["incoming"][0]["arrived"]
    assert "outgoing" not in values
    assert (2, 2, 1, 50.0) == tuple(
        values["totals"][key] for key in ("received", "needing_handling", "handled", "handled_percent")
    )


def test_files_name_all_recipients() -> None:
    """However many there are."""
    codes = [f"H{number:02}" for number in range(1, 64)]
    kept = book(outgoing=(issued(0, to=tuple(handled(recipient=code) for code in codes)),))
    line = as_json(kept)["outgoing"][0]
    assert (", ".join(codes), 63, "63 done") == (line["recipients"], line["recipient_count"], line["state"])


def test_hours_late() -> None:
    """Of what is late or overdue; nothing for the rest."""
    kept = book(delivered(of=paper(accepted_at=at(9))), handled(1))
    assert [60.0 + 24, None] == [line["late_hours"] for line in as_json(kept)["incoming"]]


def test_a_share_is_never_rounded_up_to_all() -> None:
    """One of many missing is not 100 %."""
    many = [handled(number) for number in range(2_500)]
    assert 100.0 == as_json(book(*many))["totals"]["handled_percent"]
    assert 99.9 == as_json(book(*many, delivered(2_500)))["totals"]["handled_percent"]


def test_without_the_package_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the extra to install."""
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(ValueError, match=r"pip install 'lienthong\[register\]'"):
        as_xlsx(some_book())
