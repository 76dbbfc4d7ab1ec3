"""The targets, and whether what was measured meets them."""

from dataclasses import dataclass
from statistics import median

from bench.figures import Measurements

__all__ = ["TARGETS", "Target", "Verdict", "judge"]


@dataclass(frozen=True, slots=True)
class Target:
    """One promise.

    Attributes:
        name: what is promised.
        figure: key of the figure that decides.
        goal: the value to reach.
        beyond: the value we would like to reach.
        at_most: whether smaller is better.
        unit: of the values.
    """

    name: str
    figure: str
    goal: float
    beyond: float | None = None
    at_most: bool = False
    unit: str = ""


TARGETS = (
    Target("W1 ÷ raw relay", "w1_by_relay", 0.30, 0.50),
    Target("W1 ÷ FastStream relay", "w1_by_faststream", 5, 10),
    Target("W1 full round trip", "w1", 10_000, 20_000, unit="documents/s"),
    Target("W8 round trip p99 at 10 % of W1", "w8_10_p99", 60, 30, at_most=True, unit="ms"),
    Target("W4 express p99, queued ÷ not", "w4_busy", 2, 1.2, at_most=True),
    Target("W3 rate with 100 ÷ with 10 agencies", "w3_100_by_10", 0.9, 1.0),
    Target("W3 rate with 1,000 ÷ with 10 agencies", "w3_1000_by_10", 0.6, 0.8),
    Target("W5 audit, per core", "w5_core", 30_000, 60_000, unit="entries/s"),
    Target("W6 start to ready, slowest service", "w6", 10, 3, at_most=True, unit="s"),
    Target("W7 memory at 1,000,000 ÷ at 200,000", "w7_growth", 1.1, at_most=True),
    Target("W7 memory of the largest service", "w7_memory", 250, at_most=True, unit="MiB"),
    Target("W9 tracker rebuilt, SQLite", "w9_sqlite", 5_000, unit="entries/s"),
    Target("W9 tracker rebuilt, PostgreSQL", "w9_postgresql", 5_000, unit="entries/s"),
    Target("Idle, all services, 95 agencies", "idle", 5, 2, at_most=True, unit="% of a core"),
)
"""In the order of the table."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target beside the median of what was measured."""

    target: Target
    measured: float | None

    @property
    def word(self) -> str:
        """`met`, `not met` or `not measured`; "beyond" is said by `beyond`."""
        if self.measured is None:
            return "not measured"
        return "met" if self._reaches(self.target.goal) else "not met"

    @property
    def beyond(self) -> bool:
        """Whether even the farther goal is reached."""
        return self.measured is not None and self.target.beyond is not None and self._reaches(self.target.beyond)

    def _reaches(self, goal: float) -> bool:
        assert self.measured is not None
        return self.measured <= goal if self.target.at_most else self.measured >= goal

    def as_json(self) -> dict[str, object]:
        """For programs."""
        target = self.target
        return {
            "target": target.name,
            "unit": target.unit,
            "at_most": target.at_most,
            "goal": target.goal,
            "beyond": target.beyond,
            "measured": self.measured,
            "verdict": self.word,
            "beyond_met": self.beyond,
        }


def judge(measured: Measurements) -> list[Verdict]:
    """Compare every target with the median of its figure."""
    verdicts = []
    for target in TARGETS:
        values = measured.values(target.figure)
        verdicts.append(Verdict(target, median(values) if values else None))
    return verdicts
