"""One real Kafka on this machine: broker and controller in one process, all it has in one folder.

    directory/
        state.json              which process runs it, and where it listens
        lock                    held by a command that starts or stops it
        config/                 its configuration, written anew at every start
        data/                   its records
        log/broker.log          what it said since its last start; broker.previous.log: before that

The process outlives the command that started it. Everything here blocks: from asyncio, call it in a thread.
Three nodes are three such folders beside one another (`lienthong.embedded.cluster`).
"""

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from lienthong.embedded.deadline import Deadline
from lienthong.embedded.exclusive import exclusive
from lienthong.embedded.folder import NodeFolder
from lienthong.embedded.jars import class_path
from lienthong.embedded.java import Java, find_java
from lienthong.embedded.launch import PortTakenError, answers, await_ready
from lienthong.embedded.lock import KAFKA_VERSION
from lienthong.embedded.ports import first_free, is_free
from lienthong.embedded.properties import HOST, NodeSettings, check_extra, check_folder
from lienthong.embedded.running import NodeStatus, Running, address, find_running, forget, kill, node_status, start_node
from lienthong.embedded.state import StateFile
from lienthong.embedded.storage import cluster_id, format_storage, random_id
from lienthong.kernel.errors import UnavailableError

__all__ = ["NODE_HEAP_MIB", "EmbeddedKafka"]

NODE_HEAP_MIB = 1024
"""Memory for the objects of a node that is alone: enough for about a hundred agencies."""

_USUAL_PORT = 9092
_NEXT_PORTS = range(9192, 9292, 2)
_PORT_ATTEMPTS = 3
_LEAST_HEAP_MIB = 128


