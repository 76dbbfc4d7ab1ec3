"""How much is appended at once, pure: a round of the ledger may be hundreds of times as large in the inboxes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from lienthong.kernel.bus import Row
from lienthong.kernel.topics import Partition
from lienthong.runtime.ledger_follower import Taken

__all__ = ["PORTION_BYTES", "parts", "portions"]

PORTION_BYTES = 8_388_608
"""Most bytes of one append, 8 MiB. Rows appended together can travel in one request, and a broker cuts the
connection at a request above its `socket.request.max.bytes`: 100 MiB by default, 16 MiB in the embedded Kafka. It
is also what must be acknowledged within one time-out, and what is copied at a time."""
_ROW_BYTES = 256
"""More than the headers of a delivery and Kafka's own fields around a record."""


def _size(value: bytes | None) -> int:
    return _ROW_BYTES + len(value or b"")


def parts(taken: Iterable[Taken], most_bytes: int = PORTION_BYTES) -> Iterator[list[Taken]]:
    """Divide the entries of a round, in their order, so that only so many rows are made at a time.

    Args:
        taken: entries of a round.
        most_bytes: bound of what a part becomes in the inboxes, unless a single entry becomes more.
    """
    part: list[Taken] = []
    left = most_bytes
    for one in taken:
        size = _size(one.record.value) * len(one.entry.routes)
        if size > left and part:
            yield part
            part, left = [], most_bytes
        part.append(one)
        left -= size
    if part:
        yield part


def portions(
    rows: Mapping[Partition, Sequence[Row]], most_bytes: int = PORTION_BYTES
) -> Iterator[Mapping[Partition, Sequence[Row]]]:
    """Divide rows into portions to be appended one after the other; in each inbox the order stays.

    Args:
        rows: what is to be appended; a partition without rows is left out.
        most_bytes: bound of a portion, unless a single row is larger.
    """
    portion: dict[Partition, list[Row]] = {}
    left = most_bytes
    for partition, some in rows.items():
        for row in some:
            size = _size(row.value)
            if size > left and portion:
                yield portion
                portion, left = {}, most_bytes
            portion.setdefault(partition, []).append(row)
            left -= size
    if portion:
        yield portion
