"""Where entries stood, according to others: receipts and inboxes name ledger positions, too.

Entries that were taken out of the ledger, put in or moved shift all behind them. The ledger alone may
look whole then; what was signed or delivered before remembers.
"""

from collections.abc import Iterator
from typing import NamedTuple

from lienthong.kernel.topics import Partition

__all__ = ["Claim", "Claims", "Stretch", "counted"]


class Claim(NamedTuple):
    """A record that says that an entry stood elsewhere."""

    position: int
    claimed: int
    partition: Partition
    offset: int


class Stretch(NamedTuple):
    """Entries, one after the other, of which the same is claimed."""

    first: Claim
    last: Claim
    length: int


class Claims:
    """Collects the first claim about each entry."""

    def __init__(self) -> None:
        self._claims: dict[int, Claim] = {}
        self.partitions: set[Partition] = set()
        """Whose records they are."""

    def __len__(self) -> int:
        return len(self._claims)

    def add(self, position: int, claimed: int, partition: Partition, offset: int) -> None:
        """A record says that the entry at `position` stood at `claimed`."""
        self._claims.setdefault(position, Claim(position, claimed, partition, offset))
        self.partitions.add(partition)

    def stretches(self) -> Iterator[Stretch]:
        """The claims in order; together are those that one cause explains: a common shift, or an exchange."""
        stretch: Stretch | None = None
        for _, claim in sorted(self._claims.items()):
            if stretch is None:
                stretch = Stretch(claim, claim, 1)
                continue
            last = stretch.last
            if claim.claimed - claim.position == last.claimed - last.position or claim.position == last.position + 1:
                stretch = Stretch(stretch.first, claim, stretch.length + 1)
            else:
                yield stretch
                stretch = Stretch(claim, claim, 1)
        if stretch is not None:
            yield stretch


def counted(count: int, one: str, many: str = "") -> str:
    """A number and its noun: ``1 entry``, ``2 entries``."""
    return f"{count} {one if count == 1 else many or one + 's'}"
