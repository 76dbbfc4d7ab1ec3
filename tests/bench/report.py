"""What is told of a benchmark: JSON for programs, Markdown for people, a plot."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from bench.figures import Measurements
from bench.sizes import VALUE_BYTES, Sizes
from bench.sizing import (
    BROKER_CORES,
    BROKER_MB,
    COPIES,
    DEMANDS,
    KEPT_DAYS,
    UTILISATION,
    Installation,
    costs_of,
    install,
)
from bench.stacks import busiest
from bench.targets import Verdict

__all__ = [
    "METHOD",
    "Findings",
    "as_json",
    "as_markdown",
    "cpu_rows",
    "number",
    "profile_rows",
    "sizing_rows",
    "target_rows",
    "write",
]

METHOD = (
    "All contestants ran in turn on one broker without replication, in one go, after a warm-up that does not"
    f" count; values and files have {VALUE_BYTES} bytes where nothing else is said. Every Python process uses uvloop"
    " and the same settings of the garbage collector. Median, least and most are over the rounds; ratios are taken"
    " round by round.",
    "Raw relay and FastStream relay: records/s until the consumer has read all; the FastStream relay commits by"
    " itself, as is FastStream's default. W1: until the sender has verified the acknowledgements of all"
    " documents. CPU: of each process from the start of a round until then.",
    "W2 and idle, W3, lanes, and W7 have a broker of their own each, which is warmed up by the same kind of work.",
    "W2: 95 agencies as clients with their stores, in two processes; one recipient for four documents of five,"
    " two to six for most others, 38 to 60 for one of forty, all for three of a thousand; sizes log-normal around"
    " 12 KB, cut at 1 and 100 KiB; every delivery is acknowledged with 01, 03, 05 and 06. Rates are of documents"
    " handed over as fast as they go, until every sender holds every 06; latencies, from when a document was due until"
    " its recipient has it, are of a schedule at a tenth of that rate.",
    "W3: one process seals and appends for all senders, one reads and verifies all inboxes, with kernel and bus but"
    " without stores and acknowledgements, in the same way for every number of agencies; documents/s until all have"
    " been verified. The agencies are added to one running backbone, step by step.",
    "W4: express documents at a fixed rate, from when one was due until the caller of its recipient's client has it;"
    " first with nothing queued, then while the named number of ordinary documents of the same sender waits for the"
    " same recipient. Every other one goes to a recipient for whom nothing else comes.",
    "W5: the auditor verifies the whole ledger of the rounds; per core means per CPU second of its process.",
    "W6: entries are written to the ledger as intake writes them until it holds the named number; seconds are from"
    " starting the process until its probe says that it is ready, imports included.",
    "W7: batches of W1 one after the other, each with fresh clients on the same stores; services and broker run"
    " through. Memory is what the system says is in RAM.",
    "W8: documents are handed over on a fixed schedule at 10, 50 and 80 % of the median of W1; time counts from when"
    " a document was due until `Client.wait` of the sender returns. About a hundred documents a second are watched"
    " this way, chosen by number; all of them are part of the load. Every round begins with documents at the same"
    " rate that do not count, on the same schedule.",
    "W9: the tracker's database is built from the whole ledger of W2, into an empty file of SQLite and an empty"
    " PostgreSQL on this machine; entries/s of the ledger, void ones and receipts too, and rows/s of all tables.",
    "Lanes: five lanes; the same queue is taken by one process and by two with half of the lanes each, first by"
    " intake, then by dispatch. Rate: documents/s with everything on this machine. Per CPU second: documents for each"
    " second of processor time of these processes alone, without the broker's.",
)
"""How the figures came about, paragraph by paragraph."""
_MOST_FUNCTIONS = 8


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
        "memory_mib": {process: [list(one) for one in samples] for process, samples in measured.memory.items()},
        "failures": measured.failures,
        "notes": measured.notes,
        "targets": [verdict.as_json() for verdict in findings.verdicts],
    }


def as_markdown(findings: Findings, plots: Mapping[str, Path]) -> str:
    """The whole report.

    Args:
        findings: what there is to tell.
        plots: files by title, beside the report.
    """
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
    ]
    if measured.failures:
        parts += ["## Failed", _table(["workload", "why"], measured.failures.items())]
    parts += ["## Figures", _table(["figure", "unit", "median", "min", "max", "rounds"], figures)]
    parts += [f"![{title}]({path.name})" for title, path in plots.items()]
    parts += [
        "## CPU microseconds for each document, record or entry",
        _table(["of", "process", "median", "min", "max"], cpu_rows(measured)),
    ]
    if measured.stacks:
        parts += [
            "## Where the time goes",
            "Shares of the samples of each process during W1: in the function itself, and in it or what it called.",
            _table(["process", "function", "itself", "together"], profile_rows(measured)),
        ]
    head, *rows = sizing_rows(measured)
    if rows:
        parts += ["## Sizing", _SIZING, _table(head, rows)]
    parts += [f"{heading}: {words}." for heading, words in measured.notes.items()]
    settings = [
        (name, ", ".join(map(number, value)) if isinstance(value, tuple) else number(value))
        for name, value in asdict(findings.sizes).items()
    ]
    parts += ["## Settings", _table(["setting", "value"], settings), "## How it was measured", *METHOD]
    return "\n\n".join(parts) + "\n"


def profile_rows(measured: Measurements) -> list[list[str]]:
    """By process the functions in which most samples were."""
    return [
        [process, f"`{one.function}`", f"{one.own:.1%}", f"{one.together:.1%}"]
        for process, stacks in measured.stacks.items()
        for one in busiest(stacks, _MOST_FUNCTIONS)
    ]


_SIZING = (
    "Computed from W2's processor time and disk of a document, and from what a byte more costs (W1 with 1 and with"
    f" 100 KiB). Assumed: files of {DEMANDS[0].size / 1024:.0f} KiB in the mean, W2's fan-out and acknowledgements,"
    f" {COPIES} copies, brokers with {BROKER_CORES} cores that write at most {BROKER_MB:.0f} MB/s,"
    f" {UTILISATION:.0%} of every core used at the peak; "
    + "; ".join(f"{one.name}: {one.assumed}" for one in DEMANDS)
    + ". Cores are those of this machine."
)


def sizing_rows(measured: Measurements) -> list[list[str]]:
    """Head and rows: what each demand needs; the head alone where its costs were not measured."""
    costs = costs_of(measured)
    rows = [["what", *(one.name for one in DEMANDS)]]
    if costs is None:
        return rows
    needs = [install(one, costs) for one in DEMANDS]
    cells: list[tuple[str, Callable[[Installation], str]]] = [
        *((f"{name}, cores busy at the peak", partial(_cores, name)) for name in needs[0].cores),
        *((f"{name}, processes", partial(_processes, name)) for name in needs[0].processes),
        ("lanes", lambda one: str(one.lanes)),
        (f"brokers of {BROKER_CORES} cores", lambda one: str(one.brokers)),
        ("written by each broker at the peak, MB/s", lambda one: number(one.written_mb)),
        ("disk a year, everything for ever, TB", lambda one: number(one.disk_tb)),
        (f"disk a year, only the ledger beyond {KEPT_DAYS} days, TB", lambda one: number(one.ledger_disk_tb)),
    ]
    rows.append(["documents/s at the peak", *(number(one.peak) for one in DEMANDS)])
    rows.append(["documents a year, millions", *(number(one.year / 1e6) for one in DEMANDS)])
    return rows + [[name, *map(cell, needs)] for name, cell in cells]


def _cores(name: str, need: Installation) -> str:
    return number(need.cores[name])


def _processes(name: str, need: Installation) -> str:
    return str(need.processes[name])


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


def write(findings: Findings, plots: Mapping[str, Path], json_path: Path, markdown_path: Path) -> list[Path]:
    """Write both files; folders are made.

    Returns:
        All files of the report, the plots among them.

    Raises:
        OSError: a file cannot be written.
    """
    for path, text in (
        (json_path, json.dumps(as_json(findings), ensure_ascii=False, indent=2) + "\n"),
        (markdown_path, as_markdown(findings, plots)),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return [json_path, markdown_path, *plots.values()]
