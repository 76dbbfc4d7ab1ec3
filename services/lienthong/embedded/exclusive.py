"""One process (and one thread of it) at a time: an advisory lock on a file."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lienthong.embedded.deadline import Deadline
from lienthong.kernel.errors import UnavailableError

__all__ = ["exclusive"]

_POLL_SECONDS = 0.05


@contextmanager
def exclusive(file: Path, *, deadline: Deadline) -> Iterator[None]:
    """Hold the lock `file` for the length of the block.

    The system lets go of it when the holder dies, however it dies; the file itself stays and means
    nothing. A child process does not inherit it.

    Args:
        file: made if missing; its folder must exist.
        deadline: until when to wait for another holder.

    Raises:
        UnavailableError: another process held it until the deadline.
    """
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if deadline.passed:
                    raise UnavailableError(
                        f"Another command is still at work in {file.parent}. Wait until it has ended, then try again."
                    ) from error
                deadline.pause(_POLL_SECONDS)
            else:
                break
        yield
    finally:
        os.close(descriptor)
