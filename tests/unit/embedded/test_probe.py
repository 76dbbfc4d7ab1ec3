"""Does Kafka answer at an address?"""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from lienthong.embedded.probe import Cluster, ask_cluster
from lienthong.kernel.errors import UnavailableError

Reply = Callable[[int, bytes], bytes]


@contextmanager
def server(reply: Reply) -> Iterator[int]:
    """Serve connections, one after the other: each request's number and body goes to `reply`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener, reply), daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def serve(listener: socket.socket, reply: Reply) -> None:
    """Answer until the listener is closed."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        # A client that did not like the answer hangs up on the rest of it.
        with connection, suppress(ConnectionResetError):
            connection.settimeout(5)
            while head := connection.recv(4, socket.MSG_WAITALL):
                request = connection.recv(struct.unpack(">i", head)[0], socket.MSG_WAITALL)
                connection.sendall(reply(struct.unpack_from(">h", request)[0], request))


def framed(request: bytes, body: bytes) -> bytes:
    """Put the length and the request's number in front of an answer."""
    answer = request[4:8] + body
    return struct.pack(">i", len(answer)) + answer


def text(value: str) -> bytes:
    """Encode a string as Kafka does."""
    return struct.pack(">h", len(value)) + value.encode()


def kafka(*, brokers: int = 1, metadata: tuple[int, int] = (0, 13)) -> Reply:
    """Answer as a broker does, with so many brokers and these versions of the Metadata request."""

    def reply(key: int, request: bytes) -> bytes:
        if key == 18:
            return framed(request, struct.pack(">hihhhhhh", 0, 2, 0, 3, 11, 3, *metadata))
        body = struct.pack(">ii", 0, brokers)
        for number in range(brokers):
            body += struct.pack(">i", number) + text("127.0.0.1") + struct.pack(">i", 9092 + number)
            body += struct.pack(">h", -1)
        return framed(request, body + text("the-cluster") + struct.pack(">ii", 0, 0))

    return reply


def test_a_cluster_says_who_it_is() -> None:
    """A broker that serves is known by its cluster's name and the brokers' addresses."""
    with server(kafka(brokers=2)) as port:
        found = ask_cluster("127.0.0.1", port, timeout_seconds=5)
    assert Cluster("the-cluster", ("127.0.0.1:9092", "127.0.0.1:9093")) == found


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (kafka(brokers=0), "no broker of its cluster is ready yet"),
        (kafka(metadata=(5, 99)), "its version of Kafka is not known here"),
        (lambda *_: b"HTTP/1.1 400 Bad Request\r\n\r\n", "it speaks another protocol"),
        (lambda *_: b"\x15\x03\x03\x00\x02\x02\x50", "it speaks another protocol"),
        (lambda _, request: framed(request, b""), "does not answer as Kafka"),
        (lambda _, request: framed(request, struct.pack(">hi", 0, -5)), "makes no sense"),
        (lambda _, request: framed(request, struct.pack(">hi", 35, 0)), "error 35"),
        (lambda _, request: framed(request, struct.pack(">hi", 0, 0)), "knows nothing of topics"),
        (lambda *_: struct.pack(">iiii", 12, 0, 0, 0), "answers something that was not asked"),
    ],
)
def test_whatever_else_answers_is_not_taken_for_a_cluster(reply: Reply, reason: str) -> None:
    """Other programs, odd versions and a cluster without brokers each get their own sentence."""
    with server(reply) as port, pytest.raises(UnavailableError, match=reason):
        ask_cluster("127.0.0.1", port, timeout_seconds=5)


def test_silence_is_bounded() -> None:
    """A server that accepts connections and says nothing does not hold us longer than we want."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        pytest.raises(UnavailableError, match=r"did not answer within 0\.2 s"),
    ):
        ask_cluster("127.0.0.1", listener.getsockname()[1], timeout_seconds=0.2)


def test_a_closed_port_is_said_to_be_closed() -> None:
    """When nothing listens, the sentence says so."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(UnavailableError, match="cannot be reached: Connection refused"):
            ask_cluster("127.0.0.1", unused.getsockname()[1], timeout_seconds=5)
