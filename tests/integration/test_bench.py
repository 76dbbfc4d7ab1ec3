"""The benchmark's machinery at a tiny size. What it measures here means nothing, and nothing is judged."""

from dataclasses import replace
from functools import partial

import pytest

from bench.bare import bare_round_trip
from bench.express import express
from bench.figures import Measurements
from bench.fleet import fleet
from bench.idle import idle
from bench.large import large
from bench.national_play import national
from bench.programme import Workload, perform
from bench.restart import restart
from bench.rig import Stage
from bench.rounds import audits
from bench.sizes import QUICK
from bench.sizing import costs_of
from bench.spread import LANES, spread
from bench.workload import Bench

TINY = replace(
    QUICK,
    large_documents=20,
    express_queued=5_000,
    express_seconds=0.5,
    restart_entries=15_000,
    fleets=(3, 5),
    fleet_documents=300,
    national_documents=30,
    national_rounds=2,
    idle_seconds=0.5,
    spread_documents=500,
    spread_rounds=1,
    part_seconds=20.0,
)


async def measured(stage: Stage, *workloads: Workload) -> Measurements:
    """What these workloads measure at the tiny size; one that fails fails the test."""
    found = Measurements()
    await perform([(stage, workloads)], TINY, [], found, lambda _: None)
    found.drop_empty()
    assert {} == found.failures
    return found


async def bare(bench: Bench) -> None:
    """Some documents between programs without a store."""
    outcome = await bare_round_trip(bench.rig, "bare", 700, timeout_seconds=TINY.part_seconds)
    bench.measured.add("bare", "W1 without stores", "s", outcome.reports["sender"]["seconds"])


@pytest.mark.slow
async def test_the_workloads_measure_what_the_report_tells() -> None:
    """On one small backbone each of them leaves its figures."""
    found = await measured(
        Stage("tiny", 5, heap_mib=512),
        Workload("large", large),
        Workload("w5", audits),
        Workload("w4", express),
        Workload("w2", partial(national, agencies=5)),
        Workload("idle", partial(idle, agencies=5)),
        Workload("w6", restart),
        # These leave documents in the inboxes that nobody acknowledges, so they come last.
        Workload("bare", bare),
        Workload("w3", partial(fleet, agencies=3)),
        Workload("w3", partial(fleet, agencies=5)),
    )
    assert {
        "bare", "large", "w5_core", "w4_busy", "w4_quiet", "w2", "w3_3", "w3_5_by_3", "idle", "w6_dispatch",
    } <= found.figures.keys()  # fmt: skip
    assert [0.0] == found.values("w2_lost")
    assert [0.0] == found.values("w2_unfinished")
    both = zip(found.values("w2_tracked"), found.values("w2"), strict=True)
    assert [one / other for one, other in both] == found.values("w2_tracker_cold")
    assert TINY.national_rounds == len(found.values("w2_tracker_cold"))
    assert "w2_tracker" not in found.figures, "a cold broker says nothing about the target"
    assert "tracker" in found.cpu["W2 on a cold broker, with the tracker"]
    assert "tracker" not in found.cpu["W2 on a cold broker"]
    assert [TINY.restart_entries] == found.values("w6_entries")
    assert "w6" not in found.figures, "a small ledger says nothing about the target"
    assert costs_of(found) is None, "nothing is sized without W1"


@pytest.mark.slow
async def test_lanes_are_spread_over_processes() -> None:
    """Two processes of intake and of dispatch take a queue together, as one does."""
    found = await measured(Stage("lanes", 2, lanes=LANES, heap_mib=512, services=()), Workload("lanes", spread))
    assert {"spread_intake_rate", "spread_dispatch_work", "spread_dispatch_2_kafka"} <= found.figures.keys()
