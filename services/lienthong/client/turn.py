"""Which of several processes of one agency receives: one at a time, and the next when it ends, however it ends."""

import fcntl
from pathlib import Path
from typing import BinaryIO

__all__ = ["Turn"]


class Turn:
    """A lock on a file beside the store. The operating system gives it back when the process dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def take(self) -> bool:
        """Whether it is ours, now or already."""
        if self._file is None:
            file = self._path.open("ab")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                return False
            self._file = file
        return True

    def give_back(self) -> None:
        """Let another process have it."""
        if self._file is not None:
            self._file.close()
            self._file = None
