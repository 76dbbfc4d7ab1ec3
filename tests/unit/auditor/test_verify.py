"""An audit of a clean history verifies it; of a damaged one it names what was done, where, and nothing else."""

import random

import pytest

from lienthong.auditor.options import Options
from lienthong.auditor.verify import verify
from lienthong.kernel.topics import DIRECTORY, LEDGER, Partition, inbox, outbox
from unit.auditor.audit_world import AGENCIES, World, history
from unit.auditor.damage import IN, LANE, LATER_MS, OUT, named, position_of, total
from unit.kernel.world import TRUST

# -- clean histories


@pytest.mark.parametrize("crashes", [False, True])
async def test_a_clean_history_verifies(crashes: bool) -> None:
    """Every entry, delivery and receipt, in both lanes, also when intake judged records twice."""
    report = await history(crashes=crashes).audit(later_ms=LATER_MS)

    assert named(report) == []
    assert report.clean
    assert report.entries == report.verified > 100
    assert total(report, "deliveries") == total(report, "deliveries_verified") > 50
    assert total(report, "receipt_lines") == 73
    assert total(report, "acknowledged") == 40
    assert (total(report, "repeats") > 0) is crashes
    assert total(report, "duplicates") == 1
    assert {name: total(report, name) for name in ("not_checked", "consequences", "reconsidered")} == {
        "not_checked": 0,
        "consequences": 0,
        "reconsidered": 0,
    }


async def test_what_is_on_its_way_is_counted_and_missed_only_later() -> None:
    """Records not judged, entries not delivered, receipts not said: pending at first, damage when they are late."""
    world = history()
    world.send("H01", "H02")
    world.intake()
    world.send("H01", "H02", count=2)

    early = await world.audit()
    late = await world.audit(later_ms=LATER_MS)

    position = len(world.topics[LANE]) - 1
    assert early.clean
    pending = ("not_judged_yet", "not_delivered_yet", "receipts_not_said_yet")
    assert [total(early, name) for name in pending] == [2, 1, 1]
    assert named(late) == [
        (inbox("H02"), 1, len(world.topics[Partition(inbox("H02"), 1)])),
        (LEDGER, 1, position),
        (outbox("H01"), 1, len(world.topics[OUT]) - 2),
    ]


async def test_two_dispatchers_that_write_the_same_numbers_are_no_damage() -> None:
    """Repeats are equal to what stood there before, so every reader drops them."""
    world = history()
    log = world.topics[IN]
    log.extend([one._replace(offset=len(log) + at) for at, one in enumerate(log[-3:])])

    report = await world.audit(later_ms=LATER_MS)

    assert report.clean
    assert total(report, "deliveries_repeated") == 3


async def test_an_offset_without_a_record_is_what_the_ledger_says() -> None:
    """A transaction marker of a foreign client takes an offset; the entry for it verifies."""
    world = World()
    world.send("H01", "H02", count=2)
    log = world.topics[OUT]
    log[2] = log[2]._replace(offset=3)
    world.intake()
    world.settle()

    report = await world.audit(later_ms=LATER_MS)

    assert named(report) == []
    assert total(report, "rejected") == 1


# -- spans of time


async def test_a_span_of_time_judges_only_its_entries() -> None:
    """What lies before serves as memory only, what lies behind tells of receipts only."""
    world = history(crashes=True)
    times = [one.timestamp for one in world.topics[LANE]]
    for since, until in ((times[40], None), (None, times[60]), (times[30], times[70])):
        report = await verify(
            world.source(), TRUST, Options(since=since, until=until), clock=lambda: world.now + LATER_MS
        )

        expected = [one for one in times[1:] if one >= (since or 0) and (until is None or one < until)]
        assert named(report) == []
        assert report.lanes[1].entries == report.lanes[1].verified == len(expected)
        assert report.lanes[1].deliveries == report.lanes[1].deliveries_verified > 5


async def test_damage_within_a_span_is_named() -> None:
    """Bounds take nothing away from the checks between them."""
    since = history().topics[LANE][15].timestamp
    for partition, offset in ((OUT, 5), (LANE, position_of(history(), "H01", 5)), (IN, 8)):
        for damage in (World.change, World.remove, World.swap):
            world = history()
            damage(world, partition, offset)

            report = await world.audit(since=since)

            assert named(report) == [(partition.topic, 1, offset)]


async def test_topics_that_begin_later_are_verified_from_where_they_begin() -> None:
    """Retention is no damage; it is told."""
    world = history()
    for partition in (OUT, LANE, IN):
        world.topics[partition] = world.topics[partition][5:]

    report = await world.audit(later_ms=LATER_MS)

    assert named(report) == []
    assert {(one.topic, one.lane, one.offset) for one in report.notes()} == {
        (partition.topic, 1, 5) for partition in (OUT, LANE)
    }


async def test_the_report_lists_a_hundred_and_counts_all() -> None:
    """Nobody reads more."""
    world = World()
    world.send("H01", "H02", count=150)
    world.settle()
    for offset in range(1, 151):
        world.change(OUT, offset)

    report = await world.audit()

    shown = report.as_json()
    assert (len(shown["findings"]), shown["findings_count"], shown["clean"]) == (100, 150, False)
    assert shown["findings"][0]["offset"] == 1
    assert report.agencies == len(AGENCIES) + 1


async def test_whatever_headers_say_the_audit_ends() -> None:
    """Headers of any bytes on any record: damage at worst, never an error."""
    plan = random.Random(1)
    for _ in range(60):
        world = history()
        partition = plan.choice([OUT, LANE, IN, Partition(DIRECTORY, 0)])
        offset = plan.randrange(1, len(world.topics[partition]))
        strange = [b"", b"-1", b"0", b"9" * 30, b"\xff\xfe", b"1/2/3", b"H01/-1/x", b"-5/-5", bytes(32)]
        headers = tuple((name, plan.choice(strange)) for name, _ in world.topics[partition][offset].headers)
        world.topics[partition][offset] = world.topics[partition][offset]._replace(headers=headers)

        report = await world.audit(later_ms=LATER_MS)

        assert report.clean is (partition in {OUT, Partition(DIRECTORY, 0)})
        assert report.verified <= report.entries
