"""`lienthong ops` on a small backbone whose history is known, and on a department's year."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from department_tracked import fill
from department_year import AGENCY, year_of_the_department
from lienthong.cli.app import app
from lienthong.cli.output import Exit
from lienthong.kernel.deadlines import Due, Rule, Verdict
from lienthong.kernel.vietnam_time import MINUTE_MS, local, moment
from lienthong.ops.heartbeat import Silent, not_reading
from lienthong.ops.late import pressing
from lienthong.ops.words import iso, span
from lienthong.runtime.deadline_file import read_deadlines
from lienthong.tracker.database import Database
from lienthong.tracker.lateness import Judged, judged
from lienthong.tracker.migration import migrate
from unit.tracker.ledger_script import NOW, SECOND, Script, store_all


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """The department's year in a file."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('year') / 'tracker.db'}")
    fill(database, year_of_the_department())
    yield database
    database.close()


@dataclass
class Small:
    """A backbone with a few documents."""

    url: str
    waits: bytes
    """What H26 has not acknowledged."""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Small:
    """G22 sent three documents, of which H26 read one and H29 none; one of its records was rejected."""
    monkeypatch.setenv("LIENTHONG_HOME", str(tmp_path))
    monkeypatch.delenv("LIENTHONG_BOOTSTRAP", raising=False)
    monkeypatch.setattr("lienthong.cli.ops.now_ms", lambda: NOW + 3 * 3_600 * SECOND)
    monkeypatch.setenv("COLUMNS", "160")
    script = Script()
    script.document("G22", "H29")
    read = script.document("G22", "H26")
    waits = script.document("G22", "H26")
    script.says("H26", "G22", "01", read)
    script.reject()
    database = Database(f"sqlite:///{tmp_path / 'tracker.db'}")
    migrate(database)
    store_all(database, script)
    database.close()
    return Small(f"sqlite:///{tmp_path / 'tracker.db'}", waits)


def ops(*words: str) -> Result:
    """What a command says."""
    return CliRunner().invoke(app, ["ops", *words])


