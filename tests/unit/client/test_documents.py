"""What a developer handles: wrong fields are named, right ones survive the way through a statement."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lienthong.client import Document, File, Priority, Progress, Signer, State, Status
from lienthong.client.documents import document_of
from lienthong.kernel.limits import MAX_INLINE_BYTES
from lienthong.kernel.statement import STATUS_CODES, Kind, decode_statement, encode_statement
from unit.kernel.world import NOW, SENDER, THREAD, document_body
from unit.kernel.world import document as statement

FULL = Document(
    recipients=("H37", "H37.DN.001"),
    subject="Về việc liên thông văn bản",
    priority=Priority.VERY_URGENT,
    code_number="118",
    code_notation="SNV-VTLT",
    document_type="Công văn",
    promulgation_date=date(2026, 10, 5),
    promulgation_place="Liên Giang",
    signer=Signer(competence="KT.", position="Phó Giám đốc", full_name="Nguyễn Văn Mẫu"),
    steering_type=1,
    page_amount=3,
    due_date=date(2026, 10, 20),
    paper=True,
    business_type=2,
    reason="Sửa đổi",
    refers_to=(bytes(range(32)),),
)


def said(document: Document) -> Document:
    """The document as a recipient gets it."""
    made = statement(
        sender=SENDER, recipients=list(document.recipients), thread=THREAD, priority=document.priority,
        kind=Kind.DOCUMENT, body=document.to_body(),
    )  # fmt: skip
    return document_of(decode_statement(encode_statement(made)))


@pytest.mark.parametrize("document", [FULL, Document(recipients=("H37",), subject="V/v")], ids=["full", "least"])
def test_every_field_comes_out_as_it_went_in(document: Document) -> None:
    """Through a statement and back."""
    assert document == said(document)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("recipients", ()),
        ("recipients", ("g22",)),
        ("recipients", ("H37", "H37")),
        ("recipients", tuple(f"H{number}" for number in range(501))),
        ("subject", ""),
        ("subject", "x" * 501),
        ("priority", 5),
        ("priority", -1),
        ("code_number", "x" * 12),
        ("code_notation", "x" * 31),
        ("document_type", "x" * 101),
        ("promulgation_date", "hôm nay"),
        ("promulgation_place", "x" * 51),
        ("signer", {"name": "An"}),
        ("steering_type", 3),
        ("page_amount", 1_000),
        ("due_date", "2026-02-30"),
        ("business_type", 4),
        ("reason", "x" * 501),
        ("refers_to", (b"short",)),
        ("refers_to", (bytes(32),) * 51),
        ("number", "12"),
    ],
)
def test_a_wrong_field_is_named(field: str, value: Any) -> None:
    """Whatever is outside its bounds, and fields that do not exist."""
    with pytest.raises(ValidationError) as caught:
        Document(**{"recipients": ("H37",), "subject": "V/v", field: value})
    assert {field} == {problem["loc"][0] for problem in caught.value.errors()}


@pytest.mark.parametrize(
    ("field", "value", "instead"),
    [
        ("promulgation_date", "ngày mai", None),
        ("due_date", "2026-13-01", None),
        ("code_number", "x" * 40, ""),
        ("page_amount", 100_000, 0),
        ("steering_type", -1, 0),
        ("signer", {"competence": "x" * 99, "position": "", "full_name": ""}, None),
    ],
)
def test_a_foreign_sender_s_wrong_field_is_left_empty_and_the_document_arrives(
    field: str, value: Any, instead: Any
) -> None:
    """It is signed and must reach its reader; everything else is as it was said."""
    found = document_of(statement(body=document_body(**{field: value})))
    assert instead == getattr(found, field)
    right = document_of(statement(body=document_body()))
    assert right == found.model_copy(update={field: getattr(right, field)})


def test_a_foreign_sender_s_long_subject_is_kept() -> None:
    """What is never empty stays as it was said, beside other fields that do not fit."""
    subject = "V/v " * 300
    found = document_of(statement(recipients=["H37", "phòng 3"], body=document_body(subject=subject, due_date="x")))
    assert (("H37", "phòng 3"), subject, None) == (found.recipients, found.subject, found.due_date)
    assert date(2026, 8, 31) == found.promulgation_date
    assert subject == found.model_dump(mode="json", exclude={"refers_to"})["subject"]


def test_a_file_is_read_with_its_name_and_type(tmp_path: Path) -> None:
    """The name without its folder; the type by the name."""
    path = tmp_path / "công văn.pdf"
    path.write_bytes(b"%PDF")
    assert File("công văn.pdf", b"%PDF", "application/pdf") == File.read(path)
    (tmp_path / "README").write_bytes(b"")
    assert File("README", b"", "application/octet-stream") == File.read(str(tmp_path / "README"))


def test_a_file_that_cannot_travel_is_refused(tmp_path: Path) -> None:
    """A missing one, a folder, and one that is too large, before it is read."""
    with pytest.raises(ValueError, match=r"cannot read .*nowhere"):
        File.read(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="cannot read"):
        File.read(tmp_path)
    with (tmp_path / "large").open("wb") as file:
        file.truncate(MAX_INLINE_BYTES + 1)
    with pytest.raises(ValueError, match=f"has {MAX_INLINE_BYTES + 1} bytes"):
        File.read(tmp_path / "large")


def test_statuses_are_those_of_the_protocol() -> None:
    """No more and no less than an acknowledgement may carry."""
    assert {status.value for status in Status} == STATUS_CODES


def test_progress_is_told_as_json() -> None:
    """Ids in hex, the moment in ISO 8601."""
    progress = Progress(
        b"\x01" * 32, State.RENEWED, NOW, 1, 7, "", {"H37": "03"}, b"\x02" * 32, (b"\x03" * 32,), {"H26": NOW}
    )
    assert {
        "id": "01" * 32, "state": "renewed", "handed_over_at": "2026-09-30T18:13:20.000+00:00", "lane": 1,
        "position": 7, "reason": "", "recipients": {"H37": "03"}, "renewed_as": "02" * 32, "repeats": ["03" * 32],
        "released": "",
        "unread": {"H26": "2026-09-30T18:13:20.000+00:00"},
    } == progress.as_json()  # fmt: skip
