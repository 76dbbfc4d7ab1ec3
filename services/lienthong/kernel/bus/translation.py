"""Every wait on Kafka has a bound, and aiokafka's errors become ours where they enter."""

import asyncio
import logging
from collections.abc import Awaitable
from typing import TypeVar

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)

from lienthong.kernel.errors import LienthongError, RejectedError, UnavailableError
from lienthong.kernel.reasons import Reason

__all__ = ["BELIEVE_SECONDS", "CLOSE_SECONDS", "translated", "unavailable", "within"]

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")

_FORBIDDEN = (ClusterAuthorizationFailedError, GroupAuthorizationFailedError, TopicAuthorizationFailedError)
BELIEVE_SECONDS = 5.0
"""How long brokers must say that an offset lies beyond the log before it is believed.

One that has just started, and lost the end of its files, answers for what it led before it died until it has heard who
leads now.
"""
CLOSE_SECONDS = 5.0
"""Longest wait for something of aiokafka to close."""


async def translated(action: Awaitable[_Result], seconds: float, what: str) -> _Result:
    """Await within a bound and turn Kafka's errors into ours."""
    try:
        async with asyncio.timeout(seconds):
            return await action
    except LienthongError:
        raise
    except (MessageSizeTooLargeError, RecordListTooLargeError) as error:
        raise RejectedError(Reason.OVERSIZE, "the broker refused a batch for its size") from error
    except (KafkaError, TimeoutError, OSError, AssertionError) as error:
        raise unavailable(error, what) from error


def unavailable(error: BaseException, what: str) -> UnavailableError:
    """The error that tells what did not answer, and what to do about it."""
    if isinstance(error, KafkaConnectionError | OSError) and not isinstance(error, TimeoutError):
        return UnavailableError(f"cannot reach {what}: check the address, that Kafka runs, and the credentials")
    if isinstance(error, TimeoutError):
        return UnavailableError(f"no answer in time: {what}")
    if isinstance(error, _FORBIDDEN):
        return UnavailableError(f"Kafka does not allow this: {error}; ask the operator for the access rights")
    return UnavailableError(f"{what}: {type(error).__name__} {error}")


async def within(seconds: float, closing: Awaitable[None]) -> None:
    """Close something of aiokafka, which may hang, or raise CancelledError though nobody cancelled."""
    try:
        async with asyncio.timeout(seconds):
            await closing
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
    except Exception as error:  # noqa: BLE001 - it is being thrown away
        _log.debug("closing failed: %r", error)
