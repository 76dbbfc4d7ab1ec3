"""Much work is cut into pieces: nothing is lost or changes its place, and others get their turn in between."""

import asyncio
import time
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.kernel.lanes import EXPRESS_LANE
from lienthong.kernel.pieces import COARSE_PIECE, FINE_PIECE, Pieces, split
from lienthong.kernel.topics import Partition
from unit.intake.test_rounds import Rec
from unit.kernel.world import quick

ROUNDS = st.dictionaries(
    st.builds(Partition, st.sampled_from(["a", "b", "c"]), st.integers(0, 2)),
    st.integers(0, 3 * FINE_PIECE),
    max_size=6,
).map(
    lambda counts: {
        one: [Rec(one.topic, one.number, offset, b"") for offset in range(count)] for one, count in counts.items()
    }
)


@given(ROUNDS, st.integers(1, 40))
@quick
def test_a_round_that_is_split_is_the_same_round(rounds: dict[Partition, list[Rec]], size: int) -> None:
    """Each partition in order, every part but the last full, none empty."""
    parts = list(split(rounds, size))
    joined: dict[Partition, list[Rec]] = {}
    for part in parts:
        assert all(part.values())
        for partition, some in part.items():
            joined.setdefault(partition, []).extend(some)  # type: ignore[arg-type]
    assert {one: some for one, some in rounds.items() if some} == joined
    counts = [sum(map(len, part.values())) for part in parts]
    assert all(count == size for count in counts[:-1])
    assert all(0 < count <= size for count in counts[-1:])


class Steps:
    """Counts the turns of the event loop that another task gets."""

    def __init__(self) -> None:
        self.count = 0

    async def run(self) -> None:
        """Take every turn."""
        while True:
            await asyncio.sleep(0)
            self.count += 1


@pytest.fixture
async def steps() -> AsyncIterator[Steps]:
    """Turns that another task gets meanwhile."""
    steps = Steps()
    task = asyncio.create_task(steps.run())
    await asyncio.sleep(0)
    yield steps
    task.cancel()


def round_of(lane: int, count: int) -> dict[Partition, list[Rec]]:
    """A round of one lane."""
    return {Partition("a", lane): [Rec("a", lane, offset, b"") for offset in range(count)]}


async def sizes_of(pieces: Pieces, count: int, lane: int = 1) -> list[int]:
    """How a round is cut."""
    return [sum(map(len, some.values())) async for some in pieces.cut_rounds(round_of(lane, count))]


async def test_between_two_pieces_others_get_their_turn(steps: Steps) -> None:
    """As often as there are gaps between pieces, more than once each time; a single piece is done at once."""
    pieces = Pieces()
    values = list(range(3 * COARSE_PIECE + 1))
    seen = []
    done: list[int] = []
    async for some in pieces.cut(values):
        seen.append(steps.count)
        done += some
    assert values == done
    assert 4 == len(seen)
    assert all(later - earlier > 1 for earlier, later in pairwise(seen))

    before = steps.count
    round_ = round_of(1, COARSE_PIECE)
    assert [round_] == [some async for some in pieces.cut_rounds(round_)]
    assert [values[:COARSE_PIECE]] == [some async for some in pieces.cut(values[:COARSE_PIECE])]
    assert before == steps.count


async def test_pieces_are_fine_for_a_while_after_an_express_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """Coarse before, fine while one was seen within two seconds, coarse again."""
    now = 1_000.0
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
    pieces = Pieces()
    assert [COARSE_PIECE, 50] == await sizes_of(pieces, COARSE_PIECE + 50)
    await sizes_of(pieces, 1, EXPRESS_LANE)
    assert [FINE_PIECE, FINE_PIECE, 7] == await sizes_of(pieces, 2 * FINE_PIECE + 7)
    now += 1.9
    assert [FINE_PIECE, 1] == await sizes_of(pieces, FINE_PIECE + 1)
    pieces.express_seen()
    now += 1.9
    assert [FINE_PIECE, 1] == await sizes_of(pieces, FINE_PIECE + 1)
    now += 0.2
    assert [FINE_PIECE + 1] == await sizes_of(pieces, FINE_PIECE + 1)
    assert [4 * COARSE_PIECE, 1] == [len(some) async for some in pieces.cut([7] * (4 * COARSE_PIECE + 1), light=True)]


async def test_the_first_express_record_makes_the_rest_of_a_round_fine() -> None:
    """Of whatever is cut while it comes: it waits for one coarse piece, and so does none after it."""
    pieces = Pieces()
    sizes, light = [], []
    async for some in pieces.cut_rounds(round_of(1, COARSE_PIECE + FINE_PIECE + 1)):
        sizes.append(sum(map(len, some.values())))
        pieces.express_seen()
    assert [COARSE_PIECE, FINE_PIECE, 1] == sizes

    pieces = Pieces()
    async for values in pieces.cut([7] * (4 * COARSE_PIECE + 4 * FINE_PIECE + 1), light=True):
        light.append(len(values))
        pieces.express_seen()
    assert [4 * COARSE_PIECE, 4 * FINE_PIECE, 1] == light


async def test_ordinary_records_alone_change_nothing(steps: Steps) -> None:
    """However many; nor does nothing at all."""
    pieces = Pieces()
    await sizes_of(pieces, 3 * COARSE_PIECE, 2)
    assert [] == [some async for some in pieces.cut_rounds({})]
    assert not pieces.fine


async def test_all_turns_are_given_while_express_records_come(steps: Steps) -> None:
    """Nothing happens in them, but one may arrive in the next; otherwise two are enough to see it."""
    pieces, given = Pieces(), []
    for _ in range(20):
        before = steps.count
        await pieces.give_way()
        given.append(steps.count - before)
    assert 2 == min(given)
    pieces.express_seen()
    before = steps.count
    await pieces.give_way()
    assert 10 == steps.count - before


async def test_giving_way_lets_a_chain_of_tasks_come_through() -> None:
    """A record passes several tasks that wake one another before it is judged."""
    events = [asyncio.Event() for _ in range(6)]

    async def link(number: int) -> None:
        await events[number].wait()
        time.sleep(0.0002)  # noqa: ASYNC251 - work, without which a turn counts as empty
        events[number + 1].set()

    async with asyncio.TaskGroup() as tasks:
        for number in range(5):
            tasks.create_task(link(number))
        await asyncio.sleep(0)
        events[0].set()
        await Pieces().give_way()
        assert events[-1].is_set()


@pytest.mark.parametrize("count", [0, 1])
async def test_little_is_one_piece_or_none(count: int) -> None:
    """Without a turn for anybody."""
    assert count == len([some async for some in Pieces().cut([7] * count)])
