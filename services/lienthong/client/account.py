"""What the client's store knows of one document: its own row, and everything that was said of it."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from lienthong.client.history import History, Saying, among, live
from lienthong.client.notices import unread_of
from lienthong.client.packing import split
from lienthong.client.rows import split_place
from lienthong.kernel.agency import is_group_code
from lienthong.kernel.lifecycle import ALL_ASKED, EVENT_OF_KIND, INITIAL, Asking, Event, Request
from lienthong.kernel.statement import decode_statement

__all__ = ["Received", "account", "received"]

_REQUESTS = {Event.RECALL: Request.TAKE_BACK, Event.UPDATE: Request.UPDATE}
_MOST_REMARKS = 200
"""Most of what others ask of one document that is looked at: anybody may ask ten thousand times, and each new request
would have all of them looked at again, while nothing else can use the store."""
_ANSWERS = (Event.AGREED, Event.CHANGE_REFUSED)
_ASKING_KINDS = (1, 2)
"""Recall and update: an answer that names one of these is said of the documents it refers to."""
_REJECTED = 2


def account(sql: sqlite3.Connection, envelope_id: bytes, agency: str) -> History | None:
    """The history of a document that this agency sent or received; None if it did neither."""
    return _sent(sql, envelope_id, agency) or _received(sql, envelope_id, agency)


class Received(NamedTuple):
    """Something in the inbox that may be spoken of."""

    history: History
    by_status: bool
    """It is no document but a request made by status 13."""
    asked: Sequence[tuple[History, Asking]]
    """The documents it asks something of, each with what it asks."""
    waits_at: tuple[int, int] | None
    """Lane and sequence number, if it has not been settled."""


def received(sql: sqlite3.Connection, envelope_id: bytes, agency: str) -> Received | None:
    """What was received under an id; None if nothing was."""
    history = _received(sql, envelope_id, agency)
    if history is None:
        return None
    remarks = sql.execute("SELECT document, event FROM remark WHERE id = ?", (envelope_id,)).fetchall()
    asked = []
    for document, event in remarks:
        about = _received(sql, document, agency)
        if about is not None and event != Event.REPLACE:
            request = _REQUESTS.get(Event(event))
            asked.append((about, Asking(request, envelope_id) if request else ALL_ASKED))
    row = sql.execute("SELECT lane, sequence FROM inbox WHERE id = ? AND said IS NULL", (envelope_id,)).fetchone()
    by_status = any(event == Event.TAKE_BACK_ASKED for _, event in remarks)
    return Received(history, by_status, asked, row)


def _sent(sql: sqlite3.Connection, envelope_id: bytes, agency: str) -> History | None:
    row = _own(sql, "id = ? AND kind = 'document'", envelope_id)
    if row is None or row["statement"] is None:
        return None
    statement = decode_statement(row["statement"])
    addressed = _named(statement.recipients, split(row["routes"]))
    history = History(
        row["id"], True, agency, statement.body["subject"], statement.thread, statement.priority,
        addressed, row["lane"], row["position"], row["handed_over_at"], {}, {}, (),
        row["reason"] if row["state"] == _REJECTED else "", unread_of(sql, row["id"]),
    )  # fmt: skip
    sayings = list(_spoken(sql, row["id"], agency))
    sayings += _answers(sql, row["number"], ALL_ASKED)
    sayings += _remarks(sql, row["id"], agency)
    if statement.body["business_type"] in _ASKING_KINDS:
        sayings = [one for one in sayings if one.event not in _ANSWERS]
    for one in [one for one in sayings if one.own and one.event in _REQUESTS]:
        number = sql.execute("SELECT number FROM outbox WHERE id = ?", (one.id,)).fetchone()[0]
        answers = _answers(sql, number, Asking(_REQUESTS[one.event], one.id))
        sayings += [answer for answer in answers if answer.event in _ANSWERS]
    return live(history, tuple(split(row["routes"])), sayings)


def _named(recipients: Sequence[str], routes: Sequence[str]) -> tuple[str, ...]:
    """Recipients one by one: instead of groups the agencies that get it through them."""
    codes = [code for code in recipients if not is_group_code(code)]
    if len(codes) == len(recipients):
        return tuple(codes)
    reached = among(dict.fromkeys(routes, INITIAL), codes)
    return (*codes, *(route for route in routes if route not in reached))


def _received(sql: sqlite3.Connection, envelope_id: bytes, agency: str) -> History | None:
    rows = sql.execute(
        "SELECT sender, subject, thread, priority, lane, position, judged_at, said FROM inbox WHERE id = ?"
        " ORDER BY sequence",
        (envelope_id,),
    ).fetchall()
    if not rows:
        return None
    sender, subject, thread, priority, lane, position, judged_at, _ = rows[0]
    history = History(
        envelope_id, False, sender, subject, thread, priority, (agency,), lane, position, judged_at, {}, {}, ()
    )
    # What the operator had handed over again was settled again.
    sayings = [one for row in rows for one in _words(sql, row[-1], agency, ALL_ASKED)]
    sayings += [*_spoken(sql, envelope_id, agency), *_remarks(sql, envelope_id, sender)]
    for one in [one for one in sayings if not one.own and one.event in _REQUESTS]:
        asking = Asking(_REQUESTS[one.event], one.id)
        found = sql.execute("SELECT said FROM inbox WHERE id = ? ORDER BY sequence", (one.id,)).fetchall()
        answers = [answer for (said,) in found for answer in _words(sql, said, agency, asking)]
        answers += _spoken(sql, one.id, agency, asking)
        sayings += [answer for answer in answers if answer.event in _ANSWERS]
    asks = sql.execute("SELECT 1 FROM remark WHERE id = ? AND event IN ('recall', 'update')", (envelope_id,)).fetchone()
    if asks:
        sayings = [one for one in sayings if one.event not in _ANSWERS]
    return live(history, (agency,), sayings)


def _own(sql: sqlite3.Connection, condition: str, value: Any) -> Mapping[str, Any] | None:
    """A row of the outbox; of what was signed anew the newest."""
    while True:
        cursor = sql.execute(
            "SELECT number, id, kind, lane, statement, handed_over_at, routes, state, position, reason, renewed_as,"  # noqa: S608
            f" says FROM outbox WHERE {condition}",
            (value,),
        )
        values = cursor.fetchone()
        if values is None:
            return None
        row = dict(zip([column[0] for column in cursor.description], values, strict=True))
        if row["renewed_as"] is None:
            return row
        condition, value = "id = ?", row["renewed_as"]


def _words(sql: sqlite3.Connection, said: int | None, agency: str, asking: Asking) -> Iterator[Saying]:
    """What settled a document of the inbox, if anything was said."""
    row = _own(sql, "number = ?", said) if said else None
    if row is not None:
        yield _own_word(row, agency, asking)


def _own_word(row: Mapping[str, Any], agency: str, asking: Asking) -> Saying:
    status, _, reason = row["says"].partition(" ")
    return _own_saying(row, agency, Event(status), reason, tuple(split(row["routes"])) or None, asking)


def _own_saying(
    row: Mapping[str, Any], agency: str, event: Event, reason: str, to: tuple[str, ...] | None, asking: Asking
) -> Saying:
    rejected = row["reason"] if row["state"] == _REJECTED else ""
    position = None if rejected else row["position"]
    return Saying(
        row["id"], agency, event, reason, row["handed_over_at"], None, row["lane"], position, True, to, asking, rejected
    )


def _spoken(sql: sqlite3.Connection, document: bytes, agency: str, asking: Asking = ALL_ASKED) -> Iterator[Saying]:
    """What we have said of a document beside what settled it: asked, updated, replaced, or further statuses."""
    numbers = sql.execute("SELECT number FROM spoken WHERE document = ? ORDER BY number", (document,)).fetchall()
    for (number,) in numbers:
        row = _own(sql, "number = ?", number)
        if row is None:
            continue
        if row["says"] is not None:
            yield _own_word(row, agency, asking)
            continue
        statement = decode_statement(row["statement"])
        body = statement.body
        event = EVENT_OF_KIND[body["business_type"]]
        # Of an agency that has retired since it got the document only the code tells that it is meant.
        to: tuple[str, ...] | None = tuple(dict.fromkeys((*split(row["routes"]), *statement.recipients)))
        if event is Event.REPLACE:
            to = next((tuple(one["agencies"]) for one in body["replaces"] if one["document"] == document), ()) or None
        asks = Asking(Request.UPDATE, row["id"]) if event is Event.UPDATE else ALL_ASKED
        yield _own_saying(row, agency, event, body["reason"], to, asks)


def _answers(sql: sqlite3.Connection, number: int, asking: Asking) -> Iterator[Saying]:
    """What others have said of a document of the outbox."""
    rows = sql.execute(
        "SELECT agency, status, place, id, reason, created, judged_at FROM answer JOIN heard USING (place)"
        " WHERE number = ?",
        (number,),
    )
    for agency, status, place, identity, reason, created, judged_at in rows.fetchall():
        lane, position = split_place(place)
        answered = asking if Event(status) in _ANSWERS else ALL_ASKED
        yield Saying(identity, agency, Event(status), reason, created, judged_at, lane, position, False, None, answered)


def _remarks(sql: sqlite3.Connection, document: bytes, sender: str) -> Iterator[Saying]:
    """What others have said of it that is no acknowledgement of a document of ours; its sender's words first."""
    rows = sql.execute(
        "SELECT place, event, agency, id, reason, created, judged_at, agencies FROM remark WHERE document = ?"
        " ORDER BY agency <> ?, place LIMIT ?",
        (document, sender, _MOST_REMARKS),
    )
    for place, event, agency, identity, reason, created, judged_at, agencies in rows.fetchall():
        lane, position = split_place(place)
        asks = Asking(Request.UPDATE, identity) if event == Event.UPDATE else ALL_ASKED
        yield Saying(
            identity, agency, Event(event), reason, created, judged_at, lane, position, False,
            tuple(split(agencies)) or None, asks,
        )  # fmt: skip
