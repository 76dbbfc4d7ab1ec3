"""The journal that a receiving agency of `agency_process` writes: one line for each document it is handed."""

from pathlib import Path
from typing import NamedTuple

__all__ = ["Line", "assert_in_sequence", "read_journal"]


class Line(NamedTuple):
    """One line of a receiver's journal."""

    process: int
    lane: int
    sequence: int
    id: str
    redelivered: bool
    number: int


def read_journal(path: Path) -> list[Line]:
    """The lines a receiver wrote."""
    found = []
    for line in path.read_text("ascii").splitlines():
        process, lane, sequence, identity, redelivered, number = line.split()
        found.append(Line(int(process), int(lane), int(sequence), identity, redelivered == "1", int(number)))
    return found


def assert_in_sequence(lines: list[Line]) -> None:
    """Within one run of a receiver, each lane's sequence numbers rise."""
    last: dict[tuple[int, int], int] = {}
    for line in lines:
        key = (line.process, line.lane)
        assert last.get(key, 0) < line.sequence
        last[key] = line.sequence
