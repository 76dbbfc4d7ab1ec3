"""Lateness of a department's year, out of the database: the same as without one."""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date, time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from department_tracked import fill
from department_year import AGENCY, year_of_the_department
from lienthong.kernel.deadlines import Due, Rule
from lienthong.kernel.trust import Trust
from lienthong.kernel.vietnam_time import DAY_MS, moment
from lienthong.ops.agency import sent_by
from lienthong.ops.heartbeat import not_reading
from lienthong.register.facts import Delivered
from lienthong.runtime.context import Context
from lienthong.runtime.deadline_file import read_deadlines
from lienthong.runtime.settings import Settings
from lienthong.tracker import queries
from lienthong.tracker.database import Database
from lienthong.tracker.lateness import Lateness, judged, lateness
from lienthong.tracker.lateness_watch import LatenessMetrics, LatenessWatch
from lienthong.tracker.measures import waiting
from unit.register.plain import plain_facts
from unit.tracker.ledger_script import NOW, Script, store_all

JUDGE = read_deadlines()
AS_OF = moment(date(2023, 12, 29), time(15))
SINCE = moment(date(2023, 11, 29), time(15))


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """The department's year in a file."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('year') / 'tracker.db'}")
    fill(database, year_of_the_department())
    yield database
    database.close()


@pytest.fixture(scope="module")
def facts() -> list[Delivered]:
    """The year without a database."""
    return plain_facts(year_of_the_department())


def counted(facts: list[Delivered], since: int) -> Lateness:
    """The same figures from plain facts."""
    wanted: dict[str, Counter[Rule]] = {name: Counter() for name in Lateness._fields}
    for one in facts:
        for verdict in JUDGE.delivery(one.facts(), AS_OF):
            wanted["overdue"][verdict.rule] += verdict.state is Due.OVERDUE
            wanted["near"][verdict.rule] += verdict.state is Due.WARNING
            if one.paper.accepted_at >= since:
                wanted["in_time"][verdict.rule] += verdict.state is Due.MET
                wanted["due"][verdict.rule] += verdict.state in {Due.MET, Due.LATE, Due.OVERDUE}
    return Lateness(**{name: +counts for name, counts in wanted.items()})


def cleaned(found: Lateness | None) -> Lateness:
    """Without counts of 0."""
    assert found is not None
    return Lateness(*(+Counter(counts) for counts in found))


def test_the_whole_year_is_judged_as_without_a_database(year: Database, facts: list[Delivered]) -> None:
    """Every duty of every delivery, taken back and replaced ones too."""
    with year.reading() as connection:
        found = cleaned(lateness(connection, JUDGE, AS_OF, since=0))
    assert counted(facts, 0) == found
    assert all(found.overdue[rule] for rule in (Rule.RECEIPT, Rule.SUBMISSION, Rule.DUE_DATE, Rule.EXPIRY))
    assert sum(found.near.values())


def test_the_share_is_of_what_came_lately(year: Database, facts: list[Delivered]) -> None:
    """Of the last month; overdue is whatever is open, however old."""
    after = moment(date(2024, 2, 1), time(9))
    with year.reading() as connection:
        found = cleaned(lateness(connection, JUDGE, AS_OF, since=SINCE))
        later = lateness(connection, JUDGE, after, since=after)
    assert found.due == counted(facts, SINCE).due
    assert found.in_time == counted(facts, SINCE).in_time
    share = found.on_time_share(Rule.SUBMISSION)
    assert share is not None
    assert 0.3 < share < 0.5
    assert found.on_time_share(Rule.EXPIRY) is None
    assert later is not None
    assert later.overdue[Rule.SUBMISSION] > 0
    assert later.on_time_share(Rule.SUBMISSION) is None


def test_one_agency_alone(year: Database) -> None:
    """What was sent to others is left out, and what is finished."""
    with year.reading() as connection:
        mine = list(judged(connection, JUDGE, AS_OF, agency=AGENCY))
        everything = list(judged(connection, JUDGE, AS_OF))
    assert {AGENCY} == {one.route for one in mine}
    assert len(mine) < len(everything)
    assert {"sent", "arrived", "accepted", "assigned", "processing"} >= {one.stage for one in everything}


def test_it_stops_when_it_is_told_to(year: Database) -> None:
    """A large database does not hold up the end of the process."""
    with year.reading() as connection:
        assert lateness(connection, JUDGE, AS_OF, since=0, stopped=lambda: True) is None


def value(registry: CollectorRegistry, name: str, rule: Rule) -> float | None:
    """Of a gauge; None: not shown."""
    return registry.get_sample_value(name, {"rule": rule.value})


def test_what_has_no_share_shows_none() -> None:
    """Neither 0 nor 1 would be true; and counts of rules that bring nothing are 0."""
    registry = CollectorRegistry()
    metrics = LatenessMetrics(registry)
    metrics.show(Lateness({Rule.URGENT: 3}, {}, {Rule.URGENT: 1}, {Rule.URGENT: 4}), 5_000)
    assert (3, 0) == tuple(value(registry, "lienthong_tracker_late", one) for one in (Rule.URGENT, Rule.RECEIPT))
    assert 0.25 == value(registry, "lienthong_tracker_on_time_ratio", Rule.URGENT)
    assert 5 == registry.get_sample_value("lienthong_tracker_lateness_timestamp_seconds")
    metrics.show(Lateness({}, {Rule.URGENT: 2}, {}, {}), 6_000)
    assert value(registry, "lienthong_tracker_on_time_ratio", Rule.URGENT) is None
    assert (0, 2) == tuple(
        value(registry, f"lienthong_tracker_{one}", Rule.URGENT) for one in ("late", "near_due")
    )  # fmt: skip


def context(**settings: object) -> Context:
    """Of a process with these settings."""
    return Context(Settings(**settings), Trust(operator_key="00" * 32, origin="test"), clock=lambda: AS_OF)  # type: ignore[arg-type]


async def test_the_watch_computes_beside_the_loop(year: Database) -> None:
    """It shows what the database holds as soon as it runs, and ends when it is cancelled."""
    given = context(tracker_database=str(year.url))
    task = asyncio.create_task(LatenessWatch(given).run())
    async with asyncio.timeout(30):
        while not value(given.registry, "lienthong_tracker_late", Rule.SUBMISSION):
            await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_a_wrong_file_of_deadlines_stops_nothing(tmp_path: Path) -> None:
    """The log says so once, and there are no such metrics."""
    file = tmp_path / "deadlines.toml"
    file.write_text("[receipt]\nworking_days = -1\n", "utf-8")
    with capture_logs() as logs:
        given = context(deadlines_file=file)
        watch = LatenessWatch(given)
        await watch.run()
        await watch.run()
    assert ["no_lateness"] == [line["event"] for line in logs]
    assert "receipt.working_days" in logs[0]["error"]
    assert not list(given.registry.collect())


async def test_without_the_calendar_there_are_no_such_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    """The log names the extra."""
    monkeypatch.setitem(sys.modules, "holidays", None)
    with capture_logs() as logs:
        given = context()
        await LatenessWatch(given).run()
    assert ["no_lateness"] == [line["event"] for line in logs]
    assert "lienthong[deadlines]" in logs[0]["error"]
    assert not list(given.registry.collect())


def test_both_databases_are_asked_alike(database: Database) -> None:
    """What waits, who does not read, what is late and what was rejected, on SQLite and on PostgreSQL."""
    ordinary, express = Script(lane=1), Script(lane=0)
    read = ordinary.document("G22", "H26")
    ordinary.document("G22", "H26", "H29")
    ordinary.says("H26", "G22", "01", read)
    ordinary.reject()
    express.document("G22", "H29")
    store_all(database, ordinary, express)
    later = NOW + 8 * DAY_MS
    with database.reading() as connection:
        waits = waiting(connection)
        assert {"H26": 1, "H29": 2} == {agency: count for agency, (_, count) in waits.oldest.items()}
        assert {"H29"} == set(waits.express)
        assert {} == waiting(connection, NOW - 1).oldest
        assert {"H29": 2} == {one.code: one.waiting for one in not_reading(connection, later, 15)}
        assert {"sent": 3, "arrived": 1} == sent_by(connection, "G22").stages
        found = lateness(connection, JUDGE, later, since=0)
        assert found is not None
        assert 3 == found.overdue[Rule.RECEIPT]
        assert (1, 4) == (found.in_time[Rule.RECEIPT], found.due[Rule.RECEIPT])
        assert {"H29"} == {one.route for one in judged(connection, JUDGE, later, agency="H29")}
        (rejection,) = queries.rejections(connection)
        assert {rejection.reason: 1} == queries.rejection_counts(connection, rejection.agency)
        assert queries.rejection_counts(connection) == queries.rejection_counts(connection, rejection.agency)
