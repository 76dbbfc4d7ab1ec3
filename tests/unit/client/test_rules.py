"""What a document is held to before it is sent, and how it is told."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lienthong.client.documents import Document, Replacement, Signer
from lienthong.client.rules import InvalidDocumentError, check_document, problems_of

ID = bytes(32)
GOOD: dict[str, Any] = {
    "recipients": ("H26", "H37"),
    "subject": "Về việc báo cáo",
    "code_number": "07",
    "code_notation": "BC-VPCP",
    "document_type": "Báo cáo",
    "promulgation_date": date(2026, 1, 5),
    "due_date": date(2026, 1, 5),
    "signer": Signer(competence="KT.", position="Phó Chánh Văn phòng", full_name="Nguyễn Văn Mẫu"),
    "for_information": ("H37",),
}


def document(**fields: Any) -> Document:
    """A good document, with some fields changed."""
    return Document(**{**GOOD, **fields})


def wrong(**fields: Any) -> list[str]:
    """Fields that something is wrong with."""
    with pytest.raises(InvalidDocumentError) as caught:
        check_document(document(**fields))
    return [one.field for one in caught.value.problems]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"code_number": "", "code_notation": "", "document_type": ""},
        {"code_number": "10", "code_notation": "VPCP-TH", "document_type": "Công văn"},
        {"code_number": "15", "code_notation": "2020/NĐ-CP", "document_type": "Nghị định"},
        {"code_number": "2", "code_notation": "QyĐ-BTC", "document_type": "Quy định"} | {"code_number": "02"},
        {"business_type": 1, "refers_to": (ID,), "reason": "Sai"},
        {"business_type": 2, "refers_to": (ID,), "changes": 3},
        {"business_type": 3, "replaces": (Replacement(document=ID, agencies=("H26",)),)},
        {"in_reply_to": (ID,)},
    ],
)
def test_good_documents_pass(fields: dict[str, Any]) -> None:
    """What the decree allows is not refused."""
    check_document(document(**fields))


@pytest.mark.parametrize("number", ["7", "0", "00", "007", "010", "12a", "-1", "1.5", "٠٧"])
def test_a_number_has_the_form_of_annex_i(number: str) -> None:
    """Arabic digits, a zero before them below 10 and none otherwise."""
    assert ["code_number"] == wrong(code_number=number)


@pytest.mark.parametrize("notation", ["-VPCP", "BC--VPCP", "BC VPCP", "BC_VPCP", "BC-", "BC-VPCP;"])
def test_a_notation_has_the_form_of_annex_i(notation: str) -> None:
    """Groups with a dash between."""
    assert ["code_notation"] == wrong(code_notation=notation)


def test_a_number_needs_a_notation() -> None:
    """A number alone names no document."""
    assert ["code_notation"] == wrong(code_notation="")


def test_a_notation_is_not_that_of_another_type() -> None:
    """Where the type has an abbreviation; others begin as they like."""
    assert ["code_notation"] == wrong(document_type="Quyết định")
    check_document(document(document_type="Công văn"))  # "BC" may be an agency there
    check_document(document(document_type="Luật"))


def test_dates_are_in_order_and_of_this_state() -> None:
    """Nothing is due before it was issued, or issued in the year 20."""
    assert ["due_date"] == wrong(due_date=date(2026, 1, 4))
    assert ["promulgation_date"] == wrong(promulgation_date=date(20, 1, 1), due_date=None)


def test_for_information_is_among_the_recipients() -> None:
    """Each of them once."""
    assert ["for_information"] == wrong(for_information=("H41",))
    assert ["for_information"] == wrong(for_information=("H37", "H37"))


def test_a_signer_has_a_competence_of_the_decree() -> None:
    """TM., Q., KT., TL., TUQ. or none."""
    assert ["signer.competence"] == wrong(signer=Signer(competence="PP."))


def test_what_refers_to_others_says_to_which() -> None:
    """A recall, an update and a replacement; and nothing else does."""
    assert ["refers_to", "reason"] == wrong(business_type=1)
    assert ["refers_to"] == wrong(business_type=2)
    assert ["replaces"] == wrong(business_type=3)
    assert ["changes"] == wrong(changes=1)
    assert ["replaces"] == wrong(replaces=(Replacement(document=ID),))


def test_all_that_is_wrong_is_told_in_both_languages() -> None:
    """Field, value, rule and source, for every problem."""
    with pytest.raises(InvalidDocumentError) as caught:
        check_document(document(code_number="7", signer=Signer(competence="PP.")))
    number, competence = problems_of(caught.value)
    assert number.text() in str(caught.value)
    assert competence.text() in str(caught.value)
    assert (
        "code_number '7': is not a number in Arabic digits from 01 on, with a zero before it below 10 and none"
        " otherwise (Decree 30/2020, Annex I)"
    ) == number.text("en")
    assert (
        "số văn bản '7': phải ghi bằng chữ số Ả Rập từ 01, số nhỏ hơn 10 thêm số 0 phía trước (Decree 30/2020, Annex I)"
    ) == number.text("vi")
    assert competence.text("vi").startswith("quyền hạn ký 'PP.': ")


def test_what_does_not_fit_a_field_is_told_in_both_languages() -> None:
    """What pydantic finds is told in the same way."""
    with pytest.raises(ValidationError) as caught:
        Document.model_validate({"recipients": ("H26",), "priority": 9, "page_amount": "x", "due_date": "mai"})
    told = {one.field: (one.text(), one.text("vi")) for one in problems_of(caught.value)}
    assert {"subject", "priority", "page_amount", "due_date"} == told.keys()
    assert ("priority '9': Input should be less than or equal to 4", "mức độ khẩn '9': phải từ 4 trở xuống") == told[
        "priority"
    ]
    assert "số trang 'x': phải là số nguyên" == told["page_amount"][1]
    assert "hạn xử lý 'mai': phải là ngày có dạng năm-tháng-ngày" == told["due_date"][1]


def test_a_long_value_is_shortened() -> None:
    """An error is read by people."""
    with pytest.raises(ValidationError) as caught:
        Document(recipients=("H26",), subject="x" * 1_000)
    (problem,) = problems_of(caught.value)
    assert 60 == len(problem.value)
    assert "trích yếu nội dung" in problem.text("vi")
    assert problem.text("vi").endswith("dài quá 500 ký tự")


def test_the_documentation_names_every_field() -> None:
    """A developer looks there first."""
    text = (Path(__file__).parents[3] / "docs" / "documents.md").read_text("utf-8")
    assert [] == [name for name in Document.model_fields if f"`{name}`" not in text]
