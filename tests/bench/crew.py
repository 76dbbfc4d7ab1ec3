"""Several processes that start together, some of which say when the round is over."""

import asyncio
import multiprocessing
import os
import queue
import signal
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from typing import Any, TypeAlias

from lienthong.kernel.errors import UnavailableError

__all__ = ["Beside", "Gate", "Outcome", "Role", "run_crew"]

Beside: TypeAlias = Callable[[Mapping[str, int]], Coroutine[Any, Any, None]]
"""What is done beside a round, given the process ids of its roles by name."""

_POLL_SECONDS = 0.5
_END_SECONDS = 10.0


class Gate:
    """What a role holds: where it waits for the start, says what it found, and waits for the end."""

    def __init__(self, name: str, messages: Any, opened: Any, closed: Any, patience: float) -> None:
        self._name = name
        self._messages = messages
        self._opened = opened
        self._closed = closed
        self._patience = patience
        self._began = (0.0, 0.0)

    async def enter(self) -> None:
        """Say that everything is ready, and wait until all are."""
        self._messages.put((self._name, "ready", None))
        await self._until(self._opened)
        self._began = (time.perf_counter(), time.process_time())

    def report(self, **found: float) -> None:
        """Say what came of it, with the time since the start and the CPU time used since then."""
        seconds, cpu = time.perf_counter() - self._began[0], time.process_time() - self._began[1]
        self._messages.put((self._name, "report", {"seconds": seconds, "cpu": cpu, **found}))

    async def closing(self) -> None:
        """Wait until the roles that count have reported."""
        await self._until(self._closed)

    async def _until(self, event: Any) -> None:
        if not await asyncio.to_thread(event.wait, self._patience):
            raise UnavailableError(f"{self._name} waited {self._patience:.0f} s for the others")


@dataclass(frozen=True, slots=True)
class Role:
    """One process: `run(gate, *arguments)` enters the gate, works, reports and returns."""

    name: str
    run: Callable[..., Coroutine[Any, Any, None]]
    arguments: tuple[Any, ...]


@dataclass(slots=True)
class Outcome:
    """What a crew reported.

    Attributes:
        reports: by role; `seconds` and `cpu` are in each.
        cpu: CPU seconds by process from the start until the roles that count had reported: the roles, and what
            was watched beside them.
    """

    reports: dict[str, dict[str, float]] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)


def _work(role: Role, gate: Gate, messages: Any) -> None:
    """The life of a child process."""
    # A session of its own, as every service has: where Linux groups processes by session to share the processors
    # (`sched_autogroup_enabled`), all roles together would otherwise get as much as one service.
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and ends us
    import uvloop

    from lienthong.runtime.collector import calm_collector

    calm_collector()  # for every contestant alike
    try:
        uvloop.run(role.run(gate, *role.arguments))
    except BaseException as error:  # noqa: BLE001 - the parent says it
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        messages.put((role.name, "failed", f"{type(error).__name__}: {error}"))


async def run_crew(
    roles: Sequence[Role],
    *,
    counting: Sequence[str],
    timeout_seconds: float,
    watch: Callable[[], dict[str, float]] = dict,
    beside: Beside | None = None,
) -> Outcome:
    """Start the roles, open the gate when all are ready, and collect their reports.

    Args:
        roles: each gets a process of its own.
        counting: the roles whose reports end the round.
        timeout_seconds: the longest it may take altogether.
        watch: gives CPU seconds used so far by processes that are not roles.
        beside: runs from the start until the round is over, and is then given a moment to finish.

    Raises:
        UnavailableError: a role failed or ended early, or the time ran out. No process is left either way.
    """
    context = multiprocessing.get_context("spawn")
    messages, opened, closed = context.Queue(), context.Event(), context.Event()
    processes: dict[str, BaseProcess] = {}
    for role in roles:
        gate = Gate(role.name, messages, opened, closed, timeout_seconds)
        processes[role.name] = context.Process(target=_work, args=(role, gate, messages), daemon=True)
    outcome = Outcome()
    waiting, counted = set(processes), set(counting)
    company: asyncio.Task[None] | None = None
    try:
        for process in processes.values():
            process.start()
        async with asyncio.timeout(timeout_seconds):
            while waiting:
                waiting.discard((await _message(messages, processes, "ready"))[0])
            before = watch()
            opened.set()
            if beside is not None:
                company = asyncio.create_task(beside({name: one.pid or 0 for name, one in processes.items()}))
            waiting = set(processes)
            while waiting:
                name, report = await _message(messages, processes, "report")
                outcome.reports[name] = report
                waiting.discard(name)
                counted.discard(name)
                if not counted and not closed.is_set():
                    outcome.cpu.update({one: used - before[one] for one, used in watch().items()})
                    if company is not None:
                        await _finish(company)
                    closed.set()
    except TimeoutError as error:
        names = ", ".join(sorted(waiting))
        raise UnavailableError(f"{names}: not finished within {timeout_seconds:.0f} s") from error
    finally:
        if company is not None:
            company.cancel()
            await asyncio.wait([company])
        patience = _END_SECONDS if closed.is_set() and not waiting else 0.0
        await asyncio.to_thread(_end, list(processes.values()), patience)
        messages.close()
        messages.cancel_join_thread()
    outcome.cpu.update({name: report["cpu"] for name, report in outcome.reports.items()})
    return outcome


async def _finish(company: asyncio.Task[None]) -> None:
    """Give what runs beside a round a moment to end; its error is the round's."""
    await asyncio.wait([company], timeout=_END_SECONDS)
    if company.done():
        company.result()


async def _message(messages: Any, processes: dict[str, BaseProcess], wanted: str) -> tuple[str, dict[str, float]]:
    while True:
        # First who has ended, then the messages: what a process said before its end is in the queue by then.
        ended = [name for name, process in processes.items() if process.exitcode]
        try:
            name, kind, content = await asyncio.to_thread(messages.get, True, _POLL_SECONDS)
        except queue.Empty:
            if ended:
                raise UnavailableError(f"the process {ended[0]} ended early, killed or out of memory") from None
            continue
        if kind == "failed":
            raise UnavailableError(f"{name} failed: {content}")
        if kind == wanted:
            return name, content or {}


def _end(processes: Sequence[BaseProcess], patience: float) -> None:
    deadline = time.monotonic() + patience
    started = [process for process in processes if process.pid is not None]
    for process in started:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.is_alive():
            process.terminate()
    for process in started:
        process.join(_END_SECONDS)
        if process.is_alive():
            process.kill()
            process.join(_END_SECONDS)
