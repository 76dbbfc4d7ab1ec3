"""The trust anchor: a small file that is read strictly or not at all."""

import json
from pathlib import Path

import pytest

from lienthong.kernel.agency import agency_code
from lienthong.kernel.trust import OPERATOR, Trust
from unit.kernel.world import OPERATOR_KEY, TRUST

KEY = OPERATOR_KEY.public_key.hex()


def test_save_and_load(tmp_path: Path) -> None:
    """What is saved is what is loaded, and folders on the way are made."""
    file = tmp_path / "pinned" / "trust.json"
    TRUST.save(file)
    assert TRUST == Trust.load(file)
    assert {"origin": TRUST.origin, "operator_key": KEY} == json.loads(file.read_text("utf-8"))


def test_the_operator_could_be_a_code_but_is_no_agency() -> None:
    """The operator's name fits a statement's sender; nothing else makes it an agency."""
    assert "OPERATOR" == OPERATOR == agency_code(OPERATOR)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"\xff",
        b'{"origin": "vn"}',
        json.dumps({"origin": "vn", "operator_key": KEY, "more": 1}).encode(),
        json.dumps({"origin": "", "operator_key": KEY}).encode(),
        json.dumps({"origin": "VN", "operator_key": KEY}).encode(),
        json.dumps({"origin": "-vn", "operator_key": KEY}).encode(),
        json.dumps({"origin": "vn\n", "operator_key": KEY}).encode(),
        json.dumps({"origin": "v\nn", "operator_key": KEY}).encode(),
        json.dumps({"origin": "v" * 101, "operator_key": KEY}).encode(),
        json.dumps({"origin": "vn", "operator_key": KEY[:-1]}).encode(),
        json.dumps({"origin": "vn", "operator_key": KEY + "\n"}).encode(),
        json.dumps({"origin": "vn", "operator_key": "g" * 64}).encode(),
        json.dumps({"origin": "vn", "operator_key": KEY.upper()}).encode(),
    ],
)
def test_what_is_no_trust_anchor(tmp_path: Path, content: bytes) -> None:
    """A file that is not exactly a trust anchor is a ValueError that names it."""
    file = tmp_path / "trust.json"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"trust\.json is not a trust anchor"):
        Trust.load(file)


def test_no_file(tmp_path: Path) -> None:
    """A missing file is a ValueError that names it."""
    with pytest.raises(ValueError, match=r"cannot read the trust anchor .*trust\.json"):
        Trust.load(tmp_path / "trust.json")


def test_it_does_not_change() -> None:
    """What is pinned stays as it is."""
    with pytest.raises(ValueError, match="frozen"):
        TRUST.origin = "other"  # type: ignore[misc]
