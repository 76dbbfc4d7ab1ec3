"""Envelope ids that were seen, in a quarter of the memory that a dict takes: a week of a country's documents fits."""

from typing import Final

__all__ = ["MAX_POSITION", "SeenIds"]

MAX_POSITION: Final = 2**48 - 1
"""The highest ledger position that is kept beside an id."""
_BUCKETS = 1 << 14
_ID_BYTES = 32
_POSITION_BYTES = 6


class SeenIds:
    """A set of envelope ids, as a rule with the ledger position of each.

    Ids stand in buckets, each of which is one string of bytes with its ids one after the other (ADR 0026). Python's
    hash of bytes chooses the bucket: it depends on a secret of the process, so nobody can make ids that fall into one.

    Args:
        positions: keep the position of each id, for `position_of`.
    """

    __slots__ = ("_buckets", "_positions", "_stride")

    def __init__(self, *, positions: bool) -> None:
        self._buckets = [b""] * _BUCKETS
        self._positions = positions
        self._stride = _ID_BYTES + _POSITION_BYTES if positions else _ID_BYTES

    def add(self, envelope_id: bytes, position: int) -> bool:
        """Add an id.

        Args:
            envelope_id: 32 bytes.
            position: its ledger position, 0 to `MAX_POSITION`.

        Returns:
            False if it is there already; then its first position stays.
        """
        number = hash(envelope_id) % _BUCKETS
        bucket = self._buckets[number]
        # Nearly always it is not there: one search over some hundred bytes says so.
        if envelope_id in bucket and self._find(envelope_id) >= 0:
            return False
        if self._positions:
            self._buckets[number] = bucket + envelope_id + position.to_bytes(_POSITION_BYTES, "big")
        else:
            self._buckets[number] = bucket + envelope_id
        return True

    def __contains__(self, envelope_id: bytes) -> bool:
        return envelope_id in self._buckets[hash(envelope_id) % _BUCKETS] and self._find(envelope_id) >= 0

    def position_of(self, envelope_id: bytes) -> int | None:
        """Ledger position of an id; None if it was not added, or no positions are kept."""
        at = self._find(envelope_id) if self._positions else -1
        if at < 0:
            return None
        bucket = self._buckets[hash(envelope_id) % _BUCKETS]
        return int.from_bytes(bucket[at + _ID_BYTES : at + self._stride], "big")

    def _find(self, envelope_id: bytes) -> int:
        """Where an id stands in its bucket; -1 if it does not. What matches across two ids is none."""
        bucket = self._buckets[hash(envelope_id) % _BUCKETS]
        at = bucket.find(envelope_id)
        while at > 0 and at % self._stride:
            at = bucket.find(envelope_id, at + 1)
        return at
