"""Days and hours of Vietnam."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from lienthong.kernel.vietnam_time import day_of, end_of_day, local, moment, start_of_day
from unit.kernel.world import quick

MOMENTS = st.integers(
    int(datetime(1976, 1, 1, tzinfo=UTC).timestamp() * 1000), int(datetime(2100, 1, 1, tzinfo=UTC).timestamp() * 1000)
)


def test_a_day_begins_at_seventeen_hours_utc_of_the_day_before() -> None:
    """Vietnam is seven hours ahead."""
    assert 1_735_664_400_000 == start_of_day(date(2025, 1, 1))
    assert date(2024, 12, 31) == day_of(1_735_664_399_999)
    assert date(2025, 1, 1) == day_of(1_735_664_400_000)


@quick
@given(MOMENTS)
def test_the_constant_agrees_with_the_zone(at: int) -> None:
    """The zone's own rules say the same since 1976."""
    theirs = datetime.fromtimestamp(at // 1000, ZoneInfo("Asia/Ho_Chi_Minh"))
    assert theirs.date() == day_of(at)
    assert theirs.utcoffset() == local(at).utcoffset()
    assert theirs.replace(tzinfo=None) == local(at // 1000 * 1000).replace(tzinfo=None)


@quick
@given(st.dates(), st.times())
def test_days_are_made_of_their_moments(day: date, at: time) -> None:
    """Every time of a day lies between its first and its last millisecond, and the next millisecond is tomorrow."""
    assert start_of_day(day) <= moment(day, at) <= end_of_day(day)
    assert day == day_of(moment(day, at))
    assert day == day_of(end_of_day(day))
    assert end_of_day(day) + 1 == start_of_day(day) + 86_400_000
