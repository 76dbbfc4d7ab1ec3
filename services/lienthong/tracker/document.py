"""What the tables keep of a document's own data."""

from collections.abc import Iterator
from typing import Any, TypeAlias

from lienthong.kernel.statement import Statement
from lienthong.tracker.tables import document_number

__all__ = ["Mention", "clean", "document_row", "mentions_of"]

Mention: TypeAlias = tuple[str, bytes, str]
"""Relation, envelope id named, code of the agency it holds for; no code: for all."""

_MOST_CODE = 100
"""Codes are shorter; what is no code must still fit into an index."""
_RELATIONS = {0: "refers", 1: "recalls", 2: "updates", 3: "replaces"}
_ASKING = ("recalls", "updates")
_LARGEST_YEAR = 9999


def clean(text: str) -> str:
    """A text without zero characters, which PostgreSQL does not hold."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in text else text


def document_row(lane: int, position: int, identity: bytes, judged_at: int, statement: Statement) -> tuple[Any, ...]:
    """The row of `documents` for an accepted document."""
    body = statement.body
    signer = body["signer"] or {"competence": "", "position": "", "full_name": ""}
    return (
        document_number(lane, position),
        identity,
        lane,
        position,
        statement.sender,
        statement.thread,
        body["business_type"],
        statement.priority,
        statement.created,
        judged_at,
        _year(body["promulgation_date"]),
        clean(body["code_number"]),
        clean(body["code_notation"]),
        clean(body["document_type"]),
        clean(body["promulgation_date"]),
        clean(body["promulgation_place"]),
        clean(body["subject"]),
        clean(body["sphere"]),
        clean(signer["competence"]),
        clean(signer["position"]),
        clean(signer["full_name"]),
        body["steering_type"],
        body["page_amount"],
        body["issued_amount"],
        clean(body["due_date"]),
        body["paper"],
        clean(body["reason"]),
        body["changes"],
        len(statement.attachments),
    )


def mentions_of(statement: Statement) -> Iterator[Mention]:
    """What a document says of other documents, each once."""
    body = statement.body
    seen: dict[Mention, None] = {}
    for one in body["replaces"]:
        for code in one["agencies"] or ("",):
            seen["replaces", one["document"], clean(code[:_MOST_CODE])] = None
    replaced = {named for _, named, _ in seen}
    relation = _RELATIONS[body["business_type"]]
    for named in body["refers_to"]:
        # What a recall or an update is about is looked up here when an answer comes in a later round.
        if named not in replaced or relation in _ASKING:
            seen[relation, named, ""] = None
    for named in body["in_reply_to"]:
        seen["answers", named, ""] = None
    yield from seen


def _year(date: str) -> int:
    """The year of a date, YYYY-MM-DD; 0 if it is none: nobody has checked it."""
    year = date[:4]
    return int(year) if date[4:5] == "-" and year.isascii() and year.isdigit() and int(year) <= _LARGEST_YEAR else 0
