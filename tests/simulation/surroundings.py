"""What production code takes from its machine, made the same each time: randomness, processor time, keys, logs."""

import gc
import logging
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from random import Random
from typing import Any
from unittest import mock

import structlog

from lienthong.kernel import randomness
from lienthong.kernel.keys import SigningKey
from simulation.history import History

__all__ = ["key_named", "surroundings"]


@cache
def key_named(name: str) -> SigningKey:
    """The signing key of that name, the same in every world."""
    return SigningKey.from_seed(sha256(f"simulation {name}".encode()).digest())


class _Notes(logging.Handler):
    """Writes what is logged into the history."""

    def __init__(self, history: History) -> None:
        super().__init__()
        self._history = history

    def emit(self, record: logging.LogRecord) -> None:
        self._history.note(record.name, record.getMessage())


@contextmanager
def surroundings(chance: Random, history: History) -> Iterator[None]:
    """For the time of a context, salts come from `chance`, no processor time passes, and logs go into the history."""

    def note(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        history.note(event.get("part", event.get("service", "log")), f"{event.pop('event')} {event}")
        raise structlog.DropEvent

    log = logging.getLogger("lienthong")
    before = (log.handlers, log.propagate)
    configured = structlog.get_config() if structlog.is_configured() else None
    log.handlers, log.propagate = [_Notes(history)], False
    structlog.configure(processors=[note], cache_logger_on_first_use=False)
    gc.disable()  # what a collection frees, and when, must not decide anything
    randomness._forget()
    try:
        with mock.patch("os.urandom", chance.randbytes), mock.patch("time.process_time", return_value=0.0):
            yield
    finally:
        randomness._forget()
        gc.enable()
        log.handlers, log.propagate = before
        structlog.reset_defaults()
        if configured is not None:
            structlog.configure(**configured)
