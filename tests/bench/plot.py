"""Plots of what was measured, one file each, and a flame graph of every process that was sampled."""

from pathlib import Path
from typing import Any

from bench.figures import Measurements
from bench.flame import flame_svg
from bench.latency import FRACTIONS
from bench.rig import SERVICES
from bench.rounds import SHARES

__all__ = ["draw"]

_RATES = ("performance", "relay", "w1", "faststream", "w3_10", "w3_100", "w3_1000", "w5", "w5_core")
_COSTS = ("Raw relay", "W1", "W3 with 10 agencies", "W3 with 100 agencies", "W3 with 1,000 agencies")
_COLOURS = (
    "#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb",
    "#222255", "#882255", "#ddaa77", "#117733", "#99ddbb",
)  # fmt: skip


def draw(measured: Measurements, folder: Path, stem: str) -> dict[str, Path]:
    """Draw what there are figures for into SVG files; folders are made.

    Args:
        measured: the figures.
        folder: where the files go.
        stem: how their names begin.

    Returns:
        The files by their titles.

    Raises:
        OSError: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {}
    for name, title, wanted, plot in (
        ("rates", "Rates", any(key in measured.figures for key in _RATES), _rates),
        ("latency", "Latency of a round trip (W8)", "w8_10_p50" in measured.figures, _latency),
        ("cpu", "Processor time of a document or record", "W1" in measured.cpu, _cpu),
        ("memory", "Memory while documents travel (W7)", bool(measured.memory), _memory),
    ):
        if wanted:
            drawn[title] = folder / f"{stem}-{name}.svg"
            _figure(measured, title, plot, drawn[title])
    for process, stacks in measured.stacks.items():
        title = f"Flame graph of {process}"
        drawn[title] = folder / f"{stem}-flame-{process}.svg"
        drawn[title].write_text(flame_svg(f"{process}, W1", stacks), "utf-8")
    return drawn


def _figure(measured: Measurements, title: str, plot: Any, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 4.5), layout="constrained")
    axes.set_title(title, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    plot(measured, axes)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _rates(measured: Measurements, axes: Any) -> None:
    """Bars of medians, whiskers from least to most."""
    figures = [measured.figures[key] for key in reversed(_RATES) if key in measured.figures]
    medians = [one.median for one in figures]
    whiskers = [
        [one.median - min(one.values) for one in figures],
        [max(one.values) - one.median for one in figures],
    ]
    names = [f"{one.name}, {one.unit}" for one in figures]
    bars = axes.barh(names, medians, xerr=whiskers, capsize=3, color=_COLOURS[0])
    axes.bar_label(bars, labels=[f"{one:,.0f}" for one in medians], padding=6)
    axes.set_xlabel("a second; median of the rounds, whiskers from least to most")
    axes.margins(x=0.15)


def _latency(measured: Measurements, axes: Any) -> None:
    """A line for each load, through its percentiles."""
    for share, colour in zip(SHARES, _COLOURS, strict=False):
        figures = [measured.figures.get(f"w8_{share * 100:.0f}_{fraction}") for fraction in FRACTIONS]
        values = [one.median for one in figures if one is not None]
        if len(values) == len(FRACTIONS):
            axes.plot(list(FRACTIONS), values, marker="o", color=colour, label=f"{share:.0%} of W1's rate")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("ms, from when a document was due")
    axes.grid(axis="y", alpha=0.3)
    axes.legend(frameon=False)


def _cpu(measured: Measurements, axes: Any) -> None:
    """A bar for each contestant, divided by process."""
    contestants = [name for name in reversed(_COSTS) if name in measured.cpu]
    processes = list(dict.fromkeys(process for name in reversed(contestants) for process in measured.cpu[name]))
    left = dict.fromkeys(contestants, 0.0)
    for number, process in enumerate(processes):
        some = [name for name in contestants if process in measured.cpu[name]]
        widths = [measured.cpu[name][process].median for name in some]
        colour = _COLOURS[number % len(_COLOURS)]
        axes.barh(some, widths, left=[left[name] for name in some], color=colour, label=process)
        for name, width in zip(some, widths, strict=True):
            left[name] += width
    axes.set_xlabel("µs of processor time for each, median of the rounds")
    axes.legend(frameon=False, ncols=3)


def _memory(measured: Measurements, axes: Any) -> None:
    """A line for each service; Kafka's is its heap, which is taken at once."""
    for name, colour in zip(SERVICES, _COLOURS, strict=False):
        samples = measured.memory.get(name, [])
        axes.plot([one for one, _ in samples], [mib for _, mib in samples], marker=".", color=colour, label=name)
    axes.set_xlabel("documents there and back")
    axes.set_ylabel("MiB in RAM")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
