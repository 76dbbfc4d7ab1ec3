"""Everything that `make fuzz` fuzzes: good examples, what was once found, and a few thousand changes of examples."""

from pathlib import Path

import pytest

from fuzz import mutation
from fuzz.targets import TARGETS

FOUND = Path(__file__).resolve().parents[1] / "fuzz" / "found"


@pytest.mark.parametrize("name", TARGETS)
def test_good_examples_and_what_was_found_are_read(name: str) -> None:
    """No reader breaks, nor did it forget what broke it once."""
    target = TARGETS[name]
    found = [path.read_bytes() for path in sorted((FOUND / name).glob("*"))]
    for data in (*target.seeds, b"", *found):
        target.read(data)


@pytest.mark.parametrize("name", TARGETS)
def test_changed_examples_are_read(name: str, tmp_path: Path) -> None:
    """A short run of the mutation fuzz; it breaks nothing and no case takes a second."""
    assert mutation.main(name, 1_500, 7, tmp_path) < 1.0
    assert [] == list(tmp_path.iterdir())
