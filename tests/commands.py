"""Commands as people and programs call them: each in a process of its own, with its own output and exit code.

Their libraries are loaded already. What a fresh interpreter makes of a command is tested where the README's words,
the embedded Kafka and services are.
"""

import asyncio
import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any, NamedTuple

import command_server

__all__ = ["Said", "call"]

_SECONDS = 90.0
_LOOK_SECONDS = 0.01
_END_SECONDS = 5.0


class Said(NamedTuple):
    """What a command answered."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """The one JSON value on standard output."""
        return json.loads(self.out)


@cache
def _server() -> IO[str]:
    """Where requests go; ends with this process."""
    process = subprocess.Popen(
        [sys.executable, command_server.__file__],
        stdin=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    requests = process.stdin
    assert requests is not None

    def end() -> None:
        requests.close()
        process.wait(_END_SECONDS)

    atexit.register(end)
    return requests


async def call(home: Path, bootstrap: str, *words: str, **environment: str) -> Said:
    """Run ``lienthong …`` with this home and Kafka, and with what is set in its environment beside them."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        environment = {
            **os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200",
            "LIENTHONG_HOME": str(home), "LIENTHONG_BOOTSTRAP": bootstrap, **environment,
        }  # fmt: skip
        requests = _server()
        requests.write(json.dumps({"words": words, "environment": environment, "folder": name}) + "\n")
        requests.flush()
        try:
            async with asyncio.timeout(_SECONDS):
                while not (folder / "code").exists():
                    await asyncio.sleep(_LOOK_SECONDS)
        except BaseException:
            with suppress(OSError, ValueError):
                os.kill(int((folder / "pid").read_text("ascii")), signal.SIGKILL)
            raise
        return Said(
            int((folder / "code").read_text("ascii")),
            (folder / "out").read_text("utf-8"),
            (folder / "err").read_text("utf-8"),
        )
