"""The next answer is on its way while one is worked on, and nothing of that shows."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from lienthong.kernel.bus.sweep import _ahead
from lienthong.kernel.errors import InvariantError


class Answers:
    """Gives numbers; notes how many were asked for, and whether it was closed."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.asked = 0
        self.closed = False
        self._count = count
        self._error = error

    async def run(self) -> AsyncGenerator[int, None]:
        """One after the other, then the error."""
        try:
            for number in range(self._count):
                self.asked += 1
                await asyncio.sleep(0)
                yield number
            self.asked += 1
            if self._error is not None:
                raise self._error
        finally:
            self.closed = True


async def test_every_answer_comes_once_and_the_next_one_is_asked_for_before() -> None:
    """One ahead, never more, so that memory is bounded."""
    answers = Answers(5)
    found = []
    async for one in _ahead(answers.run()):
        found.append(one)
        await asyncio.sleep(0.001)
        assert answers.asked == len(found) + 1
    assert list(range(5)) == found
    assert answers.closed


async def test_an_error_comes_after_what_came_before_it() -> None:
    """In its turn, although it happened earlier."""
    answers = Answers(2, InvariantError("the log was truncated"))
    found = []

    async def read() -> None:
        async for one in _ahead(answers.run()):
            await asyncio.sleep(0.001)
            found.append(one)

    with pytest.raises(InvariantError, match="truncated"):
        await read()
    assert [0, 1] == found


# In a loop of its own: in the usual one other tests may have left tasks.
@pytest.mark.asyncio(loop_scope="function")
@pytest.mark.parametrize("pause", [0.0, 0.001])
@pytest.mark.parametrize("error", [None, InvariantError("nobody hears of this")])
async def test_who_stops_early_leaves_nothing_behind(pause: float, error: Exception | None) -> None:
    """No request on its way, and no error that nobody asked for."""
    complaints: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))
    answers = Answers(1, error)
    async with aclosing(_ahead(answers.run())) as found:
        async for _ in found:
            await asyncio.sleep(pause)
            break
    assert answers.closed
    assert 1 == len(asyncio.all_tasks())
    assert [] == complaints


async def test_a_caller_who_is_cancelled_cancels_the_request() -> None:
    """While it waits for an answer."""

    async def never() -> AsyncGenerator[int, None]:
        try:
            await asyncio.sleep(60)
            yield 0
        finally:
            closed.set()

    async def read() -> None:
        async with aclosing(_ahead(never())) as found:
            async for _ in found:
                pass

    closed = asyncio.Event()
    reading = asyncio.create_task(read())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    reading.cancel()
    async with asyncio.timeout(5):
        await asyncio.wait([reading])
    assert reading.cancelled()
    assert closed.is_set()
