"""Who leads: the controllers' leader, and each partition of a topic; asked over a plain socket, as in `probe`."""

import struct
from dataclasses import dataclass

from lienthong.embedded.probe import METADATA, METADATA_VERSION, Answer, conversation, exchange, read_metadata
from lienthong.kernel.errors import UnavailableError

__all__ = ["PartitionState", "ask_controller", "ask_partitions"]

_DESCRIBE_QUORUM = 55
_QUORUM_TOPIC = b"__cluster_metadata"
_NOBODY = -1


@dataclass(frozen=True, slots=True)
class PartitionState:
    """One partition, as a broker knows it.

    Attributes:
        leader: the number of the node that takes its writes; `None` when there is none at the moment.
        replicas: the nodes that have copies of it.
        in_sync: those that have all that was acknowledged.
    """

    leader: int | None
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]


def ask_partitions(host: str, port: int, topic: str, *, timeout_seconds: float) -> dict[int, PartitionState]:
    """Return the partitions of a topic by their numbers, as the broker at this address knows them.

    Raises:
        UnavailableError: it does not answer, or knows no such topic.
    """
    name = topic.encode()
    body = struct.pack(f">ih{len(name)}s?", 1, len(name), name, False)
    with conversation(host, port, timeout_seconds) as (connection, deadline):
        answer = Answer(exchange(connection, METADATA, METADATA_VERSION, body, deadline))
        read_metadata(answer)
        answer.number("i")  # a random broker, since there is no controller that clients talk to
        found = {}
        for _ in range(answer.count()):
            error, _, _ = answer.number("h"), answer.text(), answer.number("?")
            for _ in range(answer.count()):
                answer.number("h")  # an error, when it has no leader
                number, leader = answer.number("i"), answer.number("i")
                replicas, in_sync = _numbers(answer), _numbers(answer)
                found[number] = PartitionState(None if leader == _NOBODY else leader, replicas, in_sync)
            if error:
                found = {}
    if not found:
        raise UnavailableError(f"{host}:{port} knows no topic {topic}.")
    return found


def ask_controller(host: str, port: int, *, timeout_seconds: float) -> int:
    """Return the number of the node whose controller leads, as the broker at this address knows it.

    Raises:
        UnavailableError: it does not answer, or no controller leads.
    """
    # The request has compact fields: lengths are one more than they are, and empty tags end each part.
    body = b"\x00" + b"\x02" + bytes([len(_QUORUM_TOPIC) + 1]) + _QUORUM_TOPIC + b"\x02" + bytes(4) + b"\x00\x00\x00"
    with conversation(host, port, timeout_seconds) as (connection, deadline):
        answer = Answer(exchange(connection, _DESCRIBE_QUORUM, 0, body, deadline))
        answer.number("B")  # tags of the header
        error = answer.number("h")
        if error:
            raise UnavailableError(f"{host}:{port} does not know which controller leads (error {error}).")
        answer.number("B")  # one topic
        for _ in range(answer.number("B") - 1):
            answer.number("B")  # a letter of its name
        answer.number("B")  # one partition
        answer.number("i")
        error, leader = answer.number("h"), answer.number("i")
    if error or leader == _NOBODY:
        raise UnavailableError(f"{host}:{port} knows of no controller that leads.")
    return leader


def _numbers(answer: Answer) -> tuple[int, ...]:
    return tuple(answer.number("i") for _ in range(answer.count()))
