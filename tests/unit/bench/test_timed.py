"""Documents that carry the moment at which they were due."""

import time

from bench.timed import due_of, schedule, timed_subject


def test_a_subject_tells_when_its_document_was_due() -> None:
    """To the microsecond; other subjects tell nothing."""
    assert due_of(timed_subject(7, "w4", 1_234.567891)) == 1_234.567891
    assert due_of("Văn bản 7/w4") is None


async def test_a_schedule_waits_for_its_moments() -> None:
    """No number comes before it is due, and all come."""
    start = time.perf_counter()
    found = []
    async for number, due in schedule(start, 200.0, 5):
        assert time.perf_counter() >= due
        found.append((number, round((due - start) * 200)))
    assert [(number, number) for number in range(5)] == found


async def test_a_schedule_does_not_move_when_something_takes_long() -> None:
    """What was late is given out at once, with the moment it was due all the same."""
    start = time.perf_counter() - 1.0
    dues = [due - start async for _, due in schedule(start, 100.0, 10)]
    assert [number / 100 for number in range(10)] == [round(due, 6) for due in dues]
    assert time.perf_counter() - start < 2.0
