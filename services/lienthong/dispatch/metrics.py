"""What dispatch tells Prometheus."""

from dataclasses import dataclass
from typing import Self

from prometheus_client import CollectorRegistry, Counter, Histogram

from lienthong.runtime.metrics import LATENCY_BUCKETS_SECONDS

__all__ = ["DispatchMetrics"]


@dataclass(frozen=True, slots=True)
class DispatchMetrics:
    """Labels come from closed sets: agencies of the directory, kinds, lanes, ways of being void."""

    dispatched: Counter
    dispatched_bytes: Counter
    void: Counter
    delivery_seconds: Histogram
    acknowledgement_seconds: Histogram
    resynchronised: Counter
    strange: Counter

    @classmethod
    def register(cls, registry: CollectorRegistry) -> Self:
        """Make the metrics in a registry, once a process."""
        return cls(
            dispatched=Counter(
                "lienthong_dispatch_delivered", "Records written to inboxes", ["agency", "kind"], registry=registry
            ),
            dispatched_bytes=Counter(
                "lienthong_dispatch_delivered_bytes", "Bytes written to inboxes", ["agency"], registry=registry
            ),
            void=Counter(
                "lienthong_dispatch_void", "Ledger entries that do not count", ["why"], registry=registry
            ),
            delivery_seconds=Histogram(
                "lienthong_delivery_seconds", "From accepted into the ledger to written to the inbox",
                ["lane"], buckets=LATENCY_BUCKETS_SECONDS, registry=registry,
            ),
            acknowledgement_seconds=Histogram(
                "lienthong_acknowledgement_seconds",
                "From a document's acceptance to the acceptance of the first acknowledgement of it",
                ["lane"], buckets=LATENCY_BUCKETS_SECONDS, registry=registry,
            ),
            resynchronised=Counter(
                "lienthong_dispatch_resynchronised",
                "Inbox partitions read again because somebody else wrote to them", registry=registry,
            ),
            strange=Counter(
                "lienthong_dispatch_strange",
                "Records met in inboxes that dispatch has not written; readers stop there", ["agency"],
                registry=registry,
            ),
        )  # fmt: skip
