"""Lists of agencies: read whole or not at all, and what is wrong is named by line and column."""

from pathlib import Path

import pytest

from lienthong.directory.listing import ListedAgency, read_listing
from lienthong.kernel.agency import AgencyCode

HEADER = "code,code_qcvn102,name,parent,connected"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the list lies."""
    return tmp_path / "agencies.csv"


def listing(path: Path, *lines: str, header: str = HEADER) -> list[ListedAgency]:
    """Read a list of these lines."""
    path.write_text("\n".join([header, *lines]) + "\n", "utf-8")
    return read_listing(path)


def test_a_list_is_read(path: Path) -> None:
    """A code may be missing when there is one in the older form; spaces around values do not matter."""
    found = listing(
        path,
        "G22,000.00.00.G22,Bộ Thông tin,,yes",
        ",000.00.13.H53, Sở Nội vụ ,,yes",
        '"H37.DN.001",,"Ủy ban, phòng 3",H37.DN,no',
    )
    assert [
        ListedAgency(AgencyCode("G22"), "000.00.00.G22", "Bộ Thông tin", None, True),
        ListedAgency(AgencyCode("H53.13"), "000.00.13.H53", "Sở Nội vụ", None, True),
        ListedAgency(AgencyCode("H37.DN.001"), "", "Ủy ban, phòng 3", "H37.DN", False),
    ] == found


def test_columns_may_stand_in_any_order_and_a_byte_order_mark_is_dropped(path: Path) -> None:
    """As spreadsheets write them; columns that nobody asked for are left out."""
    path.write_bytes(b"\xef\xbb\xbf" + "connected,name,note,code,parent,code_qcvn102\nno,Sở,x,H37,,\n".encode())
    assert [ListedAgency(AgencyCode("H37"), "", "Sở", None, False)] == read_listing(path)


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("g22,,Bộ,,yes", "column code: agency code 'g22' is not groups of A-Z and 0-9"),
        (",,Bộ,,yes", "column code: there is no code"),
        (",12.H5,Bộ,,yes", "column code_qcvn102: '12.H5' is not a code in the form of QCVN 102"),
        ("H37,,,,yes", "column name: it has 0 characters, 1 to 200 are needed"),
        (f"H37,,{'x' * 201},,yes", "column name: it has 201 characters"),
        ("H37,,Sở,h 1,yes", "column parent: agency code 'h 1' is not groups"),
        ("H37,,Sở,,maybe", "column connected: 'maybe' is neither yes nor no"),
        ("H37,,Sở", "column connected: '' is neither yes nor no"),
        ("H26,,Bộ,,yes", "column code: agency H26 is listed twice"),
    ],
)
def test_what_is_wrong_is_named_by_file_line_and_column(path: Path, line: str, wrong: str) -> None:
    """One sentence a person can act on; nothing of the list is used."""
    with pytest.raises(ValueError) as caught:
        listing(path, "H26,,Bộ Y tế,,yes", line)
    assert str(caught.value).startswith(f"{path} line 3: {wrong}")


def test_a_missing_column_is_named(path: Path) -> None:
    """With the columns that are needed."""
    with pytest.raises(ValueError) as caught:
        listing(path, header="code,name,parent,connected")
    assert str(caught.value) == f"{path} line 1: column 'code_qcvn102' is missing; the columns are {HEADER}"


def test_what_is_no_list_is_refused(path: Path) -> None:
    """A missing file, an empty one, and bytes that are not UTF-8."""
    with pytest.raises(ValueError, match=r"cannot read .*No such file"):
        read_listing(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="column 'code' is missing"):
        read_listing(path)
    path.write_bytes(HEADER.encode() + b"\nH37,,\xff\xfe,,yes\n")
    with pytest.raises(ValueError, match="is not CSV in UTF-8"):
        read_listing(path)
