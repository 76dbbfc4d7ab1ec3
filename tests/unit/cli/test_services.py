"""`lienthong run` with words that are off."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lienthong.cli.output import Exit
from lienthong.cli.services import app


@pytest.mark.parametrize(
    ("lanes", "sentence"),
    [
        ("3-1", "'3-1' ends before it begins"),
        ("0,3-2", "'3-2' ends before it begins"),
        ("one", "'one' is not a list of lanes"),
    ],
)
def test_lanes_that_are_none_are_a_mistake(
    lanes: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that serves nothing would be ready, and what waits for it would wait for ever."""
    monkeypatch.setenv("LIENTHONG_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "160")
    done = CliRunner().invoke(app, ["dispatch", "--lanes", lanes])
    assert Exit.USAGE == done.exit_code
    assert sentence in re.sub(r"\s+", " ", done.stderr)
