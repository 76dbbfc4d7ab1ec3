"""What SIGTERM does to services that do not end."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import asyncio, sys, threading
from pathlib import Path

from lienthong.cli.output import run
from lienthong.kernel.trust import Trust
from lienthong.runtime.context import Context
from lienthong.runtime.logs import configure_logs
from lienthong.runtime.run import run_services
from lienthong.runtime.settings import Settings
from lienthong.tracker.database import DatabaseThread


async def cleans_up_for_ever(context, kafka, stopping):
    print("runs", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.Event().wait()


async def waits_for_its_database(context, kafka, stopping):
    thread = DatabaseThread("test")
    answer = thread.ask(threading.Event().wait)
    print("runs", flush=True)
    try:
        await answer
    finally:
        await asyncio.wait([thread.end(lambda: None)], timeout=0.1)


configure_logs(level="INFO")
settings = Settings(home=Path(sys.argv[1]), http_port=0, drain_seconds=0.1)
trust = Trust(origin="test", operator_key="00" * 32)
run(run_services({"test": globals()[sys.argv[2]]}, Context(settings, trust)))
print("ended", flush=True)
"""


@pytest.mark.parametrize("service", ["cleans_up_for_ever", "waits_for_its_database"])
def test_a_service_that_does_not_end_is_cut_off(service: str, tmp_path: Path) -> None:
    """The process ends soon after the time for draining, by itself and without a traceback."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path), service],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            assert "runs" == process.stdout.readline().strip()
            process.send_signal(signal.SIGTERM)
            said, errors = process.communicate(timeout=20)
        finally:
            process.kill()
    assert (0, "ended") == (process.returncode, said.strip().splitlines()[-1])
    assert "Traceback" not in errors + said
