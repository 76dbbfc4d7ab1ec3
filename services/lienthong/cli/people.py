"""What the commands for people share: settings for a client, states to wait for, ids as people write them."""

import logging

from lienthong.cli.reach import resolve_bootstrap
from lienthong.client import State
from lienthong.runtime.settings import Settings

__all__ = ["check_wait", "client_settings", "envelope_prefix"]

_WAITS = (State.ACCEPTED, State.ARRIVED, State.ACKNOWLEDGED)


def client_settings(bootstrap: str | None) -> Settings:
    """Settings with the address of Kafka resolved; library logs go nowhere."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    base = Settings()
    return base.model_copy(update={"bootstrap": resolve_bootstrap(base, bootstrap)})


def check_wait(text: str) -> State | None:
    """What ``--wait`` names; None for ``none``.

    Raises:
        ValueError: it names nothing one can wait for.
    """
    if text == "none":
        return None
    for state in _WAITS:
        if state.value == text:
            return state
    raise ValueError(f"--wait {text}: choose none, accepted, arrived or acknowledged")


def envelope_prefix(text: str) -> bytes:
    """An envelope id, or how it begins, from hex.

    Raises:
        ValueError: it is not hex, too short or too long.
    """
    if not 8 <= len(text) <= 64 or len(text) % 2:  # noqa: PLR2004 - 4 to 32 bytes
        raise ValueError(f"{text!r} is not an envelope id: 64 hex digits, or the first 8 or more, an even number")
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not an envelope id: {error}") from error
