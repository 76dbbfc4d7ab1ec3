"""Runs a service or an agency that kills itself at a point: ``python kill_points.py POINT NTH service|agency …``.

A point is a place between two steps where a crash could lose or repeat something: before and after
each take, append, commit and transaction of the store, and while a write is under way and nobody
knows yet what came of it. The process sends itself SIGKILL when it is there for the NTH time.
"""

import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aiokafka.conn import AIOKafkaConnection

import agency_process
from lienthong.client.delivery import Delivery
from lienthong.client.store import Store
from lienthong.kernel.bus import Publisher, Reader
from lienthong.kernel.topics import QUARANTINE, Partition

__all__ = ["AGENCY_POINTS", "SERVICE_POINTS"]

_BUS_POINTS = (
    "take.after", "append.before", "append.written", "append.after", "commit.before", "commit.after",
)  # fmt: skip
SERVICE_POINTS = {
    "intake": (*_BUS_POINTS, "quarantine.before", "quarantine.after"),
    "dispatch": _BUS_POINTS,
    "notary": _BUS_POINTS,
}
"""Points of each service."""
AGENCY_POINTS = {
    "trickle": (
        "add.before", "add.after", "append.before", "append.written", "append.after", "take.after",
        "store_take.before", "store_take.after",
    ),
    "receive": (
        "take.after", "store_take.before", "store_take.after", "acknowledge.before", "acknowledge.after",
        "settle.before", "settle.after", "append.before", "append.written", "append.after",
    ),
}  # fmt: skip
"""Points of each role of `agency_process`."""


class _Point:
    """The point this process dies at, and how often it has been there."""

    def __init__(self, name: str, nth: int) -> None:
        self._name = name
        self._left = nth

    def at(self, name: str) -> None:
        """Die here, if this is the point and the time."""
        if name == self._name:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def _around(point: _Point, owner: type, method: str, name: str, *, when: Callable[..., bool] = lambda *_: True) -> None:
    """Make a coroutine method pass its points; `when` looks at its arguments."""
    inner = getattr(owner, method)

    async def outer(self: Any, *args: Any, **options: Any) -> Any:
        counts = when(*args)
        if counts:
            point.at(f"{name}.before")
        result = await inner(self, *args, **options)
        if counts:
            point.at(f"{name}.after")
        return result

    setattr(owner, method, outer)


def _around_store(point: _Point, method: str, name: str) -> None:
    inner = getattr(Store, method)

    def outer(self: Store, *args: Any) -> Any:
        point.at(f"{name}.before")
        result = inner(self, *args)
        point.at(f"{name}.after")
        return result

    setattr(Store, method, outer)


def _quarantines(rows: Mapping[Partition, Any]) -> bool:
    return any(partition.topic == QUARANTINE for partition in rows)


def _arm(point: _Point) -> None:
    """Make the process pass its points."""
    take = Reader.take
    write: Callable[..., Any] = AIOKafkaConnection.send

    async def taking(self: Reader, *args: Any) -> Any:
        rounds = await take(self, *args)
        if rounds:
            point.at("take.after")
        return rounds

    def writing(self: AIOKafkaConnection, request: Any, *args: Any, **options: Any) -> Any:
        sent = write(self, request, *args, **options)
        if type(request).__name__.startswith("ProduceRequest"):
            point.at("append.written")
        return sent

    setattr(Reader, "take", taking)  # noqa: B010
    setattr(AIOKafkaConnection, "send", writing)  # noqa: B010
    _around(point, Publisher, "append", "quarantine", when=_quarantines)
    _around(point, Publisher, "append", "append", when=lambda rows: not _quarantines(rows))
    _around(point, Reader, "commit", "commit")
    _around(point, Delivery, "acknowledge", "acknowledge")
    for method, name in (("add", "add"), ("take", "store_take"), ("settle", "settle")):
        _around_store(point, method, name)


if __name__ == "__main__":
    _, name, nth, program, *words = sys.argv
    _arm(_Point(name, int(nth)))
    if program == "service":
        from lienthong.cli import main

        sys.argv = [str(Path(sys.argv[0])), "run", *words, "--http-port", "0"]
        main()
    else:
        agency_process.run(words)
