"""Runs services in one process: probes, signals, and a shutdown in two phases."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TypeAlias

import structlog

from lienthong.kernel.errors import UnavailableError
from lienthong.runtime.collector import calm_collector
from lienthong.runtime.context import Context
from lienthong.runtime.http import serve_probes
from lienthong.runtime.metrics import KafkaMetrics, register_build, register_health
from lienthong.runtime.session import wait_or_stop

__all__ = ["Service", "run_services"]

_log = structlog.get_logger(__name__)
_CLOSE_SECONDS = 5.0
"""How long services that were cut off may take to close what they have open."""

Service: TypeAlias = Callable[[Context, KafkaMetrics, asyncio.Event], Awaitable[None]]


async def run_services(
    services: Mapping[str, Service], context: Context, *, on_ready: Callable[[int], None] | None = None
) -> None:
    """Run services until SIGTERM or SIGINT, or until one of them fails.

    On a signal readiness goes false and every service finishes its round and commits; after
    `drain_seconds` whatever still runs is cancelled, has a few seconds to close its connections, and is left to the
    event loop's end then, which cancels it once more.

    Args:
        services: by name.
        context: what they are given.
        on_ready: called once with the HTTP port, as soon as it listens.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    kafka = KafkaMetrics.register(context.registry)
    register_build(context.registry)
    register_health(context.registry, context.health)
    for name in services:
        context.health.waiting(name, "starting")
    settings = context.settings
    calm_collector()
    async with serve_probes(settings.http_host, settings.http_port, context.registry, context.health) as port:
        _log.info("listening", host=settings.http_host, port=port, services=list(services))
        if on_ready is not None:
            on_ready(port)
        running = asyncio.create_task(_run_all(services, context, kafka, stopping))
        signalled = asyncio.create_task(stopping.wait())
        await asyncio.wait([running, signalled], return_when=asyncio.FIRST_COMPLETED)
        stopping.set()
        context.health.waiting("process", "stopping")
        done, _ = await asyncio.wait([running], timeout=settings.drain_seconds)
        if not done:
            _log.warning("drain_timed_out", seconds=settings.drain_seconds)
            running.cancel()
            await asyncio.wait([running], timeout=_CLOSE_SECONDS)
        signalled.cancel()
        if running.done():
            with suppress(asyncio.CancelledError):
                await running
    _log.info("stopped", services=list(services))


async def _run_all(
    services: Mapping[str, Service], context: Context, kafka: KafkaMetrics, stopping: asyncio.Event
) -> None:
    async with asyncio.TaskGroup() as tasks:
        for name, service in services.items():
            tasks.create_task(_run_one(name, service, context, kafka, stopping))


async def _run_one(name: str, service: Service, context: Context, kafka: KafkaMetrics, stopping: asyncio.Event) -> None:
    pause = 0.2
    while not stopping.is_set():
        try:
            await service(context, kafka, stopping)
        except UnavailableError as error:
            kafka.errors.labels(name).inc()
            context.health.waiting(name, str(error))
            _log.warning("not_ready", service=name, error=str(error), pause_seconds=pause)
            await wait_or_stop(stopping, pause)
            pause = min(2 * pause, 5.0)
        else:
            return
