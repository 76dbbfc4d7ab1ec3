"""`python -m bench`: measure, write the report, print what matters."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.figures import Measurements
from bench.machine import machine, versions
from bench.plot import draw
from bench.programme import KEYS, perform, programme
from bench.report import Findings, number, sizing_rows, target_rows, write
from bench.sizes import FULL, QUICK
from bench.targets import judge

_FOLDER = Path("build") / "bench"


def _keys(text: str) -> list[str]:
    keys = text.split(",")
    if not set(keys) <= set(KEYS):
        raise argparse.ArgumentTypeError(f"{text!r} is not of {','.join(KEYS)}")
    return keys


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Measure Lienthong beside plain Kafka on this machine.")
    parser.add_argument("--quick", action="store_true", help="two to three minutes instead of an hour")
    parser.add_argument("--only", type=_keys, default=[], help=f"some workloads of {','.join(KEYS)}")
    parser.add_argument("--json", type=Path, default=_FOLDER / "bench.json", help="where the figures go")
    parser.add_argument("--markdown", type=Path, default=_FOLDER / "bench.md", help="where the report goes")
    return parser.parse_args()


def _show(console: Console, findings: Findings) -> None:
    figures = Table("figure", "unit", title="Figures")
    for head in ("median", "min", "max"):
        figures.add_column(head, justify="right")
    for one in findings.measured.figures.values():
        cells = (one.median, min(one.values), max(one.values))
        figures.add_row(one.name, one.unit, *map(number, cells))
    targets = Table("target", "goal", "beyond", "measured", "verdict", title="Targets")
    colours = {"met": "green", "not met": "red"}
    for verdict, row in zip(findings.verdicts, target_rows(findings.verdicts), strict=True):
        targets.add_row(*row, style=colours.get(verdict.word, "dim"))
    console.print(figures)
    columns, *rows = sizing_rows(findings.measured)
    if rows:
        sizing = Table(*columns, title="Sizing")
        for row in rows:
            sizing.add_row(*row)
        console.print(sizing)
    console.print(targets)
    for key, why in findings.measured.failures.items():
        console.print(f"{key} failed: {why}", style="red", markup=False)


def main() -> int:
    """Run it; 0 when everything was measured, whatever the verdicts; 1 when something failed."""
    options = _options()
    console = Console()
    # A polite end must clear up as an interrupt does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sizes = QUICK if options.quick else FULL
    # Before the run: files may change while it goes on.
    before, taking_part, measured = machine(), versions(), Measurements()

    def say(words: str) -> None:
        console.print(words, style="dim", highlight=False)

    try:
        asyncio.run(perform(programme(sizes), sizes, options.only, measured, say))
        measured.drop_empty()
        findings = Findings(before, taking_part, sizes, measured, judge(measured))
        plots = draw(measured, options.markdown.parent, options.markdown.stem)
        written = write(findings, plots, options.json, options.markdown)
    except OSError as error:
        console.print(f"the report cannot be written: {error}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("interrupted; everything was stopped")
        return 130
    _show(console, findings)
    console.print(f"written: {', '.join(map(str, written))}", highlight=False)
    return 1 if measured.failures else 0


if __name__ == "__main__":
    sys.exit(main())
