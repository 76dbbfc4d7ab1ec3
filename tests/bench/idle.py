"""Idle: what the services use when there are many agencies and nothing is sent."""

import asyncio

from bench.rig import SERVICES
from bench.workload import Bench

__all__ = ["AGENCIES", "idle"]

AGENCIES = 95
"""Connected bodies of the national axis."""
_SETTLE_SECONDS = 2.0


async def idle(bench: Bench, agencies: int = AGENCIES) -> None:
    """Measure the share of a core that the services use, each and together, and Kafka's beside it."""
    rig, seconds = bench.rig, bench.sizes.idle_seconds
    await rig.grow(agencies)
    bench.say(f"idle: nothing is sent for {seconds:.0f} s, {len(rig.agencies)} agencies")
    await asyncio.sleep(_SETTLE_SECONDS)
    loop = asyncio.get_running_loop()
    before, began = rig.watch(), loop.time()
    await asyncio.sleep(seconds)
    after, elapsed = rig.watch(), loop.time() - began
    shares = {name: (after[name] - before[name]) / elapsed * 100 for name in before}
    bench.measured.add("idle", "Idle, all services", "% of a core", sum(shares[name] for name in SERVICES))
    for name, share in shares.items():
        bench.measured.add(f"idle_{name}", f"Idle, {name}", "% of a core", share)
