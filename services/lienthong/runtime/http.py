"""Probes and metrics over HTTP: ``/live``, ``/ready``, ``/metrics``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from lienthong.kernel.errors import UnavailableError
from lienthong.runtime.context import Health

__all__ = ["serve_probes"]


@asynccontextmanager
async def serve_probes(host: str, port: int, registry: CollectorRegistry, health: Health) -> AsyncIterator[int]:
    """Serve for the time of a context.

    Args:
        host: address to listen on.
        port: port; 0 for any free one.
        registry: what ``/metrics`` shows.
        health: what ``/ready`` tells: 200, or 503 with the parts that are not ready and why.

    Yields:
        The port.

    Raises:
        UnavailableError: the port is taken.
    """

    async def live(_: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def ready(_: web.Request) -> web.Response:
        waiting = health.not_ready()
        return web.json_response({"ready": not waiting, "waiting": waiting}, status=503 if waiting else 200)

    async def metrics(request: web.Request) -> web.Response:
        encoder, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encoder(registry), headers={"Content-Type": content_type})

    app = web.Application()
    app.add_routes([web.get("/live", live), web.get("/ready", ready), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise UnavailableError(
                f"cannot listen on {host}:{port} for probes and metrics: {error.strerror}; choose another --http-port"
            ) from error
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
