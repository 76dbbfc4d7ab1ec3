"""Everything that `make fuzz` fuzzes: good examples, and a few thousand changes of them."""

from pathlib import Path

import pytest

from fuzz import mutation
from fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_good_examples_are_read(name: str) -> None:
    """No reader breaks over one of them, nor over nothing."""
    target = TARGETS[name]
    assert target.seeds
    for data in (*target.seeds, b""):
        target.read(data)


@pytest.mark.parametrize("name", TARGETS)
def test_changed_examples_are_read(name: str, tmp_path: Path) -> None:
    """A short run of the mutation fuzz; it breaks nothing and no case takes a second."""
    assert mutation.main(name, 1_500, 7, tmp_path) < 1.0
    assert [] == list(tmp_path.iterdir())
