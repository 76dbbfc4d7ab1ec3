"""The documents that the tracker must know to say something of them: named by entries, by their lanes."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

__all__ = ["KnownDocument", "KnownDocuments"]


class KnownDocument(NamedTuple):
    """What must be known of a document to say something of it."""

    number: int
    sender: str
    business_type: int
    targets: tuple[bytes, ...] = ()
    """Of a recall or update: envelope ids of the documents it is about, in the order of their bytes."""


class KnownDocuments:
    """What is known of documents; in each lane only those whose entries stand in it.

    Args:
        documents: by lane and envelope id. Of what answers name also the documents that recalls and updates are about,
            and all recalls and updates that are about them and unread by whoever answers.
    """

    def __init__(self, documents: Mapping[tuple[int, bytes], KnownDocument]) -> None:
        self._documents: dict[tuple[int, bytes], KnownDocument] = {}
        self._requests: dict[tuple[int, bytes], list[KnownDocument]] = {}
        self._read: Counter[tuple[int, bytes, str]] = Counter()
        """How many of these an inbox has read."""
        for (lane, identity), known in sorted(documents.items(), key=lambda one: one[1].number):
            self.add(lane, identity, known)

    def add(self, lane: int, identity: bytes, known: KnownDocument) -> None:
        """The next one of a lane."""
        self._documents[lane, identity] = known
        for target in known.targets:
            self._requests.setdefault((lane, target), []).append(known)

    def get(self, lane: int, identity: bytes) -> KnownDocument | None:
        """The document of an envelope id, if its entry stands in this lane and was taken."""
        return self._documents.get((lane, identity))

    def numbers(self, lane: int, named: Iterable[bytes]) -> Iterable[int]:
        """Those of the documents that are known."""
        return (known.number for one in named if (known := self.get(lane, one)) is not None)

    def unread_about(self, lane: int, named: bytes, inbox: str) -> list[KnownDocument]:
        """Recalls and updates of its lane that are about a document, in order; without those that an inbox has read."""
        return self._requests.get((lane, named), [])[self._read[lane, named, inbox] :]

    def read_about(self, lane: int, named: bytes, inbox: str) -> None:
        """Note that an inbox has read all that there are by now."""
        self._read[lane, named, inbox] = len(self._requests.get((lane, named), []))
