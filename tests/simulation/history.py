"""What happened in a world, line by line, and a digest of all of it: the same seed gives the same digest."""

import asyncio
from hashlib import sha256

__all__ = ["History"]


class History:
    """Lines of ``seconds actor what``; the digest goes over every byte."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._digest = sha256()

    def note(self, actor: str, what: str) -> None:
        """Add a line, now; what is noted while no loop runs, in tidying up, is no part of it."""
        loop = asyncio._get_running_loop()
        if loop is None:
            return
        line = f"{loop.time():.6f} {actor} {what}"
        self.lines.append(line)
        self._digest.update(line.encode() + b"\n")

    @property
    def digest(self) -> str:
        """SHA-256 of all lines so far, in hex."""
        return self._digest.hexdigest()

    def tail(self, count: int) -> list[str]:
        """The last lines."""
        return self.lines[-count:] if count else []
