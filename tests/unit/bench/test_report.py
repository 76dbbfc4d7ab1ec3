"""The report of the benchmark."""

from collections import Counter
from pathlib import Path

import pytest

from bench.figures import Figure, Measurements
from bench.report import (
    Findings,
    as_json,
    as_markdown,
    cpu_rows,
    number,
    profile_rows,
    sizing_rows,
    target_rows,
)
from bench.sizes import QUICK
from bench.targets import judge


def findings() -> Findings:
    """A report of one figure."""
    measured = Measurements({"w1": Figure("W1 full round trip", "documents/s", [9_000.0, 12_000.0, 12_500.0])})
    measured.add_cpu("W1", {"sender": 0.001, "kafka": 0.002}, 10)
    return Findings({"cores": "2"}, {"kafka": "1.2.3"}, QUICK, measured, judge(measured))


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "–"), (12_345.6, "12,346"), (12.34, "12.3"), (0.296, "0.30"), (0.0, "0.00"), (5, "5")],
)
def test_numbers_have_about_three_digits(value: float | None, expected: str) -> None:
    """No more digits than a benchmark can mean; counts are exact."""
    assert expected == number(value)


def test_a_target_is_one_row() -> None:
    """Name, goal, farther goal, median and verdict."""
    rows = target_rows(findings().verdicts)
    assert ["W1 full round trip", "≥ 10,000 documents/s", "≥ 20,000 documents/s", "12,000", "met"] in rows
    assert ["W6 start to ready, slowest service", "≤ 10 s", "≤ 3 s", "–", "not measured"] in rows
    assert ["W7 memory of the largest service", "≤ 250 MiB", "–", "–", "not measured"] in rows


def test_cpu_is_told_by_process_and_together() -> None:
    """The last row of a contestant is the sum of its processes."""
    expected = [
        ["W1", "sender", "100", "100", "100"],
        ["W1", "kafka", "200", "200", "200"],
        ["W1", "all", "300", "300", "300"],
    ]
    assert expected == cpu_rows(findings().measured)


def test_the_report_names_machine_versions_and_figures() -> None:
    """Whoever reads it knows on what and with what was measured."""
    text = as_markdown(findings(), {"Rates": Path("build/bench-rates.svg")})
    for row in (
        "| cores | 2 |",
        "| kafka | 1.2.3 |",
        "| W1 full round trip | documents/s | 12,000 | 9,000 | 12,500 | 3 |",
        "![Rates](bench-rates.svg)",
    ):
        assert row in text


def test_the_report_says_what_failed_and_what_else_there_is_to_say() -> None:
    """A workload that failed with its reason; a note under its heading."""
    found = findings()
    found.measured.failures["w7"] = "the disk is full"
    found.measured.notes["Profile"] = "not taken: py-spy is not installed"
    text = as_markdown(found, {})
    assert "| w7 | the disk is full |" in text
    assert "Profile: not taken: py-spy is not installed." in text
    assert {"w7": "the disk is full"} == as_json(found)["failures"]


def test_the_profile_is_told_by_process() -> None:
    """Function, its own share, and its share with what it called."""
    found = findings()
    found.measured.stacks["intake"] = Counter({"serve (intake/service.py);judge (kernel/judge.py)": 4})
    assert [["intake", "`judge (kernel/judge.py)`", "100.0%", "100.0%"]] == profile_rows(found.measured)


def test_without_costs_there_is_no_sizing() -> None:
    """The head of the table alone."""
    assert 1 == len(sizing_rows(findings().measured))
    assert "## Sizing" not in as_markdown(findings(), {})


def test_with_costs_every_demand_is_sized() -> None:
    """One column for each."""
    found = findings()
    for key, value in (("w2_size", 20_000.0), ("w2_fan_out", 3.0), ("w2_disk", 140_000.0)):
        found.measured.add(key, key, "", value)
    used = dict.fromkeys(("kafka", "intake", "dispatch", "notary"), 100e-6)
    for contestant in ("W1", "W1 with 100 KiB", "W2"):
        found.measured.cpu.pop(contestant, None)
        found.measured.add_cpu(contestant, used, 1)
    rows = {name: cells for name, *cells in sizing_rows(found.measured)}
    assert ["1 million documents an hour", "100 times the national volume"] == rows["what"]
    assert ["1", "1"] == rows["intake, processes"]
    assert ["2", "2"] == rows["lanes"]
    assert "## Sizing" in as_markdown(found, {})


def test_json_holds_every_round() -> None:
    """A program gets the values themselves."""
    figures = as_json(findings())["figures"]
    assert isinstance(figures, dict)
    assert [9_000.0, 12_000.0, 12_500.0] == figures["w1"]["values"]
