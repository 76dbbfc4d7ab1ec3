"""The life of a document: every state with every event from both parties, and what holds in any order."""

from itertools import permutations, product
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.kernel.lifecycle import (
    ALL_ASKED,
    EVENT_OF_KIND,
    INITIAL,
    Answer,
    Asking,
    Event,
    Flag,
    Life,
    Party,
    Request,
    Stage,
    advance,
)
from lienthong.kernel.lifecycle_table import markdown, table
from lienthong.kernel.statement import STATUS_CODES

UPDATE, NEWER, RECALL = (bytes([number]) * 32 for number in (1, 2, 3))
ASKINGS = [ALL_ASKED, Asking(Request.UPDATE, UPDATE), Asking(Request.UPDATE, NEWER), Asking(Request.TAKE_BACK, RECALL)]
EVERY_LIFE = [
    Life(stage, request, replaced, answer, update)
    for stage, request, replaced, answer, update in product(Stage, Request, (False, True), Answer, (b"", UPDATE, NEWER))
]
OPEN = [stage for stage in Stage if stage not in (Stage.REFUSED, Stage.TAKEN_BACK)]
ACCEPTED = OPEN[2:]
BY = {
    event: Party.SENDER
    if event in (Event.TAKE_BACK_ASKED, Event.RECALL, Event.UPDATE, Event.REPLACE)
    else Party.RECIPIENT
    for event in Event
}
"""Who says what."""
ACKNOWLEDGEMENTS = [event for event in Event if BY[event] is Party.RECIPIENT]
PROGRESS = [Event.ARRIVED, Event.ACCEPTED, Event.ASSIGNED, Event.PROCESSING, Event.DONE]

same = "."
"""In the matrices: nothing changes and nothing is wrong."""
MATRIX = """
            sent        arrived     refused        accepted          assigned          processing        done              taken_back
01          arrived     .           .              .                 .                 .                 .                 .
02          refused     refused     .              !after_acceptance !after_acceptance !after_acceptance !after_acceptance !after_take_back
03          accepted    accepted    !after_refusal .                 .                 .                 .                 !after_take_back
04          assigned    assigned    !after_refusal assigned          .                 .                 .                 !after_take_back
05          processing  processing  !after_refusal processing        processing        .                 .                 !after_take_back
06          done        done        !after_refusal done              done              done              .                 !after_take_back
13          taken_back  taken_back  !after_refusal ?take_back        ?take_back        ?take_back        ?take_back        .
15          !nothing_asked !nothing_asked !after_refusal !nothing_asked !nothing_asked !nothing_asked   !nothing_asked    +agreed
16          !nothing_asked !nothing_asked !after_refusal !nothing_asked !nothing_asked !nothing_asked   !nothing_asked    !after_take_back
recall      taken_back  taken_back  !after_refusal ?take_back        ?take_back        ?take_back        ?take_back        .
update      ?update     ?update     !after_refusal ?update           ?update           ?update           ?update           !after_take_back
replace     =           =           =              =                 =                 =                 =                 =
"""  # noqa: E501
"""What each event makes of a document of which nothing is asked: a stage, ? a request, + an answer, = replaced,
! a flag."""


def _matrix() -> list[tuple[Stage, Event, str]]:
    head, *lines = MATRIX.strip().splitlines()
    stages = [Stage(word.replace("_", " ")) for word in head.split()]
    cells = [
        (stage, Event(line.split()[0]), cell)
        for line in lines
        for stage, cell in zip(stages, line.split()[1:], strict=True)
    ]
    assert len(cells) == len(Stage) * len(Event)
    return cells


@pytest.mark.parametrize(("stage", "event", "cell"), _matrix())
def test_every_state_with_every_event_when_nothing_is_asked(stage: Stage, event: Event, cell: str) -> None:
    """The matrix above holds for the party whose word it is; from the other party it is flagged."""
    life = INITIAL._replace(stage=stage)
    asking = Asking(Request.UPDATE, UPDATE) if event is Event.UPDATE else ALL_ASKED
    expected, flag = life, None
    if cell.startswith("!"):
        flag = Flag(cell[1:])
    elif cell.startswith("?"):
        request = Request(cell[1:].replace("_", " "))
        expected = life._replace(request=request, update=UPDATE if request is Request.UPDATE else b"")
    elif cell.startswith("+"):
        expected = life._replace(answer=Answer(cell[1:]))
    elif cell == "=":
        expected = life._replace(replaced=True)
    elif cell != same:
        expected = life._replace(stage=Stage(cell.replace("_", " ")))

    assert (expected, flag) == advance(life, event, BY[event], asking)
    other = next(party for party in Party if party is not BY[event])
    assert (life, Flag.NOT_HIS_TO_SAY) == advance(life, event, other, asking)


