"""How times and spans are told to people and to programs. Moments are milliseconds since 1970 UTC."""

from lienthong.kernel.vietnam_time import DAY_MS, MINUTE_MS, local

__all__ = ["iso", "shortened", "span"]

_HOUR_MS = 60 * MINUTE_MS


def span(milliseconds: int) -> str:
    """A length of time, whatever its sign, as people say it: 3 d 4 h."""
    ms = abs(milliseconds)
    if ms < MINUTE_MS:
        return f"{ms // 1000} s"
    if ms < _HOUR_MS:
        return f"{ms // MINUTE_MS} min"
    if ms < DAY_MS:
        return f"{ms // _HOUR_MS} h {ms % _HOUR_MS // MINUTE_MS} min"
    if ms >= 10 * DAY_MS:
        return f"{ms // DAY_MS} d"
    return f"{ms // DAY_MS} d {ms % DAY_MS // _HOUR_MS} h"


def iso(moment_ms: int) -> str | None:
    """A moment on a clock in Vietnam, in ISO 8601; None for never, which is 0."""
    return local(moment_ms).isoformat(timespec="milliseconds") if moment_ms else None


def shortened(text: str, most: int = 40) -> str:
    """A text that a table has room for."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
