"""Where an inbox stands, pure: it is read backwards until what was read proves it.

A dispatcher that was paused and woke beside its successor, or one whose append had an unknown outcome, may have
written old numbers after newer ones, as many as it likes. To go on from an old number would give a number that is
used to another document: for the reader it would be lost. So the last record proves nothing by itself.
"""

from dataclasses import dataclass, field

from lienthong.dispatch.inboxes import Inbox, Strange
from lienthong.kernel.bus import Appended
from lienthong.kernel.errors import InvariantError
from lienthong.kernel.ledger import Record

__all__ = ["Tail"]

_DEEPER = 8
"""How many times as far each look goes back as the one before."""


@dataclass(slots=True)
class Tail:
    """The end of an inbox partition, as far as it was read.

    Attributes:
        begin: first offset in the log.
        end: offset the next record will get.
        delivered: ledger position of the last entry of this inbox that is known to have been appended to it before
            dispatch committed; None: nothing is known.
        first: from which offset on it was read.
        misplaced: offsets of what we appended ourselves while we took this log for another one.
        state: what the records read say.
        strange: records that say nothing about where the inbox stands: dispatch has not written them, or not for
            this log.
    """

    begin: int
    end: int
    delivered: int | None = None
    misplaced: Appended | None = None
    first: int = field(init=False)
    state: Inbox = field(init=False)
    strange: Strange = field(default_factory=Strange, init=False)

    def __post_init__(self) -> None:
        self.first = self.end
        self.state = Inbox(end=self.end)

    @property
    def proven(self) -> bool:
        """Whether one may go on from the highest number read.

        One may when everything was read; when nothing before can be higher, for the n-th record of a log without
        gaps has at most the number n; and when it stands for the last delivered entry or a later one. Every
        dispatcher gives an entry the same number, and whatever comes after the delivered ones is numbered from
        there: that another one has gone further already makes repeats, and readers drop them.
        """
        if self.delivered is not None and self.state.position >= self.delivered:
            return True
        return self.first <= max(self.begin, self.state.sequence)

    @property
    def lacking(self) -> bool:
        """Whether what is known to have been delivered is not there, once it is proven where the inbox stands.

        Then the topic was made again or lost its records, or a dispatcher committed for another one: to go on from
        here would leave out what lies between.
        """
        return self.delivered is not None and self.state.position < self.delivered

    def further(self) -> tuple[int, int]:
        """Offsets to be read next: from the first one up to, not including, the second one; each time more."""
        depth = max(1, _DEEPER * (self.end - self.first))
        return max(self.begin, self.end - depth), self.first

    def take(self, record: Record) -> None:
        """Take a record of what is read next, in any order."""
        if self.misplaced is not None and self.misplaced.first <= record.offset <= self.misplaced.last:
            self.strange.add(
                f"{record.topic} lane {record.partition} offset {record.offset} was written when the log was another"
            )
            return
        try:
            self.state.see(record)
        except InvariantError as error:
            self.strange.add(str(error))

    def read(self) -> None:
        """Note that everything that `further` asked for was taken."""
        self.first = self.further()[0]
