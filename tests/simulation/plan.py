"""What happens in one world, pure: a seed in, agencies, documents, weather and faults out."""

from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from simulation.network import Weather

__all__ = ["CHILD", "CODES", "LATE", "PARENT", "SERVICES", "Fault", "Plan", "Planned", "draw_plan"]

CODES = ("G22", "H26", "H37", "H53")
PARENT, CHILD = "H37", "H37.DN.001"
"""A unit without topics of its own; what is for it goes to its parent."""
LATE = "H61"
"""An agency that is connected while everything runs."""
SERVICES = ("intake", "dispatch", "notary")
_STATUSES = ("01", "02", "03", "03", "03", "06")


class Planned(NamedTuple):
    """One document that an agency will send."""

    number: int
    sender: str
    recipients: tuple[str, ...]
    priority: int
    size: int
    """Bytes of its attachment; 0: none."""
    pause: float
    """Seconds since the one before."""

    @property
    def subject(self) -> str:
        """No two documents of a world have the same."""
        return f"V/v {self.number}"

    @property
    def addressees(self) -> tuple[str, ...]:
        """The agencies that must get it."""
        return tuple(PARENT if code == CHILD else code for code in self.recipients)


class Fault(NamedTuple):
    """Something that is done to the world at a time."""

    at: float
    """Seconds since the load began."""
    kind: str
    victim: str
    seconds: float
    drawn: float
    """From 0 to 1, for whatever else is to be decided."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything about a world that is decided before it begins."""

    seed: int
    lanes: int
    agencies: tuple[str, ...]
    documents: tuple[Planned, ...]
    load_seconds: float
    weather: Weather
    batch_bytes: int | None
    disk_seconds: float
    faults: tuple[Fault, ...]
    late: bool
    """Whether one more agency is connected while everything runs."""
    statuses: tuple[str, ...] = field(default=_STATUSES)
    """What recipients say of documents."""


def _weather(chance: Random) -> Weather:
    bad = chance.choice((0.0, 0.0, 0.01, 0.03))
    return Weather(
        lost=bad / 2,
        unanswered=bad,
        late=bad,
        refused=bad / 2,
        retried=chance.choice((0.0, 0.02, 0.1)),
        slow=chance.choice((0.0, 0.05, 0.2)),
        latency_seconds=chance.choice((0.002, 0.01)),
        slow_seconds=chance.choice((0.1, 0.8)),
        late_seconds=3.0,
        stale_seconds=chance.choice((0.0, 0.2)),
    )


def _faults(chance: Random, agencies: tuple[str, ...], seconds: float) -> tuple[Fault, ...]:
    processes = (*SERVICES, *SERVICES, *agencies)
    faults = []

    def add(kind: str, victim: str, longest: float) -> None:
        faults.append(Fault(chance.uniform(0, seconds), kind, victim, chance.uniform(0, longest), chance.random()))

    for _ in range(chance.choice((0, 1, 2, 4, 8))):
        add("kill", chance.choice(processes), 0.8)
    for _ in range(chance.choice((0, 0, 1, 2))):
        add("stop", chance.choice(processes), 0.5)
    for _ in range(chance.choice((0, 0, 1, 2))):
        add("pause", chance.choice(processes), chance.choice((0.5, 5.0)))
    for _ in range(chance.choice((0, 0, 1, 2))):
        add("twin", chance.choice(processes), 4.0)
    for _ in range(chance.choice((0, 0, 1, 2))):
        add("broker", "", chance.choice((0.5, 4.0)))
    for _ in range(chance.choice((0, 0, 0, 1))):
        add("forget", chance.choice(SERVICES), 0.5)
    for _ in range(chance.choice((0, 0, 2))):
        add("poison", chance.choice(agencies), 0.0)
    for _ in range(chance.choice((0, 0, 2))):
        add("replay", chance.choice(agencies), 0.0)
    return tuple(sorted(faults))


def draw_plan(seed: int) -> Plan:
    """The plan of a world."""
    chance = Random(f"plan {seed}")
    agencies = CODES[: chance.randint(2, len(CODES))]
    late = chance.random() < 0.2
    seconds = chance.uniform(2.0, 6.0)
    everyone = (*agencies, LATE) if late else agencies
    documents = []
    count = chance.randint(20, 60)
    for number in range(count):
        sender = chance.choice(everyone)
        others = [code for code in agencies if code != sender]
        if PARENT in others and chance.random() < 0.3:
            others[others.index(PARENT)] = CHILD
        recipients = chance.sample(others, chance.randint(1, len(others)))
        documents.append(
            Planned(
                number,
                sender,
                tuple(recipients),
                chance.choice((0, 0, 0, 1, 3, 4)),
                chance.choice((0, 0, 0, 100, 4_000)),
                chance.choice((0.0, 0.0, 2 * seconds * len(everyone) / count)) * chance.random(),
            )
        )
    return Plan(
        seed=seed,
        lanes=chance.choice((2, 2, 3)),
        agencies=agencies,
        documents=tuple(documents),
        load_seconds=seconds,
        weather=_weather(chance),
        batch_bytes=chance.choice((None, 3_000, 20_000)),
        disk_seconds=chance.choice((0.001, 0.03)),
        faults=_faults(chance, agencies, seconds),
        late=late,
    )
