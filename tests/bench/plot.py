"""A plot of the rates: bars of medians, whiskers from least to most."""

from pathlib import Path

from bench.figures import Measurements

__all__ = ["draw"]

_RATES = ("performance", "relay", "w1", "faststream", "w5", "w5_core")


def draw(measured: Measurements, path: Path) -> None:
    """Draw the rates that were measured into a file; its ending chooses the format.

    Raises:
        OSError: the file cannot be written.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figures = [measured.figures[key] for key in reversed(_RATES) if key in measured.figures]
    medians = [one.median for one in figures]
    whiskers = [
        [one.median - min(one.values) for one in figures],
        [max(one.values) - one.median for one in figures],
    ]
    figure, axes = plt.subplots(figsize=(9, 0.6 * len(figures) + 1.2), layout="constrained")
    bars = axes.barh([f"{one.name}, {one.unit}" for one in figures], medians, xerr=whiskers, capsize=3, color="#4477aa")
    axes.bar_label(bars, labels=[f"{one:,.0f}" for one in medians], padding=6)
    axes.set_xlabel("a second; median of the rounds, whiskers from least to most")
    axes.margins(x=0.15)
    axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    plt.close(figure)
