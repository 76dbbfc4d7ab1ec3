"""The moment until which something may take, shared by all the waits it consists of."""

import time
from dataclasses import dataclass

__all__ = ["Deadline"]


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock, in seconds. Make one with `Deadline.after`."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """Return the moment `seconds` from now."""
        return cls(time.monotonic() + seconds)

    @property
    def remaining_seconds(self) -> float:
        """What is left, never below 0."""
        return max(0.0, self.at - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether nothing is left."""
        return self.remaining_seconds == 0.0

    def pause(self, seconds: float) -> None:
        """Sleep for `seconds`, or for what is left if that is less."""
        time.sleep(min(seconds, self.remaining_seconds))
