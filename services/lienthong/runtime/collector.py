"""Garbage collection of a process that handles thousands of short-lived values a second."""

import gc

__all__ = ["calm_collector"]


def calm_collector() -> None:
    """Let the cyclic collector run seldom, and never over what was loaded at start.

    Rounds hold thousands of tuples for some milliseconds; with Python's defaults the collector walks
    them again and again, which was measured to cost a third of the time of a service. None of them
    is part of a cycle, so reference counting frees them all the same.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