@pytest.mark.parametrize("stage", ACCEPTED)
@pytest.mark.parametrize("asking", [ALL_ASKED, Asking(Request.TAKE_BACK, RECALL)])
def test_an_asked_take_back_is_answered(stage: Stage, asking: Asking) -> None:
    """After acceptance the recipient agrees, and it is taken back, or refuses, and it stays."""
    asked = Life(stage, Request.TAKE_BACK, replaced=False)

    assert (Life(Stage.TAKEN_BACK, Request.NONE, False, Answer.AGREED), None) == advance(
        asked, Event.AGREED, Party.RECIPIENT, asking
    )
    assert (Life(stage, Request.NONE, False, Answer.REFUSED), None) == advance(
        asked, Event.CHANGE_REFUSED, Party.RECIPIENT, asking
    )


@pytest.mark.parametrize("stage", OPEN)
@pytest.mark.parametrize("asking", [ALL_ASKED, Asking(Request.UPDATE, UPDATE)])
@pytest.mark.parametrize(("event", "answer"), [(Event.AGREED, Answer.AGREED), (Event.CHANGE_REFUSED, Answer.REFUSED)])
def test_an_asked_update_is_answered(stage: Stage, asking: Asking, event: Event, answer: Answer) -> None:
    """At every stage before the end; the stage stays."""
    asked = Life(stage, Request.UPDATE, replaced=False, update=UPDATE)

    assert (Life(stage, Request.NONE, False, answer), None) == advance(asked, event, Party.RECIPIENT, asking)


@pytest.mark.parametrize("event", [Event.AGREED, Event.CHANGE_REFUSED])
def test_an_answer_to_another_request_is_no_answer(event: Event) -> None:
    """To an update before the newest, to an update when the document itself is asked back, to a recall that is none."""
    update = Life(Stage.ACCEPTED, Request.UPDATE, replaced=False, update=NEWER)
    take_back = Life(Stage.ACCEPTED, Request.TAKE_BACK, replaced=False)

    for life, asking in (
        (update, Asking(Request.UPDATE, UPDATE)),
        (update, Asking(Request.TAKE_BACK, RECALL)),
        (take_back, Asking(Request.UPDATE, UPDATE)),
    ):
        assert (life, Flag.ANOTHER_ASKED) == advance(life, event, Party.RECIPIENT, asking)


def test_an_answer_is_repeated_but_not_turned_round() -> None:
    """Said again, by the other of two paths for instance, it is no fault; the opposite is one."""
    for first, second, answer in (
        (Event.AGREED, Event.CHANGE_REFUSED, Answer.AGREED),
        (Event.CHANGE_REFUSED, Event.AGREED, Answer.REFUSED),
    ):
        life = Life(Stage.DONE, Request.NONE, False, answer)
        assert (life, None) == advance(life, first, Party.RECIPIENT)
        assert (life, Flag.ALREADY_ANSWERED) == advance(life, second, Party.RECIPIENT)


def lived(*said: Event | tuple[Event, Asking]) -> tuple[Life, list[Flag]]:
    """A whole life, each event by the party whose word it is."""
    life = INITIAL
    flags = []
    for one in said:
        event, asking = one if isinstance(one, tuple) else (one, ALL_ASKED)
        life, flag = advance(life, event, BY[event], asking)
        if flag:
            flags.append(flag)
    return life, flags


