"""Databases of tests: the same suite runs on SQLite and on PostgreSQL."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from lienthong.tracker.database import Database
from lienthong.tracker.migration import migrate


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """An empty database with all tables."""
    made = fresh(request)
    try:
        migrate(made)
        yield made
    finally:
        made.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database without tables."""
    made = fresh(request)
    try:
        yield made
    finally:
        made.close()


def fresh(request: pytest.FixtureRequest) -> Database:
    """A database of the kind that a test asks for, without tables."""
    if request.param == "sqlite":
        return Database("sqlite://")
    made = Database(request.getfixturevalue("postgresql_url"))
    with made.writing() as connection:
        connection.execute(text(f"DROP SCHEMA IF EXISTS {made.schema} CASCADE"))
    return made
