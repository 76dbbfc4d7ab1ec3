"""Brings a database to the tables of this version, and says when it is not there."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from lienthong.kernel.errors import UnavailableError
from lienthong.tracker.database import Database

__all__ = ["check", "migrate"]

_SCRIPTS = Path(__file__).parent / "migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return config


def migrate(database: Database) -> str:
    """Bring a database, an empty one too, to this version; one that is there already is left alone.

    Returns:
        The version it has now.

    Raises:
        UnavailableError: it was made by a newer version of this program, or does not answer.
    """
    config = _config()
    with database.writing() as connection:
        _refuse_newer(database, connection)
        if database.is_postgresql:
            connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {database.schema}")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return _head()


def check(database: Database) -> None:
    """See that a database has the tables of this version.

    Raises:
        UnavailableError: it has not; the text says what to do.
    """
    with database.reading() as connection:
        found = _revision(connection)
        if found == _head():
            return
        _refuse_newer(database, connection)
    state = f"has version {found} of the tables" if found else "has no tables yet"
    raise UnavailableError(f"{database} {state}, and this program needs {_head()}: run `lienthong tracker migrate`")


def _head() -> str:
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _refuse_newer(database: Database, connection: Connection) -> None:
    found = _revision(connection)
    if found and found not in {one.revision for one in ScriptDirectory.from_config(_config()).walk_revisions()}:
        raise UnavailableError(
            f"{database} has version {found} of the tables, which this program does not know: update it"
        )
