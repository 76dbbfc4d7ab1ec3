"""What the command says of the story, and its exit code."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from lienthong.auditor.findings import Findings
from lienthong.auditor.report import Report
from lienthong.cli import demo
from lienthong.demo.exchange import Result
from lienthong.demo.overview import Line, Overview
from lienthong.demo.play import Played

REFUSED = Line("01/CĐ-BTC", "H17", "H17", "refused", "none", "none")


def shown(monkeypatch: pytest.MonkeyPatch, overview: Overview | None) -> tuple[int, str]:
    """Exit code and words of the command after a demonstration that has ended like this."""
    played = Played(Result(seconds=1.0), Report("demo", [], 0, 0, Findings()), Path(), "", overview)
    monkeypatch.setattr(demo, "_play_on_screen", lambda _: played)
    result = CliRunner().invoke(demo.app, [])
    return result.exit_code, " ".join(result.output.split())


def test_a_difference_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told, and the exit code is 1."""
    code, words = shown(monkeypatch, Overview([REFUSED], 0, ["01/CĐ-BTC at H13: the tracker does not know it"]))
    assert code == 1
    assert "tracker: 01/CĐ-BTC at H13: the tracker does not know it" in words
    assert "as it was done" not in words


def test_without_one_every_ending_has_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that nothing has come to is a dash."""
    code, words = shown(monkeypatch, Overview([REFUSED], 0, []))
    assert code == 0
    assert "refused: 01/CĐ-BTC at H17 updated: – taken back: – merged: –" in words
    assert "tracker: 1 deliveries, each as it was done" in words


def test_without_the_tracker_it_is_said_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """And that is no error."""
    code, words = shown(monkeypatch, None)
    assert code == 0
    assert "pip install 'lienthong[tracker]'" in words
