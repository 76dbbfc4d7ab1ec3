"""How much is measured."""

from dataclasses import dataclass

__all__ = ["FULL", "QUICK", "VALUE_BYTES", "Sizes"]

VALUE_BYTES = 1_024
"""Size of every value and of every document's file."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Counts for one round of each contestant, and bounds.

    Attributes:
        rounds: rounds that count; one warm-up of a third of the size comes before.
        relay: records through the raw relay.
        faststream: records through the FastStream relay, which is slow.
        documents: documents that travel there and back.
        tool_records: records of Kafka's ProducerPerformance.
        tool_messages: messages of Kafka's EndToEndLatency, one after the other.
        latency_seconds: how long documents are handed over on a schedule.
        audits: how often the whole ledger is verified.
        part_seconds: the longest a round of one contestant may take.
        total_seconds: the longest everything may take.
    """

    rounds: int
    relay: int
    faststream: int
    documents: int
    tool_records: int
    tool_messages: int
    latency_seconds: float
    audits: int
    part_seconds: float
    total_seconds: float

    @property
    def warm_up(self) -> "Sizes":
        """A third of everything, for the round that does not count."""
        return Sizes(
            1,
            self.relay // 3,
            self.faststream // 3,
            self.documents // 3,
            self.tool_records // 3,
            self.tool_messages // 3,
            self.latency_seconds / 3,
            1,
            self.part_seconds,
            self.total_seconds,
        )


FULL = Sizes(5, 100_000, 8_000, 40_000, 300_000, 5_000, 30.0, 3, 180.0, 1_800.0)
"""About ten minutes, and three gigabytes of disk."""

QUICK = Sizes(3, 40_000, 1_500, 8_000, 60_000, 1_000, 8.0, 3, 60.0, 300.0)
"""About two minutes."""
