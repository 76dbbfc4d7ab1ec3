"""Alert rules and dashboard: everything they name exists, and promtool agrees where it is installed."""

import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from lienthong.dispatch.metrics import DispatchMetrics
from lienthong.intake.metrics import IntakeMetrics
from lienthong.kernel.seal import VerifiedRoots
from lienthong.notary.metrics import NotaryMetrics
from lienthong.reminder.metrics import ReminderMetrics
from lienthong.runtime.context import Health
from lienthong.runtime.metrics import KafkaMetrics, register_build, register_health
from lienthong.tracker.lateness_watch import LatenessMetrics
from lienthong.tracker.metrics import TrackerMetrics
from queries import asked, base

ROOT = Path(__file__).resolve().parents[3]
PROMETHEUS = ROOT / "deploy" / "prometheus"
GRAFANA = ROOT / "deploy" / "grafana"
OF_PROMETHEUS = {"instance", "job", "service"}
"""Labels that a scrape adds."""


class Alert(NamedTuple):
    """One rule, as far as a reader of lines sees it."""

    name: str
    expression: str
    text: str


def alerts() -> list[Alert]:
    """All rules of the file."""
    found = []
    for text in re.split(r"\n *- alert: ", (PROMETHEUS / "alerts.yml").read_text("utf-8"))[1:]:
        name, _, rest = text.partition("\n")
        expression = re.search(r"^ *expr: (.*?)(?=^ *(?:for|labels):)", rest, re.MULTILINE | re.DOTALL)
        assert expression is not None, name
        found.append(Alert(name, expression[1], rest))
    return found


@pytest.fixture(scope="module")
def registered() -> dict[str, set[str]]:
    """Labels of every metric that services make, by name."""
    registry = CollectorRegistry()
    KafkaMetrics.register(registry)
    IntakeMetrics.register(registry, VerifiedRoots())
    DispatchMetrics.register(registry)
    NotaryMetrics.register(registry)
    TrackerMetrics(registry)
    LatenessMetrics(registry)
    ReminderMetrics(registry)
    register_build(registry)
    register_health(registry, Health())
    made = {}
    for collector in registry._collector_to_names:
        assert isinstance(collector, MetricWrapperBase)
        made[collector._name] = set(collector._labelnames)
    return made


def problems(expression: str, registered: dict[str, set[str]]) -> list[str]:
    """What an expression names that does not exist."""
    found = asked(expression)
    known = {name: registered.get(base(name)) for name in found.metrics}
    wrong = [f"no metric {name}" for name, labels in known.items() if labels is None]
    for name, labels in found.metrics.items():
        wrong += [f"{name} has no label {one}" for one in labels - (known[name] or set())]
    have = OF_PROMETHEUS | {"le"}
    for one in known.values():
        have |= one or set()
    return wrong + [f"nothing has the label {one} to group by" for one in found.grouped - have]


def test_alerts_name_only_what_exists(registered: dict[str, set[str]]) -> None:
    """Metrics and labels; only `up` is Prometheus's own."""
    wrong = {one.name: found for one in alerts() if (found := problems(one.expression, registered))}
    assert {} == wrong
    assert ["LienthongDown"] == [one.name for one in alerts() if not asked(one.expression).metrics]


def test_what_does_not_exist_is_noticed(registered: dict[str, set[str]]) -> None:
    """This test can fail."""
    assert ["no metric lienthong_none"] == problems("rate(lienthong_none[5m])", registered)
    assert ["lienthong_lag_records has no label agency"] == problems('lienthong_lag_records{agency="x"}', registered)
    assert ["nothing has the label agency to group by"] == problems(
        "sum by (agency) (lienthong_lag_records)", registered
    )


def anchors(page: Path) -> set[str]:
    """Of its headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_alert_says_what_to_do() -> None:
    """A severity, a summary, a description, and a section of the operator's page that exists."""
    here = anchors(ROOT / "docs" / "operations.md")
    for one in alerts():
        for wanted in (r"severity: (page|ticket)", r'summary: ".+"', r'description: ".+"'):
            assert re.search(wanted, one.text), (one.name, wanted)
        link = re.search(r"runbook_url: (\S+)$", one.text, re.MULTILINE)
        assert link is not None, one.name
        page, _, anchor = link[1].partition("#")
        assert page == "docs/operations.md"
        assert anchor in here, (one.name, anchor)
    assert len({one.name for one in alerts()}) == len(alerts())


def test_every_alert_is_explained_by_its_name() -> None:
    """Who is woken finds the name in the page, and the page names no alert that there is not."""
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    assert {one.name for one in alerts()} == set(re.findall(r"`(Lienthong[A-Z]\w+)`", page))


def test_every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    """For promtool."""
    text = (PROMETHEUS / "alerts_test.yml").read_text("utf-8")
    cases = re.findall(r"alertname: (\w+)\n *exp_alerts:( \[\])?", text)
    assert {one.name for one in alerts()} == {name for name, quiet in cases if not quiet}
    assert {one.name for one in alerts()} == {name for name, quiet in cases if quiet}


def promtool(*words: str) -> str:
    """What it says."""
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not installed: it comes with Prometheus")
    done = subprocess.run([tool, *words], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_accepts_the_rules_and_the_scrape_configuration() -> None:
    """Syntax and expressions."""
    assert f"{len(alerts())} rules found" in promtool("check", "rules", "alerts.yml")
    promtool("check", "config", "prometheus.yml")


def test_alerts_fire_when_they_should_and_only_then() -> None:
    """The cases of alerts_test.yml."""
    assert "SUCCESS" in promtool("test", "rules", "alerts_test.yml")


@pytest.fixture(scope="module")
def build() -> ModuleType:
    """The script that makes the dashboard."""
    spec = importlib.util.spec_from_file_location("grafana_build", GRAFANA / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_dashboard_is_what_its_script_makes(build: ModuleType) -> None:
    """Byte for byte."""
    assert build.text() == (GRAFANA / "lienthong.json").read_text("utf-8")


def test_the_dashboard_names_only_what_exists(build: ModuleType, registered: dict[str, set[str]]) -> None:
    """Metrics and labels, also those of legends; and it shows every metric but the version."""
    shown: set[str] = set()
    for panel in build.dashboard()["panels"]:
        for target in panel.get("targets", ()):
            assert [] == problems(target["expr"], registered), panel["title"]
            legends = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert legends <= asked(target["expr"]).grouped, panel["title"]
            shown |= {base(name) for name in asked(target["expr"]).metrics}
    assert {"lienthong_build"} == registered.keys() - shown


def test_panels_do_not_overlap(build: ModuleType) -> None:
    """Each square of the grid belongs to one of them, and none leaves it."""
    taken: set[tuple[int, int]] = set()
    panels: list[dict[str, Any]] = json.loads(build.text())["panels"]
    for panel in panels:
        at = panel["gridPos"]
        squares = {
            (column, line) for column in range(at["x"], at["x"] + at["w"]) for line in range(at["y"], at["y"] + at["h"])
        }
        assert not taken & squares, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= squares
    assert len({panel["id"] for panel in panels}) == len(panels)
