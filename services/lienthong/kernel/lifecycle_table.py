"""The rules of `lifecycle.advance` as a table that a lawyer reads, computed from it: `docs/lifecycle.md` shows it.

``python -m lienthong.kernel.lifecycle_table`` prints it in Markdown.
"""

from collections.abc import Sequence
from typing import NamedTuple

from lienthong.kernel.lifecycle import INITIAL, Answer, Event, Life, Party, Request, Stage, advance

__all__ = ["Row", "markdown", "table"]


class Row(NamedTuple):
    """One rule."""

    event: str
    by: str
    stages: str
    """At which stages; "any": at all."""
    asked: str
    """What must be asked for the rule to hold; empty: of no matter."""
    outcome: str
    """The new state, "as before", or the flag."""
    source: str
    """Where the rule comes from."""


_NAMES = {
    Event.ARRIVED: "01 arrived",
    Event.REFUSED: "02 refused",
    Event.ACCEPTED: "03 accepted",
    Event.ASSIGNED: "04 assigned",
    Event.PROCESSING: "05 processing",
    Event.DONE: "06 done",
    Event.TAKE_BACK_ASKED: "13 take-back asked",
    Event.AGREED: "15 agreed",
    Event.CHANGE_REFUSED: "16 change refused",
    Event.RECALL: "kind 1, recall",
    Event.UPDATE: "kind 2, update",
    Event.REPLACE: "kind 3, replace",
}
_D28, _D30, _QCVN = "Decision 28/2018", "Decree 30/2020", "QCVN 102"
_SOURCES = {
    Event.ARRIVED: f"{_QCVN} StatusCode 01; {_D30} Art. 21.2",
    Event.REFUSED: f"{_QCVN} StatusCode 02; {_D28} Art. 5.4, 9.1; {_D30} Art. 21.2",
    Event.ACCEPTED: f"{_QCVN} StatusCode 03; {_D28} Art. 9.1; {_D30} Art. 22",
    Event.ASSIGNED: f"{_QCVN} StatusCode 04; {_D28} Art. 9.2",
    Event.PROCESSING: f"{_QCVN} StatusCode 05; {_D28} Art. 9.2",
    Event.DONE: f"{_QCVN} StatusCode 06; {_D28} Art. 9.2",
    Event.TAKE_BACK_ASKED: f"{_QCVN} StatusCode 13; {_D28} Art. 8.2",
    Event.AGREED: f"{_QCVN} StatusCode 15; {_D28} Art. 9.2; {_D30} Art. 18",
    Event.CHANGE_REFUSED: f"{_QCVN} StatusCode 16",
    Event.RECALL: f"{_QCVN} BussinessDocType 1; {_D28} Art. 8.2; {_D30} Art. 18",
    Event.UPDATE: f"{_QCVN} BussinessDocType 2; {_D30} Art. 18",
    Event.REPLACE: f"{_QCVN} BussinessDocType 3; {_D30} Art. 18",
}
_ENDED_SOURCES = {
    "flag after_refusal": f"{_D28} Art. 5.4; {_D30} Art. 21.2: it was returned",
    "flag after_take_back": f"{_D30} Annex VI: it is frozen and kept",
}
_ON_THE_WAY = tuple(stage for stage in Stage if stage not in (Stage.REFUSED, Stage.TAKEN_BACK))
_HEADS = ("What is said", "By", "Stage", "Asked", "Then", "Source")


def table() -> list[Row]:
    """Every rule. Nothing is left out, and what has the same outcome is drawn together."""
    rows: dict[tuple[Event, Party, str, str], list[Stage]] = {}
    for event in Event:
        for by in Party:
            for stage in Stage:
                outcomes = {_asked(life): _outcome(life, event, by) for life in _lives(stage)}
                for outcome in dict.fromkeys(outcomes.values()):
                    asked = [name for name, one in outcomes.items() if one == outcome]
                    condition = _condition(asked, list(outcomes))
                    rows.setdefault((event, by, condition, outcome), []).append(stage)
    return [
        Row(_NAMES[event], by.value, _stages(stages), condition, outcome, _ENDED_SOURCES.get(outcome, _SOURCES[event]))
        for (event, by, condition, outcome), stages in rows.items()
    ]


def _condition(asked: Sequence[str], possible: Sequence[str]) -> str:
    others = [one for one in possible if one not in asked]
    if len(asked) > len(others):
        return f"anything but {' or '.join(others)}" if others else ""
    return " or ".join(asked)


def _lives(stage: Stage) -> list[Life]:
    """One life of each kind that the rules tell apart at a stage."""
    plain = INITIAL._replace(stage=stage)
    if plain.frozen:
        return [plain]
    lives = [plain, plain._replace(request=Request.UPDATE)]
    if stage not in (Stage.SENT, Stage.ARRIVED):
        lives.append(plain._replace(request=Request.TAKE_BACK))
    return [*lives, plain._replace(answer=Answer.AGREED), plain._replace(answer=Answer.REFUSED)]


def _asked(life: Life) -> str:
    if life.request is Request.NONE:
        return "nothing" if life.answer is Answer.NONE else f"nothing since it {life.answer.value}"
    return life.request.value


def _outcome(life: Life, event: Event, by: Party) -> str:
    after, flag = advance(life, event, by)
    if flag is not None:
        return f"flag {flag.value}"
    if after.stage is not life.stage:
        return after.stage.value
    if event is Event.REPLACE:
        return "as before, and replaced"
    if event is Event.UPDATE or after.request is not life.request:
        return "the request is answered" if after.request is Request.NONE else f"{after.request.value} asked"
    return "as before"


def _stages(stages: Sequence[Stage]) -> str:
    """Stages in words: three or more on the way from sent to done that follow one another become "from … to"."""
    if len(stages) == len(Stage):
        return "any"
    words = []
    on_the_way = [_ON_THE_WAY.index(stage) for stage in stages if stage in _ON_THE_WAY]
    if len(on_the_way) > 2 and on_the_way[-1] - on_the_way[0] == len(on_the_way) - 1:  # noqa: PLR2004
        words.append(f"{_ON_THE_WAY[on_the_way[0]].value} to {_ON_THE_WAY[on_the_way[-1]].value}")
    else:
        words += [_ON_THE_WAY[place].value for place in on_the_way]
    return ", ".join(words + [stage.value for stage in stages if stage not in _ON_THE_WAY])


def markdown() -> str:
    """The table in Markdown, one line a row."""
    lines = [_HEADS, ("---",) * len(_HEADS), *table()]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    print(markdown(), end="")  # noqa: T201
