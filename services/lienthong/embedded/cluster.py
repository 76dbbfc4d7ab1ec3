"""One real Kafka of three nodes on this machine: each a process and a folder of its own.

    directory/
        cluster.json            who the nodes are, decided when the cluster was made
        lock                    held by a command that starts or stops nodes
        node-1/ node-2/ node-3/ each as in `lienthong.embedded.node`

One node may be lost: what was acknowledged stands in two of three copies, and the other two go on. The
processes outlive the command that started them. Everything here blocks: from asyncio, call it in a thread.
"""

import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self, TypeVar

from lienthong.embedded.cluster_storage import ClusterStorage
from lienthong.embedded.deadline import Deadline
from lienthong.embedded.exclusive import exclusive
from lienthong.embedded.folder import NodeFolder
from lienthong.embedded.jars import class_path
from lienthong.embedded.java import Java, find_java
from lienthong.embedded.launch import await_ready
from lienthong.embedded.leaders import PartitionState, ask_controller, ask_partitions
from lienthong.embedded.lock import KAFKA_VERSION
from lienthong.embedded.plan import NODES, ClusterPlan
from lienthong.embedded.ports import is_free
from lienthong.embedded.properties import HOST, Listener, check_extra, check_folder
from lienthong.embedded.running import NodeStatus, Running, address, find_running, forget, kill, node_status, start_node
from lienthong.kernel.errors import InvariantError, UnavailableError

__all__ = ["CLUSTER_HEAP_MIB", "ClusterStatus", "EmbeddedCluster"]

_Answer = TypeVar("_Answer")
CLUSTER_HEAP_MIB = 384
"""Memory for the objects of one of three nodes: enough for about twenty agencies."""
_LEAST_HEAP_MIB = 128
_ASK_SECONDS = 2.0
_LAST_NODE_SECONDS = 3.0
_POLL_SECONDS = 0.05
_NUMBERS = range(1, NODES + 1)


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """What is known of a cluster without changing anything.

    Attributes:
        running: whether any of its processes is there.
        ready: whether all nodes answer Kafka's requests.
        bootstrap: the addresses for clients, with commas between; `None` when nothing runs.
        directory: the folder with all it has.
        version: the version of Kafka.
        nodes: each node, by its number.
    """

    running: bool
    ready: bool
    bootstrap: str | None
    directory: Path
    version: str
    nodes: Mapping[int, NodeStatus]


