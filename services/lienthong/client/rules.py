"""What an official document must hold to before it is sent (Decree 30/2020, QCVN 102), and saying what does not.

These rules bind our own senders. What another sender got wrong is signed all the same and reaches its reader.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from pydantic import ValidationError

from lienthong.client.documents import Document
from lienthong.kernel.document_types import document_type, type_of_notation
from lienthong.kernel.errors import RejectedError
from lienthong.kernel.reasons import Reason

__all__ = ["LANGUAGES", "InvalidDocumentError", "Problem", "check_document", "problems_of"]

LANGUAGES: Final = ("en", "vi")
_ANNEX_I = "Decree 30/2020, Annex I"
_NUMBER = re.compile(r"0[1-9]|[1-9][0-9]+", re.ASCII)
_NOTATION = re.compile(r"[^\W_]+(?:[-/.][^\W_]+)*")
_COMPETENCES = ("", "TM.", "Q.", "KT.", "TL.", "TUQ.")
_FIRST_YEAR = 1945
_RECALL, _UPDATE, _REPLACE = 1, 2, 3
_SHOWN_CHARACTERS = 60

_FIELDS = {
    "recipients": "nơi nhận",
    "subject": "trích yếu nội dung",
    "priority": "mức độ khẩn",
    "code_number": "số văn bản",
    "code_notation": "ký hiệu văn bản",
    "document_type": "loại văn bản",
    "promulgation_date": "ngày ban hành",
    "promulgation_place": "địa danh ban hành",
    "signer": "người ký",
    "competence": "quyền hạn ký",
    "position": "chức vụ người ký",
    "full_name": "họ tên người ký",
    "steering_type": "loại chỉ đạo",
    "sphere": "lĩnh vực",
    "page_amount": "số trang",
    "issued_amount": "số lượng phát hành",
    "due_date": "hạn xử lý",
    "paper": "gửi kèm bản giấy",
    "for_information": "nơi nhận để biết",
    "in_reply_to": "văn bản được trả lời",
    "business_type": "nghiệp vụ văn bản",
    "reason": "lý do",
    "refers_to": "văn bản liên quan",
    "changes": "nội dung cập nhật",
    "replaces": "văn bản được thay thế",
}
"""What a field is called in Vietnamese."""
_VIETNAMESE = {
    "missing": "chưa được nhập",
    "extra_forbidden": "không có trường này",
    "string_too_long": "dài quá {max_length} ký tự",
    "string_too_short": "phải có ít nhất {min_length} ký tự",
    "too_long": "có quá {max_length} mục",
    "too_short": "phải có ít nhất {min_length} mục",
    "greater_than_equal": "phải từ {ge} trở lên",
    "less_than_equal": "phải từ {le} trở xuống",
    "string_type": "phải là chữ",
    "int_type": "phải là số nguyên",
    "int_parsing": "phải là số nguyên",
    "bool_parsing": "phải là có hoặc không",
    "date_from_datetime_parsing": "phải là ngày có dạng năm-tháng-ngày",
    "date_parsing": "phải là ngày có dạng năm-tháng-ngày",
    "date_type": "phải là ngày có dạng năm-tháng-ngày",
}
"""What pydantic's error types say in Vietnamese."""


class Problem(NamedTuple):
    """One thing that is wrong with a document.

    Attributes:
        field: name of the field, as in `Document`.
        value: what stands there, shortened.
        rule: what must hold, in English.
        rule_vi: the same in Vietnamese.
        source: where that is laid down; empty where the limit is the schema's.
    """

    field: str
    value: str
    rule: str
    rule_vi: str
    source: str = ""

    def text(self, language: str = "en") -> str:
        """One sentence: field, value, rule, and source if there is one.

        Args:
            language: one of `LANGUAGES`.
        """
        name = _FIELDS.get(self.field.rpartition(".")[2], self.field) if language == "vi" else self.field
        rule = self.rule_vi if language == "vi" else self.rule
        return f"{name} {self.value!r}: {rule}" + (f" ({self.source})" if self.source else "")


class InvalidDocumentError(RejectedError):
    """A document breaks rules for official documents.

    Attributes:
        problems: what is wrong, all of it.
    """

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(Reason.MALFORMED, "; ".join(one.text() for one in problems))
        self.problems = problems


def problems_of(error: ValidationError | InvalidDocumentError) -> list[Problem]:
    """What is wrong with a document, whether its fields do not fit or it breaks a rule."""
    if isinstance(error, InvalidDocumentError):
        return error.problems
    problems = []
    for one in error.errors():
        rule = one["msg"].removeprefix("Value error, ")
        form = _VIETNAMESE.get(one["type"])
        rule_vi = form.format_map(one.get("ctx", {})) if form else rule
        problems.append(Problem(".".join(map(str, one["loc"])), _shown(one["input"]), rule, rule_vi))
    return problems


