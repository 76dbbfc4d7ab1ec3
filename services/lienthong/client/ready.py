"""Documents that wait in memory for the caller: as many as there is room for, the rest stays in the store."""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from lienthong.client.delivery import Delivery
from lienthong.client.rows import Arrival

__all__ = ["Ready"]

_BYTES = 33_554_432
_DOCUMENTS = 2_000


class Ready:
    """What waits of the express lane, or of the ordinary ones, each lane in sequence.

    Documents come in two ways: as they are read from the topic, while there is room; or from the store.
    Once something was left in the store, all that comes later is left there as well, until the store
    holds nothing more: that keeps the sequence.

    Args:
        lanes: whose documents.
        documents: most that wait.
        size: most bytes of their envelopes.
    """

    def __init__(self, lanes: Sequence[int], documents: int = _DOCUMENTS, size: int = _BYTES) -> None:
        self.lanes = lanes
        self.moving = asyncio.Lock()
        """Held while documents move from the topic into the store and memory, or from the store into memory."""
        self.in_store = True
        """Whether the store may hold some that have not come here: at first those of an earlier run."""
        self.most_bytes = size
        self._documents = documents
        self._waiting: deque[Delivery | Arrival] = deque()
        self._size = 0
        self._last: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def last(self) -> Mapping[int, int]:
        """Sequence number of the last document that came here, by lane."""
        return self._last

    def room(self, sizes: Iterable[int]) -> int:
        """How many of the next documents, of these sizes in bytes, may come here without a look into the store."""
        if self.in_store:
            return 0
        count, used = len(self), self._size
        fit = 0
        for size in sizes:
            count += 1
            used += size
            if count > self._documents or used > self.most_bytes:
                break
            fit += 1
        return fit

    def put(self, some: Iterable[Delivery | Arrival]) -> None:
        """Add the next documents of their lanes; one from the store is verified again when it is its turn."""
        for one in some:
            self._waiting.append(one)
            self._size += _size(one)
            self._last[one.lane] = one.sequence

    def pop(self) -> Delivery | Arrival:
        """The next document."""
        one = self._waiting.popleft()
        self._size -= _size(one)
        return one

    def put_back(self, one: Delivery | Arrival) -> None:
        """Make the document that was taken last the next one again."""
        self._waiting.appendleft(one)
        self._size += _size(one)

    def found(self, arrivals: Sequence[Arrival], *, more: bool) -> None:
        """Add what the store held after `last`, and note whether it holds more."""
        self.put(arrivals)
        self.in_store = more


def _size(one: Delivery | Arrival) -> int:
    return one.size if isinstance(one, Delivery) else len(one.value)
