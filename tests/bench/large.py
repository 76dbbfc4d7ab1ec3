"""What a byte costs: the full round trip of W1 with documents of 100 KiB, the upper end of what agencies send."""

from bench.round_trip import round_trip
from bench.workload import Bench

__all__ = ["LARGE_BYTES", "large"]

LARGE_BYTES = 102_400


async def large(bench: Bench) -> None:
    """One round; the rate, and the processor time of each process."""
    count = bench.sizes.large_documents
    bench.say(f"W1 with 100 KiB: {count} documents there and back")
    outcome = await round_trip(bench.rig, "large", count, timeout_seconds=bench.sizes.part_seconds, size=LARGE_BYTES)
    seconds = outcome.reports["sender"]["seconds"]
    bench.measured.add("large", "W1 with 100 KiB", "documents/s", count / seconds)
    bench.measured.add("large_bytes", "W1 with 100 KiB, files", "MB/s", count * LARGE_BYTES / seconds / 1e6)
    bench.measured.add_cpu("W1 with 100 KiB", outcome.cpu, count)
