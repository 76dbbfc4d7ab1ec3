"""Halting: intake takes nothing more until the operator says so, also after a restart.

A halt stands beside the committed offsets of the lanes it stopped, in the note Kafka keeps with each:
what intake remembers of itself is in one place. So does the generation of the topic that an offset is
one of. The operator lifts a halt by a signed record in the directory that names it, so who resumed,
when and why stays on record.
"""

import json
import math
from collections import Counter
from hashlib import sha256
from typing import NamedTuple

from lienthong.intake.limit import Excess, Limit, RejectionWindow, by_agency
from lienthong.intake.rounds import Round
from lienthong.kernel.directory import Directory

__all__ = ["GROUP", "Brake", "Halt", "generation_of", "read_note", "write_note"]

GROUP = "lt.intake"
"""Under which intake commits."""
_ID_BYTES = 32


class Halt(NamedTuple):
    """That intake stands still since a moment (milliseconds since 1970 UTC, by its own clock), and why."""

    id: bytes
    """32 bytes."""
    at: int
    why: str


def write_note(generation: str, halt: Halt | None = None) -> str:
    """Text to be kept beside a committed offset; below 4,096 bytes, which is the most that brokers take.

    Args:
        generation: of the topic that the offset is one of. Kafka keeps offsets by the topic's name: a commit that
            arrives after the topic was deleted and made again would pass for one of the new topic.
        halt: one that stands.
    """
    told: dict[str, str | int] = {"generation": generation}
    if halt is not None:
        why = halt.why.encode("ascii", "backslashreplace")[:1_000].decode()
        told |= {"halt": halt.id.hex(), "at": halt.at, "why": why}
    return json.dumps(told)


def generation_of(note: str) -> str | None:
    """The generation that a note beside a committed offset tells of; None if it tells of none."""
    try:
        generation = json.loads(note)["generation"]
    except (KeyError, RecursionError, TypeError, ValueError):
        return None
    return generation if isinstance(generation, str) else None


def read_note(note: str) -> Halt | None:
    """The halt that a note beside a committed offset tells of; None if it tells of none."""
    try:
        told = json.loads(note)
        halt = Halt(bytes.fromhex(told["halt"]), int(told["at"]), str(told["why"]))
    except (KeyError, OverflowError, RecursionError, TypeError, ValueError):
        return None
    return halt if len(halt.id) == _ID_BYTES else None


class Brake:
    """Decides whether a round may be appended. All parts of a process share one: they halt together.

    Args:
        limit: when to halt. Its window is also how long nothing halts after the operator has said that the
            rejections are right: what waits then is rejected like what tripped it. Where the halt stood it runs from
            when the word is heard, whatever the clocks say; a process that starts later goes by the clocks.
    """

    def __init__(self, limit: Limit) -> None:
        self._window = RejectionWindow(limit)
        self._limit = limit
        self._halts: dict[bytes, Halt] = {}
        self._passes_until = -math.inf
        self._heard_of = 0

    def admits(self, done: Round, directory: Directory, *, part: str, now: float, at: int) -> bool:
        """Whether a round may be appended; if not, none of it is, for a halt stands, before or now.

        Args:
            done: the round.
            directory: holds what the operator has said of halts.
            part: name of what judged it.
            now: seconds of a clock that never goes back.
            at: milliseconds since 1970 UTC.
        """
        if self._halts:
            return False
        if now < self._passes_until:
            return True
        said_at = directory.rejections_stand_at
        if said_at != self._heard_of and abs(at - said_at) < self._limit.window_seconds * 1000:
            return True
        excess = self._window.note(by_agency(done.accepted, done.rejected), now)
        if excess is None:
            return True
        facts = f"{part}\n{at}\n{sorted(done.positions.items())}"
        halt = Halt(sha256(facts.encode()).digest(), at, self._sentence(excess, done))
        self._halts[halt.id] = halt
        return False

    def _sentence(self, excess: Excess, done: Round) -> str:
        reasons: Counter[str] = Counter()
        for (_, reason), count in done.rejected.items():
            reasons[reason] += count
        told = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common(3))
        example = next((f"; for instance {one.agency}: {one.detail[:100]}" for one in done.rejections), "")
        return (
            f"too much is rejected: {excess.records} records of {excess.rejecting} of {excess.heard} agencies, mean"
            f" share {excess.share:.2f}, limit {self._limit.share:g} ({told} in the last round{example})"
        )

    def found(self, note: str, directory: Directory) -> bool:
        """Whether a note beside a committed offset tells of a halt that still stands; if so it stands here too."""
        halt = read_note(note)
        if halt is None or directory.is_lifted(halt.id):
            return False
        self._halts[halt.id] = halt
        return True

    def standing(self, directory: Directory, now: float) -> list[Halt]:
        """Halts that the operator has not lifted yet, oldest first; when none stands any more, counting begins anew.

        Args:
            directory: holds what the operator has said of halts.
            now: seconds of a clock that never goes back.
        """
        if not self._halts:
            return []
        for lifted in [one for one in self._halts if directory.is_lifted(one)]:
            del self._halts[lifted]
            if directory.rejections_stand(lifted):
                self._passes_until = now + self._limit.window_seconds
                self._heard_of = directory.rejections_stand_at
        if not self._halts:
            self._window.clear()
        return sorted(self._halts.values(), key=lambda halt: halt.at)

    def share(self, now: float) -> float:
        """Mean of the agencies' rejected shares in the window, 0 to 1."""
        excess = self._window.look(now)
        return 0.0 if excess is None else excess.share
