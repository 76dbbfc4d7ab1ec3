"""Processes that are killed and paused on purpose, and a supervisor that starts them again, as one would in earnest."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from lienthong.cli.output import Exit

__all__ = ["Managed", "supervise", "together"]

_LOOK_SECONDS = 0.1
_STOP_SECONDS = 25.0


class Managed:
    """One process with a name, started with the same words every time.

    Args:
        name: for people.
        words: arguments of this Python.
        log: the file its output is appended to.
        environment: what is set beside this process's own environment.
    """

    def __init__(self, name: str, words: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.words = list(words)
        self.wanted = False
        """Whether it ought to run; a supervisor starts it again when it does not."""
        self.alarms = 0
        """How many times it ended because a promise of the backbone did not hold."""
        self.starts = 0
        self._log = log
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None
        self._starting = asyncio.Lock()

    @property
    def alive(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it unless it runs."""
        self.wanted = True
        async with self._starting:
            if self.alive:
                return
            self._note_end()
            self.starts += 1
            with self._log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable, *self.words,
                    stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **self._environment},
                )  # fmt: skip

    def _note_end(self) -> None:
        if self._process is not None and self._process.returncode == Exit.INVARIANT:
            self.alarms += 1
        self._process = None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens when it does not run."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def kill(self) -> None:
        """SIGKILL; the supervisor starts it again if it is wanted."""
        self.send(signal.SIGKILL)
        if self._process is not None:
            await self._process.wait()

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL if that does not help in time; it is not started again."""
        self.wanted = False
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)
        if self._process is not None:
            try:
                async with asyncio.timeout(_STOP_SECONDS):
                    await self._process.wait()
            except TimeoutError:
                await self.kill()
            self._note_end()


async def supervise(managed: Callable[[], Sequence[Managed]]) -> None:
    """Start whatever is wanted and does not run, until cancelled."""
    while True:
        for one in managed():
            if one.wanted and not one.alive:
                await one.start()
        await asyncio.sleep(_LOOK_SECONDS)


async def together(actions: Iterable[Coroutine[None, None, None]]) -> None:
    """Await several at once."""
    async with asyncio.TaskGroup() as tasks:
        for action in actions:
            tasks.create_task(action)
