"""What an installation needs, pure: computed from costs that were measured and from assumptions that are said."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from bench.figures import Measurements
from bench.large import LARGE_BYTES
from bench.sizes import VALUE_BYTES

__all__ = [
    "BROKER_CORES",
    "BROKER_MB",
    "COPIES",
    "DEMANDS",
    "KEPT_DAYS",
    "UTILISATION",
    "Costs",
    "Demand",
    "Installation",
    "costs_of",
    "install",
]

SERVICES = ("intake", "dispatch", "notary")
COPIES = 3
UTILISATION = 0.5
"""Share of a core that is used at the peak: the other half is for bursts and for catching up after a pause."""
BROKER_CORES = 4
BROKER_MB = 200.0
"""Megabytes a second that a broker's disk and network are relied on for at the peak."""
KEPT_DAYS = 30
"""How long out topics and inboxes are kept where only the ledger is kept for ever."""
_YEAR_DAYS = 365
_LEAST_BROKERS = 3


@dataclass(frozen=True, slots=True)
class Costs:
    """What one document of the national pattern costs, with all its deliveries, acknowledgements and receipts.

    Attributes:
        cpu: microseconds by process, kafka and the services, at the mean size.
        cpu_a_byte: microseconds by process for one byte more in a document with one recipient.
        size: mean bytes of a document's files.
        fan_out: mean deliveries of a document.
        disk: bytes in Kafka's log, one copy.
    """

    cpu: Mapping[str, float]
    cpu_a_byte: Mapping[str, float]
    size: float
    fan_out: float
    disk: float

    def cpu_at(self, process: str, size: float) -> float:
        """Microseconds for a document with files of another size.

        A byte more is handled once by intake and notary; dispatch reads it once and writes it for each recipient;
        Kafka takes it 2 times and once for each recipient, and gives it 3 times and once for each recipient.
        """
        times = {
            "kafka": (5 + 2 * self.fan_out) / 7,
            "dispatch": (1 + self.fan_out) / 2,
        }.get(process, 1.0)
        return max(0.0, self.cpu[process] + times * self.cpu_a_byte.get(process, 0.0) * (size - self.size))

    def disk_at(self, size: float) -> float:
        """Bytes of one copy for a document with files of another size: out topic, ledger, every inbox."""
        return max(0.0, self.disk + (2 + self.fan_out) * (size - self.size))


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked of an installation.

    Attributes:
        name: for people.
        peak: documents a second in the busiest seconds.
        year: documents a year.
        size: mean bytes of a document's files.
        assumed: how peak and year came about.
    """

    name: str
    peak: float
    year: float
    size: float
    assumed: str


_SIZE = 102_400.0
DEMANDS = (
    Demand(
        "1 million documents an hour",
        2 * 1_000_000 / 3_600,
        1_000_000 * 8 * 250,
        _SIZE,
        "busiest seconds twice the hour's mean; 8 such hours on each of 250 days",
    ),
    Demand(
        "100 times the national volume",
        2 * 0.2 * 2_400_000 / 3_600,
        2_400_000 * 250,
        _SIZE,
        "2.4 million a working day, a fifth of them in the busiest hour, its busiest seconds twice its mean; 250 days",
    ),
)
"""The national axis moves about 24,000 documents a working day: 29 million in its first five years."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What a demand needs.

    Attributes:
        cores: busy at the peak, by process.
        processes: of each service, one core each.
        lanes: the express lane among them.
        brokers: with `BROKER_CORES` cores each; none writes more than `BROKER_MB`.
        disk_tb: terabytes a year of all copies when everything is kept for ever.
        ledger_disk_tb: the same when out topics and inboxes are kept for `KEPT_DAYS`.
        written_mb: megabytes a second that each broker writes at the peak.
    """

    cores: Mapping[str, float]
    processes: Mapping[str, int]
    lanes: int
    brokers: int
    disk_tb: float
    ledger_disk_tb: float
    written_mb: float


def install(demand: Demand, costs: Costs) -> Installation:
    """Compute an installation; a broker's share of three copies is taken as three times that of one."""
    cores = {name: demand.peak * costs.cpu_at(name, demand.size) / 1e6 for name in ("kafka", *SERVICES)}
    cores["kafka"] *= COPIES
    processes = {name: max(1, ceil(cores[name] / UTILISATION)) for name in SERVICES}
    one = costs.disk_at(demand.size)
    written = demand.peak * one * COPIES / 1e6
    brokers = max(_LEAST_BROKERS, ceil(cores["kafka"] / UTILISATION / BROKER_CORES), ceil(written / BROKER_MB))
    ledger = one / (2 + costs.fan_out)
    rest = (one - ledger) * KEPT_DAYS / _YEAR_DAYS
    return Installation(
        cores,
        processes,
        1 + max(processes.values()),
        brokers,
        demand.year * one * COPIES / 1e12,
        demand.year * (ledger + rest) * COPIES / 1e12,
        written / brokers,
    )


def costs_of(measured: Measurements) -> Costs | None:
    """The costs that W2 and the two sizes of W1 have shown; None where one of them was not measured."""
    cpu, small, large = measured.cost("W2"), measured.cost("W1"), measured.cost("W1 with 100 KiB")
    wanted = ("w2_size", "w2_fan_out", "w2_disk")
    if not (cpu and small and large and all(measured.values(key) for key in wanted)):
        return None
    size, fan_out, disk = (measured.figures[key].median for key in wanted)
    names = ("kafka", *SERVICES)
    a_byte = {name: max(0.0, (large[name] - small[name]) / (LARGE_BYTES - VALUE_BYTES)) for name in names}
    return Costs({name: cpu[name] for name in names}, a_byte, size, fan_out, disk)
