"""Metrics that every service has. Names are documented in `docs/operations.md`; a test compares them."""

import platform
from dataclasses import dataclass
from typing import Self

from prometheus_client import CollectorRegistry, Counter, Gauge, Info

from lienthong import __version__
from lienthong.runtime.context import Health

__all__ = ["LATENCY_BUCKETS_SECONDS", "KafkaMetrics", "register_build", "register_health"]

LATENCY_BUCKETS_SECONDS = (
    0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 3_600, 86_400,
)  # fmt: skip
"""From a lane at rest to an agency that reads once a day."""


@dataclass(frozen=True, slots=True)
class KafkaMetrics:
    """What a service tells of its dealings with Kafka; `part` is the service's name."""

    errors: Counter
    lag: Gauge
    position: Gauge
    last_progress: Gauge

    @classmethod
    def register(cls, registry: CollectorRegistry) -> Self:
        """Make the metrics in a registry, once a process."""
        return cls(
            errors=Counter(
                "lienthong_kafka_errors",
                "Sessions that Kafka failed and that were begun again",
                ["part"],
                registry=registry,
            ),
            lag=Gauge("lienthong_lag_records", "Records not yet read", ["part", "lane"], registry=registry),
            position=Gauge(
                "lienthong_ledger_position",
                "Ledger offset that is read or written next",
                ["part", "lane"],
                registry=registry,
            ),
            last_progress=Gauge(
                "lienthong_last_progress_timestamp_seconds",
                "When a round was last finished, Unix time",
                ["part"],
                registry=registry,
            ),
        )


def register_build(registry: CollectorRegistry) -> None:
    """Say which version runs."""
    Info("lienthong_build", "Version of the running program", registry=registry).info(
        {"version": __version__, "python": platform.python_version()}
    )


def register_health(registry: CollectorRegistry, health: Health) -> None:
    """Say what `/ready` says, for those that can only read metrics."""
    Gauge("lienthong_waiting_parts", "Parts that are not ready", registry=registry).set_function(
        lambda: len(health.not_ready())
    )
