"""A node's process, found again by what its folder remembers, whoever started it."""

import fcntl
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lienthong.embedded.deadline import Deadline
from lienthong.embedded.folder import NodeFolder
from lienthong.embedded.java import Java
from lienthong.embedded.launch import answers, start_broker
from lienthong.embedded.lock import KAFKA_VERSION
from lienthong.embedded.process import Process
from lienthong.embedded.properties import HOST, NodeSettings
from lienthong.embedded.state import NodeState, StateFile
from lienthong.kernel.errors import UnavailableError

__all__ = ["NodeStatus", "Running", "address", "find_running", "forget", "kill", "node_status", "start_node"]

_KILL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """What is known of a node without changing anything.

    Attributes:
        running: whether its process is there.
        ready: whether it answers Kafka's requests, too.
        bootstrap: the address for clients, `127.0.0.1:PORT`; `None` when it does not run.
        pid: its process; `None` when it does not run.
        directory: the folder with all it has.
        version: the version of Kafka.
        log_file: what it said since its last start; need not exist.
    """

    running: bool
    ready: bool
    bootstrap: str | None
    pid: int | None
    directory: Path
    version: str
    log_file: Path


@dataclass(frozen=True, slots=True)
class Running:
    """A node whose process is there: what is remembered of it, and the process."""

    state: NodeState
    process: Process


def address(port: int) -> str:
    """Return where clients reach a node, `127.0.0.1:PORT`."""
    return f"{HOST}:{port}"


def find_running(folder: NodeFolder) -> Running | None:
    """Return the node of a folder if its process is there."""
    state = StateFile(folder.state).read()
    process = state.process if state else None
    return Running(state, process) if state and process and process.alive else None


def node_status(folder: NodeFolder) -> NodeStatus:
    """Return what is known of a node; it takes two seconds at the most."""
    found = find_running(folder)
    return NodeStatus(
        running=found is not None,
        ready=found is not None and answers(found.state.port, found.state.cluster_id),
        bootstrap=None if found is None else address(found.state.port),
        pid=None if found is None else found.process.pid,
        directory=folder.root,
        version=KAFKA_VERSION,
        log_file=folder.log,
    )


def start_node(
    java: Java, jars: Sequence[Path], settings: NodeSettings, *, cluster: str, heap_mib: int, folder: NodeFolder
) -> Running:
    """Start a node's process and remember it; it does not serve yet.

    Raises:
        UnavailableError: the process cannot be started, or another one has the records open.
    """
    if _open_elsewhere(folder.data):
        raise UnavailableError(
            f"Another Kafka has the records in {folder.data} open, and this folder does not remember which process it "
            "is. End that one, or choose another folder."
        )
    process = start_broker(java, jars, settings, heap_mib=heap_mib, folder=folder)
    state = NodeState(
        cluster_id=cluster,
        port=settings.port,
        controller_port=settings.controller_port,
        pid=process.pid,
        started=process.started,
    )
    try:
        StateFile(folder.state).write(state)
    except BaseException:  # what nobody remembers, nobody could stop
        kill(process)
        raise
    return Running(state, process)


def _open_elsewhere(data: Path) -> bool:
    """Whether a process has these records open: a broker holds a POSIX lock on this file.

    Kafka looks itself, but after its controller has written to the records of one that runs, which ends that one.
    """
    lock = data / ".lock"
    if not lock.exists():
        return False
    with lock.open("r+b") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # which of the two is the system's choice
            return True
    return False


def forget(folder: NodeFolder, found: Running) -> None:
    """Remember that a node was stopped on purpose; its ports are kept."""
    StateFile(folder.state).write(found.state.model_copy(update={"pid": None, "started": None}))


def kill(process: Process) -> None:
    """End a process at once (SIGKILL) and wait until it is gone.

    Raises:
        UnavailableError: it does not go.
    """
    process.send(signal.SIGKILL)
    if not process.wait(Deadline.after(_KILL_SECONDS)):
        raise UnavailableError(
            f"Process {process.pid} does not end even by force, which happens when a disk hangs. "
            f"Look at it with: ps {process.pid}"
        )
