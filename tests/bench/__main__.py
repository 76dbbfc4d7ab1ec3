"""`python -m bench`: measure, write the report, print what matters."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.figures import Measurements
from bench.machine import machine, versions
from bench.plot import draw
from bench.report import Findings, number, target_rows, write
from bench.rig import Rig
from bench.rounds import measure
from bench.sizes import FULL, QUICK, Sizes
from bench.targets import judge
from lienthong.kernel.errors import LienthongError, UnavailableError

_FOLDER = Path("build") / "bench"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Measure Lienthong beside plain Kafka on this machine.")
    parser.add_argument("--quick", action="store_true", help="about two minutes instead of ten")
    parser.add_argument("--json", type=Path, default=_FOLDER / "bench.json", help="where the figures go")
    parser.add_argument("--markdown", type=Path, default=_FOLDER / "bench.md", help="where the report goes")
    parser.add_argument("--plot", type=Path, help="where the plot goes; by default bench.svg beside the report")
    return parser.parse_args()


async def _measured(sizes: Sizes, say: Callable[[str], None]) -> Measurements:
    try:
        async with asyncio.timeout(sizes.total_seconds), Rig.running(say) as rig:
            return await measure(rig, sizes, say)
    except TimeoutError as error:
        raise UnavailableError(f"not finished within {sizes.total_seconds:.0f} s") from error


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
    console.print(figures, targets)


def main() -> int:
    """Run it; 0 when everything was measured, whatever the verdicts; 1 when something failed."""
    options = _options()
    console = Console()
    # A polite end must clear up as an interrupt does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sizes = QUICK if options.quick else FULL
    before = machine()
    try:
        measured = asyncio.run(_measured(sizes, lambda words: console.print(words, style="dim", highlight=False)))
        findings = Findings(before, versions(), sizes, measured, judge(measured))
        write(findings, options.json, options.markdown)
        plot = options.plot or options.markdown.with_name("bench.svg")
        draw(measured, plot)
    except (LienthongError, OSError) as error:
        console.print(f"the benchmark failed: {error}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("interrupted; everything was stopped")
        return 130
    _show(console, findings)
    console.print(f"written: {options.json}, {options.markdown}, {plot}", highlight=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
