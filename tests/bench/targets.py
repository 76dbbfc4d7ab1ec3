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
        figure: key of the figure that decides; empty: this benchmark does not measure it yet.
        goal: the value to reach.
        beyond: the value we would like to reach.
        at_most: whether smaller is better.
        unit: of the values.
    """

    name: str
    figure: str = ""
    goal: float | None = None
    beyond: float | None = None
    at_most: bool = False
    unit: str = ""


TARGETS = (
    Target("W1 ÷ raw relay", "w1_by_relay", 0.30, 0.50),
    Target("W1 ÷ FastStream relay", "w1_by_faststream", 5, 10),
    Target("W1 full round trip", "w1", 10_000, 20_000, unit="documents/s"),
    Target("W8 round trip p99 at 10 % of W1", "w8_p99", 60, 30, at_most=True, unit="ms"),
    Target("W5 audit, per core", "w5_core", 30_000, 60_000, unit="entries/s"),
    *(Target(name) for name in ("W3", "W4", "W6", "W7", "Idle")),
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
        goal = self.target.goal
        if self.measured is None or goal is None:
            return "not measured"
        return "met" if self._reaches(goal) else "not met"

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
