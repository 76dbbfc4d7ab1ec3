"""The one Kafka request that aiokafka does not know: Metadata 10, which tells topic ids (KIP-516)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

__all__ = ["TopicIdsRequest", "agreed"]

_TEXT = CompactString("utf-8")
_NO_TOPIC_ID = bytes(16)


class _Uuid(AbstractType[bytes]):  # type: ignore[misc] # aiokafka has no types
    """16 bytes, as they are."""

    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        return data.read(16)


class _Response(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(("node_id", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT), ("tags", TaggedFields)),
        ),
        ("cluster_id", _TEXT),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", _TEXT),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition_index", Int32),
                        ("leader_id", Int32),
                        ("leader_epoch", Int32),
                        ("replica_nodes", CompactArray(Int32)),
                        ("isr_nodes", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("topic_authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _Request(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 10
    RESPONSE_TYPE = _Response
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("name", _TEXT), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class TopicIdsRequest(Request[_Request]):  # type: ignore[misc]
    """Asks for the ids of topics by their names."""

    API_KEY = 3

    def __init__(self, topics: list[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_Request]) -> Any:
        """The request of the one version we speak."""
        return request_struct_class([(_NO_TOPIC_ID, topic, {}) for topic in self._topics], False, False, False, {})


def agreed(topics: Sequence[str], answers: Sequence[Mapping[str, bytes]], brokers: int) -> dict[str, bytes] | None:
    """Ids of the topics that exist, by what most brokers say; None if most of them do not say the same.

    A broker that stood still, has just started, or was cut off from the controllers, tells the id of a topic that was
    deleted since, also after it was made again; so may most of them. Where one tells another id, nobody is believed
    until all who answer tell the same. That one does not know a topic contradicts nothing: it is new.

    Args:
        topics: names that were asked for.
        answers: what each broker said that answered: ids (16 bytes) of those topics that exist to it.
        brokers: how many there are.
    """
    found = {}
    for topic in topics:
        told = Counter(answer.get(topic) for answer in answers)
        topic_id, count = next(iter(told.most_common(1)), (None, 0))
        if 2 * count <= brokers or len(told.keys() - {None}) > 1:
            return None
        if topic_id is not None:
            found[topic] = topic_id
    return found
