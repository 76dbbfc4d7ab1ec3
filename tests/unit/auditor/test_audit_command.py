"""The commands say what is wrong with what was asked before they look for Kafka."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from lienthong.cli.audit import app
from lienthong.cli.output import Exit

RUNNER = CliRunner()


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIENTHONG_HOME", str(tmp_path))
    monkeypatch.delenv("LIENTHONG_BOOTSTRAP", raising=False)


@pytest.mark.parametrize("option", ["--from", "--to"])
def test_a_time_that_is_none_is_refused(option: str) -> None:
    """The sentence names the option and shows the form."""
    result = RUNNER.invoke(app, ["verify", option, "yesterday"])

    assert result.exit_code == Exit.FAILED
    assert f"{option} yesterday: not a time in ISO 8601" in result.stderr.replace("\n", " ")


def test_a_missing_trust_anchor_is_named(tmp_path: Path) -> None:
    """Nothing is believed without it."""
    result = RUNNER.invoke(app, ["verify", "--trust", str(tmp_path / "none.json")])

    assert result.exit_code == Exit.FAILED
    assert "cannot read the trust anchor" in result.stderr.replace("\n", " ")


def test_a_code_that_is_none_is_refused(tmp_path: Path) -> None:
    """Before anything is written."""
    result = RUNNER.invoke(app, ["replay", "--agency", "../x", "--output", str(tmp_path / "out")])

    assert result.exit_code == Exit.FAILED
    assert not (tmp_path / "out").exists()


def test_the_options_are_told() -> None:
    """Both commands have a help."""
    result = RUNNER.invoke(app, ["--help"])

    assert result.exit_code == Exit.OK
    assert "verify" in result.stdout
    assert "replay" in result.stdout
