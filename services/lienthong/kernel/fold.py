"""One comparison rules every hop, and one fold over the ledger decides which entries count.

A reader of any of our logs keeps the last number it took: the next one is taken, an older one is a
repeat and dropped, a later one is a gap and an alarm. Over the ledger that rule is applied to source
offsets, and on top of it the first accepted entry of an envelope id counts. Dispatch, notary,
reminder, tracker and auditor share this fold and so compute the same answer.
"""

from enum import Enum, auto

from lienthong.kernel.errors import InvariantError
from lienthong.kernel.ledger import Entry, Outcome
from lienthong.kernel.limits import ACCEPTANCE_WINDOW_MS, FUTURE_TOLERANCE_MS
from lienthong.kernel.seen_ids import SeenIds

__all__ = ["Count", "LedgerFold", "Order", "compare", "ids_horizon_ms"]

_MARGIN_MS = 3_600_000
_HORIZON_MS = ACCEPTANCE_WINDOW_MS + FUTURE_TOLERANCE_MS + _MARGIN_MS


def ids_horizon_ms() -> int:
    """How far back, in milliseconds of ledger time, a fold must have read to know every id that counts."""
    return _HORIZON_MS


class Order(Enum):
    """How a number stands to the last one taken."""

    NEXT = auto()
    REPEAT = auto()
    GAP = auto()


def compare(last: int, number: int) -> Order:
    """The one comparison: last + 1 is next, anything up to last a repeat, anything beyond a gap."""
    if number == last + 1:
        return Order.NEXT
    return Order.REPEAT if number <= last else Order.GAP


class Count(Enum):
    """What the fold says of an entry."""

    COUNTS = auto()
    REPEAT = auto()
    """Void: its source offset was taken before. Intake read again after a crash."""
    DUPLICATE = auto()
    """Void: its envelope id was accepted before. The sender sent again."""


class LedgerFold:
    """The fold over one lane of the ledger, in ledger order.

    Ids are remembered in two generations, each as long as an id can still be accepted, so memory is
    bounded by twice the window and forgetting costs nothing.

    Args:
        complete: the fold starts at the lane's first entry, so that every source must start at 0;
            otherwise a source's first entry met is taken as it is.
        positions: remember positions of ids as well, for `position_of`.
    """

    def __init__(self, *, complete: bool, positions: bool = True) -> None:
        self._complete = complete
        self._positions = positions
        self._last: dict[tuple[str, str], int] = {}
        self._young = SeenIds(positions=positions)
        self._old: SeenIds | None = None
        self._young_since: int | None = None

    def take(self, entry: Entry) -> Count:
        """Take the next entry of the lane.

        Raises:
            InvariantError: a source offset is missing; the text names the source and the offsets.
        """
        agency, offset, generation = entry.source
        accepted = entry.id if entry.outcome is Outcome.ACCEPTED else None
        return self.count(agency, generation, offset, accepted, entry.position, entry.appended_at)

    def count(
        self, agency: str, generation: str, offset: int, accepted: bytes | None, position: int, appended_at: int
    ) -> Count:
        """Take the next entry of the lane, given what matters of it.

        Args:
            agency: owner of its source.
            generation: of the source.
            offset: in the source.
            accepted: its envelope id, if it was accepted.
            position: its offset in the ledger, at most `MAX_POSITION`.
            appended_at: when it was appended, milliseconds since 1970 UTC.

        Raises:
            InvariantError: a source offset is missing; the text names the source and the offsets.
        """
        source = (agency, generation)
        last = self._last.get(source)
        if last is None:
            last = -1 if self._complete else offset - 1
        if offset != last + 1:
            if compare(last, offset) is Order.REPEAT:
                return Count.REPEAT
            raise InvariantError(
                f"ledger position {position}: source {agency} goes from offset {last} to {offset};"
                f" {offset - last - 1} records are missing"
            )
        self._last[source] = offset
        if accepted is None or self._remember(accepted, position, appended_at):
            return Count.COUNTS
        return Count.DUPLICATE

    def take_plain(
        self, source: tuple[str, str], offset: int, envelope_id: bytes, position: int, appended_at: int
    ) -> bool:
        """Take an accepted entry if it is the next one of a source met before, and the first one of its id.

        Args:
            source: agency and generation.
            offset: in the source's out topic.
            envelope_id: its id.
            position: its ledger offset, at most `MAX_POSITION`.
            appended_at: when Kafka appended it, milliseconds since 1970 UTC.

        Returns:
            Whether it is; if not, nothing was done, and `take` says what the entry is.
        """
        last = self._last.get(source)
        # The one comparison, written out: this is called a million times before a service is ready.
        if last is None or offset != last + 1 or not self._remember(envelope_id, position, appended_at):
            return False
        self._last[source] = offset
        return True

    def _remember(self, envelope_id: bytes, position: int, appended_at: int) -> bool:
        """Remember an id; False if it is remembered already."""
        if self._old is not None and envelope_id in self._old:
            return False
        if self._young_since is None:
            self._young_since = appended_at
        elif appended_at - self._young_since > _HORIZON_MS:
            if envelope_id in self._young:
                return False
            self._old, self._young = self._young, SeenIds(positions=self._positions)
            self._young_since = appended_at
        return self._young.add(envelope_id, position)

    def position_of(self, envelope_id: bytes) -> int | None:
        """Ledger position of the entry of an id that counts, while the id is remembered; needs `positions`."""
        position = self._young.position_of(envelope_id)
        return self._old.position_of(envelope_id) if position is None and self._old is not None else position

    def last_offset(self, agency: str, generation: str) -> int | None:
        """Last source offset taken of an agency's out topic, or None if none was."""
        return self._last.get((agency, generation))