def check_document(document: Document) -> None:
    """Hold a document to the rules for official documents.

    Raises:
        InvalidDocumentError: it breaks some; all of them are named.
    """
    problems = list(_problems(document))
    if problems:
        raise InvalidDocumentError(problems)


def _problems(document: Document) -> Iterator[Problem]:
    if document.code_number or document.code_notation:
        yield from _code(document)
    if document.signer is not None and document.signer.competence not in _COMPETENCES:
        yield Problem(
            "signer.competence",
            _shown(document.signer.competence),
            "is none of TM., Q., KT., TL., TUQ., nor empty",
            "không phải là TM., Q., KT., TL., TUQ. hoặc để trống",
            _ANNEX_I,
        )
    if document.promulgation_date is not None or document.due_date is not None:
        yield from _dates(document)
    if document.for_information:
        yield from _for_information(document)
    if document.business_type or document.refers_to or document.replaces or document.changes:
        yield from _business(document)


def _code(document: Document) -> Iterator[Problem]:
    number, notation = document.code_number, document.code_notation
    if number and not _NUMBER.fullmatch(number):
        yield Problem(
            "code_number",
            number,
            "is not a number in Arabic digits from 01 on, with a zero before it below 10 and none otherwise",
            "phải ghi bằng chữ số Ả Rập từ 01, số nhỏ hơn 10 thêm số 0 phía trước",
            _ANNEX_I,
        )
    if not notation:
        if number:
            yield Problem(
                "code_notation",
                "",
                "is empty though the document has a number",
                "để trống trong khi văn bản có số",
                _ANNEX_I,
            )
        return
    if not _NOTATION.fullmatch(notation):
        yield Problem(
            "code_notation",
            notation,
            "is not groups of letters and digits with - between, as in QĐ-BTC",
            "phải gồm các nhóm chữ và số cách nhau bằng dấu -, ví dụ QĐ-BTC",
            _ANNEX_I,
        )
        return
    said, begun = document_type(document.document_type), type_of_notation(notation)
    if said is not None and said.abbreviation and begun is not None and begun is not said:
        yield Problem(
            "code_notation",
            notation,
            f"begins as that of a {begun.name}, and the document is a {said.name}",
            f"là ký hiệu của {begun.name} trong khi văn bản là {said.name}",
            "Decree 30/2020, Annex III",
        )


def _dates(document: Document) -> Iterator[Problem]:
    issued, due = document.promulgation_date, document.due_date
    for field, day in (("promulgation_date", issued), ("due_date", due)):
        if day is not None and day.year < _FIRST_YEAR:
            yield Problem(field, day.isoformat(), f"is before {_FIRST_YEAR}", f"trước năm {_FIRST_YEAR}")
    if issued is not None and due is not None and due < issued:
        yield Problem(
            "due_date",
            due.isoformat(),
            f"is before the date of issue, {issued.isoformat()}",
            f"trước ngày ban hành {issued.isoformat()}",
        )


def _for_information(document: Document) -> Iterator[Problem]:
    codes = document.for_information
    for code in codes:
        if code not in document.recipients:
            yield Problem("for_information", _shown(code), "is none of the recipients", "không có trong nơi nhận")
    if len(set(codes)) < len(codes):
        yield Problem("for_information", _shown(codes), "names a recipient twice", "ghi trùng nơi nhận")


def _business(document: Document) -> Iterator[Problem]:
    kind = document.business_type
    if kind in (_RECALL, _UPDATE) and not document.refers_to:
        yield Problem(
            "refers_to",
            "",
            "names no document that is recalled or updated",
            "chưa nêu văn bản được thu hồi hoặc cập nhật",
            "QCVN 102:2016",
        )
    if kind == _REPLACE and not document.replaces:
        yield Problem(
            "replaces", "", "names no document that is replaced", "chưa nêu văn bản được thay thế", "QCVN 102:2016"
        )
    if kind == _RECALL and not document.reason:
        yield Problem(
            "reason", "", "is empty, and a recall needs one", "để trống, thu hồi phải có lý do", "QCVN 102:2016"
        )
    for field, allowed in (("changes", _UPDATE), ("replaces", _REPLACE)):
        value = getattr(document, field)
        if value and kind != allowed:
            yield Problem(
                field,
                _shown(value),
                f"is for business_type {allowed} only, not {kind}",
                f"chỉ dùng cho nghiệp vụ {allowed}, không phải {kind}",
                "QCVN 102:2016",
            )


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
