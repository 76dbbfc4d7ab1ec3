"""Which database the tracker keeps, how it is reached, and how its errors are read.

A database is named by a URL: ``sqlite:////var/lib/lienthong/tracker.db`` or
``postgresql://user@host/database``. In PostgreSQL everything stands in a schema of its own.
"""

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import StaticPool

from lienthong.kernel.errors import UnavailableError
from lienthong.runtime.settings import Settings

__all__ = ["SCHEMA", "Database", "DatabaseThread"]

_Result = TypeVar("_Result")
SCHEMA = "lienthong_tracker"
"""Where the tables stand in PostgreSQL."""
_CONNECT_SECONDS = 10
_SQLITE = (
    "PRAGMA busy_timeout = 30000",
    "PRAGMA journal_mode = WAL",
    # What a loss of power takes is read from the ledger again: the position goes with it.
    "PRAGMA synchronous = NORMAL",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -65536",  # KiB
)
_POSTGRESQL = ("SET synchronous_commit = off", "SET client_min_messages = warning", "SET timezone = 'UTC'")


class Database:
    """One database, and in PostgreSQL one schema of it.

    Args:
        url: where it is.
        password: for PostgreSQL, unless the URL holds it.
        ca_file: PEM certificates that signed PostgreSQL's certificate; turns TLS on.
        schema: of PostgreSQL.

    Raises:
        ValueError: the URL names no database of these two kinds.
    """

    def __init__(
        self, url: str | URL, *, password: str | None = None, ca_file: Path | None = None, schema: str = SCHEMA
    ) -> None:
        self.schema = schema
        self._password = password
        self._ca_file = ca_file
        self.url = _read(url)
        if password is not None and self.is_postgresql:
            self.url = self.url.set(password=password)
        self._engine: Engine | None = None

    @classmethod
    def of(cls, settings: Settings, url: str | None = None) -> "Database":
        """The one that is given, or set; by default SQLite in the home folder."""
        file = settings.tracker_password_file
        return cls(
            url or settings.tracker_database or f"sqlite:///{settings.home / 'tracker.db'}",
            password=file.read_text("utf-8").strip() if file is not None else None,
            ca_file=settings.tracker_ca_file,
        )

    def beside(self, suffix: str) -> "Database":
        """Another one in the same place: another file, or another schema."""
        if self.is_postgresql:
            return Database(self.url, ca_file=self._ca_file, schema=f"{self.schema}_{suffix}")
        if self.path is None:
            return Database("sqlite://")
        return Database(self.url.set(database=f"{self.path}.{suffix}"))

    @property
    def is_postgresql(self) -> bool:
        """Otherwise it is SQLite."""
        return self.url.get_backend_name() == "postgresql"

    @property
    def path(self) -> Path | None:
        """The file of SQLite, if it is in one."""
        return Path(self.url.database) if not self.is_postgresql and self.url.database else None

    def __str__(self) -> str:
        url = self.url.set(drivername=self.url.get_backend_name())
        return url.render_as_string(hide_password=True) + (f" ({self.schema})" if self.is_postgresql else "")

    @property
    def engine(self) -> Engine:
        """Connections to it; made when first asked for."""
        if self._engine is None:
            self._engine = self._open_postgresql() if self.is_postgresql else self._open_sqlite()
        return self._engine

    def _open_sqlite(self) -> Engine:
        if self.path is None:
            engine = create_engine(self.url, connect_args={"check_same_thread": False}, poolclass=StaticPool)
        else:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            engine = create_engine(self.url, connect_args={"check_same_thread": False})

        @event.listens_for(engine, "connect")
        def set_up(connection: Any, _: Any) -> None:
            connection.isolation_level = None  # transactions are begun below, and by nobody else
            for line in _SQLITE:
                connection.execute(line)

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            reads = connection.get_execution_options().get("reads", False)
            connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

        return engine

    def _open_postgresql(self) -> Engine:
        arguments: dict[str, Any] = {"timeout": _CONNECT_SECONDS, "application_name": "lienthong tracker"}
        if self._ca_file is not None:
            arguments["ssl_context"] = ssl.create_default_context(cafile=str(self._ca_file))
        engine = create_engine(self.url, connect_args=arguments, pool_pre_ping=True)

        @event.listens_for(engine, "connect")
        def set_up(connection: Any, _: Any) -> None:
            # The time-out was for connecting: a statement may take as long as it takes.
            connection._usock.settimeout(None)  # noqa: SLF001 - the driver has no public way
            cursor = connection.cursor()
            for line in (*_POSTGRESQL, f"SET search_path = {self.schema}"):
                cursor.execute(line)
            connection.commit()

        return engine

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes; rolled back on an error.

        Raises:
            UnavailableError: the database does not answer, or does not take it.
        """
        with self.translated(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one moment and changes nothing.

        Raises:
            UnavailableError: the database does not answer, or does not take it.
        """
        with self.translated(), self.engine.connect() as connection:
            if self.is_postgresql:
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.execution_options(reads=True).begin():
                yield connection

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Foreign errors become ours.

        Also those that will not pass by themselves: services that run in the same process must not end with the
        tracker, which stores nothing meanwhile, is not ready, and says why.
        """
        try:
            yield
        except (DBAPIError, OSError) as error:  # the driver lets errors of its socket out as they are
            raise UnavailableError(f"the tracker's database {self}: {_sentence(error)}") from error

    def close(self) -> None:
        """Close all connections."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None


class DatabaseThread:
    """A thread in which databases are asked, one thing after the other: the event loop never waits for them.

    Nothing else does either. Whoever is cancelled goes on at once, and what was begun ends on its own; a process ends
    without this thread, which is to a database what kill -9 is: a transaction that is open then never was.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._actions = SimpleQueue[Callable[[], None] | None]()
        # At its end Python waits for every thread that is no daemon, those of executors too.
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def ask(self, action: Callable[[], _Result]) -> "asyncio.Future[_Result]":
        """Do something after all that was asked for before.

        Returns:
            What it returns or raises; who cancels it before its turn has it left out.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_Result] = loop.create_future()

        def act() -> None:
            if answer.cancelled():
                return
            result, error = None, None
            try:
                result = action()
            except BaseException as raised:  # noqa: BLE001 - it is the asker's
                error = raised
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_answer, answer, result, error)

        self._actions.put(act)
        return answer

    def end(self, action: Callable[[], _Result]) -> "asyncio.Future[_Result]":
        """Do this last, as by `ask`, and end."""
        answer = self.ask(action)
        self._actions.put(None)
        return answer

    def _run(self) -> None:
        while (act := self._actions.get()) is not None:
            act()
            del act  # with all it holds, for as long as nothing comes


def _answer(answer: "asyncio.Future[Any]", result: object, error: BaseException | None) -> None:
    if answer.done():
        return
    if error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(result)


def _read(text: str | URL) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # It may hold a password, and so may the error's own words.
        raise ValueError(
            "what LIENTHONG_TRACKER_DATABASE or --database says is no URL of a database, as in sqlite:///tracker.db"
        ) from None
    if url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+pg8000")
    if url.get_backend_name() != "sqlite":
        raise ValueError(f"{url.get_backend_name()!r} is not sqlite or postgresql")
    return url.set(drivername="sqlite+pysqlite")


def _sentence(error: DBAPIError | OSError) -> str:
    """What the database says, without the statement and its values: contents of documents go nowhere."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    told = error.orig.args[0] if error.orig is not None and error.orig.args else error.orig
    return str(told.get("M", "")) if isinstance(told, dict) else str(told)
