"""Who the nodes of a cluster are: decided once, when it is made, and kept in one small JSON file."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from lienthong.embedded.folder import NodeFolder
from lienthong.embedded.ports import first_free
from lienthong.embedded.properties import HOST, Listener, NodeSettings
from lienthong.embedded.state import replace_file
from lienthong.embedded.storage import random_id
from lienthong.kernel.errors import InvariantError

__all__ = ["NODES", "ClusterPlan", "PlannedNode"]

NODES = 3
"""How many nodes a cluster has: the least of which one may be lost."""

_USUAL_PORT = 9092


class PlannedNode(BaseModel):
    """One node: its number and where it listens."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    number: int
    """From 1 on."""
    port: int
    """Where it serves clients."""
    controller_port: int
    """Where its controller serves brokers and other controllers."""
    directory_id: str
    """The name of its folder of records; an empty folder in its place would be noticed."""


class ClusterPlan(BaseModel):
    """All nodes of a cluster. The controllers know one another by these ports, so they never change."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    cluster_id: str
    """The name that the storage is formatted with."""
    nodes: tuple[PlannedNode, ...]
    """In the order of their numbers."""
    complete: bool = False
    """Whether every node's storage was made: from then on a missing one is a loss, and not made anew."""

    @classmethod
    def make(cls, port: int | None = None) -> "ClusterPlan":
        """Choose names and ports for a new cluster.

        Args:
            port: where the first node serves clients; its controller and the other nodes take the next ports
                that are free. `None`: 9092 or, if that is taken, others.

        Raises:
            UnavailableError: no port is free.
        """
        ports = list(_choose_ports(port))
        return cls(
            cluster_id=random_id(),
            nodes=tuple(
                PlannedNode(
                    number=number + 1,
                    port=ports[2 * number],
                    controller_port=ports[2 * number + 1],
                    directory_id=random_id(),
                )
                for number in range(NODES)
            ),
        )

    @classmethod
    def read(cls, file: Path) -> "ClusterPlan | None":
        """Return what a file holds; `None` when it is missing.

        Raises:
            InvariantError: it was damaged.
        """
        try:
            return cls.model_validate_json(file.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except ValidationError as error:
            raise InvariantError(
                f"{file} was damaged: it does not say who the nodes are. Put it back as it was."
            ) from error

    def write(self, file: Path) -> None:
        """Store it. A crash leaves the old or the new one, never a part."""
        replace_file(file, self.model_dump_json(indent=2) + "\n")

    @property
    def bootstrap(self) -> str:
        """The addresses for clients, with commas between."""
        return ",".join(f"{HOST}:{node.port}" for node in self.nodes)

    @property
    def voters(self) -> str:
        """The first controllers, as Kafka's storage tool wants them."""
        return ",".join(f"{node.number}@{HOST}:{node.controller_port}:{node.directory_id}" for node in self.nodes)

    def node(self, number: int) -> PlannedNode:
        """One node.

        Raises:
            ValueError: there is none of that number.
        """
        for node in self.nodes:
            if node.number == number:
                return node
        raise ValueError(f"there is no node {number}, only 1 to {len(self.nodes)}")

    def settings(
        self, number: int, folder: NodeFolder, extra: Mapping[str, str], listeners: Sequence[Listener] = ()
    ) -> NodeSettings:
        """What the configuration of one node says.

        Args:
            number: which one.
            folder: its folder.
            extra: further properties of Kafka.
            listeners: where else it listens.
        """
        node = self.node(number)
        return NodeSettings(
            port=node.port,
            controller_port=node.controller_port,
            data=folder.data,
            node_id=number,
            quorum=tuple(f"{HOST}:{one.controller_port}" for one in self.nodes),
            extra=extra,
            listeners=tuple(listeners),
        )


def _choose_ports(port: int | None) -> Iterator[int]:
    first = port or _USUAL_PORT
    taken: set[int] = set()
    for number in range(2 * NODES):
        chosen = first_free(HOST, (first + number,), avoid=taken)
        taken.add(chosen)
        yield chosen
