"""Start a broker's process, and wait until it serves or has said why not."""

from collections.abc import Collection, Sequence
from pathlib import Path

from lienthong.embedded.deadline import Deadline
from lienthong.embedded.folder import NodeFolder
from lienthong.embedded.java import Java
from lienthong.embedded.jvm import broker_command, program_environment
from lienthong.embedded.probe import ask_cluster
from lienthong.embedded.process import Process, spawn
from lienthong.embedded.properties import HOST, NodeSettings
from lienthong.embedded.reason import last_reason
from lienthong.kernel.errors import UnavailableError

__all__ = ["PortTakenError", "answers", "await_ready", "start_broker"]

_POLL_SECONDS = 0.05
_ASK_SECONDS = 2.0
_PORT_TAKEN = "Address already in use"


class PortTakenError(UnavailableError):
    """Another program took the broker's port between our look at it and the broker's start."""


def start_broker(
    java: Java, jars: Sequence[Path], settings: NodeSettings, *, heap_mib: int, folder: NodeFolder
) -> Process:
    """Start the broker of `folder`, with a log that begins empty; it does not serve yet.

    Raises:
        UnavailableError: its process cannot be started.
    """
    folder.config.write_text(settings.render(), encoding="ascii")
    folder.rotate_log()
    command = broker_command(java, jars, heap_mib=heap_mib, folder=folder.log.parent, config=folder.config)
    return spawn(command, folder=folder.root, log=folder.log, environment=program_environment())


def answers(port: int, cluster: str, *, brokers: Collection[str] = (), timeout_seconds: float = _ASK_SECONDS) -> bool:
    """Return whether the cluster of that name serves at `port` of this machine, and counts `brokers` among its own."""
    try:
        found = ask_cluster(HOST, port, timeout_seconds=timeout_seconds)
    except UnavailableError:
        return False
    # Somebody else's Kafka may sit at the port by now, hence the name.
    return found.cluster_id == cluster and set(brokers) <= set(found.brokers)


def await_ready(
    process: Process, *, port: int, cluster: str, log: Path, deadline: Deadline, brokers: Collection[str] = ()
) -> None:
    """Wait until the broker that is `process` serves, and knows of `brokers`.

    Raises:
        PortTakenError: it ended because a port of it is taken.
        UnavailableError: it ended, or did not serve by the deadline; the text has its last words.
    """
    while not answers(
        port, cluster, brokers=brokers, timeout_seconds=min(_ASK_SECONDS, deadline.remaining_seconds + 0.1)
    ):
        if not process.alive:
            reason = last_reason(log)
            taken = reason is not None and _PORT_TAKEN in reason
            error = PortTakenError if taken else UnavailableError
            raise error(f"Kafka stopped while starting: {reason or 'it did not say why'}. Its log: {log}")
        if deadline.passed:
            reason = last_reason(log)
            raise UnavailableError(
                f"Kafka runs but did not serve in time{f': {reason}' if reason else ''}. "
                f"Try again with more time when the machine is busy, or read its log: {log}"
            )
        deadline.pause(_POLL_SECONDS)
