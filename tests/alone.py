"""Tests that measure how soon something happens run alone, though files are tested two at a time."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["place"]


@contextmanager
def place(*, alone: bool) -> Iterator[None]:
    """Wait until a test may run, beside others or alone, among all processes of this run of tests.

    Whoever wants to be alone keeps the gate while he waits, so that the others do not go in before him for ever.
    """
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if run is None:
        yield
        return
    folder = Path(tempfile.gettempdir())
    with (folder / f"lienthong-{run}.gate").open("w") as gate, (folder / f"lienthong-{run}.room").open("w") as room:
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(gate, fcntl.LOCK_UN)
        yield
