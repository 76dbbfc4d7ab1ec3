"""The types of Decree 30/2020."""

from pathlib import Path

import pytest

from lienthong.kernel.document_types import DOCUMENT_TYPES, document_type, type_of_notation


def test_there_are_29_types_and_all_but_two_have_an_abbreviation() -> None:
    """Annex III, with the two of Article 7 that it leaves without one."""
    assert 29 == len(DOCUMENT_TYPES)
    assert ["Công văn", "Thư công"] == [one.name for one in DOCUMENT_TYPES if not one.abbreviation]


@pytest.mark.parametrize("one", DOCUMENT_TYPES, ids=lambda one: one.name)
def test_a_type_is_found_by_every_name_it_has(one: tuple[str, str]) -> None:
    """By name and abbreviation, in any case, and by what a notation begins with."""
    name, abbreviation = one
    assert one == document_type(name) == document_type(f" {name.upper()} ")
    if abbreviation:
        assert one == document_type(abbreviation) == document_type(abbreviation.lower())
        assert one == type_of_notation(f"{abbreviation}-UBND") == type_of_notation(abbreviation)


def test_a_name_may_lack_its_marks_and_an_abbreviation_may_not() -> None:
    """Keyboards without Vietnamese letters are common; HD and HĐ are two types."""
    assert ("Tờ trình", "TTr") == document_type("to trinh")
    assert ("Hợp đồng", "HĐ") == document_type("HĐ")
    assert ("Hướng dẫn", "HD") == document_type("HD")


@pytest.mark.parametrize("text", ["", "Luật", "Thông tư", "X"])
def test_what_is_none_of_them_is_none(text: str) -> None:
    """Laws and circulars are not administrative documents."""
    assert document_type(text) is None


@pytest.mark.parametrize("notation", ["", "VPCP-TH", "UBND", "CV-X"])
def test_a_notation_may_begin_with_no_type(notation: str) -> None:
    """That of a Công văn begins with the agency."""
    assert type_of_notation(notation) is None


def test_the_documentation_lists_them_all() -> None:
    """Each with its abbreviation beside it."""
    text = (Path(__file__).parents[3] / "docs" / "documents.md").read_text("utf-8")
    for one in DOCUMENT_TYPES:
        assert f"| {one.abbreviation} | {one.name} |" in text.replace("| | ", "|  | "), one
