"""How long documents waited for their first acknowledgement, for the latency histogram."""

from collections import OrderedDict
from collections.abc import Iterator

from lienthong.kernel.envelope import decode_envelope
from lienthong.kernel.errors import RejectedError
from lienthong.kernel.ledger import Entry
from lienthong.kernel.statement import Kind, decode_statement

__all__ = ["AcceptanceTimes"]


class AcceptanceTimes:
    """Remembers when the newest documents were accepted; older ones are not measured.

    Args:
        capacity: most documents remembered.
    """

    def __init__(self, capacity: int = 50_000) -> None:
        self._times: OrderedDict[bytes, int] = OrderedDict()
        self._capacity = capacity

    def take(self, entry: Entry, value: bytes | None) -> Iterator[float]:
        """Take an accepted entry; yields seconds for each document it is the first to acknowledge."""
        if entry.kind == Kind.DOCUMENT and entry.id is not None:
            self._times[entry.id] = entry.appended_at
            if len(self._times) > self._capacity:
                self._times.popitem(last=False)
        elif entry.kind == Kind.ACKNOWLEDGEMENT and value is not None:
            try:
                statement = decode_statement(decode_envelope(value).statement)
            except RejectedError:  # the ledger holds none such; a metric must not stop deliveries
                return
            for document in statement.body["documents"]:
                accepted_at = self._times.pop(document, None)
                if accepted_at is not None:
                    yield max(0, entry.appended_at - accepted_at) / 1000
