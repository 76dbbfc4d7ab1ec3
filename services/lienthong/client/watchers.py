"""Who waits for news of an envelope."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

__all__ = ["Watchers"]


class Watchers:
    """Events by the id of the envelope that somebody watches."""

    def __init__(self) -> None:
        self._events: dict[bytes, set[asyncio.Event]] = {}

    @contextmanager
    def watch(self, envelope_id: bytes) -> Iterator[asyncio.Event]:
        """An event that is set whenever something was read that concerns this envelope, or reading has stopped."""
        changed = asyncio.Event()
        events = self._events.setdefault(envelope_id, set())
        events.add(changed)
        try:
            yield changed
        finally:
            events.discard(changed)
            if not events:
                self._events.pop(envelope_id, None)

    def tell(self, envelope_ids: Iterable[bytes]) -> None:
        """Something was read that concerns these."""
        for envelope_id in envelope_ids:
            for changed in self._events.get(envelope_id, ()):
                changed.set()

    def tell_all(self) -> None:
        """Reading has stopped."""
        self.tell(list(self._events))
