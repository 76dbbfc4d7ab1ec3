"""Metrics of the tracker: what the backbone carries and who is late, from its database."""

from prometheus_client import CollectorRegistry, Gauge

from lienthong.kernel.lifecycle import Flag, Stage
from lienthong.tracker.measures import Measures

__all__ = ["TrackerMetrics"]


class TrackerMetrics:
    """Gauges that are set from the database now and then.

    Args:
        registry: where they are made, once a process.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._deliveries = Gauge(
            "lienthong_tracker_deliveries",
            "Documents by their state, each counted once for every recipient",
            ["stage"],
            registry=registry,
        )
        self._waiting = Gauge(
            "lienthong_tracker_unacknowledged",
            "Documents that an agency has not acknowledged in any way",
            ["agency"],
            registry=registry,
        )
        self._oldest = Gauge(
            "lienthong_tracker_oldest_unacknowledged_seconds",
            "Age of the oldest of them",
            ["agency"],
            registry=registry,
        )
        self._express = Gauge(
            "lienthong_tracker_express_unacknowledged_seconds",
            "Age of the oldest of them that is express",
            ["agency"],
            registry=registry,
        )
        self._flags = Gauge(
            "lienthong_tracker_flags", "What was said of documents and was impossible", ["flag"], registry=registry
        )
        self._statements = Gauge(
            "lienthong_tracker_statements", "Accepted entries that count", ["kind"], registry=registry
        )
        self._unread = Gauge(
            "lienthong_tracker_unread", "Accepted entries that this version cannot read", registry=registry
        )
        self._expired = Gauge(
            "lienthong_tracker_expired",
            "Documents that were left unread and whose senders were told, each counted once for every recipient",
            ["state"],
            registry=registry,
        )
        self._agencies: set[str] = set()
        for state in ("unread", "settled"):
            self._expired.labels(state).set(0)
        for stage in Stage:
            self._deliveries.labels(stage.value).set(0)
        for flag in Flag:
            self._flags.labels(flag.value).set(0)

    def show(self, found: Measures, now: int) -> None:
        """Show what was read; `now` in milliseconds since 1970 UTC."""
        for gauge, name in ((self._deliveries, "stage"), (self._flags, "flag"), (self._statements, "kind")):
            for value, count in found.tallies.get(name, {}).items():
                gauge.labels(value).set(count)
        for state, count in found.tallies.get("expired", {}).items():
            self._expired.labels(state).set(count)
        self._unread.set(sum(found.tallies.get("unread", {}).values()))
        for agency, (since, count) in found.waiting.oldest.items():
            self._waiting.labels(agency).set(count)
            self._oldest.labels(agency).set(max(0, now - since) / 1000)
            express = found.waiting.express.get(agency, now)
            self._express.labels(agency).set(max(0, now - express) / 1000)
        for agency in self._agencies - found.waiting.oldest.keys():
            self._waiting.labels(agency).set(0)
            self._oldest.labels(agency).set(0)
            self._express.labels(agency).set(0)
        self._agencies |= found.waiting.oldest.keys()
