"""A store of an agency."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lienthong.client.store import Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file lies; its folder does not exist yet."""
    return tmp_path / "agencies" / "H37" / "store.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """A fresh store."""
    opened = Store(path)
    yield opened
    opened.close()
