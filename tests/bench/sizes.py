"""How much is measured."""

from dataclasses import dataclass, replace

__all__ = ["FULL", "QUICK", "VALUE_BYTES", "Sizes"]

VALUE_BYTES = 1_024
"""Size of every value and of every document's file, where nothing else is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Counts for one round of each contestant and workload, and bounds.

    Attributes:
        rounds: rounds that count, fewer where their time does not suffice; one warm-up of a third of the size comes
            before.
        relay: records through the raw relay.
        faststream: records through the FastStream relay, which is slow.
        documents: documents that travel there and back (W1).
        tool_rounds: in how many of the rounds Kafka's own tools take part.
        tool_records: records of Kafka's ProducerPerformance.
        tool_messages: messages of Kafka's EndToEndLatency, one after the other.
        large_documents: documents of 100 KiB that travel there and back, for what a byte costs.
        latency_rounds: rounds of W8 at each share of W1's rate.
        latency_warm_up_seconds: how long documents are handed over on a schedule before they count (W8).
        latency_seconds: how long they count.
        audits: how often the whole ledger is verified (W5).
        express_queued: ordinary documents that are queued (W4).
        express_seconds: how long express documents are sent with nothing queued (W4).
        restart_entries: entries in the ledger when the services are started again (W6).
        restarts: how often each of them is (W6).
        fleets: numbers of agencies (W3), ascending; the first is what the others are compared with.
        fleet_documents: documents of one round (W3).
        fleet_warm_ups: rounds that do not count, for each number of agencies (W3).
        fleet_rounds: rounds that count, for each number of agencies (W3).
        national_warm_up: documents of the national pattern (W2) for a broker that has just started.
        national_documents: documents of the pattern, as fast as they go.
        national_rounds: rounds of them without the tracker, and as many with it.
        national_seconds: how long they are handed over on a schedule (W2); 0: not at all.
        idle_seconds: how long nothing is sent.
        spread_documents: documents in the queue of one and of two processes of each service.
        spread_rounds: rounds with one and with two.
        soak_documents: documents altogether (W7); 0: none.
        soak_batch: documents of one batch (W7).
        soak_seconds: no batch begins after this time (W7).
        profile_seconds: how long every process is sampled; 0: not at all.
        part_seconds: the longest a round of one contestant may take.
        workload_seconds: the longest a workload may take with all its rounds.
        total_seconds: the longest everything may take.
    """

    rounds: int
    relay: int
    faststream: int
    documents: int
    tool_rounds: int
    tool_records: int
    tool_messages: int
    large_documents: int
    latency_rounds: int
    latency_warm_up_seconds: float
    latency_seconds: float
    audits: int
    express_queued: int
    express_seconds: float
    restart_entries: int
    restarts: int
    fleets: tuple[int, ...]
    fleet_documents: int
    fleet_warm_ups: int
    fleet_rounds: int
    national_warm_up: int
    national_documents: int
    national_rounds: int
    national_seconds: float
    idle_seconds: float
    spread_documents: int
    spread_rounds: int
    soak_documents: int
    soak_batch: int
    soak_seconds: float
    profile_seconds: float
    part_seconds: float
    workload_seconds: float
    total_seconds: float

    @property
    def warm_up(self) -> "Sizes":
        """A third of everything of the interleaved rounds, for the round that does not count."""
        return replace(
            self,
            relay=self.relay // 3,
            faststream=self.faststream // 3,
            documents=self.documents // 3,
            tool_records=self.tool_records // 3,
            tool_messages=self.tool_messages // 3,
        )


FULL = Sizes(
    rounds=3,
    relay=100_000,
    faststream=6_000,
    documents=40_000,
    tool_rounds=3,
    tool_records=300_000,
    tool_messages=5_000,
    large_documents=2_000,
    latency_rounds=3,
    latency_warm_up_seconds=15.0,
    latency_seconds=15.0,
    audits=3,
    express_queued=200_000,
    express_seconds=15.0,
    restart_entries=1_000_000,
    restarts=3,
    fleets=(10, 100, 1_000),
    fleet_documents=30_000,
    fleet_warm_ups=2,
    fleet_rounds=3,
    national_warm_up=1_000,
    national_documents=3_000,
    national_rounds=3,
    national_seconds=30.0,
    idle_seconds=20.0,
    spread_documents=60_000,
    spread_rounds=3,
    soak_documents=1_000_000,
    soak_batch=50_000,
    soak_seconds=780.0,
    profile_seconds=10.0,
    part_seconds=180.0,
    workload_seconds=900.0,
    total_seconds=5_400.0,
)
"""Forty minutes to an hour, and twelve gigabytes of disk."""

QUICK = Sizes(
    rounds=3,
    relay=20_000,
    faststream=1_000,
    documents=6_000,
    tool_rounds=1,
    tool_records=60_000,
    tool_messages=1_000,
    large_documents=200,
    latency_rounds=1,
    latency_warm_up_seconds=3.0,
    latency_seconds=4.0,
    audits=1,
    express_queued=15_000,
    express_seconds=4.0,
    restart_entries=100_000,
    restarts=1,
    fleets=(10, 100),
    fleet_documents=6_000,
    fleet_warm_ups=1,
    fleet_rounds=1,
    national_warm_up=0,
    national_documents=120,
    national_rounds=1,
    national_seconds=0.0,
    idle_seconds=4.0,
    spread_documents=0,
    spread_rounds=0,
    soak_documents=0,
    soak_batch=0,
    soak_seconds=0.0,
    profile_seconds=0.0,
    part_seconds=60.0,
    workload_seconds=100.0,
    total_seconds=300.0,
)
"""Two to three minutes; on a machine half as fast up to five."""
