"""Which ports of this machine are free."""

import errno
import random
import socket
from collections.abc import Collection, Iterable

from lienthong.kernel.errors import UnavailableError

__all__ = ["first_free", "is_free"]

_LASTING = range(20_000, 32_000)
"""Below those that systems give to outgoing connections: a server that stops for a moment finds its port free again."""
_ATTEMPTS = 32
_CHANCE = random.SystemRandom()
"""Two programs that were given the same seed do not choose the same ports."""


def is_free(host: str, port: int) -> bool:
    """Return whether a server could listen on `port` now. Another may take it the next moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As Java does: connections of a server that has just stopped are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise UnavailableError(f"{host} cannot be used on this machine: {error.strerror}.") from error
    return True


def first_free(host: str, wanted: Iterable[int | None], *, avoid: Collection[int] = ()) -> int:
    """Return the first port of `wanted` that is free and not in `avoid`, or any free one, by chance.

    Args:
        host: the address to listen on.
        wanted: in order of preference; `None` is passed over.
        avoid: ports that are promised to somebody else.

    Raises:
        UnavailableError: no port at all is free.
    """
    for port in (*wanted, *_CHANCE.sample(_LASTING, _ATTEMPTS)):
        if port is not None and port not in avoid and is_free(host, port):
            return port
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError as error:
            raise UnavailableError(f"No port of {host} is free: {error.strerror}.") from error
        chosen: int = probe.getsockname()[1]
    return chosen
