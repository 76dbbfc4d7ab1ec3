"""The interleaved rounds: W1 beside its contestants, then W8 on schedules of W1's rate, and W5."""

import time
from collections.abc import Callable, Iterator

from bench.audit import audit
from bench.bare import bare_round_trip
from bench.faststream_relay import faststream_relay
from bench.figures import Figure, ratios
from bench.kafka_tools import end_to_end_latency, producer_performance
from bench.latency import FRACTIONS, Course, round_trip_latency
from bench.relay import raw_relay
from bench.round_trip import round_trip
from bench.sizes import Sizes
from bench.workload import Bench

__all__ = ["SHARES", "audits", "contest", "latencies", "within"]

SHARES = (0.10, 0.50, 0.80)
"""Of W1's rate, at which W8's documents are due."""


def within(rounds: int, seconds: float, now: Callable[[], float] = time.monotonic) -> Iterator[int]:
    """Numbers of rounds from 1 on, as long as one as long as the longest so far still ends in time; one at least.

    Args:
        rounds: the most.
        seconds: how long all of them may take together.
        now: a clock, in seconds.
    """
    end, longest = now() + seconds, 0.0
    for number in range(1, rounds + 1):
        began = now()
        if number > 1 and began + longest > end:
            return
        yield number
        longest = max(longest, now() - began)


async def _round(bench: Bench, sizes: Sizes, mark: str, *, tools: bool) -> None:
    """A round of every contestant."""
    rig, bound, measured = bench.rig, sizes.part_seconds, bench.measured
    bench.say(f"{mark}: raw relay, {sizes.relay} records")
    relay = await raw_relay(rig, mark, sizes.relay, timeout_seconds=bound)
    measured.add("relay", "Raw relay", "records/s", sizes.relay / relay.reports["consumer"]["seconds"])
    measured.add_cpu("Raw relay", relay.cpu, sizes.relay)

    bench.say(f"{mark}: W1, {sizes.documents} documents there and back")
    trip = await round_trip(rig, mark, sizes.documents, timeout_seconds=bound)
    measured.add("w1", "W1 full round trip", "documents/s", sizes.documents / trip.reports["sender"]["seconds"])
    measured.add_cpu("W1", trip.cpu, sizes.documents)

    bench.say(f"{mark}: the same between programs without a store")
    bare = await bare_round_trip(rig, mark, sizes.documents, timeout_seconds=bound)
    measured.add("bare", "W1 without stores", "documents/s", sizes.documents / bare.reports["sender"]["seconds"])
    measured.add_cpu("W1 without stores", bare.cpu, sizes.documents)

    bench.say(f"{mark}: FastStream relay, {sizes.faststream} records")
    slow = await faststream_relay(rig, mark, sizes.faststream, timeout_seconds=bound)
    rate = sizes.faststream / slow.reports["consumer"]["seconds"]
    measured.add("faststream", "FastStream relay", "records/s", rate)
    measured.add_cpu("FastStream relay", slow.cpu, sizes.faststream)

    if not tools:
        return
    bench.say(f"{mark}: Kafka's own tools")
    rate = await producer_performance(rig, mark, sizes.tool_records, timeout_seconds=bound)
    measured.add("performance", "Kafka ProducerPerformance", "records/s", rate)
    ends = await end_to_end_latency(rig, mark, sizes.tool_messages, timeout_seconds=bound)
    measured.add("end_average", "Kafka EndToEndLatency, average", "ms", ends.average)
    measured.add("end_p99", "Kafka EndToEndLatency, p99", "ms", ends.p99)


async def contest(bench: Bench) -> None:
    """All rounds, and what W1 is of the others, round by round."""
    sizes, measured = bench.sizes, bench.measured
    began = time.monotonic()
    await _round(bench.uncounted(), sizes.warm_up, "warm-up", tools=False)
    left = sizes.workload_seconds - (time.monotonic() - began)
    done = 0
    try:
        for number in within(sizes.rounds, left):
            await _round(bench, sizes, f"round-{number}", tools=number <= sizes.tool_rounds)
            done = number
    finally:
        for key, name in (
            ("relay", "W1 ÷ raw relay"),
            ("faststream", "W1 ÷ FastStream relay"),
            ("bare", "W1 ÷ W1 without stores"),
        ):
            quotients = ratios(measured.values("w1"), measured.values(key))
            measured.figures[f"w1_by_{key}"] = Figure(name, "×", quotients)
        if done < sizes.rounds:
            measured.notes["W1"] = f"{done} of {sizes.rounds} rounds: there was no time for more on this machine."


async def _latency(bench: Bench, share: float, mark: str) -> None:
    """A round of W8 at one share of the rate."""
    sizes, measured = bench.sizes, bench.measured
    course = Course(share * bench.capacity, sizes.latency_warm_up_seconds, sizes.latency_seconds)
    bench.say(
        f"{mark}: {course.rate:.0f} documents/s for {course.warm_up_seconds:.0f} s that do not count and"
        f" {course.seconds:.0f} s that do"
    )
    outcome = await round_trip_latency(bench.rig, mark, course, timeout_seconds=sizes.part_seconds)
    sender = outcome.reports["sender"]
    key, name = f"w8_{share * 100:.0f}", f"W8 at {share:.0%} of W1"
    for fraction in FRACTIONS:
        measured.add(f"{key}_{fraction}", f"{name}, {fraction}", "ms", sender[fraction])
    measured.add(f"{key}_late", f"{name}, hand-over behind schedule, p99", "ms", sender["late"])
    measured.add(f"{key}_samples", f"{name}, round trips watched", "documents", sender["samples"])
    measured.add_cpu(name, outcome.cpu, course.documents)


async def latencies(bench: Bench) -> None:
    """Rounds of W8 at every share, in turn; each warms up by itself."""
    for number in range(1, bench.sizes.latency_rounds + 1):
        for share in SHARES:
            await _latency(bench, share, f"w8-{share * 100:.0f}-{number}")


async def _audit(bench: Bench, mark: str) -> None:
    """A round of W5."""
    bench.say(f"{mark}: the auditor verifies everything")
    outcome, measured = await audit(bench.rig, timeout_seconds=bench.sizes.part_seconds), bench.measured
    auditor = outcome.reports["auditor"]
    measured.add("w5", "W5 audit", "entries/s", auditor["verified"] / auditor["seconds"])
    measured.add("w5_core", "W5 audit, per CPU second", "entries/s", auditor["verified"] / auditor["cpu"])
    measured.add("w5_entries", "W5 entries verified", "entries", auditor["verified"])
    measured.add_cpu("W5", outcome.cpu, max(1, round(auditor["verified"])))


async def audits(bench: Bench) -> None:
    """Rounds of W5; the first of several is a warm-up."""
    sizes = bench.sizes
    if sizes.audits > 1:
        await _audit(bench.uncounted(), "w5-warm-up")
    for number in range(1, sizes.audits + 1):
        await _audit(bench, f"w5-{number}")
