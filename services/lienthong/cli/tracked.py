"""How commands read the tracker's database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lienthong.cli.extras import extra
from lienthong.runtime.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["tracked"]


@contextmanager
def tracked(settings: Settings, url: str | None, *, needs: str = "tracker") -> Iterator["Connection"]:
    """A transaction that sees one moment of it.

    Args:
        settings: which one, unless `url` says so.
        url: as in `tracker_database`.
        needs: extra that brings the packages.

    Raises:
        ValueError: there is none, or packages are missing.
        UnavailableError: it does not answer, or its tables are of another version.
    """
    with extra(needs):
        from lienthong.tracker.database import Database
        from lienthong.tracker.migration import check
    database = Database.of(settings, url)
    if database.path is not None and not database.path.is_file():
        raise ValueError(f"there is no database {database.path}: `lienthong run tracker` makes one")
    try:
        check(database)
        with database.reading() as connection:
            yield connection
    finally:
        database.close()