@pytest.mark.parametrize("before", [[], [Event.ARRIVED], [Event.ACCEPTED], [Event.ACCEPTED, Event.DONE]])
def test_both_paths_of_a_recall_are_one(before: list[Event]) -> None:
    """Status 13 and kind 1, either, both, in either order, answered once: the same life."""
    asked = ([Event.TAKE_BACK_ASKED], [Event.RECALL], [Event.RECALL, Event.TAKE_BACK_ASKED],
             [Event.TAKE_BACK_ASKED, Event.RECALL], [Event.RECALL, Event.RECALL])  # fmt: skip
    for answer in ([], [Event.AGREED], [Event.CHANGE_REFUSED]):
        ends = {(life, tuple(flags)) for paths in asked for life, flags in [lived(*before, *paths, *answer)]}
        assert 1 == len(ends), (before, answer, ends)


def test_the_second_path_after_a_consent_finds_it_taken_back() -> None:
    """13 was agreed to while the document of kind 1 was on its way: nothing is left to do or to flag."""
    life, flags = lived(Event.ACCEPTED, Event.TAKE_BACK_ASKED, Event.AGREED, Event.RECALL, Event.AGREED)
    assert (Life(Stage.TAKEN_BACK, Request.NONE, False, Answer.AGREED), []) == (life, flags)


def test_the_second_path_after_a_refusal_asks_again() -> None:
    """It was refused before the document of kind 1 stood in the ledger: that one waits for an answer of its own."""
    life, flags = lived(Event.ACCEPTED, Event.TAKE_BACK_ASKED, Event.CHANGE_REFUSED, Event.RECALL)
    assert (Life(Stage.ACCEPTED, Request.TAKE_BACK, False), []) == (life, flags)


def test_a_recall_takes_the_place_of_an_update() -> None:
    """The update falls away; the answer to it that was on its way does not count for the recall."""
    update = Asking(Request.UPDATE, UPDATE)
    life, flags = lived(Event.ACCEPTED, (Event.UPDATE, update), Event.RECALL, (Event.AGREED, update))
    assert (Life(Stage.ACCEPTED, Request.TAKE_BACK, False), [Flag.ANOTHER_ASKED]) == (life, flags)

    life, flags = lived(Event.ACCEPTED, Event.RECALL, (Event.UPDATE, update))
    assert (Life(Stage.ACCEPTED, Request.TAKE_BACK, False), [Flag.TAKE_BACK_OPEN]) == (life, flags)

    life, flags = lived(Event.ARRIVED, (Event.UPDATE, update), Event.RECALL)
    assert (Life(Stage.TAKEN_BACK, Request.NONE, False), []) == (life, flags)


def test_a_refusal_ends_what_was_asked() -> None:
    """What is returned is neither updated nor taken back."""
    life, flags = lived((Event.UPDATE, Asking(Request.UPDATE, UPDATE)), Event.REFUSED, Event.AGREED)
    assert (Life(Stage.REFUSED, Request.NONE, False), [Flag.AFTER_REFUSAL]) == (life, flags)


def test_an_acceptance_that_crosses_a_take_back_is_flagged() -> None:
    """The order of the ledger decides: taken back before it was accepted. 01 and the report of it are no faults."""
    life, flags = lived(Event.RECALL, Event.ARRIVED, Event.ACCEPTED, Event.AGREED)
    assert (Life(Stage.TAKEN_BACK, Request.NONE, False, Answer.AGREED), [Flag.AFTER_TAKE_BACK]) == (life, flags)


@pytest.mark.parametrize("asking", ASKINGS)
def test_advance_is_total(asking: Asking) -> None:
    """Every life there could be, also those no order of events leads to: a life again, unchanged if flagged."""
    for life, event, by in product(EVERY_LIFE, Event, Party):
        after, flag = advance(life, event, by, asking)
        assert isinstance(after, Life)
        if flag is not None:
            assert after == life


@pytest.mark.parametrize("asking", ASKINGS)
def test_what_ended_stays(asking: Asking) -> None:
    """A refused or taken-back document keeps stage and request, whatever is said."""
    frozen = [life for life in EVERY_LIFE if life.frozen]
    assert {Stage.REFUSED, Stage.TAKEN_BACK} == {life.stage for life in frozen}
    for life, event, by in product(frozen, Event, Party):
        after = advance(life, event, by, asking).life
        assert (life.stage, life.request, life.update) == (after.stage, after.request, after.update)


