"""The order of things: warm-up, interleaved rounds, then the schedule of W8 and the audit."""

from collections.abc import Callable
from statistics import median

from bench.audit import audit
from bench.faststream_relay import faststream_relay
from bench.figures import Figure, Measurements, ratios
from bench.kafka_tools import end_to_end_latency, producer_performance
from bench.latency import round_trip_latency
from bench.relay import raw_relay
from bench.rig import Rig
from bench.round_trip import round_trip
from bench.sizes import Sizes

__all__ = ["measure"]

_W8_FRACTION = 0.10


class _Rounds:
    def __init__(self, rig: Rig, say: Callable[[str], None]) -> None:
        self._rig = rig
        self._say = say

    async def one(self, measured: Measurements, sizes: Sizes, mark: str) -> None:
        """A round of every contestant."""
        rig, bound = self._rig, sizes.part_seconds
        self._say(f"{mark}: raw relay, {sizes.relay} records")
        relay = await raw_relay(rig, mark, sizes.relay, timeout_seconds=bound)
        measured.add("relay", "Raw relay", "records/s", sizes.relay / relay.reports["consumer"]["seconds"])
        measured.add_cpu("Raw relay", relay.cpu, sizes.relay)

        self._say(f"{mark}: W1, {sizes.documents} documents there and back")
        trip = await round_trip(rig, mark, sizes.documents, timeout_seconds=bound)
        measured.add("w1", "W1 full round trip", "documents/s", sizes.documents / trip.reports["sender"]["seconds"])
        measured.add_cpu("W1", trip.cpu, sizes.documents)

        self._say(f"{mark}: FastStream relay, {sizes.faststream} records")
        slow = await faststream_relay(rig, mark, sizes.faststream, timeout_seconds=bound)
        rate = sizes.faststream / slow.reports["consumer"]["seconds"]
        measured.add("faststream", "FastStream relay", "records/s", rate)
        measured.add_cpu("FastStream relay", slow.cpu, sizes.faststream)

        self._say(f"{mark}: Kafka's own tools")
        rate = await producer_performance(rig, mark, sizes.tool_records, timeout_seconds=bound)
        measured.add("performance", "Kafka ProducerPerformance", "records/s", rate)
        ends = await end_to_end_latency(rig, mark, sizes.tool_messages, timeout_seconds=bound)
        measured.add("end_average", "Kafka EndToEndLatency, average", "ms", ends.average)
        measured.add("end_p99", "Kafka EndToEndLatency, p99", "ms", ends.p99)

    async def latency(self, measured: Measurements, sizes: Sizes, rate: float, mark: str) -> None:
        """A round of W8."""
        self._say(f"{mark}: W8, {rate:.0f} documents/s for {sizes.latency_seconds:.0f} s")
        outcome = await round_trip_latency(
            self._rig, mark, rate, sizes.latency_seconds, timeout_seconds=sizes.part_seconds
        )
        sender = outcome.reports["sender"]
        measured.add("w8_p50", "W8 round trip at 10 % of W1, p50", "ms", sender["p50"])
        measured.add("w8_p99", "W8 round trip at 10 % of W1, p99", "ms", sender["p99"])
        measured.add("w8_largest", "W8 round trip at 10 % of W1, largest", "ms", sender["largest"])
        measured.add("w8_late", "W8 hand-over behind schedule, p99", "ms", sender["late"])
        measured.add("w8_samples", "W8 round trips watched", "documents", sender["samples"])
        measured.add_cpu("W8", outcome.cpu, max(1, round(rate * sizes.latency_seconds)))

    async def audit(self, measured: Measurements, sizes: Sizes, mark: str) -> None:
        """A round of W5."""
        self._say(f"{mark}: W5, the auditor verifies everything")
        outcome = await audit(self._rig, timeout_seconds=sizes.part_seconds)
        auditor = outcome.reports["auditor"]
        measured.add("w5", "W5 audit", "entries/s", auditor["verified"] / auditor["seconds"])
        measured.add("w5_core", "W5 audit, per CPU second", "entries/s", auditor["verified"] / auditor["cpu"])
        measured.add("w5_entries", "W5 entries verified", "entries", auditor["verified"])
        measured.add_cpu("W5", outcome.cpu, max(1, round(auditor["verified"])))


async def measure(rig: Rig, sizes: Sizes, say: Callable[[str], None]) -> Measurements:
    """Everything, in one go.

    Args:
        rig: the broker and the backbone.
        sizes: how much.
        say: told in a few words what is going on.

    Raises:
        UnavailableError: something failed, or took too long.
        InvariantError: the audit found damage.
    """
    rounds, measured = _Rounds(rig, say), Measurements()
    warm = Measurements()
    await rounds.one(warm, sizes.warm_up, "warm-up")
    for number in range(1, sizes.rounds + 1):
        await rounds.one(measured, sizes, f"round-{number}")
    measured.figures |= {
        "w1_by_relay": _ratio(measured, "relay", "W1 ÷ raw relay"),
        "w1_by_faststream": _ratio(measured, "faststream", "W1 ÷ FastStream relay"),
    }
    rate = _W8_FRACTION * median(measured.values("w1"))
    await rounds.latency(warm, sizes.warm_up, rate, "warm-up-w8")
    for number in range(1, sizes.rounds + 1):
        await rounds.latency(measured, sizes, rate, f"w8-{number}")
    await rounds.audit(warm, sizes, "warm-up-w5")
    for number in range(1, sizes.audits + 1):
        await rounds.audit(measured, sizes, f"w5-{number}")
    return measured


def _ratio(measured: Measurements, below: str, name: str) -> Figure:
    return Figure(name, "×", ratios(measured.values("w1"), measured.values(below)))
