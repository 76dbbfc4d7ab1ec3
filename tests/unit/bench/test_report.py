"""The report of the benchmark."""

import pytest

from bench.figures import Figure, Measurements
from bench.latency import sample_stride
from bench.report import Findings, as_json, as_markdown, cpu_rows, number, target_rows
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
    assert ["W3", "–", "–", "–", "not measured"] in rows


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
    text = as_markdown(findings())
    for row in (
        "| cores | 2 |",
        "| kafka | 1.2.3 |",
        "| W1 full round trip | documents/s | 12,000 | 9,000 | 12,500 | 3 |",
    ):
        assert row in text


def test_json_holds_every_round() -> None:
    """A program gets the values themselves."""
    figures = as_json(findings())["figures"]
    assert isinstance(figures, dict)
    assert [9_000.0, 12_000.0, 12_500.0] == figures["w1"]["values"]


@pytest.mark.parametrize(("rate", "expected"), [(5, 1), (100, 1), (400, 4), (2_000, 20)])
def test_about_a_hundred_round_trips_a_second_are_watched(rate: float, expected: int) -> None:
    """All when there are few, a part of them when there are many."""
    assert expected == sample_stride(rate)
