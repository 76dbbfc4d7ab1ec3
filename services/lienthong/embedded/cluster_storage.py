"""The folders of records of a cluster's nodes: all made before the first start, and none made again after it."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from lienthong.embedded.deadline import Deadline
from lienthong.embedded.folder import NodeFolder
from lienthong.embedded.java import Java
from lienthong.embedded.plan import NODES, ClusterPlan
from lienthong.embedded.properties import Listener, NodeSettings
from lienthong.embedded.storage import cluster_id, format_storage
from lienthong.kernel.errors import InvariantError

__all__ = ["ClusterStorage"]


class ClusterStorage:
    """What the nodes of one cluster have on disk.

    Args:
        folder: the folder of the cluster.
        port: where the first node is to serve clients when the cluster is made.
        properties: further properties of Kafka, by the number of the node.
        listeners: where else nodes listen, by their numbers.
        report: is told in words what is being done.
    """

    def __init__(
        self,
        folder: NodeFolder,
        port: int | None,
        properties: Mapping[int, Mapping[str, str]],
        listeners: Mapping[int, Sequence[Listener]],
        report: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._port = port
        self._properties = properties
        self._listeners = listeners
        self._report = report

    def prepared(self, java: Java, jars: Sequence[Path], deadline: Deadline) -> ClusterPlan:
        """Return the plan, after the storage of all nodes was made.

        Raises:
            UnavailableError: the tool failed, or was not done by the deadline.
            InvariantError: a folder of records is damaged or lost.
            ValueError: the folder holds a Kafka of one node.
        """
        if self._folder.data.exists():
            raise ValueError(
                f"The folder {self._folder.root} holds a Kafka of one node, and its records cannot be spread. "
                "Start it without --nodes, or choose another folder for three nodes."
            )
        plan = ClusterPlan.read(self._folder.plan)
        if plan is None:
            plan = ClusterPlan.make(self._port)
            plan.write(self._folder.plan)
        missing = [node.number for node in plan.nodes if self.check(node.number, plan)]
        if missing:
            self._report("making Kafka's storage ready")
            form = partial(self._format, plan=plan, java=java, jars=jars, deadline=deadline)
            with ThreadPoolExecutor(NODES) as threads:
                list(threads.map(form, missing))
        if not plan.complete:
            plan = plan.model_copy(update={"complete": True})
            plan.write(self._folder.plan)
        return plan

    def check(self, number: int, plan: ClusterPlan) -> bool:
        """Return whether the storage of a node is to be made.

        Raises:
            InvariantError: it is lost, damaged or that of another cluster.
        """
        data = self._folder.node(number).data
        found = cluster_id(data)
        if found is None and plan.complete:
            # With an empty folder it would vote as if it had forgotten what it promised before.
            raise InvariantError(f"The records of node {number} are gone from {data}. Put them back.")
        if found not in (None, plan.cluster_id):
            raise InvariantError(f"The records in {data} belong to another cluster. Put the right ones back.")
        return found is None

    def settings(self, number: int, plan: ClusterPlan) -> NodeSettings:
        """Return what the configuration of a node says."""
        return plan.settings(number, self._folder.node(number), self._properties[number], self._listeners[number])

    def _format(self, number: int, plan: ClusterPlan, java: Java, jars: Sequence[Path], deadline: Deadline) -> None:
        folder = self._folder.node(number)
        folder.create()
        format_storage(
            java,
            jars,
            self.settings(number, plan),
            cluster=plan.cluster_id,
            voters=plan.voters,
            config=folder.format_config,
            deadline=deadline,
        )
