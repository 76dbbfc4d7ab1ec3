"""A session of fetches tells a broker what has changed, whatever becomes of its requests."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.protocol.fetch import FetchRequest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.kernel.bus.fetch_sessions import Ask, FetchSession, Sessions

PLACES = st.dictionaries(
    st.tuples(st.sampled_from(["lt.out.H01", "lt.out.H02"]), st.integers(0, 3)),
    st.tuples(st.integers(0, 3), st.just(1_000)),
    min_size=1,
)


class Broker:
    """What a broker does with sessions, as KIP-227 tells it."""

    def __init__(self) -> None:
        self.read: dict[tuple[str, int], tuple[int, int]] = {}
        self.number = 0
        self.epoch = 0
        self.given = 0

    def take(self, ask: Ask, *, room: bool) -> int | None:
        """The number of the session, 0 if there is no room for one, or None if there is none of this number."""
        if ask.epoch == 0:
            assert not ask.forgotten
            self.read = dict(ask.changed)
            self.given += room
            self.number, self.epoch = (self.given, 1) if room else (0, 0)
            return self.number
        if ask.session != self.number or ask.epoch != self.epoch:
            return None
        for one in ask.forgotten:
            del self.read[one]
        self.read.update(ask.changed)
        self.epoch += 1
        return self.number


@given(st.lists(st.tuples(PLACES, st.sampled_from(["answered", "lost", "not heard", "restarted", "full"]))))
def test_a_broker_that_answers_has_read_what_was_wanted(
    rounds: list[tuple[dict[tuple[str, int], tuple[int, int]], str]],
) -> None:
    """Also after requests or answers that were lost, and sessions that it has forgotten or had no room for."""
    session, broker = FetchSession(), Broker()
    for wanted, fate in rounds:
        ask = session.ask(wanted)
        if fate == "not heard":
            continue
        if fate == "restarted":
            broker = Broker()
        number = broker.take(ask, room=fate != "full")
        if number is None:
            ask = session.ask(wanted)
            number = broker.take(ask, room=True)
        assert number is not None, "a request that names everything has no session to miss"
        assert wanted == broker.read
        if fate != "lost":
            session.answered(ask, wanted, number)


def test_a_request_names_what_has_changed_alone() -> None:
    """Offsets that moved, what came and what went."""
    session = FetchSession()
    first = {("a", 0): (5, 100), ("a", 1): (7, 100), ("b", 0): (0, 100)}
    ask = session.ask(first)
    assert Ask(0, 0, first, ()) == ask
    session.answered(ask, first, 77)
    second = {("a", 0): (5, 100), ("a", 1): (8, 100), ("c", 0): (0, 100)}
    ask = session.ask(second)
    assert (77, 1, {("a", 1): (8, 100), ("c", 0): (0, 100)}, {("b", 0)}) == (*ask[:3], set(ask.forgotten))
    session.answered(ask, second, 77)
    assert Ask(77, 2, {}, set()) == session.ask(second)


def test_epochs_begin_again_at_one() -> None:
    """After the last number that fits, for nought would end the session."""
    session = FetchSession()
    session.ask({})
    session.answered(Ask(5, 2**31 - 1, {}, ()), {}, 5)
    assert 1 == session.ask({}).epoch


class Client:
    """Takes requests as aiokafka's does, for a broker that speaks a version."""

    def __init__(self, version: int) -> None:
        self.broker = Broker()
        self._version = version

    async def send(self, _node: int, request: FetchRequest) -> Any:
        """The answer, with what the broker reads now."""
        built = request.prepare({FetchRequest.API_KEY: (4, self._version)})
        named = {(topic, part[0]): self._place(part) for topic, parts in built.topics for part in parts}
        number = None
        if self._version < 7 or built.session_epoch == -1:
            self.read = named
        else:
            forgotten = [(topic, part) for topic, parts in built.forgotten_topics_data for part in parts]
            number = self.broker.take(Ask(built.session_id, built.session_epoch, named, forgotten), room=True)
            self.read = self.broker.read
        gone = number is None and self._version >= 7 and built.session_epoch > 0
        return SimpleNamespace(API_VERSION=self._version, error_code=70 if gone else 0, session_id=number or 0)

    def _place(self, part: tuple[int, ...]) -> tuple[int, int]:
        return part[2 if self._version >= 9 else 1], part[-1]


@pytest.mark.parametrize("version", [4, 7, 11])
async def test_what_a_request_asks_for_is_read_whatever_the_version_and_the_number(version: int) -> None:
    """Few partitions are asked for without a session; the one there was goes on with the next many."""
    client = Client(version)
    sessions = Sessions(client)
    for turn, count in enumerate([9, 7, 9, 20, 8, 1, 20, 20]):
        if turn == 6:
            client.broker = Broker()  # restarted
        if turn == 7:
            sessions.begin_anew()
        asked = {("lt.out.H01", number): (turn * number % 3, 1_000) for number in range(count)}
        topics = [("lt.out.H01", [(number, *place) for (_, number), place in asked.items()])]
        answer = await client.send(1, FetchRequest(500, 1, 10_000, 0, topics))
        assert asked == client.read
        assert answer.error_code == 0
