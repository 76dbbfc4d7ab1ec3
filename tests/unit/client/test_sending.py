"""Sending, as far as it goes without Kafka."""

import asyncio
import logging

import pytest

from lienthong.client import sending


async def test_a_write_that_takes_long_is_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kafka may keep a write waiting without an error: the log says so, once, and nothing of one that is quick."""
    monkeypatch.setattr(sending, "_LONG_SECONDS", 0.02)
    with caplog.at_level(logging.WARNING), sending._told_when_it_takes_long():
        pass
    await asyncio.sleep(0.04)
    assert [] == caplog.messages
    with caplog.at_level(logging.WARNING), sending._told_when_it_takes_long():
        await asyncio.sleep(0.06)
    assert 1 == len(caplog.messages)
    assert "sending waits" in caplog.messages[0]
