"""What is told of a benchmark: JSON for programs, Markdown for people, a plot."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.figures import Measurements
from bench.sizes import VALUE_BYTES, Sizes
from bench.targets import Verdict

__all__ = ["METHOD", "Findings", "as_json", "as_markdown", "cpu_rows", "number", "target_rows", "write"]

METHOD = (
    "All contestants ran in turn on one broker without replication, in one go, after a warm-up that does not"
    f" count; values and files have {VALUE_BYTES} bytes. Every Python process uses uvloop and the same settings"
    " of the garbage collector. Median, least and most are over the rounds; ratios are taken round by round.",
    "Raw relay and FastStream relay: records/s until the consumer has read all; the FastStream relay commits by"
    " itself, as is FastStream's default. W1: until the sender has verified the acknowledgements of all"
    " documents. CPU: of each process from the start of a round until then.",
    "W8: documents are handed over on a fixed schedule at 10 % of the median of W1; time counts from when a"
    " document was due until `Client.wait` of the sender returns. About a hundred documents a second are watched"
    " this way, chosen by number; all of them are part of the load.",
    "W5: the auditor verifies the whole ledger of the rounds; per core means per CPU second of its process.",
)
"""How the figures came about, paragraph by paragraph."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything there is to tell."""

    machine: dict[str, str]
    versions: dict[str, str]
    sizes: Sizes
    measured: Measurements
    verdicts: Sequence[Verdict]


def number(value: float | None) -> str:
    """A value as people read it: counts as they are, others with about three digits that mean something."""
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def target_rows(verdicts: Iterable[Verdict]) -> list[list[str]]:
    """The cells of the table of targets: name, goal, beyond, measured, verdict."""
    rows = []
    for verdict in verdicts:
        target = verdict.target
        sign = "≤" if target.at_most else "≥"
        goals = [
            "–" if goal is None else f"{sign} {number(goal)} {target.unit}".strip()
            for goal in (target.goal, target.beyond)
        ]
        word = f"{verdict.word}, beyond" if verdict.beyond else verdict.word
        rows.append([target.name, *goals, number(verdict.measured), word])
    return rows


def as_json(findings: Findings) -> dict[str, object]:
    """For programs."""
    measured = findings.measured
    return {
        "machine": findings.machine,
        "versions": findings.versions,
        "settings": {"value_bytes": VALUE_BYTES, **asdict(findings.sizes)},
        "figures": {key: figure.as_json() for key, figure in measured.figures.items()},
        "cpu_microseconds": {
            contestant: {process: figure.as_json() for process, figure in of.items()}
            for contestant, of in measured.cpu.items()
        },
        "targets": [verdict.as_json() for verdict in findings.verdicts],
    }


def as_markdown(findings: Findings) -> str:
    """The whole report."""
    measured = findings.measured
    figures = [
        [one.name, one.unit, number(one.median), number(min(one.values)), number(max(one.values)), str(len(one.values))]
        for one in measured.figures.values()
    ]
    parts = [
        "# Benchmark",
        _table(["where", "what"], [*findings.machine.items(), *findings.versions.items()]),
        "## Targets",
        _table(["target", "goal", "beyond", "measured", "verdict"], target_rows(findings.verdicts)),
        "## Figures",
        _table(["figure", "unit", "median", "min", "max", "rounds"], figures),
        "![Figures](bench.svg)",
        "## CPU microseconds for each document, record or entry",
        _table(["of", "process", "median", "min", "max"], cpu_rows(measured)),
        "## Settings",
        _table(["setting", "value"], [(name, number(value)) for name, value in asdict(findings.sizes).items()]),
        "## How it was measured",
        *METHOD,
    ]
    return "\n\n".join(parts) + "\n"


def cpu_rows(measured: Measurements) -> list[list[str]]:
    """By contestant and process, and the sum over its processes."""
    rows = []
    for contestant, of in measured.cpu.items():
        for process, figure in of.items():
            cells = (figure.median, min(figure.values), max(figure.values))
            rows.append([contestant, process, *map(number, cells)])
        sums = [sum(values) for values in zip(*(figure.values for figure in of.values()), strict=True)]
        total = sorted(sums)[len(sums) // 2]
        rows.append([contestant, "all", *map(number, (total, min(sums), max(sums)))])
    return rows


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def write(findings: Findings, json_path: Path, markdown_path: Path) -> None:
    """Write both files; folders are made.

    Raises:
        OSError: a file cannot be written.
    """
    for path, text in (
        (json_path, json.dumps(as_json(findings), ensure_ascii=False, indent=2) + "\n"),
        (markdown_path, as_markdown(findings)),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
