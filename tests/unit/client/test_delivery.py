"""What is said of documents, and in which order."""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.client import Document, Status
from lienthong.client.delivery import Delivery, Settler
from lienthong.client.history import History
from lienthong.client.rows import Outgoing
from lienthong.client.store import Store
from lienthong.kernel.statement import Kind, decode_statement, make_statement
from unit.kernel.world import NOW

STATUSES = (Status.ARRIVED, Status.ACCEPTED, Status.PROCESSING, Status.DONE)


class Unstored(Store):
    """A store that keeps nothing."""

    def __init__(self) -> None:
        """Opens no file."""

    def settle(self, settled: Sequence[tuple[int, int, int]], acknowledgements: Sequence[Outgoing]) -> None:
        """Believes it."""


class Recipient:
    """H26, who has got documents of G22 and says something of them."""

    def __init__(self, store: Store, thread: ThreadPoolExecutor) -> None:
        self._out: list[Outgoing] = []
        self._settler = Settler("H26", store, thread, lambda: NOW, self._out.extend)
        body = Document(recipients=("H26",), subject="V/v báo cáo").to_body()
        self._statement = make_statement(
            sender="G22", recipients=["H26"], thread=bytes(16), created=NOW, kind=Kind.DOCUMENT, body=body
        )

    def document(self, number: int) -> Delivery:
        """One of them."""
        return Delivery(
            id=number.to_bytes(32), sender="G22", lane=1, sequence=number, position=number, accepted_at=NOW,
            redelivered=False, statement=self._statement, contents=(), size=0, _settler=self._settler,
        )  # fmt: skip

    def take_back(self, *asked: Delivery) -> Delivery:
        """Status 13 of G22: it asks for them back."""
        ids = [one.id for one in asked]
        statement = make_statement(
            sender="G22", recipients=["H26"], thread=bytes(16), created=NOW, kind=Kind.ACKNOWLEDGEMENT,
            body={"documents": ids, "status": "13", "reason": ""},
        )  # fmt: skip
        return Delivery(
            id=bytes(31) + b"\xff", sender="G22", lane=1, sequence=255, position=255, accepted_at=NOW,
            redelivered=False, statement=statement, contents=(), size=0, _settler=self._settler,
            about=[cast("History", SimpleNamespace(id=one)) for one in ids],
        )  # fmt: skip

    async def say(self, words: Sequence[tuple[Delivery, Status]]) -> list[tuple[str, list[bytes]]]:
        """Say all of it in a moment; what was signed, in order: status and documents."""
        for delivery, status in words:
            await delivery.acknowledge(status)
        stopping = asyncio.Event()
        stopping.set()
        await self._settler.run(stopping)
        bodies = [decode_statement(one.statement).body for one in self._out]
        return [(body["status"], body["documents"]) for body in bodies]


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    """The store's."""
    with ThreadPoolExecutor(1) as executor:
        yield executor


async def test_the_last_word_on_a_document_is_said_last(tmp_path: Path, thread: ThreadPoolExecutor) -> None:
    """Although another document was done, and its word signed, before this one was."""
    store = Store(tmp_path / "store.sqlite")
    try:
        recipient = Recipient(store, thread)
        first, second = recipient.document(1), recipient.document(2)
        said = await recipient.say(
            [(first, Status.ARRIVED), (second, Status.ARRIVED), (first, Status.DONE), (second, Status.PROCESSING),
             (second, Status.DONE)]
        )  # fmt: skip
    finally:
        store.close()
    assert [status for status, documents in said if second.id in documents] == ["01", "05", "06"]
    assert said[0] == ("01", [first.id, second.id])


async def test_what_was_said_before_a_take_back_was_agreed_to_is_said_before(thread: ThreadPoolExecutor) -> None:
    """And what was said afterwards, although it is the same, after it."""
    recipient = Recipient(Unstored(), thread)
    first, second = recipient.document(1), recipient.document(2)
    said = await recipient.say(
        [(first, Status.ACCEPTED), (recipient.take_back(first), Status.AGREED), (second, Status.ACCEPTED)]
    )
    assert [("03", [first.id]), ("15", [first.id]), ("03", [second.id])] == said


@given(words=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(STATUSES)), max_size=30))
def test_words_on_a_document_keep_their_order(words: list[tuple[int, Status]]) -> None:
    """Whatever is signed together."""

    async def run() -> list[tuple[str, list[bytes]]]:
        with ThreadPoolExecutor(1) as thread:
            recipient = Recipient(Unstored(), thread)
            documents = [recipient.document(number) for number in range(4)]
            return await recipient.say([(documents[number], status) for number, status in words])

    said = asyncio.run(run())
    for number in range(4):
        spoken = [status.value for one, status in words if one == number]
        signed = [status for status, documents in said if number.to_bytes(32) in documents]
        # Twice the same in a moment may be said once.
        assert without_repeats(signed) == without_repeats(spoken)


def without_repeats(statuses: Sequence[str]) -> list[str]:
    """What follows itself, once."""
    return [one for at, one in enumerate(statuses) if not at or statuses[at - 1] != one]


async def test_one_word_on_many_documents_is_signed_once(thread: ThreadPoolExecutor) -> None:
    """That is what settling in rounds is for."""
    recipient = Recipient(Unstored(), thread)
    documents = [recipient.document(number) for number in range(100)]
    words = [(one, status) for status in STATUSES for one in documents]
    said = await recipient.say(words)
    assert [(status, len(named)) for status, named in said] == [(status.value, 100) for status in STATUSES]
