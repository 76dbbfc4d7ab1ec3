"""An event loop of virtual time, and processes on it that can be paused and killed at any await.

When nothing is ready, time jumps to the next timer. What is ready in one process runs in asyncio's own
order; which of several processes goes first is drawn from a seeded generator. Work for a thread runs as
a step of its own, one after the other for each thread, and takes virtual time. Every handle belongs to
the process in whose context it was made: a dead process's handles are dropped, a paused one's are kept.
So a kill leaves behind what kill -9 leaves: no `finally` runs, nothing is flushed.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from heapq import heapify, heappop
from random import Random
from typing import Any, TypeVar, TypeVarTuple, Unpack

__all__ = ["PROCESS", "Process", "StandstillError", "VirtualLoop"]

_Result = TypeVar("_Result")
_Values = TypeVarTuple("_Values")
_BEGIN_SECONDS = 1_000.0
_TIMERS = 64
"""With more of them than this, half of them cancelled, those are thrown away."""


class StandstillError(Exception):
    """Everything waits and no timer is set: nothing will ever happen again."""


class _Task(asyncio.Task[Any]):
    """A task whose hash is its number, so that sets of tasks have an order that does not depend on memory."""

    def __init__(self, number: int, coro: Coroutine[Any, Any, Any], **options: Any) -> None:
        self.number = number
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other


class Process:
    """What dies or stands still as one."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.steps = 0
        """Handles run so far."""
        self.fatal_step: int | None = None
        """Before which step it dies."""
        self.on_death: list[Callable[[], None]] = []
        """What the operating system does when it dies."""
        self.parked: deque[asyncio.Handle] | None = None
        """While it is paused: what would have run."""

    @property
    def paused(self) -> bool:
        """Whether it stands still."""
        return self.parked is not None


PROCESS: ContextVar[Process | None] = ContextVar("PROCESS", default=None)


def _process_of(handle: asyncio.Handle) -> Process | None:
    found: Process | None = handle._context.get(PROCESS)  # type: ignore[attr-defined]
    return found


class VirtualLoop(asyncio.BaseEventLoop):
    """The loop. `disk_seconds` is the longest time that one call in a thread takes."""

    # What asyncio's own loop keeps, and has no types for.
    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]
    _timer_cancelled_count: int
    _stopping: bool

    def __init__(self, chance: Random) -> None:
        super().__init__()
        self._chance = chance
        self._now = _BEGIN_SECONDS
        self._numbers = 0
        self._thread_free_at: dict[int, float] = {}
        self._threads: list[object] = []
        self.disk_seconds = 0.0
        self.handles = 0
        """Handles run so far."""
        self.failures: list[str] = []
        """What was raised where nobody listens."""
        self.set_task_factory(self._make_task)  # type: ignore[arg-type]
        self.set_exception_handler(self._note_failure)
        self._every_task: list[asyncio.Task[Any]] = []

    # -- what a loop must have

    def time(self) -> float:
        """Virtual seconds."""
        return self._now

    def _write_to_self(self) -> None:
        pass

    def _process_events(self, event_list: object) -> None:
        pass

    def run_in_executor(
        self, executor: object, func: Callable[[Unpack[_Values]], _Result], *args: *_Values
    ) -> "asyncio.Future[_Result]":
        """Call a function as a step of its own, after what was given to the same executor before."""
        future: asyncio.Future[_Result] = self.create_future()

        def call() -> None:
            if future.cancelled():
                return
            try:
                result = func(*args)
            except Exception as error:  # noqa: BLE001 - it is the caller's
                future.set_exception(error)
            else:
                future.set_result(result)

        key = id(executor)
        if key not in self._thread_free_at:
            self._threads.append(executor)  # it must not be freed, for another would get its id
        at = max(self._now, self._thread_free_at.get(key, 0.0)) + 1e-6 + self._chance.random() * self.disk_seconds
        self._thread_free_at[key] = at
        self.call_at(at, call)
        return future

    # -- time and order

    def _run_once(self) -> None:
        ready = self._ready
        if self._timer_cancelled_count * 2 > len(self._scheduled) > _TIMERS:
            self._scheduled = [timer for timer in self._scheduled if not timer.cancelled()]
            heapify(self._scheduled)
            self._timer_cancelled_count = 0
        scheduled = self._scheduled
        if not ready and not self._stopping:
            while scheduled and scheduled[0].cancelled():
                self._next_timer()
            if not scheduled:
                raise StandstillError
            self._now = max(self._now, scheduled[0].when())
        while scheduled and scheduled[0].when() <= self._now:
            ready.append(self._next_timer())
        if len(ready) == 1:
            self._step(ready.popleft())
            return
        together: dict[Process | None, list[asyncio.Handle]] = {}
        for handle in ready:
            together.setdefault(_process_of(handle), []).append(handle)
        ready.clear()
        groups = list(together.values())
        if len(groups) > 1:
            self._chance.shuffle(groups)
        for group in groups:
            for handle in group:
                self._step(handle)

    def _next_timer(self) -> asyncio.TimerHandle:
        timer = heappop(self._scheduled)
        timer._scheduled = False  # type: ignore[attr-defined]
        if timer.cancelled():
            self._timer_cancelled_count -= 1
        return timer

    def _step(self, handle: asyncio.Handle) -> None:
        if handle.cancelled():
            return
        process = _process_of(handle)
        if process is not None:
            if not process.alive:
                return
            if process.parked is not None:
                process.parked.append(handle)
                return
            if process.steps == process.fatal_step:
                self.kill(process)
                return
            process.steps += 1
        self.handles += 1
        handle._run()

    # -- processes

    def _make_task(self, loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **options: Any) -> _Task:
        self._numbers += 1
        task = _Task(self._numbers, coro, loop=loop, **options)
        # A dead process's tasks must not be freed while others live: freeing runs their `finally`.
        self._every_task.append(task)
        return task

    def spawn(self, process: Process, main: Coroutine[Any, Any, _Result]) -> "asyncio.Task[_Result]":
        """Start a process's main task."""
        context: Context = copy_context()
        context.run(PROCESS.set, process)
        return context.run(self.create_task, main)

    def kill(self, process: Process) -> None:
        """As kill -9 does."""
        process.alive = False
        process.parked = None
        for release in process.on_death:
            release()

    def pause(self, process: Process) -> None:
        """As SIGSTOP does."""
        if process.alive and process.parked is None:
            process.parked = deque()

    def resume(self, process: Process) -> None:
        """As SIGCONT does."""
        parked, process.parked = process.parked, None
        self._ready.extend(parked or ())

    def _note_failure(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.failures.append(f"{context['message']}: {error!r}")

    def discard(self) -> None:
        """Close the loop and everything that still waits on it."""
        self._ready.clear()
        self._scheduled.clear()
        for task in self._every_task:
            if not task.done():
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                with suppress(BaseException):
                    task.get_coro().close()
        self._ready.clear()
        self._every_task.clear()
        self._threads.clear()
        self.close()
