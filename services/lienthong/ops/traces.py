"""Where a document stands in the ledger, pure: entries that accepted or rejected it, and a command that released it."""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from lienthong.kernel.command import RELEASE, Command, read_command
from lienthong.kernel.envelope import decode_envelope
from lienthong.kernel.ledger import Outcome, Record, is_genesis, read_entry
from lienthong.kernel.statement import Kind, decode_statement

__all__ = ["LEAST_DIGITS", "Place", "Trace", "Traces", "command_in", "read_place"]

LEAST_DIGITS = 6
"""Of an envelope id, how many hex digits name a document at least."""
_PLACE = re.compile(r"(\d{1,4}):(\d{1,18})")
_DIGITS = re.compile(rf"[0-9a-f]{{{LEAST_DIGITS},64}}")


class Place(NamedTuple):
    """An offset in the ledger."""

    lane: int
    position: int

    def __str__(self) -> str:
        return f"{self.lane}:{self.position}"


def read_place(text: str) -> Place | str:
    """What somebody names: a place in the ledger, LANE:OFFSET, or an envelope id in hex, or how it begins.

    Raises:
        ValueError: it is neither.
    """
    if found := _PLACE.fullmatch(text):
        return Place(int(found[1]), int(found[2]))
    if not _DIGITS.fullmatch(text.lower()):
        raise ValueError(
            f"{text[:70]!r} is neither LANE:OFFSET in the ledger nor an envelope id in hex, or its first"
            f" {LEAST_DIGITS} digits or more"
        )
    return text.lower()


def command_in(record: Record) -> Command:
    """The command that an accepted entry of that kind holds.

    Raises:
        RejectedError: the entry holds none.
    """
    sealed = decode_envelope(record.value or b"")
    return read_command(decode_statement(sealed.statement), sealed.contents)


@dataclass(slots=True)
class Trace:
    """The places of one document.

    It is accepted and released in its own lane; copies of it may have been rejected in any lane, by whoever put them
    there.
    """

    id: bytes
    accepted: Place | None = None
    """Of the entry that accepted it: the first, which counts."""
    released: Place | None = None
    """Of the command that released it: the first."""
    rejected: dict[Place, str] = field(default_factory=dict)
    """Why entries rejected it, by their places."""


class Traces:
    """Collects the traces of documents whose id begins so; records of each lane in order."""

    def __init__(self, beginning: str) -> None:
        self._beginning = beginning
        self.found: dict[bytes, Trace] = {}

    def of(self, identity: bytes) -> Trace | None:
        """The trace of a document, made if there is none; None if another id is looked for."""
        if not identity.hex().startswith(self._beginning):
            return None
        return self.found.setdefault(identity, Trace(identity))

    def take(self, record: Record) -> None:
        """Take a record of the ledger.

        Raises:
            InvariantError: it is no entry.
            RejectedError: it is an accepted command that cannot be read.
        """
        if is_genesis(record):
            return
        entry, place = read_entry(record), Place(record.partition, record.offset)
        if entry.outcome is Outcome.ACCEPTED and entry.kind == Kind.COMMAND:
            command = command_in(record)
            if command.action == RELEASE and (trace := self.of(command.document)):
                trace.released = _first(trace.released, place)
        elif entry.kind == Kind.DOCUMENT and entry.id is not None and (trace := self.of(entry.id)):
            if entry.outcome is Outcome.ACCEPTED:
                trace.accepted = _first(trace.accepted, place)
            elif entry.outcome is Outcome.REJECTED:
                trace.rejected[place] = entry.reason

    def one(self) -> Trace:
        """The only trace.

        Raises:
            ValueError: there is none, or there are several.
        """
        if not self.found:
            raise ValueError(f"the ledger holds no document {self._beginning}")
        if len(self.found) > 1:
            some = ", ".join(sorted(identity.hex()[:16] for identity in self.found)[:5])
            raise ValueError(f"{len(self.found)} documents begin with {self._beginning}: {some}; give more digits")
        return next(iter(self.found.values()))


def _first(known: Place | None, place: Place) -> Place:
    return place if known is None else min(known, place)
