"""What a service is given: its lanes, and who is ready."""

from pathlib import Path

import pytest

from lienthong.runtime.context import Context, Health
from lienthong.runtime.settings import Settings
from unit.kernel.world import TRUST


def context(lanes: list[int] | None = None) -> Context:
    """A context that serves these lanes."""
    return Context(Settings(home=Path("/nowhere")), TRUST, lanes)


def test_the_express_lane_is_read_apart() -> None:
    """All lanes by default; lane 0 on connections of its own, the others together."""
    assert {"express": [0], "ordinary": [1]} == context().lane_groups(2)
    assert {"express": [0], "ordinary": [1, 2, 3]} == context().lane_groups(4)


@pytest.mark.parametrize(
    ("lanes", "groups"),
    [
        ([0], {"express": [0]}),
        ([2, 3], {"ordinary": [2, 3]}),
        ([0, 3], {"express": [0], "ordinary": [3]}),
        ([], {}),
    ],
)
def test_a_process_serves_the_lanes_it_was_told(lanes: list[int], groups: dict[str, list[int]]) -> None:
    """A group without lanes is not there."""
    assert groups == context(lanes).lane_groups(4)


@pytest.mark.parametrize("lanes", [[4], [0, 7], [-1]])
def test_a_lane_that_does_not_exist_is_refused(lanes: list[int]) -> None:
    """With the lanes there are."""
    with pytest.raises(ValueError, match="do not exist: the backbone has lanes 0 to 3"):
        context(lanes).lane_groups(4)


def test_who_is_not_ready_says_why() -> None:
    """The newest reason of each part; a part that is ready is not named, told twice or not."""
    health = Health()
    health.waiting("intake", "starting")
    health.waiting("notary", "starting")
    health.waiting("intake", "cannot reach Kafka")
    health.ready("notary")
    health.ready("notary")
    assert {"intake": "cannot reach Kafka"} == health.not_ready()
    health.not_ready().clear()
    assert {"intake": "cannot reach Kafka"} == health.not_ready()


def test_a_part_that_falls_silent_is_not_ready() -> None:
    """Kafka may let a part wait without an error: what has not finished a round for seconds is not ready."""
    now = 100.0
    health = Health(lambda: now)
    health.ready("intake/express")
    now += 60
    assert {} == health.not_ready()
    health.alive("intake/express")
    now += 4
    assert {} == health.not_ready()
    now += 2
    assert {"intake/express": "Kafka has kept it waiting for 6 s"} == health.not_ready()
    health.alive("intake/express")
    assert {} == health.not_ready()


def test_a_part_whose_first_round_does_not_end_is_not_ready() -> None:
    """Kafka may be gone just when a part has become ready."""
    now = 100.0
    health = Health(lambda: now)
    health.waiting("notary/express", "starting")
    health.begin_rounds("notary/express")
    now += 4
    assert {} == health.not_ready()
    now += 2
    assert {"notary/express": "Kafka has kept it waiting for 6 s"} == health.not_ready()


def test_a_part_that_begins_again_says_why_it_waits() -> None:
    """The reason of a session that failed stands instead of the silence, and nothing once it is ready."""
    now = 100.0
    health = Health(lambda: now)
    health.alive("dispatch/ordinary")
    now += 10
    health.waiting("dispatch/ordinary", "no answer in time")
    assert {"dispatch/ordinary": "no answer in time"} == health.not_ready()
    health.ready("dispatch/ordinary")
    assert {} == health.not_ready()
