"""The loop around a service: a session that Kafka failed is begun again, any other error ends the process."""

import asyncio
import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from lienthong.kernel.errors import InvariantError, OverloadedError, UnavailableError
from lienthong.runtime.context import Context
from lienthong.runtime.metrics import KafkaMetrics, register_build
from lienthong.runtime.session import keep_running, wait_or_stop
from lienthong.runtime.settings import Settings
from unit.kernel.world import TRUST


class Part:
    """Fails as it is told, then runs until stopping."""

    name = "intake/express"

    def __init__(self, context: Context, *failures: Exception) -> None:
        self._context = context
        self._failures = list(failures)
        self.waiting: list[dict[str, str]] = []
        self.runs = asyncio.Event()

    async def session(self, stopping: asyncio.Event) -> None:
        """One session."""
        self.waiting.append(self._context.health.not_ready())
        if self._failures:
            raise self._failures.pop(0)
        self._context.health.ready(self.name)
        self.runs.set()
        await stopping.wait()


@pytest.fixture
def context() -> Context:
    """A context in which the service said that it starts."""
    made = Context(Settings(home=Path("/nowhere")), TRUST)
    made.health.waiting("intake", "starting")
    return made


async def test_a_session_that_kafka_failed_is_begun_again(context: Context) -> None:
    """After a pause; meanwhile the part, which speaks for its service now, says why it is not ready."""
    metrics = KafkaMetrics.register(context.registry)
    part = Part(context, UnavailableError("no answer"), OverloadedError("too much"))
    stopping = asyncio.Event()
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(keep_running(part, context, metrics, stopping))
        await part.runs.wait()
        assert {} == context.health.not_ready()
        stopping.set()

    assert [{"intake/express": "starting"}] * 3 == part.waiting
    assert 2.0 == context.registry.get_sample_value("lienthong_kafka_errors_total", {"part": "intake/express"})


async def test_the_reason_is_told_while_it_waits(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopping ends the wait at once, however long it would have been."""
    monkeypatch.setattr("lienthong.runtime.session._FIRST_PAUSE_SECONDS", 60.0)
    part = Part(context, UnavailableError("no answer"))
    stopping = asyncio.Event()
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        tasks.create_task(keep_running(part, context, KafkaMetrics.register(context.registry), stopping))
        while context.health.not_ready() != {"intake/express": "no answer"}:
            await asyncio.sleep(0.01)
        began = time.monotonic()
        stopping.set()
    assert time.monotonic() - began < 5
    assert 1 == len(part.waiting)


async def test_a_broken_promise_ends_the_process(context: Context) -> None:
    """A gap is not waited out."""
    part = Part(context, InvariantError("a gap"))
    with pytest.raises(InvariantError, match="a gap"):
        await keep_running(part, context, KafkaMetrics.register(context.registry), asyncio.Event())


async def test_waiting_ends_when_the_time_is_over_or_when_it_stops() -> None:
    """Whichever is sooner."""
    stopping = asyncio.Event()
    await wait_or_stop(stopping, 0.01)
    stopping.set()
    began = time.monotonic()
    await wait_or_stop(stopping, 60)
    assert time.monotonic() - began < 10


def test_the_build_is_told() -> None:
    """Version of the program and of Python, as labels of one sample."""
    registry = CollectorRegistry()
    register_build(registry)
    (family,) = registry.collect()
    (sample,) = family.samples
    assert ("lienthong_build_info", {"version", "python"}, 1.0) == (sample.name, set(sample.labels), sample.value)
