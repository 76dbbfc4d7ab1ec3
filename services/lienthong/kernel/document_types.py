"""The 29 types of administrative documents and their abbreviations (Decree 30/2020, Article 7 and Annex III)."""

import unicodedata
from functools import lru_cache
from typing import NamedTuple

__all__ = ["DOCUMENT_TYPES", "DocumentType", "document_type", "type_of_notation"]


class DocumentType(NamedTuple):
    """A type of document: its name in Vietnamese, and the abbreviation that its notation begins with, or none."""

    name: str
    abbreviation: str


DOCUMENT_TYPES = tuple(
    DocumentType(name, abbreviation)
    for abbreviation, name in (
        ("NQ", "Nghị quyết"),
        ("QĐ", "Quyết định"),
        ("CT", "Chỉ thị"),
        ("QC", "Quy chế"),
        ("QyĐ", "Quy định"),
        ("TC", "Thông cáo"),
        ("TB", "Thông báo"),
        ("HD", "Hướng dẫn"),
        ("CTr", "Chương trình"),
        ("KH", "Kế hoạch"),
        ("PA", "Phương án"),
        ("ĐA", "Đề án"),
        ("DA", "Dự án"),
        ("BC", "Báo cáo"),
        ("BB", "Biên bản"),
        ("TTr", "Tờ trình"),
        ("HĐ", "Hợp đồng"),
        ("CĐ", "Công điện"),
        ("BGN", "Bản ghi nhớ"),
        ("BTT", "Bản thỏa thuận"),
        ("GUQ", "Giấy ủy quyền"),
        ("GM", "Giấy mời"),
        ("GGT", "Giấy giới thiệu"),
        ("GNP", "Giấy nghỉ phép"),
        ("PG", "Phiếu gửi"),
        ("PC", "Phiếu chuyển"),
        ("PB", "Phiếu báo"),
        ("", "Công văn"),
        ("", "Thư công"),
    )
)
"""In the order of the decree; the last two have no abbreviation: their notation begins with the agency's."""


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def _bare(text: str) -> str:
    """Without the marks of tones and vowels, as people type on a keyboard that lacks them."""
    parts = unicodedata.normalize("NFD", _folded(text).replace("đ", "d"))
    return "".join(one for one in parts if not unicodedata.combining(one))


_BY_ABBREVIATION = {_folded(one.abbreviation): one for one in DOCUMENT_TYPES if one.abbreviation}
_BY_NAME = {_folded(one.name): one for one in DOCUMENT_TYPES}
_BY_BARE_NAME = {_bare(one.name): one for one in DOCUMENT_TYPES}


@lru_cache(1_024)
def document_type(text: str) -> DocumentType | None:
    """The type that somebody names, by its name or its abbreviation.

    Case and spaces do not matter. A name may be written without its marks, an abbreviation may not: HD and
    HĐ are two types.

    Returns:
        None when it is none of the 29: laws, decrees and circulars are not administrative documents.
    """
    folded = _folded(text)
    return _BY_NAME.get(folded) or _BY_ABBREVIATION.get(folded) or _BY_BARE_NAME.get(_bare(text))


@lru_cache(1_024)
def type_of_notation(notation: str) -> DocumentType | None:
    """The type whose abbreviation a notation begins with: QĐ-BTC is a Quyết định; None if it begins otherwise."""
    return _BY_ABBREVIATION.get(_folded(notation.partition("-")[0]))
