"""When so much is rejected that the fault must be ours: a window over recent verdicts, pure.

One agency that sends nonsense has all of it rejected and is told so; that is what intake is for. When
most agencies have most of what they say rejected, a deployment, a clock or the directory is wrong,
and going on would drain their queues into rejections that no mend takes back. So each agency has one
vote, its share of rejected records, however much it sends.
"""

from collections import Counter, deque
from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["Excess", "Limit", "RejectionWindow", "Verdicts", "by_agency"]

_RECORDS_OF_AN_AGENCY = 20
"""Most records by which an agency is judged, rounds taken whole: enough to tell, few enough to tell soon."""


class Limit(NamedTuple):
    """When to halt."""

    share: float
    """Halt above this mean of the agencies' rejected shares, 0 to 1; at 1 never."""
    agencies: int
    """Fewest agencies with rejected records."""
    records: int
    """Fewest rejected records."""
    window_seconds: float
    """Verdicts older than this do not count."""


class Verdicts(NamedTuple):
    """How many records of one agency were accepted and rejected in one round."""

    accepted: int
    rejected: int


class Excess(NamedTuple):
    """What passed the limit."""

    share: float
    """Mean of the agencies' rejected shares."""
    heard: int
    """Agencies of which there are verdicts."""
    rejecting: int
    """Agencies of which records were rejected."""
    records: int
    """Records that were rejected."""


class _Recent:
    """The newest rounds of one agency: when, and what was said."""

    __slots__ = ("accepted", "rejected", "rounds")

    def __init__(self) -> None:
        self.rounds: deque[tuple[float, Verdicts]] = deque()
        self.accepted = 0
        self.rejected = 0

    def add(self, at: float, verdicts: Verdicts) -> None:
        self.rounds.append((at, verdicts))
        self.accepted += verdicts.accepted
        self.rejected += verdicts.rejected
        while self.accepted + self.rejected - sum(self.rounds[0][1]) >= _RECORDS_OF_AN_AGENCY:
            self._drop()

    def forget_before(self, moment: float) -> None:
        while self.rounds and self.rounds[0][0] < moment:
            self._drop()

    def _drop(self) -> None:
        _, gone = self.rounds.popleft()
        self.accepted -= gone.accepted
        self.rejected -= gone.rejected


class RejectionWindow:
    """Recent verdicts by agency, and whether they pass the limit.

    Args:
        limit: when to halt.
    """

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._agencies: dict[str, _Recent] = {}

    def note(self, verdicts: Mapping[str, Verdicts], now: float) -> Excess | None:
        """Note what a round says of each agency; costs what is in the round unless something was rejected.

        Args:
            verdicts: by agency.
            now: seconds of a clock that never goes back; the clock by which envelopes are judged may be
                what is wrong.

        Returns:
            What passes the limit with this round in it, or None.
        """
        rejected = False
        for agency, some in verdicts.items():
            recent = self._agencies.get(agency)
            if recent is None:
                recent = self._agencies[agency] = _Recent()
            recent.add(now, some)
            rejected = rejected or some.rejected > 0
        if not rejected:
            return None
        excess = self.look(now)
        return excess if excess is not None and self._passes(excess) else None

    def look(self, now: float) -> Excess | None:
        """Where the window stands; None while there is nothing in it."""
        heard = []
        for agency, recent in list(self._agencies.items()):
            recent.forget_before(now - self._limit.window_seconds)
            if recent.rounds:
                heard.append(recent)
            else:
                del self._agencies[agency]
        if not heard:
            return None
        share = sum(one.rejected / (one.accepted + one.rejected) for one in heard) / len(heard)
        return Excess(share, len(heard), sum(one.rejected > 0 for one in heard), sum(one.rejected for one in heard))

    def _passes(self, excess: Excess) -> bool:
        limit = self._limit
        return excess.share > limit.share and excess.rejecting >= limit.agencies and excess.records >= limit.records

    def clear(self) -> None:
        """Forget everything, for a new beginning."""
        self._agencies.clear()


def by_agency(accepted: Counter[tuple[str, str]], rejected: Counter[tuple[str, str]]) -> dict[str, Verdicts]:
    """The counts of a round, by agency and kind or reason, as one pair an agency."""
    totals: dict[str, list[int]] = {}
    for index, counts in enumerate((accepted, rejected)):
        for (agency, _), count in counts.items():
            totals.setdefault(agency, [0, 0])[index] += count
    return {agency: Verdicts(*pair) for agency, pair in totals.items()}