class EmbeddedCluster:
    """A Kafka of three nodes, kept in a folder. As a context manager: up on entry, down at the end.

    Any number of these objects, in any number of processes, may stand for the same folder. Only this
    machine can reach it, without TLS or login.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        heap_mib: int = CLUSTER_HEAP_MIB,
        properties: Mapping[str, str] = MappingProxyType({}),
        node_properties: Mapping[int, Mapping[str, str]] = MappingProxyType({}),
        listeners: Mapping[int, Sequence[Listener]] = MappingProxyType({}),
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Name the folder and the wishes for the next start; nothing is touched yet.

        Args:
            directory: the folder of the cluster, made by `up` if missing.
            port: where the first node serves clients when the cluster is made, 1 to 65530; later its ports stay.
            heap_mib: memory for the objects of each node, MiB.
            properties: further properties of Kafka, for tests; they take effect at a node's next start.
            node_properties: further properties of single nodes, by their numbers.
            listeners: where else nodes listen, by their numbers, for tests with a proxy; all have the same names.
            report: is told in words what `up` and `down` are doing, in the thread that calls those.

        Raises:
            ValueError: a number is out of range, or a property or the folder's name cannot be used.
        """
        if port is not None and not 0 < port < (1 << 16) - 2 * NODES:
            raise ValueError(f"{port} is no port with {2 * NODES - 1} more after it")
        if heap_mib < _LEAST_HEAP_MIB:
            raise ValueError(f"a heap of {heap_mib} MiB is too small, the least is {_LEAST_HEAP_MIB}")
        self._folder = NodeFolder(directory.expanduser().absolute())
        check_folder(self._folder.root)
        for some in (properties, *node_properties.values()):
            check_extra(some)
        self._heap_mib = heap_mib
        self._report = report
        self._storage = ClusterStorage(
            self._folder,
            port,
            {number: {**properties, **node_properties.get(number, {})} for number in _NUMBERS},
            {number: tuple(listeners.get(number, ())) for number in _NUMBERS},
            report,
        )

    def up(self, *, timeout_seconds: float = 90.0) -> str:
        """Start the nodes that do not run, wait until all three serve and know one another; return their addresses.

        A node that runs is left as it is, and one that was paused goes on. When this returns, clients can
        work; when it raises, none of the processes that it started is left running.

        Args:
            timeout_seconds: the longest it may take, not counting the fetch of Kafka the first time.

        Raises:
            UnavailableError: Java or Kafka cannot be had, a port is taken, or a node stopped or did not
                serve in time; the text says why and what to do.
            InvariantError: a folder of records is damaged or lost.
            ValueError: the folder holds a Kafka of one node.
        """
        java, jars = find_java(), class_path(report=self._report)
        deadline = Deadline.after(timeout_seconds)
        with self._exclusive(deadline):
            plan = self._storage.prepared(java, jars, deadline)
            nodes = {number: self._running(number) for number in _NUMBERS}
            dead = [number for number, found in nodes.items() if found is None]
            running = {number: found for number, found in nodes.items() if found is not None}
            for found in running.values():
                found.process.send(signal.SIGCONT)
            try:
                for number in dead:
                    running[number] = self._start(number, plan, java, jars)
                for number, found in running.items():
                    self._await(number, found, plan, deadline, expected=_NUMBERS)
            except BaseException:  # an interrupt, too, at any moment, leaves nothing behind
                if dead:
                    self.kill(*dead)
                raise
            return plan.bootstrap

    def down(self, *, timeout_seconds: float = 30.0) -> bool:
        """Stop all nodes in an orderly way, or by force what takes too long.

        The last node cannot ask the others to take over what it leads, and is not waited for long.

        Args:
            timeout_seconds: how long to wait, first for another command at work in the folder, then for
                the orderly stop.

        Returns:
            Whether there was something to stop.

        Raises:
            UnavailableError: another command held the folder, or a process belongs to another user.
        """
        if not self._folder.root.is_dir():
            return False
        deadline = Deadline.after(timeout_seconds)
        with self._exclusive(deadline):
            running = {number: found for number in _NUMBERS if (found := self._running(number)) is not None}
            if running:
                self._report("stopping Kafka")
            for found in running.values():
                found.process.send(signal.SIGTERM)
                found.process.send(signal.SIGCONT)
            left = dict(running)
            while left:
                for number in [one for one, found in left.items() if not found.process.alive]:
                    forget(self._folder.node(number), left.pop(number))
                    if len(left) == 1:
                        deadline = min(deadline, Deadline.after(_LAST_NODE_SECONDS), key=lambda one: one.at)
                if deadline.passed:
                    for found in left.values():
                        kill(found.process)
                deadline.pause(_POLL_SECONDS)
            return bool(running)

    def status(self) -> ClusterStatus:
        """Return what is known of it; nothing is changed, and it takes about two seconds at the most."""
        with ThreadPoolExecutor(NODES) as threads:
            found = threads.map(lambda number: node_status(self._folder.node(number)), _NUMBERS)
            nodes = dict(zip(_NUMBERS, found, strict=True))
        plan = ClusterPlan.read(self._folder.plan)
        running = any(node.running for node in nodes.values())
        return ClusterStatus(
            running=running,
            ready=all(node.ready for node in nodes.values()),
            bootstrap=plan.bootstrap if plan and running else None,
            directory=self._folder.root,
            version=KAFKA_VERSION,
            nodes=nodes,
        )

    def start(self, number: int, *, timeout_seconds: float = 60.0) -> None:
        """Start one node unless it runs.

        Args:
            number: which, 1 to 3.
            timeout_seconds: how long to wait until it serves; 0: do not wait, which is the only way while
                fewer than two nodes run.

        Raises:
            UnavailableError: its port is taken, or it did not serve in time; then it is not left running.
            InvariantError: its folder of records is damaged, or the cluster was never made.
        """
        java, jars = find_java(), class_path(report=self._report)
        deadline = Deadline.after(timeout_seconds)
        with self._exclusive(Deadline.after(max(timeout_seconds, 1.0))):
            plan = self._plan()
            found = self._running(number)
            if found is None:
                found = self._start(number, plan, java, jars)
            if timeout_seconds:
                try:
                    self._await(number, found, plan, deadline, expected=(number,))
                except BaseException:
                    kill(found.process)
                    raise

    def stop(self, number: int, *, timeout_seconds: float = 30.0) -> None:
        """Stop one node in an orderly way (SIGTERM): it hands over what it leads. By force when that takes too long."""
        deadline = Deadline.after(timeout_seconds)
        with self._exclusive(deadline):
            found = self._running(number)
            if found is not None:
                found.process.send(signal.SIGTERM)
                found.process.send(signal.SIGCONT)
                if not found.process.wait(deadline):
                    kill(found.process)
                forget(self._folder.node(number), found)

    def kill(self, *numbers: int) -> None:
        """End nodes at once (SIGKILL), as a crash would; without numbers: all. What does not run is passed over."""
        running = [found for number in numbers or _NUMBERS if (found := self._running(number)) is not None]
        for found in running:
            found.process.send(signal.SIGKILL)
        for found in running:
            kill(found.process)

    def pause(self, number: int) -> None:
        """Let a node stand still (SIGSTOP): its connections stay open and nobody answers."""
        self._signal(number, signal.SIGSTOP)

    def resume(self, number: int) -> None:
        """Let a node that was paused go on (SIGCONT)."""
        self._signal(number, signal.SIGCONT)

    def folder(self, number: int) -> NodeFolder:
        """Where the records, the configuration and the log of a node are."""
        return self._folder.node(number)

    def addresses(self) -> dict[int, str]:
        """Where clients reach each node, running or not.

        Raises:
            InvariantError: the cluster was never made.
        """
        return {node.number: address(node.port) for node in self._plan().nodes}

    def controller(self) -> int:
        """The number of the node whose controller leads the others.

        Raises:
            UnavailableError: no node that runs knows of one.
        """
        return self._ask(lambda port: ask_controller(HOST, port, timeout_seconds=_ASK_SECONDS))

    def partitions(self, topic: str) -> dict[int, PartitionState]:
        """Who leads and who copies each partition of a topic, as the first node that answers knows it.

        Raises:
            UnavailableError: no node answers, or there is no such topic.
        """
        return self._ask(lambda port: ask_partitions(HOST, port, topic, timeout_seconds=_ASK_SECONDS))

    def _ask(self, question: Callable[[int], _Answer]) -> _Answer:
        why: UnavailableError | None = None
        for node in self._plan().nodes:
            try:
                if self._running(node.number) is not None:
                    return question(node.port)
            except UnavailableError as error:
                why = error
        raise why or UnavailableError("No node of Kafka runs.")

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    def _running(self, number: int) -> Running | None:
        if number not in _NUMBERS:
            raise ValueError(f"there is no node {number}, only 1 to {NODES}")
        return find_running(self._folder.node(number))

    def _signal(self, number: int, which: signal.Signals) -> None:
        found = self._running(number)
        if found is not None:
            found.process.send(which)

    def _plan(self) -> ClusterPlan:
        plan = ClusterPlan.read(self._folder.plan)
        if plan is None:
            raise InvariantError(f"The folder {self._folder.root} holds no Kafka of three nodes.")
        return plan

    @contextmanager
    def _exclusive(self, deadline: Deadline) -> Iterator[None]:
        try:
            self._folder.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            with exclusive(self._folder.lock, deadline=deadline):
                yield
        except OSError as error:
            raise UnavailableError(
                f"The folder {self._folder.root} cannot be used: {error.strerror or error}. "
                "Choose another folder, or put its rights or its disk in order."
            ) from error

    def _start(self, number: int, plan: ClusterPlan, java: Java, jars: Sequence[Path]) -> Running:
        node, folder = plan.node(number), self._folder.node(number)
        self._storage.check(number, plan)
        for port in (node.port, node.controller_port):
            if not is_free(HOST, port):
                raise UnavailableError(
                    f"Port {port} of node {number} is taken by another program, and the nodes know one another by "
                    "their ports. End that program, then try again."
                )
        self._report(f"starting node {number} of Kafka {KAFKA_VERSION} on port {node.port}")
        return start_node(
            java,
            jars,
            self._storage.settings(number, plan),
            cluster=plan.cluster_id,
            heap_mib=self._heap_mib,
            folder=folder,
        )

    def _await(
        self, number: int, found: Running, plan: ClusterPlan, deadline: Deadline, *, expected: Iterable[int]
    ) -> None:
        await_ready(
            found.process,
            port=found.state.port,
            cluster=plan.cluster_id,
            log=self._folder.node(number).log,
            deadline=deadline,
            brokers=[address(plan.node(one).port) for one in expected],
        )
