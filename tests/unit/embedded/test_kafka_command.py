"""The commands `lienthong kafka …`, as far as they go without a broker."""

import json
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lienthong.cli.kafka import app
from lienthong.embedded.plan import ClusterPlan


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Give the commands a home of their own, and no cluster."""
    monkeypatch.delenv("LIENTHONG_BOOTSTRAP", raising=False)
    monkeypatch.setenv("LIENTHONG_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def call(*arguments: str) -> Result:
    """Run a command as a person would."""
    return CliRunner().invoke(app, arguments)


def test_status_tells_that_nothing_runs(home: Path) -> None:
    """Exit code 3 and what to do; nothing appears on the disk."""
    result = call("status")
    assert (3, "Kafka does not run. Start it with: lienthong kafka up\n") == (result.exit_code, result.stdout)
    assert not home.exists()


def test_status_for_programs(home: Path) -> None:
    """The same as JSON: every fact has a key, what is unknown is null."""
    result = call("status", "--json")
    found = json.loads(result.stdout)
    assert 3 == result.exit_code
    assert (True, False, False, None, None) == (
        found["embedded"],
        found["running"],
        found["ready"],
        found["bootstrap"],
        found["pid"],
    )
    assert str(home / "kafka") == found["directory"]


def test_the_folder_can_be_chosen(tmp_path: Path) -> None:
    """Another folder is looked at when it is named."""
    result = call("status", "--json", "--directory", str(tmp_path / "other"))
    assert str(tmp_path / "other") == json.loads(result.stdout)["directory"]


def test_down_when_nothing_runs() -> None:
    """Stopping what does not run is no error."""
    result = call("down")
    assert (0, "Kafka was not running.\n") == (result.exit_code, result.stdout)


@pytest.mark.parametrize(
    "arguments",
    [
        ("up", "--heap", "3"),
        ("up", "--port", "70000"),
        ("up", "--directory", "a,b"),
        ("up", "--nodes", "2"),
        ("up", "--bootstrap", "nowhere"),
        ("status", "--bootstrap", "host:0"),
        ("up", "--no-such-option"),
    ],
)
def test_wrong_words_are_a_matter_of_usage(arguments: tuple[str, ...], home: Path) -> None:
    """Options that make no sense end in exit code 2, before anything is started."""
    assert 2 == call(*arguments).exit_code
    assert not home.exists()


@pytest.mark.parametrize("command", ["up", "status"])
def test_a_cluster_that_does_not_answer(command: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an address set, nothing is started instead; one sentence on standard error says so."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        monkeypatch.setenv("LIENTHONG_BOOTSTRAP", address)
        result = call(command)
    assert 3 == result.exit_code
    assert "" == result.stdout
    assert f"cannot reach Kafka at {address}" in result.stderr
    assert not home.exists()


def test_down_leaves_an_existing_cluster_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster that was not started here is not stopped here."""
    monkeypatch.setenv("LIENTHONG_BOOTSTRAP", "kafka.example:9092")
    result = call("down", "--json")
    assert {"embedded": False, "stopped": False, "bootstrap": "kafka.example:9092"} == json.loads(result.stdout)
    assert 0 == result.exit_code


def test_status_of_three_nodes_shows_each(home: Path) -> None:
    """A folder made for three nodes is known as such: each node has its line, and its entry in the JSON."""
    (home / "kafka").mkdir(parents=True)
    ClusterPlan.make().write(home / "kafka" / "cluster.json")
    result = call("status", "--json")
    found = json.loads(result.stdout)
    assert 3 == result.exit_code
    assert (False, ["1", "2", "3"]) == (found["running"], list(found["nodes"]))
    assert found["nodes"]["2"]["directory"] == str(home / "kafka" / "node-2")
