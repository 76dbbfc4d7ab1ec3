"""The fold, taken beyond a gap: services stop at one, an auditor names it and checks the rest."""

from lienthong.kernel.errors import InvariantError
from lienthong.kernel.fold import Count, LedgerFold
from lienthong.kernel.ledger import Entry

__all__ = ["AuditFold"]


class AuditFold(LedgerFold):
    """The fold over one lane that goes on where source offsets are missing."""

    def take_beyond(self, entry: Entry) -> tuple[Count, int | None]:
        """Take the next entry of the lane.

        Returns:
            What the fold says, and the last offset of the source before a gap (-1: there was none);
            None if there is no gap.
        """
        try:
            return self.take(entry), None
        except InvariantError:
            agency, offset, generation = entry.source
            last = self.last_offset(agency, generation)
            self._last[agency, generation] = offset - 1
            return self.take(entry), -1 if last is None else last
