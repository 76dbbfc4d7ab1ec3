"""What the tracker has of the story, held against what was done."""

from typing import Any

import pytest

from lienthong.demo.overview import Line, differences_of
from lienthong.demo.play import example_agencies
from lienthong.demo.story import MERGED, STORY, SUCCESSOR, Episode, Turn, cast, inbox_of, turn_of
from lienthong.kernel.deadlines import Due, Rule, Verdict

CIRCULAR = STORY[0]
LATE = Verdict(Rule.URGENT, 0, Due.OVERDUE, -1)


def line(code: str, turn: Turn) -> Line:
    """What a tracker has that knows everything."""
    states = {
        Turn.ASSIGNED: ("assigned", "none", "none"),
        Turn.UNREAD: ("sent", "none", "none"),
        Turn.REFUSED: ("refused", "none", "none"),
        Turn.UPDATED: ("accepted", "none", "agreed"),
        Turn.TAKEN_BACK: ("taken back", "none", "agreed"),
    }
    return Line(CIRCULAR.name, code, inbox_of(code), *states[turn], LATE if turn is Turn.UNREAD else None)


def right(episode: Episode = CIRCULAR) -> dict[str, Line]:
    """Lines as they should be, by recipient."""
    return {code: line(code, turn) for code, turn in episode.turns.items()}


@pytest.mark.parametrize("episode", STORY, ids=lambda one: one.name)
def test_what_was_done_differs_in_nothing(episode: Episode) -> None:
    """Every turn of the story is read back as itself."""
    assert [] == differences_of(episode, right(episode).values())


@pytest.mark.parametrize(
    ("code", "changed", "said"),
    [
        ("H17", {"stage": "arrived"}, "refused was done, the tracker has arrived"),
        ("H13", {"request": "take back"}, "assigned was done, the tracker has assigned, take back asked"),
        (MERGED, {"inbox": MERGED}, f"{SUCCESSOR} received it, the tracker has {MERGED}"),
        ("H24", {"overdue": None}, "it is not late for the tracker"),
        ("H26", {"overdue": LATE}, "it is late for the tracker"),
        ("H13", {"recipient": "H99"}, "a delivery to H99 that was not sent"),
        ("H13", {"recipient": "H99"}, "01/CĐ-BTC at H13: the tracker does not know it"),
    ],
)
def test_every_difference_is_told(code: str, changed: dict[str, Any], said: str) -> None:
    """A wrong state, a wrong inbox, lateness that is not or is missing, and a delivery too many or too few."""
    lines = right()
    lines[code] = lines[code]._replace(**changed)
    found = differences_of(CIRCULAR, lines.values())
    assert any(said in one for one in found), found


def test_a_state_of_no_turn_is_none() -> None:
    """An update that was refused, for instance, does not happen in the story."""
    assert turn_of("accepted", "none", "refused") is None


def test_the_story_has_one_of_everything() -> None:
    """And its cast has everybody who is in it."""
    turns = [turn for episode in STORY for turn in episode.turns.values()]
    assert {1} == {turns.count(turn) for turn in Turn if turn is not Turn.ASSIGNED}
    codes = {one.code for one in cast(example_agencies(12))}
    assert {inbox_of(code) for episode in STORY for code in episode.turns} < codes
    assert MERGED in codes
