"""What is remembered of each ledger entry of a lane while the other topics are held against it.

82 bytes an entry, in flat arrays: a Python object for each would cost ten times as much. Whatever is the
same for many entries (whose record it was, the outcome) is kept once and called by number.
"""

from array import array
from typing import Final, NamedTuple

from lienthong.kernel.ledger import Outcome
from lienthong.kernel.randomness import random_bytes
from lienthong.kernel.reasons import Reason
from lienthong.kernel.statement import Kind

__all__ = ["GENESIS_DIGEST", "UNKNOWN_CODE", "LaneFacts", "Places", "outcome_code"]

GENESIS_DIGEST: Final = bytes(32)
"""Stands for the digest of a genesis record, which has no value; no value is known that hashes to it."""
_NO_DIGEST: Final = b"\xff" * 32
_NO_ID: Final = random_bytes(32)
"""Stands for the id of an entry that has none; nobody can name it."""
_DIGEST_BYTES = _ID_BYTES = 32
_BROKEN, _DOUBTED, _DUPLICATE = 1, 2, 4
_NOTHING, _ACCEPTED, _OPENED = 0, 1, 2
_REASONS: Final = tuple(Reason)
_CODES: Final = {reason.value: number for number, reason in enumerate(_REASONS, _OPENED + 1)}
_NO_RECORD: Final = _CODES[Reason.NO_RECORD]
UNKNOWN_CODE: Final = 255
"""Rejected for what is no reason."""
_DUE, _SAID = 1, 2


def outcome_code(outcome: Outcome, reason: str) -> int:
    """One byte for what intake said.

    Raises:
        ValueError: there is no such reason.
    """
    if outcome is Outcome.REJECTED:
        code = _CODES.get(reason)
        if code is None:
            raise ValueError(f"{reason[:40]!r} is not a reason")
        return code
    return _ACCEPTED if outcome is Outcome.ACCEPTED else _OPENED


class _Sort(NamedTuple):
    """What many entries have in common."""

    code: int
    agency: str
    kind: str | None


