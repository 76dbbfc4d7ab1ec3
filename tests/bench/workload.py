"""What a workload is given."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median

from bench.figures import Measurements
from bench.rig import Rig
from bench.sizes import Sizes

__all__ = ["Bench"]

_GUESSED_RATE = 5_000.0


@dataclass(frozen=True, slots=True)
class Bench:
    """A rig, how much is to be measured on it, and where the figures go.

    Attributes:
        rig: the broker and the backbone.
        sizes: how much.
        measured: what all workloads have measured so far.
        say: told in a few words what is going on.
    """

    rig: Rig
    sizes: Sizes
    measured: Measurements
    say: Callable[[str], None]

    @property
    def capacity(self) -> float:
        """Documents a second that travel there and back (W1); a guess where W1 was left out."""
        values = self.measured.values("w1")
        return median(values) if values else _GUESSED_RATE

    def uncounted(self) -> "Bench":
        """The same for a warm-up: what it adds goes nowhere, what is known stays known."""
        known = {key: figure for key, figure in self.measured.figures.items() if key == "w1"}
        return replace(self, measured=Measurements(known))
