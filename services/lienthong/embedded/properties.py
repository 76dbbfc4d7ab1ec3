"""The `server.properties` of a node: every setting that matters written out, none left to a default.

Each node is broker and controller in one. The nodes of a cluster of three differ in `NodeSettings` alone
(number, ports, folder); what three do otherwise than one is in `_THREE` (ADR 0014).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["HOST", "Listener", "NodeSettings"]

HOST = "127.0.0.1"
"""The only address listened on: there is neither TLS nor a login, so nobody outside may come in."""

_LAST_ASCII = ord("~")

_OWN = frozenset(
    {
        "process.roles",
        "node.id",
        "controller.quorum.bootstrap.servers",
        "controller.listener.names",
        "listeners",
        "advertised.listeners",
        "inter.broker.listener.name",
        "listener.security.protocol.map",
        "log.dir",
        "log.dirs",
        "metadata.log.dir",
    }
)

_SAFE = {
    # Topics are made on purpose, by those who know their settings.
    "auto.create.topics.enable": "false",
    "delete.topic.enable": "true",
    "num.partitions": "1",
    # One node: one copy of everything. Kafka's defaults of 3 would never come true. Three: see `_THREE`.
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "unclean.leader.election.enable": "false",
    # 50 partitions each by default, of which each costs open files and time at every start.
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "4",
    # A service that was off for a week must find where it stood: a year, in minutes.
    "offsets.retention.minutes": "525600",
    # Nothing is deleted for its age or amount unless its topic says so.
    "log.retention.ms": "-1",
    "log.retention.bytes": "-1",
    # The broker's clock decides when something was written, not the sender's.
    "log.message.timestamp.type": "LogAppendTime",
    "compression.type": "producer",
    # Bounds on one batch of records (2 MiB) and on one request (16 MiB).
    "message.max.bytes": "2097152",
    "replica.fetch.max.bytes": "2097152",
    "socket.request.max.bytes": "16777216",
    # Members of a group do not wait for others to come.
    "group.initial.rebalance.delay.ms": "0",
    # A node that was killed may not come back before its old registration has run out: this long.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # Taken from the heap at once and for good; 128 MiB by default.
    "log.cleaner.dedupe.buffer.size": "33554432",
    # An idle controller writes and flushes a record that says nothing, twice a second by default.
    "metadata.max.idle.interval.ms": "5000",
    "controlled.shutdown.enable": "true",
}

_THREE = {
    # Three copies of everything, the group offsets too; a write is acknowledged when two have it.
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "3",
    "share.coordinator.state.topic.min.isr": "2",
    # A dead broker stops all writes until the controllers have fenced it; Kafka's default is 9 s.
    "broker.session.timeout.ms": "750",
    "broker.heartbeat.interval.ms": "150",
    # If it led the controllers too, they first have to notice (Kafka: 2 s) and to choose another (1 s). Their
    # followers' fetches wait half a second for news, so a time-out near that makes the lead change all the time.
    "controller.quorum.fetch.timeout.ms": "750",
    "controller.quorum.election.timeout.ms": "250",
    "controller.quorum.election.backoff.max.ms": "100",
    "controller.quorum.request.timeout.ms": "1000",
    # A follower that lives but does not keep up stops writes for this long; Kafka's default is 30 s.
    "replica.lag.time.max.ms": "3000",
}


@dataclass(frozen=True, slots=True)
class Listener:
    """One more place where a node listens, for those who reach it under another port, as through a proxy.

    Attributes:
        name: capital letters.
        port: where the node listens.
        advertised_port: where it tells them to come.
        between_nodes: whether the nodes copy from one another over it.
    """

    name: str
    port: int
    advertised_port: int
    between_nodes: bool = False


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """One node, as its configuration file says it.

    Attributes:
        port: where it serves clients.
        controller_port: where its controller serves brokers and other controllers.
        data: the folder of its records; no comma in it.
        node_id: its number in the cluster.
        quorum: `host:port` of all controllers of a cluster of three, its own among them; empty when it is alone.
        extra: further properties of Kafka; they win over the ones here.
        listeners: where else it listens.

    Raises:
        ValueError: a property of `extra` is decided here (ports, folders, the quorum), a property has
            characters that a properties file cannot hold as they are, or `data` has a comma.
    """

    port: int
    controller_port: int
    data: Path
    node_id: int = 1
    quorum: tuple[str, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)
    listeners: tuple[Listener, ...] = ()

    def __post_init__(self) -> None:
        check_extra(self.extra)
        check_folder(self.data)

    def render(self, *, data: Path | None = None) -> str:
        """Return the file's text, ASCII only.

        Args:
            data: another folder for the records, for formatting it before it is put in its place.
        """
        ports = {"CLIENT": self.port, "CONTROLLER": self.controller_port}
        bound = ports | {one.name: one.port for one in self.listeners}
        told = ports | {one.name: one.advertised_port for one in self.listeners}
        between = [one.name for one in self.listeners if one.between_nodes]
        own = {
            "process.roles": "broker,controller",
            "node.id": str(self.node_id),
            "controller.quorum.bootstrap.servers": ",".join(self.quorum or (f"{HOST}:{self.controller_port}",)),
            "controller.listener.names": "CONTROLLER",
            "listeners": _addresses(bound),
            "advertised.listeners": _addresses(told),
            "inter.broker.listener.name": between[0] if between else "CLIENT",
            "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in bound),
            "log.dirs": str(data or self.data),
        }
        count = _THREE if self.quorum else {}
        lines = [f"{name}={_escape(value)}" for name, value in {**own, **_SAFE, **count, **self.extra}.items()]
        return "\n".join(["# Written anew at every start: changes made here are lost.", *lines, ""])


def _addresses(ports: Mapping[str, int]) -> str:
    return ",".join(f"{name}://{HOST}:{port}" for name, port in ports.items())


def check_extra(extra: Mapping[str, str]) -> None:
    """Refuse properties that are decided here, or that are no properties.

    Raises:
        ValueError: says which one and why.
    """
    for name, value in extra.items():
        if name in _OWN:
            raise ValueError(f"the property {name} is decided by the node itself")
        if not name.isascii() or not name.replace(".", "").replace("-", "").replace("_", "").isalnum():
            raise ValueError(f"{name!r} is not the name of a property")
        if not value.isprintable():
            raise ValueError(f"the value of the property {name} has a line break or a control character")


def check_folder(folder: Path) -> None:
    """Refuse a folder that Kafka's configuration cannot name.

    Raises:
        ValueError: says why.
    """
    if "," in str(folder) or not str(folder).isprintable():
        raise ValueError(f"the folder {str(folder)!r} has a comma or a control character in its name")


def _escape(value: str) -> str:
    # Java reads the file as Latin-1 and drops single backslashes and leading blanks.
    escaped = value.replace("\\", "\\\\")
    if escaped.startswith(" "):
        escaped = f"\\{escaped}"
    utf16 = escaped.encode("utf-16-be")
    units = (int.from_bytes(utf16[at : at + 2]) for at in range(0, len(utf16), 2))
    return "".join(chr(unit) if unit <= _LAST_ASCII else f"\\u{unit:04x}" for unit in units)
