"""What the notary tells Prometheus."""

from dataclasses import dataclass
from typing import Self

from prometheus_client import CollectorRegistry, Counter

__all__ = ["NotaryMetrics"]


@dataclass(frozen=True, slots=True)
class NotaryMetrics:
    """Labels come from closed sets: lanes, reasons."""

    said: Counter
    rejected: Counter

    @classmethod
    def register(cls, registry: CollectorRegistry) -> Self:
        """Make the metrics in a registry, once a process."""
        return cls(
            said=Counter("lienthong_notary_receipts", "Receipts sent", ["lane"], registry=registry),
            rejected=Counter(
                "lienthong_notary_receipts_rejected", "Receipts that intake rejected", ["reason"], registry=registry
            ),
        )
