"""`lienthong tracker` without a ledger, and the metrics."""

import json
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from typer.testing import CliRunner

from lienthong.cli.tracker import app
from lienthong.tracker.database import Database
from lienthong.tracker.digest import digest
from lienthong.tracker.measures import measure
from lienthong.tracker.metrics import TrackerMetrics
from lienthong.tracker.migration import migrate
from unit.tracker.ledger_script import NOW, SECOND, Script, store_all


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of its own."""
    monkeypatch.setenv("LIENTHONG_HOME", str(tmp_path))
    monkeypatch.delenv("LIENTHONG_TRACKER_DATABASE", raising=False)
    return tmp_path


def test_the_default_is_sqlite_in_the_home_folder(home: Path) -> None:
    """Its tables are made by `migrate`, and `digest` says the same as the library."""
    done = CliRunner().invoke(app, ["migrate"])
    assert (0, True) == (done.exit_code, (home / "tracker.db").exists())
    script = Script()
    script.document("G22", "H26")
    database = Database(f"sqlite:///{home / 'tracker.db'}")
    store_all(database, script)
    said = json.loads(CliRunner().invoke(app, ["digest", "--json"]).stdout)
    assert digest(database).sha256 == said["sha256"]
    assert 1 == said["tables"]["deliveries"]["rows"]
    database.close()


def test_a_database_without_tables_is_one_sentence() -> None:
    """And the exit code of what may pass."""
    done = CliRunner().invoke(app, ["digest"])
    assert 3 == done.exit_code
    assert "lienthong tracker migrate" in done.stderr


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody sees a traceback."""
    for name in [one for one in sys.modules if one.startswith(("lienthong.tracker", "sqlalchemy"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    done = CliRunner().invoke(app, ["digest"])
    assert 1 == done.exit_code
    assert "pip install 'lienthong[tracker]'" in done.stderr


def test_metrics_show_what_the_database_holds() -> None:
    """Who has caught up is shown with nothing that waits."""
    database = Database("sqlite://")
    migrate(database)
    script = Script()
    sent = script.document("G22", "H26", "H29")
    store_all(database, script)
    registry = CollectorRegistry()
    metrics = TrackerMetrics(registry)
    metrics.show(measure(database), NOW + 31 * SECOND)
    assert 'lienthong_tracker_oldest_unacknowledged_seconds{agency="H26"} 30.0' in generate_latest(registry).decode()
    more = Script()
    more.items = script.items[:]
    more.says("H26", "G22", "01", sent)
    more.says("H29", "G22", "15", sent)
    database.close()
    again = Database("sqlite://")
    migrate(again)
    store_all(again, more)
    metrics.show(measure(again), NOW + 41 * SECOND)
    text = generate_latest(registry).decode()
    for line in (
        'lienthong_tracker_oldest_unacknowledged_seconds{agency="H26"} 0.0',
        'lienthong_tracker_unacknowledged{agency="H29"} 1.0',
        'lienthong_tracker_deliveries{stage="arrived"} 1.0',
        'lienthong_tracker_flags{flag="nothing_asked"} 1.0',
        'lienthong_tracker_statements{kind="acknowledgement"} 2.0',
        "lienthong_tracker_unread 0.0",
    ):
        assert line in text
    again.close()
