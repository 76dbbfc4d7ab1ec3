"""How long one lets work gather before one takes it."""

__all__ = ["Pace"]

_CALM_SECONDS = 0.002
_WINDOW_SECONDS = 0.1
"""Over so long it is judged whether there is much to do; shorter, two records that come together look like many."""
_BUSY_RATE = 1_000.0
_BUSY_SHARE = 0.75


class Pace:
    """Rests a moment between rounds: shortly while there is little to do, longer while there is much.

    A round costs about the same however little is in it. Where much comes (1,000 a second), or the process
    has little time left (three quarters of a core are used), resting makes rounds fuller and saves that work; where
    little comes it would only cost time, of every document at every hop.

    Args:
        longest_seconds: the rest between two rounds when there is much to do; 0: never rest.
        always: rest so long even when there is little to do.
    """

    def __init__(self, longest_seconds: float, *, always: bool = False) -> None:
        self._longest = longest_seconds
        self._calm = longest_seconds if always else min(_CALM_SECONDS, longest_seconds)
        self._busy = False
        self._rest = 0.0
        self._at = 0.0
        self._since = 0.0
        self._count = 0
        self._cpu = 0.0

    def took(self, count: int, *, now: float, cpu: float) -> None:
        """Note that a round was taken.

        Args:
            count: what was in it.
            now: seconds of a clock that never goes back.
            cpu: processor time of this process so far, seconds.
        """
        self._at = now
        self._count += count
        elapsed = now - self._since
        if elapsed >= _WINDOW_SECONDS:
            worked = cpu - self._cpu
            self._busy = self._count > _BUSY_RATE * elapsed or worked > _BUSY_SHARE * elapsed
            self._since, self._count, self._cpu = now, 0, cpu
        if not count:
            self._rest = 0.0  # nothing came while it was waited for: what comes next is taken at once
        else:
            self._rest = self._longest if self._busy else self._calm

    def rest(self, now: float) -> float:
        """Seconds to wait before the next round is taken."""
        return max(0.0, self._at + self._rest - now)
