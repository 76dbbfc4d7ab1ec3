"""Agency codes: the form of Decision 20/2020 and the older one of QCVN 102."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.kernel.agency import agency_code, from_qcvn102, to_qcvn102
from lienthong.kernel.limits import MAX_CODE_CHARACTERS
from unit.kernel.world import quick


@pytest.mark.parametrize("code", ["G22", "H37.DN.001", "A", "0", "BACKBONE", "A" * 35, "A.B.C.1.2.3", "000.00.00.G22"])
def test_codes(code: str) -> None:
    """Groups of capital letters and digits with dots between are codes, up to 35 characters."""
    assert code == agency_code(code)


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "G22.", ".G22", "H37..DN", "g22", "G 22", " G22", "G22 ", "G22\n", "G22\x00", "G-22", "G_22",
        "G22/1", "G22,H37", "Đ22", "G２２", "Ｇ22", "../G22", "A" * 36, "A." * 18,
    ],
)  # fmt: skip
def test_no_codes(text: str) -> None:
    """Anything else is none: nothing that a topic name, a path or a list could be broken with."""
    with pytest.raises(ValueError, match="agency code"):
        agency_code(text)


def test_the_error_does_not_repeat_a_long_text() -> None:
    """Of a text that is too long only the beginning is shown."""
    with pytest.raises(ValueError, match="more than 35") as caught:
        agency_code("A" * 100_000)
    assert 200 > len(str(caught.value))


@pytest.mark.parametrize(
    ("older", "code"),
    [
        ("000.00.00.G22", "G22"),
        ("000.00.13.H53", "H53.13"),
        ("001.10.13.H53", "H53.13.10.001"),
        ("000.01.13.H53", "H53.13.01"),
        ("00.00.H01", "H01"),
        ("100.H01", "H01.100"),
    ],
)
def test_older_codes(older: str, code: str) -> None:
    """A code in the older form, lowest level first, is turned round, and groups of zeros are left out."""
    assert code == from_qcvn102(older)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "G22",
        "G22.00.00.000",
        "000.00.00.g22",
        "000.00.00.G2",
        "000.00.DN.H37",
        "000.00.00.G22\n",
        "..G22",
        "０.G22",
    ],
)
def test_no_older_codes(text: str) -> None:
    """What is not digits and, last, a letter with two digits, has no newer form."""
    with pytest.raises(ValueError, match="QCVN 102"):
        from_qcvn102(text)


@quick
@given(
    st.lists(st.from_regex(r"[0-9]{2,3}", fullmatch=True), min_size=1, max_size=7),
    # W00 stands for connection nodes, which are no offices.
    st.from_regex(r"[A-Z][0-9]{2}", fullmatch=True).filter(lambda last: last != "W00"),
)
def test_every_older_code_gives_a_code(groups: list[str], last: str) -> None:
    """Whatever the groups, the newer form is a code that begins with the highest level."""
    code = from_qcvn102(".".join([*groups, last]))
    assert code == agency_code(code)
    assert [last, *(group for group in reversed(groups) if int(group))] == code.split(".")
    assert MAX_CODE_CHARACTERS >= len(code)


@pytest.mark.parametrize("old", ["000.00.00.G22", "000.00.13.H53", "000.12.31.H53", "007.12.31.H53"])
def test_both_forms_of_a_code_lead_to_each_other(old: str) -> None:
    """A numeric code goes from the older form to the newer one and back."""
    assert old == to_qcvn102(from_qcvn102(old))


@pytest.mark.parametrize("code", ["H37.DN.001", "G22.1.2.3.4", "LT", "H53.1234"])
def test_a_code_that_the_older_form_cannot_say_is_refused(code: str) -> None:
    """Letter groups, a fifth level and groups too long have no older form."""
    with pytest.raises(ValueError, match="QCVN 102"):
        to_qcvn102(code)
