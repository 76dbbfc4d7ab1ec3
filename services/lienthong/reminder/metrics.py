"""Metrics of the reminder."""

from prometheus_client import CollectorRegistry, Counter, Gauge

__all__ = ["ReminderMetrics"]


class ReminderMetrics:
    """What is open, and what was said.

    Args:
        registry: where they are made, once a process.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.open = Gauge(
            "lienthong_reminder_open",
            "Documents of which a recipient has said nothing and whose sender was not told",
            ["lane"],
            registry=registry,
        )
        self.notices = Counter("lienthong_reminder_notices", "Notices sent", ["lane"], registry=registry)
        self.lines = Counter(
            "lienthong_reminder_unread",
            "Documents that notices name as unread, each counted once for every recipient",
            ["lane"],
            registry=registry,
        )
        self.rejected = Counter(
            "lienthong_reminder_rejected", "Notices that intake rejected", ["reason"], registry=registry
        )
