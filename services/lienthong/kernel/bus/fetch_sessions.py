"""Fetches of many partitions in sessions (KIP-227), of which aiokafka knows nothing.

Its fetcher asks for every partition in every request and is answered for every one, with news or without. In a session
a request names what has changed since the one before, and an answer what has news; the fetcher takes it as it is.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, TypeAlias

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import FetchSessionIdNotFound, InvalidFetchSessionEpoch, for_code
from aiokafka.protocol.fetch import FetchRequest

__all__ = ["Ask", "FetchSession", "Sessions"]

_FEWEST_PARTITIONS = 8
"""With fewer, a session saves nothing worth its place: a broker keeps a thousand of them
(`max.incremental.fetch.session.cache.slots`)."""
_NO_SESSION = 0
_FIRST_EPOCH = 0
_LAST_EPOCH = 2**31 - 1
_SESSION_VERSION = 7
_SESSION_GONE = frozenset({FetchSessionIdNotFound.errno, InvalidFetchSessionEpoch.errno})
"""The broker was restarted, or has given the place to another session."""

_Key: TypeAlias = tuple[str, int]
_Place: TypeAlias = tuple[int, int]


class Ask(NamedTuple):
    """What one request says."""

    session: int
    """Number that the broker gave; 0 asks for a new session."""
    epoch: int
    """1, 2, 3 … within the session; 0: everything is named, and a session of this number ends."""
    changed: Mapping[_Key, _Place]
    """Topic and partition: offset to read from, and most bytes."""
    forgotten: Collection[_Key]
    """What is not to be read any more."""


class FetchSession:
    """What one broker knows of what we read from it (KIP-227)."""

    def __init__(self) -> None:
        self._id = _NO_SESSION
        self._epoch = _FIRST_EPOCH
        self._known: Mapping[_Key, _Place] = {}

    def ask(self, wanted: Mapping[_Key, _Place]) -> Ask:
        """The request after which the broker reads what is wanted, and nothing else.

        Until it is answered nobody knows whether the broker has heard of it: the next one names everything again.
        """
        epoch, self._epoch = self._epoch, _FIRST_EPOCH
        if epoch == _FIRST_EPOCH:
            return Ask(self._id, epoch, wanted, ())
        known = self._known
        changed = {one: place for one, place in wanted.items() if known.get(one) != place}
        return Ask(self._id, epoch, changed, known.keys() - wanted.keys())

    def answered(self, ask: Ask, wanted: Mapping[_Key, _Place], session: int) -> None:
        """The broker has answered, in the session of this number; 0: in none.

        It has no room for one, or holds us back for a quota.
        """
        self._id, self._known = session, wanted
        if session != _NO_SESSION:
            self._epoch = ask.epoch + 1 if ask.epoch < _LAST_EPOCH else 1


class _SessionRequest(FetchRequest):  # type: ignore[misc] # aiokafka has no types
    """A request of a session, and as long as the broker does not speak of sessions, the whole one."""

    def __init__(self, whole: FetchRequest, ask: Ask) -> None:
        super().__init__(
            whole._max_wait_ms,  # noqa: SLF001 - there is no public way
            whole._min_bytes,  # noqa: SLF001
            whole._max_bytes,  # noqa: SLF001
            whole._isolation_level,  # noqa: SLF001
            _by_topic({one: (one[1], *place) for one, place in ask.changed.items()}),
            whole._rack_id,  # noqa: SLF001
        )
        self._whole = whole
        self._ask = ask

    def build(self, request_struct_class: Any) -> Any:
        if request_struct_class.API_VERSION < _SESSION_VERSION:
            return self._whole.build(request_struct_class)
        built = super().build(request_struct_class)
        built.session_id, built.session_epoch = self._ask.session, self._ask.epoch
        built.forgotten_topics_data = _by_topic({one: one[1] for one in self._ask.forgotten})
        return built


def _by_topic(values: Mapping[_Key, Any]) -> list[tuple[str, list[Any]]]:
    found: defaultdict[str, list[Any]] = defaultdict(list)
    for (topic, _), value in values.items():
        found[topic].append(value)
    return list(found.items())


class Sessions:
    """Stands before a client's `send` and makes fetches of many partitions those of a session for each broker.

    The fetcher asks one thing at a time of a broker, so there is one session for each.
    """

    def __init__(self, client: AIOKafkaClient) -> None:
        self._send = client.send
        client.send = self.send
        self._sessions: defaultdict[int, FetchSession] = defaultdict(FetchSession)

    def begin_anew(self) -> None:
        """Have everything told again, also what has not changed: whoever asks next may have forgotten it."""
        self._sessions.clear()

    async def send(self, node: int, request: Any, **options: Any) -> Any:
        """What `AIOKafkaClient.send` does."""
        if type(request) is not FetchRequest:
            return await self._send(node, request, **options)
        wanted = {(topic, part): (at, most) for topic, parts in request.topics for part, at, most in parts}
        if len(wanted) < _FEWEST_PARTITIONS:
            return await self._send(node, request, **options)
        session = self._sessions[node]
        while True:
            ask = session.ask(wanted)
            response = await self._send(node, _SessionRequest(request, ask), **options)
            if response.API_VERSION < _SESSION_VERSION:
                return response
            if not response.error_code:
                session.answered(ask, wanted, response.session_id)
                return response
            if response.error_code not in _SESSION_GONE or ask.epoch == _FIRST_EPOCH:
                raise for_code(response.error_code)