def told(*words: str) -> Any:
    """What it says to programs."""
    done = ops(*words, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_overview(small: Small) -> None:
    """Numbers, who does not read and why, and how far the tracker is, without Kafka."""
    found = told("overview")
    assert 3 == found["documents"]
    assert {"sent": 2, "arrived": 1} == {stage: count for stage, count in found["deliveries"].items() if count}
    assert 1 == sum(found["rejected"].values())
    # H26 has acknowledged something since its document was sent; H29 never anything.
    assert [("H29", 1, None)] == [(one["agency"], one["waiting"], one["last_heard_at"]) for one in found["not_reading"]]
    assert "H29" == found["oldest_unacknowledged"]["agency"]
    assert [None] == [lane["lag"] for lane in found["tracker"]["lanes"].values()]
    assert {"receipt", "submission", "expiry"} == set(found["deadlines"])
    said = ops("overview").stdout
    assert "H29" in said
    assert "never" in said


def test_an_agency(small: Small) -> None:
    """Its own numbers; one that nobody knows is a mistake."""
    found = told("agency", "H26")
    assert {"sent": 1, "arrived": 1} == found["received"]
    assert found["not_reading"] is None
    assert "H29" == told("agency", "H29")["not_reading"]["agency"]
    assert 3 == told("agency", "G22")["documents_sent"]
    assert Exit.OK == ops("agency", "G22").exit_code
    unknown = ops("agency", "H99")
    assert Exit.FAILED == unknown.exit_code
    assert "nothing was sent to H99 or by it" in unknown.stderr


def test_undelivered(small: Small) -> None:
    """What waits, the oldest first, and of one agency."""
    found = told("undelivered")
    assert ({"H26": 1, "H29": 1}, ["H29", "H26"]) == (found["by_agency"], [one["agency"] for one in found["rows"]])
    (mine,) = told("undelivered", "--agency", "H26")["rows"]
    assert small.waits.hex() == mine["document"]
    assert 3 * 3_600 - 60 < mine["seconds"] < 3 * 3_600
    assert 0 == told("undelivered", "--minutes", "500")["count"]
    assert small.waits.hex()[:8] in ops("undelivered").stdout
    assert "1 of 2 are shown" in ops("undelivered", "--limit", "1").stdout


def test_rejected(small: Small) -> None:
    """What and why."""
    found = told("rejected")
    assert 1 == found["count"] == len(found["rows"])
    assert found["rows"][0]["reason"] in ops("rejected").stdout
    assert 0 == told("rejected", "--agency", "H99")["count"]


def test_what_presses_is_told_worst_first(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    """Early nothing is late; a week later everything is, and somebody is to be told."""
    monkeypatch.setattr("lienthong.cli.ops.now_ms", lambda: NOW + 60 * SECOND)
    assert 0 == told("late")["overdue"]
    monkeypatch.setattr("lienthong.cli.ops.now_ms", lambda: NOW + 8 * 86_400 * SECOND)
    found = told("late")
    assert 3 == found["overdue"] == len(found["rows"])
    assert all(one["level"] == 4 and one["tell"] == "agency above it" for one in found["rows"])
    assert "Tell, by level: 4 agency above it" in ops("late").stdout
    assert ["H29"] == [one["agency"] for one in told("late", "--agency", "H29")["rows"]]


def test_without_kafka_there_is_no_quarantine_to_look_at(small: Small) -> None:
    """Exit code 3 and a sentence."""
    done = ops("quarantine")
    assert Exit.UNAVAILABLE == done.exit_code
    assert "lienthong kafka up" in done.stderr


def test_without_a_database_there_is_one_sentence(tmp_path: Path) -> None:
    """It names what makes one."""
    for words in (["overview"], ["late"], ["undelivered"], ["rejected"], ["agency", "G22"]):
        done = ops(*words, "--database", f"sqlite:///{tmp_path / 'none.db'}")
        assert Exit.FAILED == done.exit_code
        assert "lienthong run tracker" in done.stderr


def test_watching_looks_again_until_interrupted(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of JSON each time; then the exit code of an interruption."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("lienthong.cli.ops.time.sleep", sleep)
    done = ops("undelivered", "--watch", "7", "--json")
    assert (130, [7, 7, 7], 3) == (done.exit_code, slept, len(done.stdout.splitlines()))


def test_who_does_not_read() -> None:
    """Waiting for long is not enough: something must wait that is newer than the last acknowledgement."""
    script = Script()
    left = script.document("G22", "H26")
    read = script.document("G22", "H26")
    script.says("H26", "G22", "01", read)
    database = Database("sqlite://")
    migrate(database)
    store_all(database, script)
    later = NOW + 3_600 * SECOND
    with database.reading() as connection:
        assert [] == not_reading(connection, later, 15)
    database.close()
    script.document("G22", "H26")
    script.document("G22", "H26")
    database = Database("sqlite://")
    migrate(database)
    store_all(database, script)
    assert left != read
    with database.reading() as connection:
        (silent,) = not_reading(connection, later, 15)
        assert ("H26", 2) == (silent.code, silent.waiting)
        assert 0 < silent.last_heard_at < silent.since
        assert [] == not_reading(connection, silent.since + 15 * MINUTE_MS, 15)
        assert [silent] == not_reading(connection, silent.since + 15 * MINUTE_MS + 1, 15, "H26")
        assert [] == not_reading(connection, later, 15, "H29")
    assert isinstance(silent, Silent)
    database.close()


def one_judged(number: int, *verdicts: Verdict) -> Judged:
    """A document with these verdicts."""
    return Judged(bytes([number]) * 32, "G22", "H26", "H26", "", "", 0, "sent", 0, verdicts)


_VERDICTS = st.builds(
    Verdict, st.sampled_from(Rule), st.integers(0, 9), st.sampled_from(Due), st.integers(-9, 9), st.integers(0, 4)
)


@given(st.lists(st.lists(_VERDICTS, max_size=4), max_size=12), st.integers(1, 12), st.booleans())
def test_the_worst_come_first_and_all_are_counted(drawn: Sequence[Sequence[Verdict]], limit: int, near: bool) -> None:
    """Overdue before near, high levels before low ones, old before new; a limit hides but does not count less."""
    everything = [one_judged(number, *verdicts) for number, verdicts in enumerate(drawn)]
    found = pressing(everything, limit, near=near)
    flat = [verdict for verdicts in drawn for verdict in verdicts]
    overdue = sum(any(one.state is Due.OVERDUE for one in verdicts) for verdicts in drawn)
    warned = sum(any(one.state is Due.WARNING for one in verdicts) for verdicts in drawn)
    assert overdue == found.overdue
    assert found.near <= warned
    assert min(limit, overdue + (found.near if near else 0)) == len(found.worst)
    keys = [(late.verdict.state is not Due.OVERDUE, -late.verdict.level, late.verdict.due_at) for late in found.worst]
    assert sorted(keys) == keys
    assert sum(one.state is Due.OVERDUE for one in flat) == sum(over for over, _ in found.by_rule.values())
    assert sum(one.state is Due.WARNING for one in flat) == sum(soon for _, soon in found.by_rule.values())


def test_the_department_at_the_end_of_its_year(year: Database) -> None:
    """With a small limit the same ones come first as with none."""
    now = moment(date(2023, 12, 29), time(15))
    judge = read_deadlines()
    with year.reading() as connection:
        some = pressing(judged(connection, judge, now, agency=AGENCY), 10)
        whole = pressing(judged(connection, judge, now, agency=AGENCY), 100_000)
    assert whole.worst[:10] == some.worst
    assert whole.overdue + whole.near == len(whole.worst)
    assert whole._replace(worst=[]) == some._replace(worst=[])


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0 s"), (59_999, "59 s"), (60_000, "1 min"), (-5 * 3_600_000, "5 h 0 min"), (90_000_000, "1 d 1 h"),
        (864_000_000, "10 d"),
    ],
)  # fmt: skip
def test_spans(milliseconds: int, text: str) -> None:
    """As people say them."""
    assert text == span(milliseconds)


def test_moments_are_of_vietnam() -> None:
    """In ISO 8601 with the zone; never is nothing."""
    assert iso(0) is None
    assert local(NOW).isoformat(timespec="milliseconds") == iso(NOW)
    assert str(iso(NOW)).endswith("+07:00")


def test_whose_senders_were_told_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside what is late, and as numbers of the recipient and of the sender."""
    monkeypatch.setenv("LIENTHONG_HOME", str(tmp_path))
    script = Script()
    left, read = script.document("G22", "H26"), script.document("G22", "H26")
    script.notices("G22", (left, 1, "H26"), (read, 2, "H26"))
    script.says("H26", "G22", "01", read)
    database = Database(f"sqlite:///{tmp_path / 'tracker.db'}")
    migrate(database)
    store_all(database, script)
    database.close()
    monkeypatch.setattr("lienthong.cli.ops.now_ms", lambda: NOW + 40 * 86_400 * SECOND)
    assert {left.hex(): True, read.hex(): True} == {
        one["document"]: one["told_at"] is not None and one["expired_at"] < one["told_at"]
        for one in told("late")["rows"]
    }
    assert {"received": 1, "sent": 0} == told("agency", "H26")["expired"]
    assert {"received": 0, "sent": 1} == told("agency", "G22")["expired"]
    assert "1 that it received" in ops("agency", "H26").stdout
    assert "told" in ops("late").stdout
