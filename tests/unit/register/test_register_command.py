"""`lienthong register`, on a tracker's database in a file."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Table, create_engine, insert, inspect
from typer.testing import CliRunner, Result

from lienthong.cli.app import app
from lienthong.cli.output import Exit
from lienthong.tracker.database import Database
from lienthong.tracker.migration import migrate
from lienthong.tracker.tables import deliveries, document_number, documents
from unit.register.register_world import at

_EMPTY: dict[type, Any] = {int: 0, str: "", bytes: b"", bool: False}


def _put(connection: Connection, table: Table, **values: Any) -> None:
    empty = {column.name: _EMPTY[column.type.python_type] for column in table.columns}
    connection.execute(insert(table).values(**{**empty, **values}))


@pytest.fixture
def database(tmp_path: Path) -> str:
    """A database with one document, from G10 to G22.NN."""
    address = f"sqlite:///{tmp_path / 'tracker.sqlite'}"
    opened = Database(address)
    migrate(opened)
    number = document_number(1, 5)
    rows: list[tuple[Table, dict[str, Any]]] = [
        (documents, {
            "number": number, "id": b"\xab" * 32, "lane": 1, "position": 5, "sender": "G10", "accepted_at": at(9),
            "year": 2023, "promulgation_date": "2023-03-06", "subject": "=1+1 lúa gạo",
        }),
        (deliveries, {
            "document": number, "route": "G22.NN", "recipient": "G22.NN", "sent_at": at(9), "stage": "done",
            "request": "none", "arrived_at": at(9), "done_at": at(10),
        }),
    ]  # fmt: skip
    with opened.writing() as connection:
        for table, values in rows:
            _put(connection, table, **values)
    opened.close()
    return address


def register(database: str, *words: str) -> Result:
    """What the command says about the department in 2023."""
    given = ["register", "--agency", "G22.NN", "--year", "2023", "--database", database, *words]
    return CliRunner().invoke(app, given)


def test_on_the_screen(database: str) -> None:
    """Both registers, and the totals at the end."""
    said = register(database)
    assert (Exit.OK, 1) == (said.exit_code, said.stdout.count("Incoming, G22.NN, 2023"))
    assert said.stdout.index("Incoming") < said.stdout.index("Outgoing") < said.stdout.index("Totals")
    assert "Handled, %" in said.stdout
    assert "Outgoing" not in register(database, "--incoming").stdout


def test_the_screen_shows_the_last_lines(database: str) -> None:
    """As many as asked for, and says how many there are."""
    opened = Database(database)
    with opened.writing() as connection:
        for position in range(6, 56):
            _put(connection, documents, number=document_number(1, position), id=bytes([position]) * 32, lane=1,
                 position=position, sender="G10", accepted_at=at(10), subject=f"§{position}")  # fmt: skip
            _put(connection, deliveries, document=document_number(1, position), route="G22.NN", recipient="G22.NN",
                 sent_at=at(10), stage="sent", request="none")  # fmt: skip
    opened.close()
    said = register(database)
    assert "the last 40 of 51" in said.stdout
    assert ("§55" in said.stdout, "§10" in said.stdout) == (True, False)
    assert "§6" in register(database, "--last", "0").stdout


def test_in_files(database: str, tmp_path: Path) -> None:
    """CSV and JSON also on standard output, a workbook as a file."""
    rows = list(csv.reader(io.StringIO(register(database, "--incoming", "--format", "csv").stdout)))
    assert ("'=1+1 lúa gạo", "done") == (rows[1][6], rows[1][10])
    values = json.loads(register(database, "--format", "json").stdout)
    assert ((1, 1, 1, 0), "=1+1 lúa gạo") == (
        tuple(values["totals"][key] for key in ("received", "needing_handling", "handled", "issued")),
        values["incoming"][0]["subject"],
    )
    path = tmp_path / "2023.xlsx"
    assert Exit.OK == register(database, "--format", "xlsx", "--output", str(path)).exit_code
    assert path.read_bytes().startswith(b"PK")
    marked = tmp_path / "in.csv"
    register(database, "--incoming", "--format", "csv", "--bom", "--output", str(marked))
    assert marked.read_bytes().startswith(b"\xef\xbb\xbfNo.")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--format", "csv"], "add --incoming or --outgoing"),
        (["--output", "x"], "--output goes with"),
        (["--agency", "nobody"], "agency code 'nobody'"),
        (["--database", "sqlite:////nowhere/at/all.sqlite"], "there is no database /nowhere/at/all.sqlite"),
        (["--database", "no address"], "--database says is no URL of a database"),
        (["--database", "mysql://localhost/x"], "is not sqlite or postgresql"),
        (["--deadlines", "/nowhere/deadlines.toml"], "No such file"),
    ],
)
def test_what_is_wrong_is_one_sentence(database: str, words: list[str], said: str) -> None:
    """No traceback, exit code 1."""
    found = register(database, *words)
    assert (Exit.FAILED, True) == (found.exit_code, said in found.stderr.replace("\n", " "))


def test_a_database_of_something_else(tmp_path: Path) -> None:
    """One is told, and it gets no tables."""
    path = tmp_path / "other.sqlite"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE other (id INTEGER)")
    found = register(f"sqlite:///{path}")
    assert (Exit.UNAVAILABLE, True) == (found.exit_code, "has no tables yet" in found.stderr.replace("\n", " "))
    assert ["other"] == inspect(engine).get_table_names()
    engine.dispose()
