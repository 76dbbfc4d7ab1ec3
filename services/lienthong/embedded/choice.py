"""One node or three: what a folder holds decides, or what is asked for where it holds nothing yet."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from lienthong.embedded.cluster import CLUSTER_HEAP_MIB, EmbeddedCluster
from lienthong.embedded.folder import NodeFolder
from lienthong.embedded.node import NODE_HEAP_MIB, EmbeddedKafka
from lienthong.embedded.plan import NODES

__all__ = ["AnyKafka", "kafka_in"]

AnyKafka: TypeAlias = EmbeddedKafka | EmbeddedCluster


def kafka_in(
    directory: Path,
    *,
    nodes: int | None = None,
    port: int | None = None,
    heap_mib: int | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> AnyKafka:
    """Return the Kafka of a folder; nothing is touched yet.

    Args:
        directory: its folder, which may be missing.
        nodes: 1 or 3; `None`: as many as the folder has, and one if it has none.
        port: as for the class that is chosen.
        heap_mib: memory for the objects of each node, MiB; `None`: what is usual for one of so many.
        report: as for the class that is chosen.

    Raises:
        ValueError: another number of nodes, or another wish that cannot come true.
    """
    folder = NodeFolder(directory.expanduser().absolute())
    if nodes not in (None, 1, NODES):
        raise ValueError(f"{nodes} nodes: a Kafka has 1 or {NODES}")
    if nodes == NODES or (nodes is None and folder.plan.exists()):
        return EmbeddedCluster(directory, port=port, heap_mib=heap_mib or CLUSTER_HEAP_MIB, report=report)
    return EmbeddedKafka(directory, port=port, heap_mib=heap_mib or NODE_HEAP_MIB, report=report)
