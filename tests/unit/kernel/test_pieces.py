"""Much work is cut into pieces: nothing is lost or changes its place, and others get their turn in between."""

import asyncio
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.kernel.pieces import PIECE, give_way, in_pieces, rounds_in_pieces, split
from lienthong.kernel.topics import Partition
from unit.intake.test_rounds import Rec
from unit.kernel.world import quick

ROUNDS = st.dictionaries(
    st.builds(Partition, st.sampled_from(["a", "b", "c"]), st.integers(0, 2)), st.integers(0, 3 * PIECE), max_size=6
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


async def test_between_two_pieces_others_get_their_turn() -> None:
    """As often as there are gaps between pieces, more than once each time; a single piece is done at once."""
    steps = 0

    async def other() -> None:
        nonlocal steps
        while True:
            await asyncio.sleep(0)
            steps += 1

    task = asyncio.create_task(other())
    await asyncio.sleep(0)
    values = list(range(3 * PIECE + 1))
    seen = []
    done: list[int] = []
    async for some in in_pieces(values):
        seen.append(steps)
        done += some
    assert values == done
    assert 4 == len(seen)
    assert all(later - earlier > 1 for earlier, later in pairwise(seen))

    before = steps
    partition = Partition("a", 1)
    round_ = {partition: [Rec("a", 1, offset, b"") for offset in range(PIECE)]}
    assert [round_] == [some async for some in rounds_in_pieces(round_)]
    assert [values[:PIECE]] == [some async for some in in_pieces(values[:PIECE])]
    assert before == steps
    task.cancel()


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
        await give_way()
        assert events[-1].is_set()


@pytest.mark.parametrize("count", [0, 1])
async def test_little_is_one_piece_or_none(count: int) -> None:
    """Without a turn for anybody."""
    assert count == len([some async for some in in_pieces([7] * count)])
