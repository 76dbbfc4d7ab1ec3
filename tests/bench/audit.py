"""W5: the auditor verifies the whole ledger that the other rounds made."""

from bench.crew import Gate, Outcome, Role, run_crew
from bench.rig import Rig
from lienthong.auditor.source import BusSource
from lienthong.auditor.verify import verify
from lienthong.kernel.bus import Bus
from lienthong.kernel.errors import InvariantError
from lienthong.runtime.collector import calm_collector
from lienthong.runtime.settings import Settings

__all__ = ["audit"]


async def _audit(gate: Gate, settings: Settings) -> None:
    calm_collector()  # as the command does
    async with Bus.connect(settings.kafka(), "lt-audit") as bus:
        await gate.enter()
        report = await verify(BusSource(bus), settings.trust())
    if not report.clean:
        raise InvariantError(f"the auditor has {report.findings.count} findings, the first: {report.damage()[0]}")
    gate.report(entries=report.entries, verified=report.verified)


async def audit(rig: Rig, *, timeout_seconds: float) -> Outcome:
    """Verify everything once, in a process of its own that reports entries and verified.

    Raises:
        UnavailableError: the audit found damage, failed, or took too long.
    """
    roles = [Role("auditor", _audit, (rig.settings,))]
    return await run_crew(roles, counting=("auditor",), timeout_seconds=timeout_seconds, watch=rig.watch_kafka)
