"""Figures: one value a round, and what is said of them together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

__all__ = ["Figure", "Measurements", "percentile", "ratios"]


def percentile(values: Sequence[float], fraction: float) -> float:
    """The smallest of the values that at least this fraction of them does not exceed (nearest rank).

    Raises:
        ValueError: there are no values, or the fraction is not within 0 and 1.
    """
    if not values or not 0 <= fraction <= 1:
        raise ValueError("a percentile needs values, and a fraction from 0 to 1")
    ordered = sorted(values)
    rank = -(-len(ordered) * fraction // 1)
    return ordered[max(0, int(rank) - 1)]


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Quotients round by round; only rounds that both have, and none where the divisor is zero."""
    return [one / other for one, other in zip(above, below, strict=False) if other]


@dataclass(slots=True)
class Figure:
    """What was measured, once for each round.

    Attributes:
        name: what it is called in tables.
        unit: of the values.
        values: in the order of the rounds.
    """

    name: str
    unit: str
    values: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The middle one."""
        return median(self.values)

    def as_json(self) -> dict[str, object]:
        """For programs."""
        return {
            "name": self.name,
            "unit": self.unit,
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "values": self.values,
        }


@dataclass(slots=True)
class Measurements:
    """Everything that was measured, by key."""

    figures: dict[str, Figure] = field(default_factory=dict)
    cpu: dict[str, dict[str, Figure]] = field(default_factory=dict)
    """By contestant and process: CPU microseconds for one document or record."""
    memory: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """By process: documents so far, and MiB in RAM then."""
    stacks: dict[str, Counter[str]] = field(default_factory=dict)
    """By process: how often each stack was seen, outermost function first, semicolons between."""
    notes: dict[str, str] = field(default_factory=dict)
    """What there is to say beside figures, by its heading."""
    failures: dict[str, str] = field(default_factory=dict)
    """Workloads that could not be measured, and why."""

    def add(self, key: str, name: str, unit: str, value: float) -> None:
        """Add one round's value to a figure."""
        self.figures.setdefault(key, Figure(name, unit)).values.append(value)

    def add_cpu(self, contestant: str, seconds: dict[str, float], count: int) -> None:
        """Add what each process used in one round of a contestant.

        Args:
            contestant: whose round it was.
            seconds: CPU seconds by process.
            count: documents or records of the round.
        """
        of = self.cpu.setdefault(contestant, {})
        for process, used in seconds.items():
            of.setdefault(process, Figure(process, "µs")).values.append(used / count * 1e6)

    def remember(self, documents: float, memory: dict[str, float]) -> None:
        """Add the memory of each process, MiB, when so many documents had travelled."""
        for process, mib in memory.items():
            self.memory.setdefault(process, []).append((documents, mib))

    def cost(self, contestant: str) -> dict[str, float]:
        """Median CPU microseconds for one document by process; empty if it was not measured."""
        return {process: figure.median for process, figure in self.cpu.get(contestant, {}).items()}

    def drop_empty(self) -> None:
        """Forget figures without a value: quotients of which one side was not measured."""
        self.figures = {key: figure for key, figure in self.figures.items() if figure.values}

    def values(self, key: str) -> list[float]:
        """The values of a figure; none if it was not measured."""
        return self.figures[key].values if key in self.figures else []
