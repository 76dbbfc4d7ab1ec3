"""Days and hours of Vietnam (Decision 28/2018, Article 14.4). Moments stay milliseconds UTC; people read these.

Asia/Ho_Chi_Minh has been seven hours ahead of UTC, winter and summer, since June 1975. A constant needs no data of
the machine and gives every machine the same day.
"""

from datetime import UTC, date, datetime, time, timedelta, timezone

__all__ = ["DAY_MS", "MINUTE_MS", "ZONE", "day_of", "end_of_day", "local", "moment", "start_of_day"]

ZONE = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")
"""The zone of all times that people see."""
MINUTE_MS = 60_000
DAY_MS = 86_400_000
_AHEAD_MS = 7 * 3_600_000
_EPOCH = date(1970, 1, 1).toordinal()


def day_of(moment_ms: int) -> date:
    """The day it is in Vietnam.

    Raises:
        ValueError, OverflowError: the moment is outside the years 1 to 9999.
    """
    return date.fromordinal((moment_ms + _AHEAD_MS) // DAY_MS + _EPOCH)


def start_of_day(day: date) -> int:
    """Midnight with which the day begins."""
    return (day.toordinal() - _EPOCH) * DAY_MS - _AHEAD_MS


def end_of_day(day: date) -> int:
    """The last millisecond of the day."""
    return start_of_day(day) + DAY_MS - 1


def moment(day: date, at: time) -> int:
    """A time of a day, as milliseconds UTC; a zone that `at` may have is not looked at."""
    since = timedelta(hours=at.hour, minutes=at.minute, seconds=at.second, microseconds=at.microsecond)
    return start_of_day(day) + since // timedelta(milliseconds=1)


def local(moment_ms: int) -> datetime:
    """For people: the same moment on a clock in Vietnam."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=moment_ms)).astimezone(ZONE)
