"""The SQLite file of an agency: opened with its tables, and written to many rows at a time."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from lienthong.client.tables import FORMS, SCHEMA, SETTINGS
from lienthong.kernel.errors import UnavailableError

__all__ = ["Database", "StoreThread"]

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")

_ROWS_AT_ONCE = (64, 8, 1)
_BUSY_SECONDS = 30.0


class StoreThread(ThreadPoolExecutor):
    """The one thread that may touch an agency's file.

    What runs in it raises `UnavailableError` where the file cannot be read or written at the moment: the disk is full,
    or another process holds it. After `shutdown` the same is raised at once.
    """

    def __init__(self, agency: str) -> None:
        super().__init__(1, thread_name_prefix=f"store-{agency}")

    def submit(
        self, function: Callable[_Parameters, _Result], /, *args: _Parameters.args, **kwargs: _Parameters.kwargs
    ) -> Future[_Result]:
        """As every executor does."""

        def translated() -> _Result:
            try:
                return function(*args, **kwargs)
            except sqlite3.OperationalError as error:
                raise UnavailableError(f"the client's store cannot be used: {error}") from error

        try:
            return super().submit(translated)
        except RuntimeError as error:
            raise UnavailableError("the connection is closed") from error


class Database:
    """The SQLite file of one agency. Not for concurrent threads; every public method is one transaction.

    Raises:
        UnavailableError: it cannot be opened, or is of an earlier version.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._sql = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=64
            )
            for setting in SETTINGS:
                self._sql.execute(f"PRAGMA {setting}")
            self._sql.executescript(SCHEMA)
            # A table of another form is left as it is above: better refused now than in the middle of a round.
            for form in FORMS:
                self._sql.execute(form)
        except sqlite3.Error as error:
            raise UnavailableError(f"cannot open the client's store {path}: {error}") from error

    @contextmanager
    def _unsynced(self) -> Iterator[None]:
        """A transaction in here is committed without waiting for the disk; the next one outside waits for both."""
        self._sql.execute("PRAGMA synchronous = NORMAL")
        try:
            yield
        finally:
            self._sql.execute("PRAGMA synchronous = FULL")

    def close(self) -> None:
        """Close the file."""
        self._sql.close()

    def _for_rows(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Execute a statement over rows, many at a time, where it says ``VALUES *``.

        One row at a time is what `executemany` does, and costs twice: the work around each step, and
        the hand-over of the interpreter's lock to the event loop and back.
        """
        at = 0
        for size in _ROWS_AT_ONCE:
            while len(rows) - at >= size:
                marks = ", ".join([f"({', '.join('?' * len(rows[at]))})"] * size)
                values = [value for row in rows[at : at + size] for value in row]
                self._sql.execute(statement.replace("VALUES *", f"VALUES {marks}"), values)
                at += size
