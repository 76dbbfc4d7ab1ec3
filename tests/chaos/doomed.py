"""A process that kills itself at one point of its work: ``python -m chaos.doomed POINT NTH MODULE ARGUMENTS…``.

It runs a module as ``python -m MODULE ARGUMENTS…`` would, after it has wrapped the one method that the point
names, so that the process dies by SIGKILL right before or right after that method's NTH call. Nothing in the
code that is run knows of it.
"""

import functools
import inspect
import os
import runpy
import signal
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from lienthong.client.store import Store
from lienthong.kernel.bus import Publisher, Reader

__all__ = ["CLIENT_POINTS", "SERVICE_POINTS", "Point"]

_CLASSES: dict[str, type] = {"Reader": Reader, "Publisher": Publisher, "Store": Store}
_USAGE_WORDS = 4


class Point(NamedTuple):
    """A point of a process's work: before or after one method of a class."""

    owner: str
    method: str
    after: bool

    @property
    def name(self) -> str:
        """As the command line has it, for instance `Publisher.append.after`."""
        return f"{self.owner}.{self.method}.{'after' if self.after else 'before'}"

    @classmethod
    def of(cls, name: str) -> "Point":
        """The point of a name.

        Raises:
            ValueError: there is none.
        """
        for point in (*SERVICE_POINTS, *CLIENT_POINTS):
            if point.name == name:
                return point
        raise ValueError(f"there is no point {name}")


SERVICE_POINTS = (
    Point("Reader", "take", after=True),
    Point("Publisher", "append", after=False),
    Point("Publisher", "append", after=True),
    Point("Reader", "commit", after=False),
    Point("Reader", "commit", after=True),
)
"""Between take, append and commit: everything that a service does to the outside."""

CLIENT_POINTS = (
    Point("Store", "add", after=False),
    Point("Store", "add", after=True),
    Point("Publisher", "append", after=False),
    Point("Publisher", "append", after=True),
    Point("Reader", "take", after=True),
    Point("Store", "take", after=False),
    Point("Store", "take", after=True),
    Point("Store", "settle", after=False),
    Point("Store", "settle", after=True),
    Point("Reader", "commit", after=False),
    Point("Reader", "commit", after=True),
)
"""Everything that a client does to its store and to Kafka."""


def doom(point: Point, nth: int) -> None:
    """Wrap the point's method so that the process dies at its nth call that did something."""
    owner = _CLASSES[point.owner]
    original: Callable[..., Any] = getattr(owner, point.method)
    calls = 0

    def reached(result: object) -> None:
        nonlocal calls
        # A reader that comes back with nothing has done nothing.
        calls += not (point.owner == "Reader" and point.method == "take" and not result)
        if calls >= nth:
            os.kill(os.getpid(), signal.SIGKILL)

    @functools.wraps(original)
    async def waiting(*arguments: Any, **options: Any) -> Any:
        if not point.after:
            reached(None)
        result = await original(*arguments, **options)
        if point.after:
            reached(result)
        return result

    @functools.wraps(original)
    def at_once(*arguments: Any, **options: Any) -> Any:
        if not point.after:
            reached(None)
        result = original(*arguments, **options)
        if point.after:
            reached(result)
        return result

    setattr(owner, point.method, waiting if inspect.iscoroutinefunction(original) else at_once)


def _main() -> None:
    if len(sys.argv) < _USAGE_WORDS:
        raise SystemExit(__doc__)
    _, name, nth, module, *arguments = sys.argv
    doom(Point.of(name), int(nth))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
