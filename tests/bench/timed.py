"""Documents that carry the moment at which they were due, so that their reader can tell how late they are.

Moments are seconds of `time.perf_counter`, which counts from the same moment in every process of a machine
where Python uses the system's monotonic clock (Linux and macOS).
"""

import asyncio
import time
from collections.abc import AsyncIterator

__all__ = ["due_of", "schedule", "timed_subject"]

_MARK = " đến hạn "


def timed_subject(number: int, mark: str, due: float) -> str:
    """A subject that names number and round, and when the document was due."""
    return f"Văn bản {number}/{mark}{_MARK}{due:.6f}"


def due_of(subject: str) -> float | None:
    """When the document of this subject was due; None if it has no such moment."""
    _, found, moment = subject.rpartition(_MARK)
    return float(moment) if found else None


async def schedule(start: float, rate: float, count: int) -> AsyncIterator[tuple[int, float]]:
    """Numbers from 0 with the moment each is due, given out when it has come.

    A moment does not move because something before it took long: that is what makes the loop open.
    """
    for number in range(count):
        due = start + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        yield number, due