class LaneFacts:
    """Facts about the entries of one lane, by ledger position.

    Args:
        first: ledger position of the first entry that is judged.
    """

    def __init__(self, first: int) -> None:
        self.first = first
        self._digests = bytearray()
        self._ids = bytearray()
        self._judged = array("q")
        self._known = array("I")
        self._known_values: list[int] = []
        self._known_numbers: dict[int, int] = {}
        self._sort = array("I")
        self._sorts = [_Sort(_NOTHING, "", None)]
        self._sort_numbers = {self._sorts[0]: 0}
        self._flags = bytearray()
        self._receipts = bytearray()

    @property
    def end(self) -> int:
        """The position after the last one."""
        return self.first + len(self._flags)

    def __contains__(self, position: int) -> bool:
        return self.first <= position < self.first + len(self._flags)

    def skip(self, count: int = 1) -> None:
        """Positions that hold no entry."""
        self._digests += _NO_DIGEST * count
        self._ids += _NO_ID * count
        for numbers in (self._judged, self._known, self._sort):
            numbers.frombytes(bytes(numbers.itemsize * count))
        for codes in (self._flags, self._receipts):
            codes.extend(bytes(count))

    def known_number(self, known_at: int) -> int:
        """The number for a moment of the directory."""
        number = self._known_numbers.get(known_at)
        if number is None:
            number = self._known_numbers[known_at] = len(self._known_values)
            self._known_values.append(known_at)
        return number

    def sort_number(self, code: int, agency: str, kind: str | None) -> int:
        """The number for an outcome (`outcome_code`), the owner of the out topic and the statement's kind."""
        sort = _Sort(code, agency, kind)
        number = self._sort_numbers.get(sort)
        if number is None:
            number = self._sort_numbers[sort] = len(self._sorts)
            self._sorts.append(sort)
        return number

    def add(
        self,
        sort: int,
        digest: bytes,
        envelope_id: bytes | None,
        judged_at: int,
        known: int,
        *,
        broken: bool = False,
        duplicate: bool = False,
        receipt_due: bool,
    ) -> None:
        """The entry at the next position.

        Args:
            sort: what `sort_number` said.
            digest: SHA-256 of the value, 32 bytes.
            envelope_id: 32 bytes, or None.
            judged_at: milliseconds since 1970 UTC.
            known: what `known_number` said.
            broken: its content cannot be believed.
            duplicate: its envelope id was accepted before.
            receipt_due: its sender must be told.
        """
        self._digests += digest
        self._ids += _NO_ID if envelope_id is None else envelope_id
        self._judged.append(judged_at)
        self._known.append(known)
        self._sort.append(sort)
        self._flags.append((_BROKEN if broken else 0) | (_DUPLICATE if duplicate else 0))
        self._receipts.append(_DUE if receipt_due else 0)

    def holds(self, position: int, digest: bytes) -> bool:
        """Whether a record was accepted, or opens its topic, and has this digest: nothing more is to be asked of it."""
        at = position - self.first
        return (
            self._digests.startswith(digest, at * _DIGEST_BYTES)
            and _NOTHING < self._sorts[self._sort[at]].code <= _OPENED
        )

    def is_delivery(
        self, position: int, digest: bytes, envelope_id: bytes, kind: str | None, judged_at: int, known_at: int
    ) -> bool:
        """Whether a record that can be believed has all this."""
        at = position - self.first
        return (
            self._digests.startswith(digest, at * _DIGEST_BYTES)
            and self._ids.startswith(envelope_id, at * _ID_BYTES)
            and len(envelope_id) == _ID_BYTES
            and self._judged[at] == judged_at
            and self._known_values[self._known[at]] == known_at
            and self._sorts[self._sort[at]].kind == kind
            and not self._flags[at] & _BROKEN
        )

    def is_receipt(self, position: int, digest: bytes, envelope_id: bytes | None, judged_at: int) -> bool:
        """Whether an accepted entry that counts and can be believed has all this; a digest is 32 bytes."""
        at = position - self.first
        return (
            envelope_id is not None
            and self._digests.startswith(digest, at * _DIGEST_BYTES)
            and self._ids.startswith(envelope_id, at * _ID_BYTES)
            and len(digest) == _DIGEST_BYTES
            and len(envelope_id) == _ID_BYTES
            and self._judged[at] == judged_at
            and self._sorts[self._sort[at]].code == _ACCEPTED
            and not self._flags[at] & (_BROKEN | _DUPLICATE)
        )

    def is_document(self, position: int, agency: str) -> bool:
        """Whether it is a document of this agency that can be believed."""
        _, of, kind = self._sorts[self._sort[position - self.first]]
        return of == agency and kind == Kind.DOCUMENT and not self._flags[position - self.first] & _BROKEN

    def digest(self, position: int) -> bytes:
        """SHA-256 of the value, 32 bytes."""
        at = (position - self.first) * _DIGEST_BYTES
        return bytes(self._digests[at : at + _DIGEST_BYTES])

    def heal(self, position: int, digest: bytes) -> None:
        """Put the digest of the value that verified in the place of a broken one."""
        at = (position - self.first) * _DIGEST_BYTES
        self._digests[at : at + _DIGEST_BYTES] = digest

    def has_id(self, position: int, envelope_id: bytes | None) -> bool:
        """Whether this is the entry's envelope id."""
        at = (position - self.first) * _ID_BYTES
        return self._ids[at : at + _ID_BYTES] == (_NO_ID if envelope_id is None else envelope_id)

    def judged_at(self, position: int) -> int:
        """When it was judged, milliseconds since 1970 UTC."""
        return self._judged[position - self.first]

    def known_at(self, position: int) -> int:
        """The newest fact of the directory that it was judged by, milliseconds since 1970 UTC."""
        return self._known_values[self._known[position - self.first]]

    def agency(self, position: int) -> str:
        """Owner of the out topic that it came from."""
        return self._sorts[self._sort[position - self.first]].agency

    def kind(self, position: int) -> str | None:
        """The statement's kind, when it could be told."""
        return self._sorts[self._sort[position - self.first]].kind

    def _code(self, position: int) -> int:
        return self._sorts[self._sort[position - self.first]].code

    def is_accepted(self, position: int) -> bool:
        """Whether it was accepted."""
        return self._code(position) == _ACCEPTED

    def is_no_record(self, position: int) -> bool:
        """Whether it stands for an offset without a record."""
        return self._code(position) == _NO_RECORD

    def reason(self, position: int) -> Reason | None:
        """Why it was rejected; None if it was not."""
        code = self._code(position)
        return _REASONS[code - _OPENED - 1] if _OPENED < code < UNKNOWN_CODE else None

    def outcome(self, position: int) -> str:
        """What the entry says, in words."""
        code = self._code(position)
        words = {_NOTHING: "nothing", _ACCEPTED: "accepted", _OPENED: "opened"}
        return words.get(code) or f"rejected ({self.reason(position)})"

    def is_duplicate(self, position: int) -> bool:
        """Whether its envelope id was accepted before."""
        return bool(self._flags[position - self.first] & _DUPLICATE)

    def is_broken(self, position: int) -> bool:
        """Whether its content cannot be believed."""
        return bool(self._flags[position - self.first] & _BROKEN)

    def doubt(self, position: int) -> None:
        """Something about it does not hold."""
        self._flags[position - self.first] |= _DOUBTED

    def verified(self) -> int:
        """Number of positions that hold an entry about which everything holds."""
        sound = self._flags.count(0) + self._flags.count(_DUPLICATE)
        return sound - self._sort.count(0)

    def receipt_said(self, position: int) -> None:
        """Its sender was told."""
        self._receipts[position - self.first] = _SAID

    def receipts_due(self) -> list[int]:
        """Positions whose sender was not told and should have been, in order."""
        due = []
        at = self._receipts.find(_DUE)
        while at >= 0:
            due.append(self.first + at)
            at = self._receipts.find(_DUE, at + 1)
        return due


class Places:
    """Ledger positions of one source's records, by their offset in the out topic.

    Args:
        first: the lowest source offset that is judged.
    """

    def __init__(self, first: int) -> None:
        self.first = first
        self._positions = array("q")
        self.repeats: dict[int, list[int]] = {}
        """Positions of further entries of an offset; they are void."""
        self.contested: dict[int, list[int]] = {}
        """Positions of further entries of an offset that have another content."""

    @property
    def end(self) -> int:
        """The source offset after the last one."""
        return self.first + len(self._positions)

    def at(self, offset: int) -> int:
        """Position of the entry, or -1."""
        index = offset - self.first
        return self._positions[index] if 0 <= index < len(self._positions) else -1

    def append(self, position: int) -> None:
        """Note the entry of the next offset."""
        self._positions.append(position)

    def put(self, offset: int, position: int) -> None:
        """Note an entry; offsets left out get none."""
        index = offset - self.first
        if index < 0:
            return
        missing = index - len(self._positions)
        if missing >= 0:
            self._positions.extend([-1] * missing)
            self._positions.append(position)
        else:
            self._positions[index] = position
