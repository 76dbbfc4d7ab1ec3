"""Documents that wait in memory for the caller: as many as there is room for, the rest stays in the store."""

from collections import deque
from collections.abc import Mapping, Sequence

from lienthong.client.delivery import Delivery
from lienthong.client.rows import Arrival

__all__ = ["Ready"]

_BYTES = 33_554_432
_DOCUMENTS = 2_000


class Ready:
    """What waits of the express lane, or of the ordinary ones, each lane in sequence.

    Documents come in two ways: as they are read from the topic while there is room, and from the
    store. Once something was left in the store, all that comes later is left there as well, until the
    store has been found empty: that keeps the sequence.

    Args:
        lanes: whose documents.
        documents: most that wait.
        size: most bytes of their envelopes.
    """

    def __init__(self, lanes: Sequence[int], documents: int = _DOCUMENTS, size: int = _BYTES) -> None:
        self.lanes = lanes
        self._documents = documents
        self._most = size
        self._waiting: deque[Delivery | Arrival] = deque()
        self._size = 0
        self._last: dict[int, int] = {}
        self._left = 0
        self.in_store = True
        """Whether the store may hold some that have not come here: at first those of an earlier run."""

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def last(self) -> Mapping[int, int]:
        """Sequence number of the last document that came here, by lane."""
        return self._last

    def has_room(self, more: int, size: int) -> bool:
        """Whether a document of this size may come here without a look into the store, after `more` others."""
        return not self.in_store and len(self) + more < self._documents and self._size + size < self._most

    def put(self, one: Delivery | Arrival) -> None:
        """Add the next document of its lane; one from the store is verified again when it is its turn."""
        self._waiting.append(one)
        self._size += _size(one)
        self._last[one.lane] = one.sequence

    def pop(self) -> Delivery | Arrival:
        """The next document."""
        one = self._waiting.popleft()
        self._size -= _size(one)
        return one

    def leave(self) -> None:
        """Note that documents are left in the store, now or in a moment."""
        self.in_store = True
        self._left += 1

    @property
    def left(self) -> int:
        """How often documents were left in the store so far: tells `found` whether it happened meanwhile."""
        return self._left

    def found(self, arrivals: Sequence[Arrival], left: int) -> None:
        """Take what the store held after `last`.

        Args:
            arrivals: in sequence within each lane; those that came another way meanwhile are dropped.
            left: what `left` was before the store was asked.
        """
        if not arrivals and left == self._left:
            # Rounds are stored in the order in which they are decided on, so nothing is left behind.
            self.in_store = False
        for one in arrivals:
            if one.sequence > self._last.get(one.lane, 0):
                self.put(one)


def _size(one: Delivery | Arrival) -> int:
    return one.size if isinstance(one, Delivery) else len(one.value)
