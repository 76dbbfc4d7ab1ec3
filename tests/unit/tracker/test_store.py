"""Positions and rows move together, however many write; and tables are those of the migrations."""

import re
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from lienthong.kernel.errors import UnavailableError
from lienthong.tracker.database import Database
from lienthong.tracker.digest import digest
from lienthong.tracker.lease import Lease
from lienthong.tracker.migration import check, migrate
from lienthong.tracker.rebuild import _remove, _swap
from lienthong.tracker.store import Step, Store, _known
from lienthong.tracker.tables import metadata
from unit.tracker.ledger_script import Script, store_all


def test_a_round_that_was_stored_is_not_stored_again(database: Database) -> None:
    """Of two trackers that read the same, one stores it; the other is told to begin again, and nothing doubles."""
    script = Script()
    script.says("H26", "G22", "03", script.document("G22", "H26"))
    store_all(database, script)
    before = digest(database)
    with pytest.raises(UnavailableError, match="lane 1 does not stand at 1"):
        Store(database).apply({1: Step(1, 3)}, script.items)
    Store(database).begin({1: 0})
    assert before == digest(database)
    assert {1: 3} == Store(database).positions()


def test_a_round_is_stored_whole_or_not_at_all(database: Database) -> None:
    """When one lane's position is elsewhere, the others' rows are not kept either."""
    one, other = Script(1), Script(2)
    one.document("G22", "H26")
    other.document("G22", "H26")
    store_all(database, other)
    Store(database).begin({1: 1})
    before = digest(database)
    with pytest.raises(UnavailableError):
        Store(database).apply({1: Step(1, 2), 2: Step(1, 2)}, [*one.items, *other.items])
    assert before == digest(database)


def test_tables_are_those_of_the_migrations(database: Database) -> None:
    """What the code expects and what the steps make is the same; taking the steps again changes nothing."""
    migrate(database)
    check(database)
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert [] == [one for one in compare_metadata(context, metadata) if one[0] != "remove_table"]


def test_a_database_without_tables_says_what_to_do(bare_database: Database) -> None:
    """Also one of a version that is not known."""
    with pytest.raises(UnavailableError, match=r"has no tables yet.*lienthong tracker migrate"):
        check(bare_database)
    migrate(bare_database)
    with bare_database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for action in (check, migrate):
        with pytest.raises(UnavailableError, match="9999 of the tables, which this program does not know"):
            action(bare_database)


def test_what_the_database_does_not_take_ends_nothing_and_tells_no_contents(database: Database) -> None:
    """The tracker waits with the reason; no value of the statement is in it."""
    with pytest.raises(UnavailableError) as caught, database.writing() as connection:
        connection.execute(text("INSERT INTO positions (lane) VALUES (:lane)"), {"lane": 77_123})
    assert not re.search(r"77123|INSERT", str(caught.value))


def test_a_database_that_is_not_there_may_come_back() -> None:
    """The tracker waits for it."""
    nowhere = Database("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(UnavailableError):
        check(nowhere)


def test_a_connection_that_dies_is_replaced(postgresql_url: str) -> None:
    """The round in which it dies is not stored; the next one is."""
    database = Database(postgresql_url)
    with pytest.raises(UnavailableError), database.writing() as connection:
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    with database.writing() as connection:
        assert 1 == connection.scalar(text("SELECT 1"))
    database.close()


@pytest.mark.parametrize("url", ["mysql://host/name", "no url"])
def test_other_databases_are_refused(url: str) -> None:
    """By a sentence."""
    with pytest.raises(ValueError, match=r"is not sqlite or postgresql|is no URL"):
        Database(url)


def test_one_tracker_has_a_lane(tmp_path: Path, postgresql_url: str) -> None:
    """The next one has it when the first gives it back; other lanes are free all the time."""
    for url in (f"sqlite:///{tmp_path / 'folder' / 'tracker.db'}", postgresql_url):
        one, other, elsewhere = (Lease(Database(url), lanes) for lanes in ([0, 1], [1, 2], [2]))
        one.take()
        with pytest.raises(UnavailableError, match="another tracker writes lane 1"):
            other.take()
        elsewhere.take()
        elsewhere.give_back()
        one.give_back()
        other.take()
        other.give_back()


def test_a_database_takes_the_place_of_another(tmp_path: Path, postgresql_url: str) -> None:
    """At once, under the feet of whoever has the old one open: the next round of theirs begins again."""
    script, empty = Script(), Script()
    script.says("H26", "G22", "03", script.document("G22", "H26"))
    for url in (f"sqlite:///{tmp_path / 'tracker.db'}", postgresql_url):
        live = Database(url)
        _remove(live)
        migrate(live)
        store_all(live, empty)
        beside = live.beside("new")
        migrate(beside)
        store_all(beside, script)
        wanted = digest(beside)
        beside.close()
        reader = Database(url)
        assert wanted != digest(reader)
        _swap(beside, live)
        _remove(beside)
        assert wanted == digest(live) == digest(reader)
        with pytest.raises(UnavailableError):
            Store(live).apply({1: Step(1, 2)}, [])
        check(live)
        live.close()
        reader.close()


def test_however_often_a_document_was_recalled_an_answer_looks_at_what_is_unread_alone(database: Database) -> None:
    """Two agencies could say ten thousand recalls of one document and as many answers: each must cost the same."""
    script = Script()
    about = script.document("G22", "H26")
    recalls = [script.document("G22", "H26", business_type=1, refers_to=[about], reason=f"{one}") for one in range(20)]
    script.says("H26", "G22", "15", about)
    recalls.append(script.document("G22", "H26", business_type=1, refers_to=[about], reason="một lần nữa"))
    store_all(database, script)
    script.says("H26", "G22", "15", about)
    with database.reading() as connection:
        known = _known(connection, script.items[-1:])
    assert {about, recalls[-1]} == {identity for _, identity in known}
