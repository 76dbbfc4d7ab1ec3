"""The published figures of a department's year."""

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, time

import pytest
from typer.testing import CliRunner

from department_tracked import fill
from department_year import AGENCY, HANDLED, ISSUED, NEEDING, RECEIVED, YEAR, Said, year_of_the_department
from lienthong.cli.app import app
from lienthong.cli.output import Exit
from lienthong.kernel.deadlines import Due
from lienthong.kernel.lifecycle import Stage
from lienthong.kernel.vietnam_time import day_of, moment
from lienthong.register.book import Book, keep
from lienthong.register.columns import total_lines
from lienthong.register.facts import Delivered, Issued, Paper
from lienthong.register.reading import delivered_to, issued_by
from lienthong.register.sheets import as_json
from lienthong.tracker.database import Database
from unit.register.plain import plain_facts
from unit.register.register_world import JUDGE

AS_OF = moment(date(2024, 1, 12), time(12))
"""The day on which the figures were published."""


@pytest.fixture(scope="module")
def said() -> list[Said]:
    """All statements of the year."""
    return year_of_the_department()


@pytest.fixture(scope="module")
def facts(said: list[Said]) -> list[Delivered]:
    """What became of every document."""
    return plain_facts(said)


@pytest.fixture(scope="module")
def kept(facts: list[Delivered]) -> Book:
    """The registers, without a database."""
    incoming = [one for one in facts if one.recipient == AGENCY and day_of(one.paper.accepted_at).year == YEAR]
    sent: dict[Paper, list[Delivered]] = defaultdict(list)
    for one in facts:
        if one.paper.sender == AGENCY and one.paper.promulgated.startswith(str(YEAR)):
            sent[one.paper].append(one)
    issued = [Issued(paper, tuple(deliveries)) for paper, deliveries in sent.items()]
    return keep(AGENCY, YEAR, incoming, issued, JUDGE, AS_OF)


def test_the_published_figures(kept: Book) -> None:
    """5,600 received; 1,616 handled, 92.3 % of the 1,751 that needed it; 1,211 issued."""
    totals = {key: value for key, _, value in total_lines(kept.totals)}
    assert (5_600, 1_751, 1_616, 92.3, 1_211) == tuple(
        totals[key] for key in ("received", "needing_handling", "handled", "handled_percent", "issued")
    )
    assert (5_600, 1_751, 1_616, 1_211) == (RECEIVED, NEEDING, HANDLED, ISSUED)


def test_the_year_has_all_there_is(kept: Book, facts: list[Delivered]) -> None:
    """Documents in every stage, in time and late, replaced ones; nothing in it is impossible."""
    assert set(Stage) == {entry.delivered.stage for entry in kept.incoming}
    assert {Due.MET, Due.LATE, Due.OVERDUE} <= {verdict.state for entry in kept.incoming for verdict in entry.verdicts}
    assert 5 == sum(entry.delivered.replaced_at is not None for entry in kept.incoming)
    assert 40 == kept.totals.sent_late
    assert 0 == sum(one.flags for one in facts)


def test_another_seed_has_the_same_figures() -> None:
    """They do not hang on chance."""
    facts = plain_facts(year_of_the_department(seed=1))
    incoming = [one for one in facts if one.recipient == AGENCY and day_of(one.paper.accepted_at).year == YEAR]
    totals = keep(AGENCY, YEAR, incoming, [], JUDGE, AS_OF).totals
    assert (RECEIVED, NEEDING, HANDLED) == (totals.received, totals.needing, totals.handled)


def test_the_same_seed_says_the_same(said: list[Said]) -> None:
    """To the byte."""
    assert [one.id for one in said] == [one.id for one in year_of_the_department()]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(
    request: pytest.FixtureRequest, said: list[Said], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """The year in a tracker's database of each kind."""
    if request.param == "sqlite":
        opened = Database(f"sqlite:///{tmp_path_factory.mktemp('tracker') / 'tracker.db'}")
    else:
        # The server serves other tests too.
        opened = Database(request.getfixturevalue("postgresql_url"))
        with opened.writing() as connection:
            connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {opened.schema} CASCADE")
    fill(opened, said)
    yield opened
    opened.close()


def test_the_tracker_tells_the_same(database: Database, kept: Book) -> None:
    """Line by line: what is read from its tables is what follows from the statements alone."""
    with database.reading() as connection:
        tracked = keep(
            AGENCY, YEAR, delivered_to(connection, AGENCY, YEAR), issued_by(connection, AGENCY, YEAR), JUDGE, AS_OF
        )
    assert tracked.totals == kept.totals
    assert as_json(kept) == as_json(tracked)
    facts = [_placed(entry.delivered) for entry in kept.incoming]
    assert facts == [_placed(entry.delivered) for entry in tracked.incoming]


def test_the_command_shows_the_published_figures(database: Database) -> None:
    """The numbers at its end."""
    words = [
        "register",
        "--agency",
        AGENCY,
        "--year",
        str(YEAR),
        "--database",
        database.url.render_as_string(),
        "--last",
        "1",
    ]
    said = CliRunner().invoke(app, words)
    assert Exit.OK == said.exit_code
    shown = dict(re.findall(r"│ ([A-Z][^│]*?) +│ ([0-9.,]+) +│", said.stdout.partition("Totals")[2]))
    assert ("5,600", "1,751", "1,616", "92.3", "1,211") == tuple(
        shown[name] for name in ("Received", "Of these, needing handling", "Of these, handled", "Handled, %", "Issued")
    )


def _placed(one: Delivered) -> Delivered:
    """Without the place in the ledger, which the plain facts do not have."""
    return one._replace(paper=one.paper._replace(lane=0, position=0))
