"""One tracker at a time writes to a database; others wait, and the next one goes on when it ends, however it ends.

This saves double work. What keeps the content right is the comparison of positions in `store`.
"""

import fcntl
from typing import BinaryIO

from sqlalchemy import Connection, text

from lienthong.kernel.errors import UnavailableError
from lienthong.tracker.database import Database

__all__ = ["Lease"]

_KEY = 7_812_310_546
"""Of PostgreSQL's advisory lock; any number that nobody else of the database uses."""


class Lease:
    """A lock on a file beside SQLite's, or an advisory lock of PostgreSQL; both end with the process that has them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._file: BinaryIO | None = None
        self._connection: Connection | None = None

    def take(self) -> None:
        """Take it.

        Raises:
            UnavailableError: another process has it.
        """
        if not (self._take_postgresql() if self._database.is_postgresql else self._take_sqlite()):
            self.give_back()
            raise UnavailableError(f"another tracker writes to {self._database}; this one takes over when it ends")

    def _take_sqlite(self) -> bool:
        if self._database.path is None:
            return True
        self._database.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._database.path.with_name(self._database.path.name + ".lock").open("ab")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _take_postgresql(self) -> bool:
        with self._database.translated():
            connection = self._database.engine.connect()
            self._connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            return bool(connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _KEY}))

    def give_back(self) -> None:
        """Let another process have it."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._connection is not None:
            self._connection.invalidate()  # its session must end, or the lock would stay in the pool
            self._connection.close()
            self._connection = None
