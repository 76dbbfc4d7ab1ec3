"""Processes that outlive their starter and are never mistaken for another."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lienthong.embedded import process as module
from lienthong.embedded.deadline import Deadline
from lienthong.embedded.process import Process, identify, spawn
from lienthong.kernel.errors import UnavailableError

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Process]:
    """Start a process that runs until it is told to end."""
    started = spawn(SLEEP, folder=tmp_path, log=tmp_path / "log", environment=os.environ)
    yield started
    started.send(signal.SIGKILL)
    assert started.wait(Deadline.after(10))


def test_a_spawned_process_has_its_own_session(sleeper: Process) -> None:
    """Closing the terminal or pressing Ctrl-C does not reach it."""
    assert sleeper.alive
    assert sleeper.pid == os.getsid(sleeper.pid)


def test_an_ended_process_is_not_alive(sleeper: Process) -> None:
    """A process that ended is seen as such at once, although we are its parent."""
    sleeper.send(signal.SIGTERM)
    assert sleeper.wait(Deadline.after(10))
    assert not sleeper.alive
    sleeper.send(signal.SIGTERM)  # and a signal to it does nothing


def test_a_process_nobody_waited_for_is_not_alive() -> None:
    """What is only left in the table of processes does not count as running."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert identify(child.pid) is None
    child.wait()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="threads that outlive the first one are seen in /proc")
def test_a_process_is_alive_until_its_last_thread_has_ended(tmp_path: Path) -> None:
    """Killed under load, a JVM has lost its first thread already while others still keep its ports."""
    rest = "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(60,)).start()"
    program = [sys.executable, "-c", f"{rest}; ctypes.CDLL(None).pthread_exit(None)"]
    started = spawn(program, folder=tmp_path, log=tmp_path / "log", environment=os.environ)
    try:
        deadline = Deadline.after(10)
        while ") Z " not in Path(f"/proc/{started.pid}/stat").read_text():
            assert not deadline.passed
            deadline.pause(0.02)
        assert started.alive
    finally:
        started.send(signal.SIGKILL)
    assert started.wait(Deadline.after(10))


def test_an_interrupt_while_a_process_starts_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C before anybody knows its number leaves no process that nobody could stop."""
    seen: list[int] = []

    def interrupted(pid: int) -> Process | None:
        seen.append(pid)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "identify", interrupted)
    with pytest.raises(KeyboardInterrupt):
        spawn(SLEEP, folder=tmp_path, log=tmp_path / "log", environment=os.environ)
    assert [None] == [identify(pid) for pid in seen]


def test_a_reused_number_is_never_signalled(sleeper: Process) -> None:
    """The number of a process that ended may belong to somebody else: that one is left alone."""
    earlier = replace(sleeper, started="another moment")
    assert not earlier.alive
    earlier.send(signal.SIGKILL)
    assert sleeper.alive


def test_output_is_appended_to_the_log(tmp_path: Path) -> None:
    """Both outputs end up in the log, after what is there already."""
    log = tmp_path / "log"
    log.write_text("before\n")
    program = "import os; os.write(1, b'out '); os.write(2, b'error')"
    ended = spawn([sys.executable, "-c", program], folder=tmp_path, log=log, environment=os.environ)
    assert ended.wait(Deadline.after(10))
    assert "before\nout error" == log.read_text()


def test_a_program_that_is_missing_is_a_plain_error(tmp_path: Path) -> None:
    """A program that cannot be started is named."""
    with pytest.raises(UnavailableError, match="no-such-program cannot be started: No such file"):
        spawn(["no-such-program"], folder=tmp_path, log=tmp_path / "log", environment={})


def test_waiting_has_an_end(sleeper: Process) -> None:
    """A process that goes on is reported as such when the time is up."""
    assert not sleeper.wait(Deadline.after(0.05))


def test_systems_without_proc_are_asked_by_ps(
    sleeper: Process, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where there is no /proc, the start is that which `ps` tells."""
    monkeypatch.setattr(module, "_PROC", tmp_path)
    found = identify(sleeper.pid)
    assert found is not None
    assert found.alive
    assert not sleeper.alive  # the two ways of telling are never mixed up
    assert identify(2**22 + 1) is None
