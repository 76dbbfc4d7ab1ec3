"""What intake tells Prometheus."""

from dataclasses import dataclass
from typing import Self

from prometheus_client import CollectorRegistry, Counter, Gauge

from lienthong.kernel.seal import VerifiedRoots

__all__ = ["IntakeMetrics"]


@dataclass(frozen=True, slots=True)
class IntakeMetrics:
    """Labels come from closed sets: agencies of the directory, kinds, reasons."""

    accepted: Counter
    rejected: Counter
    received_bytes: Counter
    halted: Gauge
    rejected_share: Gauge

    @classmethod
    def register(cls, registry: CollectorRegistry, roots: VerifiedRoots) -> Self:
        """Make the metrics in a registry, once a process."""
        for name, text, read in (
            ("lienthong_seal_cache_hits", "Seals whose root had verified before", lambda: float(roots.hits)),
            ("lienthong_seal_cache_misses", "Seals whose signature had to be checked", lambda: float(roots.misses)),
        ):
            Gauge(name, text, registry=registry).set_function(read)
        return cls(
            accepted=Counter(
                "lienthong_intake_accepted", "Envelopes accepted into the ledger", ["agency", "kind"], registry=registry
            ),
            rejected=Counter("lienthong_intake_rejected", "Records rejected", ["agency", "reason"], registry=registry),
            received_bytes=Counter(
                "lienthong_intake_received_bytes", "Bytes of the records judged", ["agency"], registry=registry
            ),
            halted=Gauge("lienthong_intake_halted", "1 while intake stands still", registry=registry),
            rejected_share=Gauge(
                "lienthong_intake_rejected_share", "Mean of the agencies' rejected shares, lately", registry=registry
            ),
        )
