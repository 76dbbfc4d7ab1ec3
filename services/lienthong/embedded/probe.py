"""Does Kafka answer? Two requests of its protocol over a plain socket, without any client library.

An open port proves nothing: the broker listens before it is registered, and another program may sit there.
So a cluster answers when it says which requests it knows (ApiVersions) and names at least one broker
(Metadata). Only listeners without TLS and login can be asked.
"""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lienthong.embedded.deadline import Deadline
from lienthong.kernel.errors import UnavailableError

__all__ = [
    "METADATA",
    "METADATA_VERSION",
    "Answer",
    "Cluster",
    "ask_cluster",
    "conversation",
    "exchange",
    "read_metadata",
]

_API_VERSIONS, METADATA = 18, 3
METADATA_VERSION = 4
"""The highest without compact fields; its answer names the cluster."""
_ANSWER_BYTES = 1 << 20
"""More than any answer to these two; other protocols' first bytes read as a length are far above it."""
_NUMBER_BYTES = 4
_CLIENT_ID = b"lienthong-probe"


@dataclass(frozen=True, slots=True)
class Cluster:
    """What a cluster says about itself.

    Attributes:
        cluster_id: its name, given when its storage was formatted.
        brokers: the addresses it tells its clients to use, `host:port`; at least one.
    """

    cluster_id: str | None
    brokers: tuple[str, ...]


def ask_cluster(host: str, port: int, *, timeout_seconds: float) -> Cluster:
    """Return what the cluster at this address says about itself.

    Raises:
        UnavailableError: nothing listens there, it does not speak plain Kafka, it has no broker ready,
            or all that took longer than `timeout_seconds`.
    """
    address = f"{host}:{port}"
    with conversation(host, port, timeout_seconds) as (connection, deadline):
        _check_versions(Answer(exchange(connection, _API_VERSIONS, 0, b"", deadline)))
        # An empty list of topics, and "make none".
        body = struct.pack(">i?", 0, False)
        cluster = read_metadata(Answer(exchange(connection, METADATA, METADATA_VERSION, body, deadline)))
    if not cluster.brokers:
        raise UnavailableError(f"{address} answers, but no broker of its cluster is ready yet.")
    return cluster


@contextmanager
def conversation(host: str, port: int, timeout_seconds: float) -> Iterator[tuple[socket.socket, Deadline]]:
    """Be connected for the time of a context, and turn what goes wrong there into one error.

    Raises:
        UnavailableError: nothing listens there, it does not speak plain Kafka, or it took too long.
    """
    address = f"{host}:{port}"
    deadline = Deadline.after(timeout_seconds)
    try:
        with socket.create_connection((host, port), timeout=timeout_seconds) as connection:
            yield connection, deadline
    except TimeoutError as error:
        raise UnavailableError(f"{address} did not answer within {timeout_seconds:g} s.") from error
    except OSError as error:
        raise UnavailableError(f"{address} cannot be reached: {error.strerror or error}.") from error
    except (ValueError, struct.error) as error:
        raise UnavailableError(f"{address} does not answer as Kafka without TLS does: {error}.") from error


class Answer:
    """The bytes of an answer, read from front to back."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def number(self, form: str) -> int:
        """The next number; `form` as in `struct`."""
        value: int = struct.unpack_from(f">{form}", self._content, self._at)[0]
        self._at += struct.calcsize(f">{form}")
        return value

    def text(self) -> str | None:
        """The next text, which may be missing."""
        length = self.number("h")
        if length < 0:
            return None
        raw = self._content[self._at : self._at + length]
        if len(raw) != length:
            raise ValueError("the answer is cut short")
        self._at += length
        return raw.decode()

    def count(self) -> int:
        """How many parts the next list has."""
        count = self.number("i")
        if not 0 <= count <= len(self._content):
            raise ValueError("the answer makes no sense")
        return count


def _check_versions(answer: Answer) -> None:
    error = answer.number("h")
    if error:
        raise ValueError(f"error {error}")
    for _ in range(answer.count()):
        key, lowest, highest = answer.number("h"), answer.number("h"), answer.number("h")
        if key == METADATA:
            if lowest <= METADATA_VERSION <= highest:
                return
            raise ValueError("its version of Kafka is not known here")
    raise ValueError("it knows nothing of topics")


def read_metadata(answer: Answer) -> Cluster:
    """Read an answer to Metadata up to the cluster's name, which is followed by the controller and the topics."""
    answer.number("i")  # how long the broker held the answer back, ms
    brokers = []
    for _ in range(answer.count()):
        answer.number("i")  # its id
        host, port = answer.text(), answer.number("i")
        answer.text()  # its rack
        brokers.append(f"{host}:{port}")
    return Cluster(cluster_id=answer.text(), brokers=tuple(brokers))


def exchange(connection: socket.socket, key: int, version: int, body: bytes, deadline: Deadline) -> bytes:
    """Send one request and return the answer to it, without its length and number.

    Args:
        connection: to a broker.
        key: which request.
        version: its version.
        body: what follows the client's name.
        deadline: until when the answer must be here.

    Raises:
        OSError: the connection broke, or the answer came too late.
        ValueError: what came is no answer to this.
    """
    header = struct.pack(">hhih", key, version, key, len(_CLIENT_ID)) + _CLIENT_ID
    request = header + body
    connection.settimeout(max(deadline.remaining_seconds, 0.001))
    connection.sendall(struct.pack(">i", len(request)) + request)
    (length,) = struct.unpack(">i", _receive(connection, _NUMBER_BYTES, deadline))
    if not _NUMBER_BYTES <= length <= _ANSWER_BYTES:
        raise ValueError("it speaks another protocol")
    answer = _receive(connection, length, deadline)
    # The number of the request comes back in front; ours is the key, which tells the two apart.
    if struct.unpack_from(">i", answer)[0] != key:
        raise ValueError("it answers something that was not asked")
    return answer[_NUMBER_BYTES:]


def _receive(connection: socket.socket, length: int, deadline: Deadline) -> bytes:
    received = bytearray()
    while len(received) < length:
        if deadline.passed:
            raise TimeoutError
        connection.settimeout(max(deadline.remaining_seconds, 0.001))
        part = connection.recv(length - len(received))
        if not part:
            raise ValueError("it hung up")
        received += part
    return bytes(received)
