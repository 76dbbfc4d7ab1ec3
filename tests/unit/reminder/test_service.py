"""What the reminder does without Kafka: nothing, and it says why."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from lienthong.kernel.bus import Bus, KafkaSettings
from lienthong.kernel.errors import UnavailableError
from lienthong.reminder.service import serve
from lienthong.runtime.context import Context
from lienthong.runtime.metrics import KafkaMetrics
from lienthong.runtime.settings import Settings
from unit.kernel.world import TRUST, key_named


async def told(file: Path) -> tuple[list[str], dict[str, str]]:
    """What it logs, and what waits while it runs, with a file of deadlines."""
    context = Context(Settings(home=file.parent, deadlines_file=file), TRUST)
    context.health.waiting("reminder", "starting")
    stopping = asyncio.Event()
    with capture_logs() as logs:
        running = asyncio.create_task(serve(context, KafkaMetrics.register(context.registry), stopping))
        await asyncio.sleep(0.01)
        waiting = context.health.not_ready()
        assert not running.done()
        stopping.set()
        await asyncio.wait_for(running, 5)
    return [line["event"] for line in logs], waiting


async def test_a_wrong_file_of_deadlines_leaves_it_not_ready(tmp_path: Path) -> None:
    """The field is named; what else runs in the process goes on."""
    file = tmp_path / "deadlines.toml"
    file.write_text("[expiry]\ndays = 0\n", "utf-8")
    logged, waiting = await told(file)
    assert ["no_expiry"] == logged
    assert "expiry.days" in waiting["reminder"]
    missing_logged, missing = await told(tmp_path / "none.toml")
    assert ["no_expiry"] == missing_logged
    assert "none.toml" in missing["reminder"]


async def test_an_owner_who_wants_no_notices_gets_none(tmp_path: Path) -> None:
    """It is ready, and needs neither key nor Kafka."""
    file = tmp_path / "deadlines.toml"
    file.write_text("[expiry]\nenabled = false\n", "utf-8")
    assert (["expiry_disabled"], {}) == await told(file)


async def test_a_ledger_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    """It begins again as often as it takes, each time as if for the first time."""
    key_named("notary").save(tmp_path / "keys" / "notary.pem")

    @asynccontextmanager
    async def connect(settings: KafkaSettings, name: str) -> AsyncIterator[Bus]:
        bus = Bus(settings, name)
        setattr(bus, "lanes", none)  # noqa: B010
        yield bus

    async def none(_topic: str) -> int:
        return 0

    context = Context(Settings(home=tmp_path), TRUST, connect=connect)
    kafka = KafkaMetrics.register(context.registry)
    for _ in range(3):
        with pytest.raises(UnavailableError, match="there is no ledger"):
            await serve(context, kafka, asyncio.Event())
