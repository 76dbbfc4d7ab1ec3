"""A session of fetches tells a broker what has changed, whatever becomes of its requests."""

from hypothesis import given
from hypothesis import strategies as st

from lienthong.kernel.bus.fetch_sessions import Ask, FetchSession

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
