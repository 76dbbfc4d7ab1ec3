"""One tracker at a time writes a lane to a database; others wait, and the next goes on when it ends, however it ends.

This saves double work. What keeps the content right is the comparison of positions in `store`.
"""

import fcntl
from collections.abc import Sequence
from typing import BinaryIO

from sqlalchemy import Connection, text

from lienthong.kernel.errors import UnavailableError
from lienthong.tracker.database import Database

__all__ = ["Lease"]

_KEY = 781_231_054
"""Of PostgreSQL's advisory locks, beside the lane; any number that nobody else of the database uses."""


class Lease:
    """Locks on files beside SQLite's, or advisory locks of PostgreSQL; both end with the process that has them.

    Args:
        database: that is written to.
        lanes: of the ledger.
    """

    def __init__(self, database: Database, lanes: Sequence[int]) -> None:
        self._database = database
        self._lanes = sorted(lanes)
        self._files: list[BinaryIO] = []
        self._connection: Connection | None = None

    def take(self) -> None:
        """Take it, for all the lanes.

        Raises:
            UnavailableError: another process has one of them.
        """
        take = self._take_postgresql if self._database.is_postgresql else self._take_sqlite
        for lane in self._lanes:
            if not take(lane):
                self.give_back()
                raise UnavailableError(
                    f"another tracker writes lane {lane} to {self._database}; this one takes over when it ends"
                )

    def _take_sqlite(self, lane: int) -> bool:
        path = self._database.path
        if path is None:
            return True
        path.parent.mkdir(parents=True, exist_ok=True)
        self._files.append(path.with_name(f"{path.name}.lane{lane}").open("ab"))
        try:
            fcntl.flock(self._files[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _take_postgresql(self, lane: int) -> bool:
        with self._database.translated():
            if self._connection is None:
                self._connection = self._database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            return bool(
                self._connection.scalar(
                    text("SELECT pg_try_advisory_lock(CAST(:key AS integer), CAST(:lane AS integer))"),
                    {"key": _KEY, "lane": lane},
                )
            )

    def give_back(self) -> None:
        """Let another process have it."""
        while self._files:
            self._files.pop().close()
        if self._connection is not None:
            self._connection.invalidate()  # its session must end, or the locks would stay in the pool
            self._connection.close()
            self._connection = None
