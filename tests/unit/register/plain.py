"""The facts of a year straight from its statements, without a database: what the tracker must arrive at too."""

from collections import defaultdict
from collections.abc import Container, Iterable
from typing import Any

from department_year import Said
from lienthong.kernel.lifecycle import ALL_ASKED, EVENT_OF_KIND, INITIAL, Event, Life, Party, Stage, advance
from lienthong.kernel.statement import Kind
from lienthong.register.facts import Delivered, Paper

__all__ = ["plain_facts"]

_TIMES = {
    Event.ARRIVED: "arrived_at", Event.REFUSED: "refused_at", Event.ACCEPTED: "registered_at",
    Event.ASSIGNED: "assigned_at", Event.PROCESSING: "processing_at", Event.DONE: "done_at",
}  # fmt: skip


class _Kept:
    """A delivery while it is followed."""

    def __init__(self, paper: Paper, recipient: str, *, for_information: bool) -> None:
        self.paper, self.recipient, self.for_information = paper, recipient, for_information
        self.life: Life = INITIAL
        self.times: dict[str, Any] = {}
        self.flags = 0

    def hear(self, event: Event, by: Party, at: int) -> bool:
        """Take an event; returns whether it was possible."""
        before = self.life
        self.life, flag = advance(before, event, by, ALL_ASKED)
        if flag is not None:
            self.flags += 1
            return False
        if event in _TIMES:
            self.times.setdefault(_TIMES[event], at)
        if event is Event.REPLACE:
            self.times.setdefault("replaced_at", at)
        if self.life.stage is Stage.TAKEN_BACK is not before.stage:
            self.times["taken_back_at"] = at
        return True


def plain_facts(said: Iterable[Said], kinds: Container[int] = (0, 3)) -> list[Delivered]:
    """Every document of some kinds at each of its recipients. The positions of papers are the order given."""
    kept: dict[tuple[bytes, str], _Kept] = {}
    recipients: dict[bytes, list[str]] = {}
    asking: dict[bytes, list[bytes]] = defaultdict(list)
    for position, one in enumerate(said):
        sender, body = one.statement.sender, one.statement.body
        if one.statement.kind is Kind.ACKNOWLEDGEMENT:
            by_sender = body["status"] == Event.TAKE_BACK_ASKED
            for named in body["documents"]:
                for recipient in one.statement.recipients if by_sender else [sender]:
                    party = Party.SENDER if by_sender else Party.RECIPIENT
                    possible = kept[named, recipient].hear(Event(body["status"]), party, one.at)
                    # The answers of the year name the document; so its recipient has read what asked for it.
                    for request in asking[named] if possible and body["status"] in {"15", "16"} else ():
                        kept[request, recipient].hear(Event.ARRIVED, Party.RECIPIENT, one.at)
            continue
        kind = body["business_type"]
        for named in body["refers_to"]:
            for recipient in recipients[named]:
                kept[named, recipient].hear(EVENT_OF_KIND[kind], Party.SENDER, one.at)
        if kind in kinds:
            for named in body["refers_to"] if kind in {1, 2} else ():
                asking[named].append(one.id)
            recipients[one.id] = one.statement.recipients
            for recipient in one.statement.recipients:
                kept[one.id, recipient] = _Kept(
                    _paper(one, position), recipient, for_information=recipient in body["for_information"]
                )
    return [
        Delivered(
            one.paper, one.recipient, one.for_information, one.life.stage, one.life.request, flags=one.flags,
            **one.times,
        )
        for one in kept.values()
    ]  # fmt: skip


def _paper(one: Said, position: int) -> Paper:
    body = one.statement.body
    return Paper(
        one.id, 0, position, one.statement.sender, body["business_type"], one.statement.priority, one.at,
        body["code_number"], body["code_notation"], body["document_type"], body["promulgation_date"], body["subject"],
        body["due_date"],
    )  # fmt: skip
