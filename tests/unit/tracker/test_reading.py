"""What an entry says, or that nobody can read it."""

from typing import NamedTuple

import pytest

from lienthong.kernel.fold import Count
from lienthong.kernel.ledger import Entry, Headers, Outcome, Source
from lienthong.kernel.topics import LEDGER
from lienthong.tracker.reading import read_item
from unit.tracker.ledger_script import NOW


class Rec(NamedTuple):
    """A record in memory."""

    value: bytes | None
    topic: str = LEDGER
    partition: int = 1
    offset: int = 7
    timestamp: int = NOW
    headers: Headers = ()


def entry(kind: str, outcome: Outcome = Outcome.ACCEPTED) -> Entry:
    """An entry of a kind."""
    return Entry(7, NOW, outcome, Source("G22", 7, "0" * 32), NOW, NOW, bytes(32), kind, ("H26",), "", "", b"")


@pytest.mark.parametrize("value", [None, b"", b"\x00\x00\x00\x00\x01", b"\x00\x00\x00\x00\x01" + b"\xff" * 500])
def test_what_cannot_be_read_says_why_and_ends_nothing(value: bytes | None) -> None:
    """Whatever the bytes are."""
    item = read_item(1, Rec(value), entry("document"), Count.COUNTS)
    assert item.statement is None
    assert item.why


def test_what_does_not_count_or_says_nothing_of_documents_is_not_read() -> None:
    """Receipts, rejected entries and void ones."""
    for one, counts in (
        (entry("receipt"), Count.COUNTS),
        (entry("document", Outcome.REJECTED), Count.COUNTS),
        (entry("document"), Count.REPEAT),
    ):
        assert (None, "") == read_item(1, Rec(b"no envelope"), one, counts)[3:5]
