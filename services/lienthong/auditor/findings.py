"""What an audit finds, as values: damage that is named by topic, lane and offset, and notes that are no damage."""

from typing import Any, NamedTuple

from lienthong.kernel.topics import Partition

__all__ = ["Finding", "Findings"]

_KEPT = 10_000


class Finding(NamedTuple):
    """Something that must hold and does not hold."""

    topic: str
    lane: int
    offset: int
    what: str

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return self._asdict()

    def __str__(self) -> str:
        return f"{self.topic} lane {self.lane} offset {self.offset}: {self.what}"


class Findings:
    """Collects findings and notes; counts all of them, keeps as many as anyone can read."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._damage: list[Finding] = []
        self._notes: list[Finding] = []
        self.count = 0
        self.notes_count = 0

    def add(self, partition: Partition, offset: int, what: str) -> None:
        """Name damage."""
        self.count += 1
        if len(self._damage) < self._kept:
            self._damage.append(Finding(*partition, offset, what))

    def note(self, partition: Partition, offset: int, what: str) -> None:
        """Name something that a person may want to know and that is no damage."""
        self.notes_count += 1
        if len(self._notes) < self._kept:
            self._notes.append(Finding(*partition, offset, what))

    def since(self, count: int) -> list[str]:
        """What was named after the first `count` findings, in the order of naming."""
        return [one.what for one in self._damage[count:]]

    def damage(self) -> list[Finding]:
        """What was kept of the damage, by topic, lane and offset."""
        return sorted(self._damage)

    def notes(self) -> list[Finding]:
        """What was kept of the notes, by topic, lane and offset."""
        return sorted(self._notes)