@pytest.mark.parametrize("asking", ASKINGS)
def test_replaced_commutes_with_everything(asking: Asking) -> None:
    """It may be said before or after anything: the life is the same, and no other event is flagged for it."""
    for life, event, by in product(EVERY_LIFE, Event, Party):
        first, flag = advance(advance(life, Event.REPLACE, Party.SENDER).life, event, by, asking)
        plain, plain_flag = advance(life, event, by, asking)
        assert advance(plain, Event.REPLACE, Party.SENDER) == (first, None)
        assert flag == plain_flag


def test_progress_comes_in_any_order() -> None:
    """All orders of 01 03 04 05 06 and of any of them end in the same life without a flag."""
    for count in range(1, len(PROGRESS) + 1):
        for some in permutations(PROGRESS, count):
            furthest = max(some, key=PROGRESS.index)
            expected = advance(INITIAL, furthest, Party.RECIPIENT).life
            assert (expected, []) == lived(*some)


_INDEPENDENT = [[Event.ARRIVED, Event.REFUSED], PROGRESS]
"""Acknowledgements of which none excludes another."""


@given(
    st.sampled_from(_INDEPENDENT).flatmap(lambda some: st.lists(st.sampled_from(some), max_size=8)),
    st.sampled_from([[], [Event.REPLACE], [(Event.UPDATE, Asking(Request.UPDATE, UPDATE)), Event.AGREED]]),
    st.randoms(use_true_random=False),
)
def test_independent_acknowledgements_come_in_any_order(
    said: list[Event], beside: list[Event | tuple[Event, Asking]], random: Random
) -> None:
    """However they interleave, also with a replacement or an answered update beside progress, the life is the same."""
    if Event.REFUSED in said:
        beside = [one for one in beside if one is Event.REPLACE]
    mixed: list[Event | tuple[Event, Asking]] = list(said)
    random.shuffle(mixed)
    at = 0
    for one in beside:
        at = random.randint(at, len(mixed))
        mixed.insert(at, one)
        at += 1
    assert lived(*said, *beside) == lived(*mixed)


@given(st.lists(st.tuples(st.sampled_from(Event), st.sampled_from(Party), st.sampled_from(ASKINGS)), max_size=20))
def test_whatever_is_said_a_life_stays_sound(said: list[tuple[Event, Party, Asking]]) -> None:
    """From the beginning: nothing goes back, an ended life has no open request, and repeats change nothing."""
    life = INITIAL
    order = list(Stage)
    for event, by, asking in said:
        after, flag = advance(life, event, by, asking)
        if not after.frozen:
            assert order.index(after.stage) >= order.index(life.stage)
            assert not life.frozen
        else:
            assert Request.NONE is after.request
        assert bool(after.update) <= (after.request is Request.UPDATE)
        if flag is None:
            again, flagged = advance(after, event, by, asking)
            assert (after, None) == (again, flagged)
        life = after


def test_events_are_the_codes_and_kinds_of_the_protocol() -> None:
    """Every status code and every kind of document that refers to another is an event."""
    assert set(Event) == {Event(code) for code in STATUS_CODES} | set(EVENT_OF_KIND.values())
    assert {1, 2, 3} == set(EVENT_OF_KIND)


def test_the_table_says_every_event_of_both_parties_at_every_stage() -> None:
    """Each (event, party, stage) is in it, with its conditions, and every row names a source."""
    rows = table()
    assert all(row.source and row.outcome for row in rows)
    assert len(rows) == len({row[:4] for row in rows})
    assert {(row.event, row.by) for row in rows} == set(product({row.event for row in rows}, Party))
    assert len(Event) == len({row.event for row in rows})
    assert len(rows) + 2 == len(markdown().splitlines())
    flags = {row.outcome.removeprefix("flag ") for row in rows if row.outcome.startswith("flag ")}
    # Which request an answer names is beside the table; the last two are no flags of `advance`.
    assert set(Flag) - {Flag.ANOTHER_ASKED, Flag.OTHER_LANE, Flag.NO_SUCH_DOCUMENT} == flags


def test_the_documentation_shows_the_table() -> None:
    """`python -m lienthong.kernel.lifecycle_table` prints what stands there."""
    text = (Path(__file__).resolve().parents[3] / "docs" / "lifecycle.md").read_text("utf-8")
    assert text.endswith(f"<!-- made by: python -m lienthong.kernel.lifecycle_table -->\n\n{markdown()}")
