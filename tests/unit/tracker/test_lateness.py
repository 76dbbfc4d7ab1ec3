"""Lateness of a department's year, out of the database: the same as without one."""

import asyncio
import sys
import threading
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
    """The year without a database, recalls and updates too."""
    return plain_facts(year_of_the_department(), range(4))


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


class Slow:
    """Stands for a computation that its database keeps waiting."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun: list[Database] = []
        self.most = 0
        """Most of them at one time."""
        self.ended = threading.Event()
        self._now = 0
        monkeypatch.setattr(LatenessWatch, "_compute", self.compute)

    def compute(self, database: Database, *_: object) -> Lateness | None:
        """Wait, and then ask the database after all."""
        self._now += 1
        self.most = max(self.most, self._now)
        self.begun.append(database)
        self.ended.wait(30)
        with database.reading():
            self._now -= 1
        return None

    async def times(self, count: int) -> None:
        """Until so many were begun."""
        async with asyncio.timeout(20):
            while len(self.begun) < count:
                await asyncio.sleep(0.01)


async def test_a_computation_that_is_slow_holds_nobody_up(year: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who cancels the watch goes on at once, as everything else does; what was begun ends on its own."""
    slow = Slow(monkeypatch)
    release = threading.Timer(3, slow.ended.set)  # or the defect would be a test that never ends
    release.start()
    task = asyncio.create_task(LatenessWatch(context(tracker_database=str(year.url))).run())
    await slow.times(1)
    task.cancel()
    for _ in range(10):
        await asyncio.sleep(0.01)
    assert task.cancelled()
    assert not slow.ended.is_set()
    release.cancel()
    slow.ended.set()
    async with asyncio.timeout(20):
        while slow.begun[0]._engine is not None:
            await asyncio.sleep(0.01)


async def test_however_often_sessions_begin_one_computation_runs(
    year: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next session's waits for the one that the session before has left."""
    slow = Slow(monkeypatch)
    watch = LatenessWatch(context(tracker_database=str(year.url)))
    for _ in range(3):
        task = asyncio.create_task(watch.run())
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait([task])
    assert 1 == len(slow.begun)
    task = asyncio.create_task(watch.run())
    await asyncio.sleep(0.05)
    slow.ended.set()
    await slow.times(2)
    task.cancel()
    await asyncio.wait([task])
    assert 1 == slow.most


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


def owed(database: Database, identity: bytes, rule: Rule, now: int = NOW + 40 * DAY_MS) -> dict[str, Due | None]:
    """How things stand with a rule at each inbox that has a document; None: nothing is owed there."""
    with database.reading() as connection:
        found = [one for one in judged(connection, JUDGE, now, since=0) if one.id == identity]
    return {one.route: next((had.state for had in one.verdicts if had.rule is rule), None) for one in found}


@pytest.mark.parametrize("how", ["taken back", "replaced"])
def test_what_ends_at_one_part_of_a_divided_agency_goes_on_at_the_other(database: Database, how: str) -> None:
    """H29 was divided into H26 and H27: both have the document under its code, each owes for itself."""
    script = Script()
    sent = script.document("G22", "H29", routes=("H26", "H27"))
    script.says("H27", "G22", "03", sent)
    if how == "taken back":
        script.document("G22", "H26", business_type=1, refers_to=[sent])
    else:
        script.document("G22", "H26", business_type=3, replaces=[{"document": sent, "agencies": ["H26"]}])
    store_all(database, script)
    assert {"H26": None, "H27": Due.OVERDUE} == owed(database, sent, Rule.SUBMISSION)
    assert {"H26": None, "H27": Due.MET} == owed(database, sent, Rule.RECEIPT)


@pytest.mark.parametrize("kind", [1, 2])
def test_recalls_and_updates_that_nobody_reads_are_late(database: Database, kind: int) -> None:
    """Their receipt is due and they expire; no work is owed of them."""
    script = Script()
    sent = script.document("G22", "H26")
    script.says("H26", "G22", "06", sent)
    asking = script.document("G22", "H26", business_type=kind, refers_to=[sent], due_date="2026-10-01")
    store_all(database, script)
    with database.reading() as connection:
        found = list(judged(connection, JUDGE, NOW + 31 * DAY_MS + DAY_MS))
    assert [(asking, {Rule.RECEIPT: Due.OVERDUE, Rule.EXPIRY: Due.OVERDUE})] == [
        (one.id, {verdict.rule: verdict.state for verdict in one.verdicts}) for one in found
    ]


@pytest.mark.parametrize("names", ["request", "document"])
@pytest.mark.parametrize(("kind", "status"), [(1, "15"), (1, "16"), (2, "15"), (2, "16"), (1, "01"), (2, "03")])
def test_who_answers_a_recall_or_an_update_has_received_it(
    database: Database, kind: int, status: str, names: str
) -> None:
    """By 15 or 16 that names it or the document, also without a 01; at the one who answers."""
    script = Script()
    sent = script.document("G22", "H26", "H29")
    script.says("H26", "G22", "03", sent)
    script.says("H29", "G22", "03", sent)
    asking = script.document("G22", "H26", "H29", business_type=kind, refers_to=[sent])
    named = sent if names == "document" and status in {"15", "16"} else asking
    script.says("H26", "G22", status, named)
    # To somebody else, so that its sender does not hear of it.
    script.says("H29", "G09", status, named)
    store_all(database, script)
    for rule in (Rule.RECEIPT, Rule.EXPIRY):
        assert {"H26": Due.MET, "H29": Due.OVERDUE} == owed(database, asking, rule)


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
