"""What an installation needs, from costs."""

from dataclasses import replace

import pytest

from bench.figures import Figure, Measurements
from bench.sizing import DEMANDS, Costs, Demand, costs_of, install

COSTS = Costs(
    cpu={"kafka": 1_000.0, "intake": 400.0, "dispatch": 300.0, "notary": 100.0},
    cpu_a_byte={"kafka": 0.001, "intake": 0.002, "dispatch": 0.001},
    size=20_000,
    fan_out=3.0,
    disk=140_000,
)
DEMAND = Demand("some", peak=100.0, year=1e9, size=20_000, assumed="")


def test_cores_are_the_rate_times_the_cost() -> None:
    """100 documents a second of 400 µs are 0.04 cores; three copies are three times the broker's work."""
    need = install(DEMAND, COSTS)
    assert pytest.approx({"kafka": 0.3, "intake": 0.04, "dispatch": 0.03, "notary": 0.01}) == need.cores
    assert {"intake": 1, "dispatch": 1, "notary": 1} == need.processes
    assert (2, 3) == (need.lanes, need.brokers)


def test_more_than_half_a_core_needs_another_process_and_another_lane() -> None:
    """A process has one core, of which half is used at the peak."""
    need = install(replace(DEMAND, peak=3_000.0), replace(COSTS, disk=1_000))
    assert {"intake": 3, "dispatch": 2, "notary": 1} == need.processes
    assert need.lanes == 4
    assert need.brokers == 5  # 9 cores, half of each used, four a broker


def test_what_a_broker_can_write_bounds_it() -> None:
    """420 MB/s a copy are 1,260 MB/s of three: seven brokers of 180 MB/s each."""
    need = install(replace(DEMAND, peak=3_000.0), COSTS)
    assert need.brokers == 7
    assert pytest.approx(180.0) == need.written_mb


def test_larger_documents_cost_more_where_their_bytes_go() -> None:
    """Intake handles a byte once, dispatch twice with three recipients, Kafka 11 times where W1 does 7."""
    more = 20_000 + 1_000
    assert pytest.approx(402.0) == COSTS.cpu_at("intake", more)
    assert pytest.approx(302.0) == COSTS.cpu_at("dispatch", more)
    assert pytest.approx(1_000 + 11 / 7) == COSTS.cpu_at("kafka", more)
    assert COSTS.cpu_at("notary", more) == 100.0


def test_disk_holds_every_copy_for_ever_or_the_ledger_alone() -> None:
    """A document lies in out topic, ledger and each inbox; three copies of it on the brokers."""
    need = install(DEMAND, COSTS)
    assert pytest.approx(140_000 * 3 * 1e9 / 1e12) == need.disk_tb
    ledger = 140_000 / 5
    assert pytest.approx((ledger + 4 * ledger * 30 / 365) * 3 * 1e9 / 1e12) == need.ledger_disk_tb
    assert pytest.approx(140_000 + 5 * 80_000) == COSTS.disk_at(100_000)


def test_costs_come_from_what_was_measured() -> None:
    """W2's costs of a document, and of a byte the difference between 1 and 100 KiB."""
    measured = Measurements(
        {key: Figure(key, "", [value]) for key, value in (("w2_size", 20_000), ("w2_fan_out", 3), ("w2_disk", 140_000))}
    )
    for name, microseconds in (("W1", 50), ("W1 with 100 KiB", 50 + 101_376), ("W2", 400)):
        measured.add_cpu(name, dict.fromkeys(("kafka", "intake", "dispatch", "notary"), microseconds / 1e6), 1)
    costs = costs_of(measured)
    assert costs is not None
    assert pytest.approx(400) == costs.cpu["intake"]
    assert pytest.approx(1.0) == costs.cpu_a_byte["intake"]
    assert (20_000, 3, 140_000) == (costs.size, costs.fan_out, costs.disk)


def test_without_a_part_of_them_there_are_no_costs() -> None:
    """Nothing is guessed."""
    assert costs_of(Measurements()) is None


def test_the_demands_say_what_they_assume() -> None:
    """A million an hour and a hundred times the national volume."""
    assert [one.peak for one in DEMANDS] == [pytest.approx(555.6, abs=0.1), pytest.approx(266.7, abs=0.1)]
    assert all(one.assumed for one in DEMANDS)
