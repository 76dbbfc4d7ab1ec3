"""The operator's key and the trust anchor: made once, and kept."""

from pathlib import Path

import pytest

from lienthong.directory.operator import DEFAULT_ORIGIN, make_trust
from lienthong.kernel.trust import Trust


def test_a_backbone_keeps_its_name_when_it_is_not_given_again(tmp_path: Path) -> None:
    """Given once, it is in the trust anchor; whoever repeats the command need not know it."""
    trust, key = make_trust(tmp_path, "exchange.example")
    assert Trust(origin="exchange.example", operator_key=key.public_key.hex()) == trust
    assert trust == Trust.load(tmp_path / "trust.json")
    again, same_key = make_trust(tmp_path)
    assert (trust, key.key_id) == (again, same_key.key_id)


def test_a_backbone_without_a_name_gets_the_usual_one(tmp_path: Path) -> None:
    """For trials on one machine."""
    assert DEFAULT_ORIGIN == make_trust(tmp_path)[0].origin


def test_a_backbone_does_not_change_its_name(tmp_path: Path) -> None:
    """Every signature names it: another one is another backbone."""
    make_trust(tmp_path, "exchange.example")
    with pytest.raises(ValueError, match=r"trust\.json names another backbone"):
        make_trust(tmp_path, "other.example")
