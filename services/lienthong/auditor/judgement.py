"""Judging again: the verdict on a recorded envelope by what intake could know when it judged it.

`Judge` asks the directory for the version of every fact that was known at the moment that the entry
names. That answers all but the rarest questions. It cannot answer these, and then, before anything
is called damage, further states of the directory are tried:

- Facts recorded together carry the same moment, and intake may have judged when it had read only some
  of them. So the same is asked without the facts of that moment, and with those recorded within a
  minute of the judgement.
- Intake may have read some versions of that moment and not others. What it had was always the beginning
  of the directory's topic. So every beginning whose newest moment is the one the entry names is tried.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterator

from lienthong.kernel.directory import Directory
from lienthong.kernel.envelope import decode_envelope
from lienthong.kernel.judge import Judge, Verdict
from lienthong.kernel.reasons import Reason
from lienthong.kernel.seal import VerifiedRoots
from lienthong.kernel.statement import decode_statement
from lienthong.kernel.trust import Trust

__all__ = ["DirectoryHistory", "Rejudge"]

_NEAR_MS = 60_000
_LONG_SEARCHES = 100
"""Searches through all beginnings of the directory that find nothing: each reads the whole directory."""
_BY_DIRECTORY = frozenset(
    {
        Reason.UNKNOWN_SENDER,
        Reason.UNKNOWN_KEY,
        Reason.KEY_NOT_VALID,
        Reason.KEY_REVOKED,
        Reason.WRONG_PURPOSE,
        Reason.UNKNOWN_RECIPIENT,
        Reason.OVERSIZE,  # of all groups expanded
    }
)
_AFTER_KEYS = frozenset({Reason.BAD_SEAL, Reason.BAD_ATTACHMENT})


class DirectoryHistory:
    """The directory as it is, and as it was.

    Args:
        trust: the pinned trust anchor.
    """

    def __init__(self, trust: Trust) -> None:
        self.newest = Directory(trust)
        self._trust = trust
        self._values: list[bytes] = []
        self._newest = array("q")
        self._moments: list[int] = []

    def take(self, value: bytes) -> None:
        """Take the next record of the directory topic.

        Raises:
            RejectedError: the operator did not sign it.
        """
        self.newest.apply(value)
        self._values.append(value)
        self._newest.append(self.newest.known_at)

    @property
    def count(self) -> int:
        """Number of records taken."""
        return len(self._values)

    def newest_at(self, moment: int) -> int:
        """The newest moment of any fact that was recorded by then; 0 if there was none."""
        at = bisect_right(self._newest, moment)
        return self._newest[at - 1] if at else 0

    def moments(self) -> list[int]:
        """When each fact was recorded, in topic order, milliseconds since 1970 UTC."""
        for value in self._values[len(self._moments) :]:
            self._moments.append(decode_statement(decode_envelope(value).statement).created)
        return self._moments

    def beginnings(self, known_at: int) -> Iterator[Directory]:
        """One directory that grows: as it was at each record while its newest moment was this one."""
        directory = Directory(self._trust)
        for value in self._values:
            directory.apply(value)
            if directory.known_at == known_at:
                yield directory
            elif directory.known_at > known_at:
                return


class Rejudge:
    """Judges recorded envelopes.

    Args:
        history: the directory.
        lanes: number of lanes of the backbone.
    """

    def __init__(self, history: DirectoryHistory, lanes: int) -> None:
        self._history = history
        self._lanes = lanes
        self._roots = VerifiedRoots()
        self._judge = Judge(history.newest, lanes, self._roots)
        self._past: tuple[int, Judge] | None = None
        self._searches = 0
        self.reconsidered = 0
        """Verdicts that agree with a directory that was changing, or was changed since."""

    @property
    def history(self) -> DirectoryHistory:
        """The directory."""
        return self._history

    @property
    def judge(self) -> Judge:
        """The judge by the newest directory."""
        return self._judge

    def verdict(
        self,
        value: bytes | None,
        *,
        agency: str,
        lane: int,
        at: int,
        known: int,
        reason: Reason | None,
        routes: tuple[str, ...],
        groups: tuple[str, ...] = (),
    ) -> Verdict:
        """Judge a record of an out topic again.

        Args:
            value: the record's value.
            agency: owner of the out topic.
            lane: partition it was found in.
            at: when intake judged it.
            known: the newest fact it had.
            reason: what intake said; None when it accepted.
            routes: what intake said.
            groups: what intake said.

        Returns:
            A verdict with that reason, those routes and those groups if some state of the directory at that time gives
            it; otherwise the one that the newest directory gives.
        """
        first = self._judge.verdict(value, agency=agency, lane=lane, at=at, known=known)
        said = (reason, routes, groups)
        if _outcome(first) == said or not _depends_on_directory(reason, first.reason):
            return first
        for judge, known_then in self._alternatives(at, known):
            other = judge.verdict(value, agency=agency, lane=lane, at=at, known=known_then)
            if _outcome(other) == said:
                self.reconsidered += 1
                if judge is not self._judge:
                    self._past = (known, judge)
                return other
        return first

    def _alternatives(self, at: int, known: int) -> Iterator[tuple[Judge, int]]:
        yield self._judge, known - 1
        near = sorted({moment for moment in self._history.moments() if abs(moment - at) <= _NEAR_MS})
        for moment in near:
            yield self._judge, moment - 1
            yield self._judge, moment
        if self._past is not None and self._past[0] == known:
            # The next entry judged by the same facts had the same beginning, as a rule.
            yield self._past[1], known
        if self._searches < _LONG_SEARCHES:
            self._searches += 1
            judge = None
            for directory in self._history.beginnings(known):
                judge = judge or Judge(directory, self._lanes, self._roots)
                yield judge, known


def _outcome(verdict: Verdict) -> tuple[Reason | None, tuple[str, ...], tuple[str, ...]]:
    return verdict.reason, verdict.routes, verdict.groups


def _depends_on_directory(said: Reason | None, found: Reason | None) -> bool:
    """Whether some directory could turn the one outcome into the other."""
    if said is not None and said not in _BY_DIRECTORY:
        return False
    return found is None or found in _BY_DIRECTORY or (said is not None and found in _AFTER_KEYS)