class EmbeddedKafka:
    """A Kafka of one node, kept in a folder. As a context manager: up on entry, down at the end.

    Any number of these objects, in any number of processes, may stand for the same folder. Only this
    machine can reach it, without TLS or login, and it keeps one copy of everything: it is for trying,
    for tests and for small installations that are backed up otherwise.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        heap_mib: int = NODE_HEAP_MIB,
        properties: Mapping[str, str] = MappingProxyType({}),
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Name the folder and the wishes for the next start; nothing is touched yet.

        Args:
            directory: the folder of the node, made by `up` if missing.
            port: where to serve clients, 1 to 65535; `None`: where it did last time, otherwise 9092 or,
                if that is taken, another one.
            heap_mib: memory for its objects, MiB.
            properties: further properties of Kafka, for tests; they take effect at the next start.
            report: is told in words what `up` and `down` are doing, in the thread that calls those.

        Raises:
            ValueError: a number is out of range, or a property or the folder's name cannot be used.
        """
        if port is not None and not 0 < port < 1 << 16:
            raise ValueError(f"{port} is no port")
        if heap_mib < _LEAST_HEAP_MIB:
            raise ValueError(f"a heap of {heap_mib} MiB is too small, the least is {_LEAST_HEAP_MIB}")
        self._folder = NodeFolder(directory.expanduser().absolute())
        check_folder(self._folder.data)
        check_extra(properties)
        self._port = port
        self._heap_mib = heap_mib
        self._properties = dict(properties)
        self._report = report
        self._state = StateFile(self._folder.state)

    def up(self, *, timeout_seconds: float = 60.0) -> str:
        """Start it unless it runs, wait until it serves, and return its address, `127.0.0.1:PORT`.

        One that runs is left as it is, whatever this object's port, heap and properties. When this
        returns, clients can work; when it raises, nothing that it started is left running.

        Args:
            timeout_seconds: the longest it may take, not counting the fetch of Kafka the first time.

        Raises:
            UnavailableError: Java or Kafka cannot be had, the port that was asked for is taken, or it
                stopped or did not serve in time; the text says why and what to do.
            InvariantError: the folder of records is damaged.
            ValueError: the folder holds a Kafka of three nodes.
        """
        if self._folder.plan.exists():
            raise ValueError(
                f"The folder {self._folder.root} holds a Kafka of three nodes. Start it with --nodes 3, or "
                "choose another folder."
            )
        found = self._running()
        if found is not None and answers(found.state.port, found.state.cluster_id):
            return address(found.state.port)
        java, jars = find_java(), class_path(report=self._report)
        deadline = Deadline.after(timeout_seconds)
        with self._exclusive(deadline):
            found = self._running()
            if found is None:
                return self._start(java, jars, deadline)
            self._report(f"waiting for Kafka on port {found.state.port}, which was started before")
            self._await_ready(found, deadline)
            return address(found.state.port)

    def down(self, *, timeout_seconds: float = 30.0) -> bool:
        """Stop it in an orderly way (SIGTERM), or by force when that takes too long.

        Args:
            timeout_seconds: how long to wait, first for another command at work in the folder, then for
                the orderly stop.

        Returns:
            Whether there was something to stop.

        Raises:
            UnavailableError: another command held the folder, or the process belongs to another user.
        """
        if not self._folder.root.is_dir():
            return False
        deadline = Deadline.after(timeout_seconds)
        with self._exclusive(deadline):
            found = self._running()
            if found is None:
                return False
            self._report("stopping Kafka")
            found.process.send(signal.SIGTERM)
            if not found.process.wait(deadline):
                self._report("stopping Kafka by force")
                kill(found.process)
            forget(self._folder, found)
            return True

    def kill(self) -> None:
        """End it at once (SIGKILL), as a crash would; nothing happens when it does not run. For tests."""
        found = self._running()
        if found is not None:
            kill(found.process)

    def status(self) -> NodeStatus:
        """Return what is known of it; nothing is changed, and it takes two seconds at the most."""
        return node_status(self._folder)

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    def _running(self) -> Running | None:
        return find_running(self._folder)

    @contextmanager
    def _exclusive(self, deadline: Deadline) -> Iterator[None]:
        try:
            self._folder.create()
            with exclusive(self._folder.lock, deadline=deadline):
                yield
        except OSError as error:
            raise UnavailableError(
                f"The folder {self._folder.root} cannot be used: {error.strerror or error}. "
                "Choose another folder, or put its rights or its disk in order."
            ) from error

    def _start(self, java: Java, jars: Sequence[Path], deadline: Deadline) -> str:
        attempt = 1
        while True:
            settings = self._choose_settings()
            cluster = cluster_id(self._folder.data)
            if cluster is None:
                self._report("making Kafka's storage ready")
                cluster = random_id()
                format_storage(
                    java,
                    jars,
                    settings,
                    cluster=cluster,
                    voters=None,
                    config=self._folder.format_config,
                    deadline=deadline,
                )
            try:
                self._start_once(java, jars, settings, cluster, deadline)
            except PortTakenError:
                if self._port is not None or attempt == _PORT_ATTEMPTS:
                    raise
                attempt += 1
            else:
                return address(settings.port)

    def _choose_settings(self) -> NodeSettings:
        last = self._state.read()
        if self._port is not None and not is_free(HOST, self._port):
            raise UnavailableError(
                f"Port {self._port} is taken by another program. Choose another port, or none to get a free one."
            )
        last_ports = (last.port, last.controller_port) if last else (None, None)
        port = self._port or first_free(HOST, (last_ports[0], _USUAL_PORT, *_NEXT_PORTS))
        return NodeSettings(
            port=port,
            controller_port=first_free(HOST, (last_ports[1], port + 1), avoid=(port,)),
            data=self._folder.data,
            extra=self._properties,
        )

    def _start_once(
        self, java: Java, jars: Sequence[Path], settings: NodeSettings, cluster: str, deadline: Deadline
    ) -> None:
        self._report(f"starting Kafka {KAFKA_VERSION} on port {settings.port}")
        try:
            found = start_node(java, jars, settings, cluster=cluster, heap_mib=self._heap_mib, folder=self._folder)
            self._await_ready(found, deadline)
        except BaseException:  # an interrupt, too, at any moment, leaves nothing behind
            self.kill()
            raise

    def _await_ready(self, found: Running, deadline: Deadline) -> None:
        await_ready(
            found.process,
            port=found.state.port,
            cluster=found.state.cluster_id,
            log=self._folder.log,
            deadline=deadline,
        )
