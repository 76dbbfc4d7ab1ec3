"""A process that outlives whoever started it, known by its number *and* its start, so never mistaken."""

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lienthong.embedded.deadline import Deadline
from lienthong.kernel.errors import UnavailableError

__all__ = ["Process", "identify", "spawn"]

_POLL_SECONDS = 0.02
_ASK_SECONDS = 5.0
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """One process of this machine, running or not.

    Attributes:
        pid: its number, which the system gives to another process some time after it has ended.
        started: when it started, in words that mean something only on this machine; two processes with
            the same number differ in it.
    """

    pid: int
    started: str

    @property
    def alive(self) -> bool:
        """Whether it still runs, with any of its threads. One that has ended and was not waited for does not run."""
        return _start_of(self.pid) == self.started

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens when it no longer runs."""
        if self.alive:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                pass
            except PermissionError as error:
                raise UnavailableError(
                    f"Process {self.pid} belongs to another user. Ask that user to stop it."
                ) from error

    def wait(self, deadline: Deadline) -> bool:
        """Wait until it has ended; return whether it has, by the deadline."""
        while self.alive:
            if deadline.passed:
                return False
            deadline.pause(_POLL_SECONDS)
        return True


def identify(pid: int) -> Process | None:
    """Return the process that has this number now, or `None`."""
    started = _start_of(pid)
    return None if started is None else Process(pid, started)


def spawn(command: Sequence[str], *, folder: Path, log: Path, environment: Mapping[str, str]) -> Process:
    """Start a process in a session of its own: no terminal's end or interrupt reaches it.

    Args:
        command: the program and its arguments.
        folder: its working directory.
        log: the file its two outputs are appended to.
        environment: all of its environment.

    Raises:
        UnavailableError: it cannot be started.
    """
    try:
        with log.open("ab") as output:
            child = subprocess.Popen(
                command,
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
    except OSError as error:
        raise UnavailableError(f"{command[0]} cannot be started: {error.strerror or error}.") from error
    try:
        # Somebody must collect it when it ends, or it stays in the table of processes as long as we live.
        threading.Thread(target=child.wait, name=f"wait-{child.pid}", daemon=True).start()
        return identify(child.pid) or Process(child.pid, "ended at once")
    except BaseException:  # an interrupt: what nobody knows, nobody could stop
        child.kill()
        child.wait()
        raise


def _start_of(pid: int) -> str | None:
    return _start_from_proc(pid) if _PROC.joinpath("self").exists() else _start_from_ps(pid)


def _start_from_proc(pid: int) -> str | None:
    try:
        fields = _PROC.joinpath(str(pid), "stat").read_text(errors="replace")
        # The name, in brackets, may hold anything; the state is the first field after it.
        state, *rest = fields.rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    try:
        boot = _PROC.joinpath("sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        boot = "unknown"  # some sandboxes hide it; what is left still tells processes apart until a restart
    # Fields 20 and 22 of proc(5): threads, and clock ticks from the start of the machine to that of the process.
    threads, ticks = int(rest[16]), rest[18]
    # The state is that of the first thread. While others are left, so are the ports and files that they share.
    ended = state == "X" or (state == "Z" and threads <= 1)
    return None if ended else f"{boot}/{ticks}"


def _start_from_ps(pid: int) -> str | None:
    answer = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_ASK_SECONDS,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    state, _, started = answer.stdout.strip().partition(" ")
    return None if not started or state.startswith("Z") else started.strip()
