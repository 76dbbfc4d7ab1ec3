"""Where the time goes: every Python process of W1 sampled by py-spy while documents travel."""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench.round_trip import round_trip
from bench.stacks import read_stacks
from bench.workload import Bench
from lienthong.kernel.errors import UnavailableError

__all__ = ["sampled"]

_RATE = 100
_LEAD_SECONDS = 4.0
"""py-spy needs a moment to find its way about a process."""
_PATIENCE_SECONDS = 30.0
_SHOWN = 200


def _sampler() -> str | None:
    beside = Path(sys.executable).with_name("py-spy")
    return str(beside) if beside.exists() else shutil.which("py-spy")


async def _record(sampler: str, pid: int, seconds: float, path: Path) -> str:
    """Sample a process; what py-spy has written.

    Raises:
        UnavailableError: it may not look into the process, or did not end.
    """
    process = await asyncio.create_subprocess_exec(
        sampler, "record", "--pid", str(pid), "--duration", f"{seconds:.0f}", "--rate", str(_RATE),
        "--format", "raw", "--function", "--output", str(path),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(seconds + _PATIENCE_SECONDS):
            said = (await process.communicate())[0].decode("utf-8", "replace")
    except TimeoutError as error:
        raise UnavailableError(f"py-spy did not end within {seconds + _PATIENCE_SECONDS:.0f} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode or not path.exists():
        raise UnavailableError(f"py-spy: {' '.join(said.split())[-_SHOWN:]}")
    return path.read_text("utf-8", "replace")


async def sampled(bench: Bench) -> None:
    """Sample services, sender and receiver during one W1 that does not count; without py-spy only say so."""
    sampler, seconds, measured = _sampler(), bench.sizes.profile_seconds, bench.measured
    if sampler is None:
        measured.notes["Profile"] = "not taken: py-spy is not installed"
        return
    services = {name: pid for name, pid in bench.rig.pids.items() if name != "kafka"}
    count = round(bench.capacity * (seconds + _LEAD_SECONDS))
    bench.say(f"profile: every process for {seconds:.0f} s while {count} documents travel")
    with tempfile.TemporaryDirectory(prefix="lienthong-bench-") as folder:

        async def sample(roles: Mapping[str, int]) -> None:
            async with asyncio.TaskGroup() as tasks:
                for name, pid in {**services, **roles}.items():
                    tasks.create_task(one(name, pid))

        async def one(name: str, pid: int) -> None:
            try:
                text = await _record(sampler, pid, seconds, Path(folder) / f"{name}.txt")
                measured.stacks[name] = read_stacks(text)
            except (UnavailableError, ValueError) as error:
                # As a rule the system does not let one process look into another; that is no failure of ours.
                measured.notes["Profile"] = f"{name} was not sampled: {error}"

        await round_trip(bench.rig, "profile", count, timeout_seconds=bench.sizes.part_seconds + seconds, beside=sample)
