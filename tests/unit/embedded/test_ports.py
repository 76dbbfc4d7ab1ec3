"""Free ports."""

import socket

from lienthong.embedded.ports import first_free, is_free

HOST = "127.0.0.1"


def test_the_first_free_port_is_taken() -> None:
    """Ports are tried in the order given; those in use, promised or unknown are passed over."""
    with socket.create_server((HOST, 0)) as busy, socket.socket() as other:
        other.bind((HOST, 0))
        free = other.getsockname()[1]
        other.close()
        taken = busy.getsockname()[1]
        assert not is_free(HOST, taken)
        assert free == first_free(HOST, (None, taken, free))
        assert first_free(HOST, (taken, free), avoid=(free,)) not in (taken, free)


def test_connections_of_a_server_that_stopped_are_no_obstacle() -> None:
    """The port of a broker that was just stopped while clients were connected can be used again."""
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection((HOST, port)) as client:
            accepted, _ = listener.accept()
            accepted.close()  # the server's side first: its end of the connection lingers
            assert b"" == client.recv(1)
    assert is_free(HOST, port)
