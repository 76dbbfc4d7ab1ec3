"""How long one lets work gather before one takes it."""

__all__ = ["Pace"]

_CALM_SECONDS = 0.002
_WINDOW_SECONDS = 0.1
"""Over so long it is judged how much there is to do; shorter, two records that come together look like many."""
_RATES = (1_000.0, 12_000.0)
"""Records a second up to which one rests shortly, and from which on one rests longest."""
_SHARES = (0.6, 0.9)
"""The same of the processor time that the process uses, in cores."""


class Pace:
    """Rests a moment between rounds: shortly while there is little to do, longer the more there is.

    A round costs about the same however little is in it. Where much comes, or the process has little time left,
    resting makes rounds fuller and saves that work; where little comes it would only cost time, of every document at
    every hop. In between the rest grows evenly: a processor that has nothing else to do may as well work in
    small rounds.

    Args:
        longest_seconds: the rest between two rounds when there is much to do; 0: never rest.
        always: rest so long even when there is little to do.
    """

    def __init__(self, longest_seconds: float, *, always: bool = False) -> None:
        self._longest = longest_seconds
        self._calm = longest_seconds if always else min(_CALM_SECONDS, longest_seconds)
        self._usual = self._calm
        """The rest after a round with something in it, as it was judged last."""
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
            much = max(_between(self._count / elapsed, *_RATES), _between((cpu - self._cpu) / elapsed, *_SHARES))
            self._usual = self._calm + much * (self._longest - self._calm)
            self._since, self._count, self._cpu = now, 0, cpu
        # Where nothing came while it was waited for, what comes next is taken at once.
        self._rest = self._usual if count else 0.0

    def rest(self, now: float) -> float:
        """Seconds to wait before the next round is taken."""
        return max(0.0, self._at + self._rest - now)


def _between(value: float, least: float, most: float) -> float:
    """How far a value has come from one bound to the other: 0 at or below the first, 1 at or above the second."""
    return min(1.0, max(0.0, (value - least) / (most - least)))
