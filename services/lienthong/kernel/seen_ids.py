"""Envelope ids that were seen, in a sixth of the memory that a dict takes: a week of a country's documents fits."""

__all__ = ["SeenIds"]

_BUCKETS = 1 << 16
_KEPT = slice(2, 18)
"""The part of an id that stands in its bucket; the two bytes before it choose the bucket."""
_KEPT_BYTES = 16
_POSITION_BYTES = 6


class SeenIds:
    """A set of envelope ids, as a rule with the ledger position of each.

    An id is a hash, so its first two bytes spread ids evenly over buckets, each of which is one string of bytes
    with its ids one after the other. What is kept of an id are its first 18 bytes (144 bits). To make two envelopes
    that agree in these takes some 2^72 tries, and makes its maker's own second envelope void (ADR 0026).

    Args:
        positions: keep the position of each id, for `position_of`.
    """

    __slots__ = ("_buckets", "_positions", "_stride")

    def __init__(self, *, positions: bool) -> None:
        self._buckets = [b""] * _BUCKETS
        self._positions = positions
        self._stride = _KEPT_BYTES + _POSITION_BYTES if positions else _KEPT_BYTES

    def add(self, envelope_id: bytes, position: int) -> bool:
        """Add an id.

        Args:
            envelope_id: 32 bytes.
            position: its ledger position, 0 to 2^48 - 1.

        Returns:
            False if it is there already; then its first position stays.
        """
        number = envelope_id[0] << 8 | envelope_id[1]
        bucket, kept = self._buckets[number], envelope_id[_KEPT]
        # Nearly always it is not there: one search over a few hundred bytes says so.
        if kept in bucket and self._find(bucket, kept) >= 0:
            return False
        if self._positions:
            kept += position.to_bytes(_POSITION_BYTES, "big")
        self._buckets[number] = bucket + kept
        return True

    def __contains__(self, envelope_id: bytes) -> bool:
        return self._find(self._buckets[envelope_id[0] << 8 | envelope_id[1]], envelope_id[_KEPT]) >= 0

    def position_of(self, envelope_id: bytes) -> int | None:
        """Ledger position of an id; None if it was not added, or no positions are kept."""
        bucket = self._buckets[envelope_id[0] << 8 | envelope_id[1]]
        at = self._find(bucket, envelope_id[_KEPT]) if self._positions else -1
        return int.from_bytes(bucket[at + _KEPT_BYTES : at + self._stride], "big") if at >= 0 else None

    def _find(self, bucket: bytes, kept: bytes) -> int:
        """Where in a bucket this part of an id stands; -1 if it does not. What matches across two ids is none."""
        at = bucket.find(kept)
        while at > 0 and at % self._stride:
            at = bucket.find(kept, at + 1)
        return at
