"""Topics of the backbone: their names and the settings provisioning gives them (ADR 0005)."""

from typing import NamedTuple

from lienthong.kernel.agency import AgencyCode, agency_code

__all__ = [
    "DIRECTORY",
    "LEDGER",
    "QUARANTINE",
    "Partition",
    "TopicSettings",
    "inbox",
    "is_outbox",
    "outbox",
    "owner_of_outbox",
    "topic_settings",
]

LEDGER = "lt.ledger"
DIRECTORY = "lt.directory"
QUARANTINE = "lt.quarantine"
_OUTBOX = "lt.out."
_INBOX = "lt.in."


class Partition(NamedTuple):
    """One partition of one topic. In out, ledger and in, the number is the lane."""

    topic: str
    number: int


class TopicSettings(NamedTuple):
    """How a topic is created: number of partitions and explicit configuration."""

    name: str
    partitions: int
    configuration: dict[str, str]


def outbox(agency: str) -> str:
    """Topic to which an agency, and nobody else, writes."""
    return _OUTBOX + agency


def is_outbox(topic: str) -> bool:
    """Whether a topic is an agency's out topic."""
    return topic.startswith(_OUTBOX)


def inbox(agency: str) -> str:
    """Topic from which an agency reads; only dispatch writes to it."""
    return _INBOX + agency


def owner_of_outbox(topic: str) -> AgencyCode:
    """The agency that owns an out topic: the authenticated sender of what stands in it."""
    return agency_code(topic.removeprefix(_OUTBOX))


_FOR_EVER = "-1"
_ENVELOPE_TOPIC = {
    "cleanup.policy": "delete",
    "retention.ms": _FOR_EVER,
    "retention.bytes": _FOR_EVER,
    "message.timestamp.type": "LogAppendTime",
    "max.message.bytes": "1048576",
    "unclean.leader.election.enable": "false",
    # Sparse, memory-mapped index files of 10 MiB each are what thousands of partitions cost.
    "segment.index.bytes": "1048576",
}


def topic_settings(name: str, *, lanes: int, replication: int) -> TopicSettings:
    """Settings of one topic of the backbone.

    Args:
        name: full name of the topic.
        lanes: number of lanes.
        replication: replication factor; from 3 on, two copies must be in sync for a write.
    """
    configuration = dict(_ENVELOPE_TOPIC)
    configuration["min.insync.replicas"] = "2" if replication >= 3 else "1"  # noqa: PLR2004
    partitions = lanes
    if name == DIRECTORY:
        configuration["cleanup.policy"] = "compact"
        # Old versions are what an auditor judges old verdicts by: nothing is compacted until the
        # operator says from which age on nobody will ask.
        configuration["min.compaction.lag.ms"] = "9223372036854775807"
        partitions = 1
    elif name == QUARANTINE:
        # It must hold whatever an out topic lets in, with the headers that say why.
        configuration["max.message.bytes"] = "2097152"
    elif name.startswith(_OUTBOX):
        # A compressed bomb then meets the broker, which unpacks and measures it, and not a reader.
        configuration["compression.type"] = "uncompressed"
    return TopicSettings(name, partitions, configuration)
