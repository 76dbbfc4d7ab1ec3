"""Probes and metrics over HTTP."""

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter

from lienthong.kernel.errors import UnavailableError
from lienthong.runtime.context import Health
from lienthong.runtime.http import serve_probes


async def test_probes_and_metrics_are_served() -> None:
    """Live always, ready only when every part is, metrics as Prometheus reads them."""
    registry, health = CollectorRegistry(), Health()
    Counter("lienthong_test", "Something", ["lane"], registry=registry).labels(0).inc(3)
    async with serve_probes("127.0.0.1", 0, registry, health) as port, aiohttp.ClientSession() as http:

        async def get(path: str) -> tuple[int, str]:
            async with http.get(f"http://127.0.0.1:{port}{path}") as answer:
                return answer.status, await answer.text()

        assert (200, '{"live": true}') == await get("/live")
        assert (200, '{"ready": true, "waiting": {}}') == await get("/ready")
        health.waiting("intake", "cannot reach Kafka")
        assert (503, '{"ready": false, "waiting": {"intake": "cannot reach Kafka"}}') == await get("/ready")
        assert (200, '{"live": true}') == await get("/live")
        status, text = await get("/metrics")
        assert 200 == status
        assert 'lienthong_test_total{lane="0"} 3.0' in text.splitlines()
        assert 404 == (await get("/"))[0]


async def test_a_port_that_is_taken_is_named() -> None:
    """With what to do about it."""
    async with serve_probes("127.0.0.1", 0, CollectorRegistry(), Health()) as port:
        with pytest.raises(UnavailableError, match=f"cannot listen on 127.0.0.1:{port} .*choose another --http-port"):
            async with serve_probes("127.0.0.1", port, CollectorRegistry(), Health()):
                pass
