"""What tests put into an agency's store, and what they find there."""

import sqlite3
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from lienthong.client.rows import Arrival, Heard, Outgoing, ReceiptLine, Round, place_of
from lienthong.client.store import Store

NOW = 1_790_000_000_000
TABLES = ("outbox", "answer", "heard", "remark", "spoken", "inbox", "cursor")


def identity(number: int) -> bytes:
    """An envelope id."""
    return sha256(b"%d" % number).digest()


def outgoing(number: int, **changes: Any) -> Outgoing:
    """A document in the outbox for two agencies."""
    return Outgoing(
        identity(number),
        b"content %d" % number,
        "document",
        1,
        b"statement %d" % number,
        [b"file", b""],
        NOW + number,
        ["H26", "H37"],
    )._replace(**changes)


def arrival(sequence: int, lane: int = 1, **changes: Any) -> Arrival:
    """A document in the inbox."""
    return Arrival(
        lane, sequence, identity(1_000 * lane + sequence), "G22", bytes(16), 0, f"văn bản {sequence}", 10 + sequence,
        NOW + sequence, False, b"value %d" % sequence, ["H26"],
    )._replace(**changes)  # fmt: skip


def arrivals(first: int, last: int, lane: int = 1) -> Round:
    """A round that brought documents of one lane."""
    some = [arrival(sequence, lane) for sequence in range(first, last + 1)]
    return Round({lane: first}, {lane: (last, last + 1)}, some, [], [], [], [])


class Answer(NamedTuple):
    """What another agency says of one document."""

    document: bytes
    agency: str
    status: str
    reason: str = ""


def acknowledgement(number: int, says: str, **changes: Any) -> Outgoing:
    """An acknowledgement in the outbox."""
    return outgoing(number, kind="acknowledgement", content_key=None, contents=[], routes=[], says=says)._replace(
        **changes
    )


def heard(sequence: int, *said: Answer | ReceiptLine) -> Round:
    """A round of one record of lane 1 that brought acknowledgements or receipts."""
    answers = [
        Heard(
            place_of(1, 100 * sequence + number), identity(100_000 + 100 * sequence + number), one.agency, one.status,
            one.reason, NOW, NOW + 1, [one.document],
        )
        for number, one in enumerate(one for one in said if isinstance(one, Answer))
    ]  # fmt: skip
    receipts = [one for one in said if isinstance(one, ReceiptLine)]
    return Round({1: sequence}, {1: (sequence, sequence + 1)}, [], answers, receipts, [], [])


def pending(store: Store) -> list[Outgoing]:
    """What has no receipt yet, in order."""
    return [one for _, one in store.pending()]


def contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Everything in the file."""
    with sqlite3.connect(path) as sql:
        found = {name: sql.execute(f"SELECT * FROM {name}").fetchall() for name in TABLES}  # noqa: S608 - fixed names
    sql.close()
    return found
