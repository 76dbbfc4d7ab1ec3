"""Metrics of lateness, computed beside the tracker's work in a thread of their own."""

import asyncio
import threading
from functools import partial

import structlog
from prometheus_client import CollectorRegistry, Gauge

from lienthong.kernel.deadlines import DeadlineJudge, Rule
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.vietnam_time import DAY_MS
from lienthong.runtime.context import Context
from lienthong.runtime.deadline_file import read_deadlines
from lienthong.tracker.database import Database, DatabaseThread
from lienthong.tracker.lateness import Lateness, lateness

__all__ = ["LATELY_MS", "LatenessMetrics", "LatenessWatch"]

LATELY_MS = 30 * DAY_MS
"""Of documents accepted within so long the share that was in time is told."""
_EVERY_SECONDS = 30.0
_REST = 20
"""It rests so many times as long as it took: whatever the database holds, it takes a twentieth of the time."""
_log = structlog.get_logger(__name__)


class LatenessMetrics:
    """Gauges by rule.

    Args:
        registry: where they are made, once a process.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._late = Gauge(
            "lienthong_tracker_late", "Duties of recipients that are overdue", ["rule"], registry=registry
        )
        self._near = Gauge(
            "lienthong_tracker_near_due", "Duties of recipients that are soon overdue", ["rule"], registry=registry
        )
        self._share = Gauge(
            "lienthong_tracker_on_time_ratio",
            "Share that was in time, of duties that fell due and that documents of the last 30 days brought",
            ["rule"],
            registry=registry,
        )
        self._at = Gauge(
            "lienthong_tracker_lateness_timestamp_seconds", "When this was computed, Unix time", registry=registry
        )

    def show(self, found: Lateness, now: int) -> None:
        """Show what was computed; `now` in milliseconds since 1970 UTC."""
        # What has nothing to have a share of is not shown: neither 0 nor 1 would be true.
        self._share.clear()
        for rule in Rule:
            if rule is Rule.SENDING:  # the sender's: never open, so never overdue
                continue
            self._late.labels(rule.value).set(found.overdue.get(rule, 0))
            self._near.labels(rule.value).set(found.near.get(rule, 0))
            share = found.on_time_share(rule)
            if share is not None:
                self._share.labels(rule.value).set(share)
        self._at.set(now / 1000)


class LatenessWatch:
    """Computes now and then, for as long as a task runs `run`.

    Without the package of the calendar, or with a file of deadlines that is wrong, there are no such metrics; the log
    says why, once. Other services of the process go on.

    Args:
        context: settings, clock and registry.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._judge: DeadlineJudge | None = None
        self._left: asyncio.Future[None] | None = None
        """Done when the thread of the last `run` has ended."""
        try:
            self._judge = read_deadlines(context.settings.deadlines_file)
        except (ValueError, OSError) as error:
            _log.warning("no_lateness", error=str(error))
            return
        self._metrics = LatenessMetrics(context.registry)

    async def run(self) -> None:
        """Until cancelled. A computation that was begun ends on its own: the next run waits for it, and nobody else."""
        if self._judge is None:
            return
        judge, stopping, loop = self._judge, threading.Event(), asyncio.get_running_loop()
        if self._left is not None:
            await asyncio.wait([self._left])
        # A connection of its own: the projection's transactions go on beside a long reading one.
        database, thread = Database.of(self._context.settings), DatabaseThread("lateness")
        try:
            while True:
                began, now = loop.time(), self._context.clock()
                try:
                    found = await thread.ask(partial(self._compute, database, judge, now, stopping))
                except UnavailableError as error:
                    _log.warning("lateness_failed", error=str(error))
                else:
                    if found is not None:
                        self._metrics.show(found, now)
                await asyncio.sleep(max(_EVERY_SECONDS, _REST * (loop.time() - began)))
        finally:
            stopping.set()
            self._left = thread.end(database.close)

    @staticmethod
    def _compute(database: Database, judge: DeadlineJudge, now: int, stopping: threading.Event) -> Lateness | None:
        with database.reading() as connection:
            return lateness(connection, judge, now, since=now - LATELY_MS, stopped=stopping.is_set)
