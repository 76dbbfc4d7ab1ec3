"""Codes: of agencies (Decision 20/2020), their older form (QCVN 102), and of groups of agencies.

An agency's code never begins with ``@`` and a group's always does, so neither can pass for the other.
"""

import re
from typing import NewType

from lienthong.kernel.limits import MAX_CODE_CHARACTERS

__all__ = [
    "AgencyCode", "agency_code", "from_qcvn102", "full_qcvn102", "group_code", "is_group_code", "is_qcvn102",
    "to_qcvn102",
]  # fmt: skip

AgencyCode = NewType("AgencyCode", str)
"""Highest level first, groups of digits and capital letters with dots between: ``H37.DN.001``."""

_CODE = re.compile(r"[A-Z0-9]+(\.[A-Z0-9]+)*")
_GROUP_CODE = re.compile(r"@[A-Z0-9]+(-[A-Z0-9]+)*")
_QCVN102_TOP = re.compile(r"[A-Z][0-9]{2}")
_QCVN102_DIGITS = (2, 2, 3)
_QCVN102_ZEROS = ("000", "00", "00")
_QCVN102 = re.compile(r"[0-9]+(\.[0-9]+)*\.[A-Z][0-9]{2}")
_NODE = "W00"
"""Stands in place of the top level for the computer that connects an office, which is no office itself."""


def agency_code(text: str) -> AgencyCode:
    """Check the form of a code.

    Raises:
        ValueError: it is not one; the text says what is wrong.
    """
    if len(text) > MAX_CODE_CHARACTERS:
        raise ValueError(f"agency code {text[:MAX_CODE_CHARACTERS]!r}… has more than {MAX_CODE_CHARACTERS} characters")
    if not _CODE.fullmatch(text):
        raise ValueError(f"agency code {text!r} is not groups of A-Z and 0-9 with dots between, as in H37.DN.001")
    top, *_ = groups = text.split(".")
    if _NODE in (top, groups[-1]):
        raise ValueError(
            f"agency code {text!r} is that of a connection node ({_NODE}), which is not an office: name the office"
        )
    return AgencyCode(text)


def is_qcvn102(text: str) -> bool:
    """Whether a text has the older form, lowest level first: ``000.00.13.H53``.

    Some codes of the newer form look the same, as that of an enterprise's unit: ask the directory first.
    """
    return _QCVN102.fullmatch(text) is not None


def full_qcvn102(text: str) -> str:
    """A code in the older form with all its levels, zeros for those left out: ``12.H37`` is ``000.00.12.H37``.

    Any other text stays as it is.
    """
    if not is_qcvn102(text):
        return text
    groups = text.split(".")
    return ".".join([*_QCVN102_ZEROS[: len(_QCVN102_ZEROS) + 1 - len(groups)], *groups])


def from_qcvn102(text: str) -> AgencyCode:
    """Code in the older form, lowest level first, to the newer one: ``000.00.13.H53`` is ``H53.13``.

    Groups of zeros stand for levels that are not used and are dropped. Codes with letter groups have
    no older form; the directory's table decides for those.

    Raises:
        ValueError: it is not of that form.
    """
    if not is_qcvn102(text):
        raise ValueError(f"{text!r} is not a code in the form of QCVN 102, as in 000.00.00.G22")
    groups = [group for group in reversed(text.split(".")) if group.strip("0")]
    return agency_code(".".join(groups))


def to_qcvn102(code: str) -> str:
    """Code in the newer form to the older one: ``H53.13`` is ``000.00.13.H53``.

    Raises:
        ValueError: it has more than four groups, or groups that are not numbers of the older form's
            length; the directory's table decides for those.
    """
    top, *below = agency_code(code).split(".")
    padded = [*below, *["0"] * (len(_QCVN102_DIGITS) - len(below))]
    if len(below) > len(_QCVN102_DIGITS) or not _QCVN102_TOP.fullmatch(top):
        raise ValueError(f"{code} has no form of QCVN 102")
    groups = [group.zfill(digits) for group, digits in zip(padded, _QCVN102_DIGITS, strict=True)]
    if not all(group.isdigit() and len(group) == digits for group, digits in zip(groups, _QCVN102_DIGITS, strict=True)):
        raise ValueError(f"{code} has no form of QCVN 102")
    return ".".join([*reversed(groups), top])


def is_group_code(text: str) -> bool:
    """Whether a text has the form of a group's code: ``@TINH-THANH``."""
    return len(text) <= MAX_CODE_CHARACTERS and _GROUP_CODE.fullmatch(text) is not None


def group_code(text: str) -> str:
    """Check the form of a group's code.

    Raises:
        ValueError: it is not one; the text says what is wrong.
    """
    if not is_group_code(text):
        raise ValueError(
            f"group code {text[:40]!r} is not @ and words of A-Z and 0-9 with hyphens between, at most"
            f" {MAX_CODE_CHARACTERS} characters, as in @TINH-THANH"
        )
    return text
