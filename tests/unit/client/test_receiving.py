"""Receiving: express before all else, each lane in sequence, every document once, however little memory there is."""

import asyncio
import sqlite3
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest

from lienthong.client.documents import Status
from lienthong.client.ready import Ready
from lienthong.client.rows import Outgoing, Round
from lienthong.client.store import Store
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.lanes import EXPRESS_LANE
from lienthong.kernel.statement import decode_statement
from unit.client.agency import Agency, Inbox, in_sequence, take
from unit.kernel.world import (
    LANES,
)


async def test_express_documents_pass_all_that_wait(tmp_path: Path) -> None:
    """Also those that come while ordinary ones are handed over; ordinary ones go on in sequence."""
    topic = Inbox()
    topic.add(1, 200)
    topic.add(2, 200)
    topic.add(EXPRESS_LANE, 3)
    async with Agency(topic, tmp_path).running() as receiver:
        await receiver.caught_up()
        first = await take(receiver, 10)
        topic.add(EXPRESS_LANE, 2)
        then = await take(receiver, 395)
    in_sequence([*first, *then], topic)
    assert [0, 0, 0, 1] == [one.lane for one in first[:4]]
    # They have to be read first, which happens at the next turn of the caller.
    assert max(place for place, one in enumerate(then) if one.lane == EXPRESS_LANE) < 200


async def test_a_caller_that_never_waits_lets_express_documents_be_read(tmp_path: Path) -> None:
    """It takes what is ready without a pause; what comes meanwhile does not wait for the last of it."""
    topic = Inbox()
    topic.add(1, 1_000)
    found = []
    async with Agency(topic, tmp_path).running() as receiver:
        await receiver.caught_up()
        async with asyncio.timeout(60):
            async for delivery in receiver.receive(None):
                found.append(delivery)
                if len(found) == 10:
                    topic.add(EXPRESS_LANE, 1)
                if len(found) == 1_001:
                    break
    in_sequence(found, topic)
    assert EXPRESS_LANE in [one.lane for one in found[:900]]


async def test_an_express_document_that_is_read_makes_pieces_fine(tmp_path: Path) -> None:
    """Ordinary ones do not."""
    topic = Inbox()
    topic.add(1, 10)
    async with Agency(topic, tmp_path).running() as receiver:
        await take(receiver, 10)
        assert not topic.pieces.fine
        topic.add(EXPRESS_LANE, 1)
        await take(receiver, 1)
        assert topic.pieces.fine


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("memory", [{"documents": 5}, {"size": 4_000}])
async def test_nothing_is_lost_or_repeated_when_memory_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, memory: Any
) -> None:
    """Room for a few documents or bytes, rounds cut into small pieces, a caller that is now quick and now slow."""
    monkeypatch.setattr("lienthong.client.receiving.Ready", partial(Ready, **memory))
    monkeypatch.setattr("lienthong.client.receiving._STORED_TOGETHER", 7)
    monkeypatch.setattr("lienthong.client.receiving._RELOADED", 9)
    monkeypatch.setattr("lienthong.kernel.pieces.FINE_PIECE", 2)
    monkeypatch.setattr("lienthong.kernel.pieces.COARSE_PIECE", 3)
    topic, moments = Inbox(), Random(seed)
    for lane in range(LANES):
        topic.add(lane, 20)

    async def write() -> None:
        for _ in range(20):
            await asyncio.sleep(moments.choice([0, 0.001, 0.005]))
            topic.add(moments.randrange(LANES), 5)

    async with Agency(topic, tmp_path).running() as receiver, asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        found = await take(receiver, 20 * LANES + 100, moments)
    in_sequence(found, topic)


class FullDisk(Store):
    """A store that cannot be written now and then."""

    failures = 4

    def _fail(self) -> None:
        self.failures -= 1
        if self.failures > 0 and self.failures % 2:
            raise sqlite3.OperationalError("database or disk is full")

    def take(self, round_: Round) -> bool:
        """As a store does, when it can."""
        self._fail()
        return super().take(round_)

    def settle(self, settled: Sequence[tuple[int, int, int]], acknowledgements: Sequence[Outgoing]) -> None:
        """As a store does, when it can."""
        self._fail()
        super().settle(settled, acknowledgements)


async def test_a_disk_that_was_full_for_a_while_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading and acknowledging wait until it can be written, and go on; nothing comes or is said twice."""
    monkeypatch.setattr("lienthong.client.delivery._STORE_PAUSE_SECONDS", 0.01)
    topic = Inbox()
    topic.add(1, 30)
    topic.add(EXPRESS_LANE, 5)
    agency = Agency(topic, tmp_path, store=FullDisk)
    async with agency.running() as receiver:
        found = [one async for one in receiver.receive(0.3)]
    in_sequence(found, topic)
    named = [document for one in agency.said for document in decode_statement(one.statement).body["documents"]]
    assert 35 == len(named) == len(set(named))
    assert cast("FullDisk", agency.store).failures <= 0


async def test_reading_goes_on_when_how_far_it_came_cannot_be_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit is for the operator's eyes alone: without it nothing is read again, and nothing waits."""
    monkeypatch.setattr("lienthong.client.receiving._COMMIT_SECONDS", 0.0)
    topic = Inbox()
    topic.commits_fail = True
    topic.add(1, 100)
    async with Agency(topic, tmp_path).running() as receiver:
        found = await take(receiver, 100)
        topic.add(1, 100)
        found += await take(receiver, 100)
    in_sequence(found, topic)
    assert topic.commits > 1
    assert 2 == topic.sessions


async def test_nobody_waits_for_a_connection_that_is_closed(tmp_path: Path) -> None:
    """Neither for documents nor for news of one, and what is said of a document is refused, not lost."""
    topic = Inbox()
    topic.add(1, 2)
    agency = Agency(topic, tmp_path)
    async with agency.running() as receiver:
        (_, one) = await take(receiver, 2)
        waiting = asyncio.create_task(take(receiver, 1))
        await asyncio.sleep(0.01)
    async with asyncio.timeout(5):
        for pending in (waiting, receiver.next_change(asyncio.Event()), receiver.caught_up()):
            with pytest.raises(UnavailableError, match="closed"):
                await pending
    with pytest.raises(UnavailableError, match="closed"):
        agency.settler.settle(one, Status.ACCEPTED, "")
    assert not one.settled
    # Nor does it take the turn from the next connection.
    with pytest.raises(UnavailableError, match="closed"):
        await take(receiver, 1)
    async with Agency(topic, tmp_path).running() as again:
        assert [one.id] == [found.id for found in await take(again, 1)]


async def test_what_was_not_settled_comes_again_express_first(tmp_path: Path) -> None:
    """From the store, by the next process of the agency."""
    topic = Inbox()
    topic.add(1, 30)
    topic.add(EXPRESS_LANE, 30)
    async with Agency(topic, tmp_path).running() as receiver:
        await receiver.caught_up()
    async with Agency(topic, tmp_path).running() as receiver:
        found = await take(receiver, 60)
    in_sequence(found, topic)
    assert [EXPRESS_LANE] * 30 == [one.lane for one in found[:30]]


async def test_many_settled_together_are_said_a_bounded_number_at_a_time_express_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An express document that comes meanwhile waits for one transaction of the store, not for all."""
    monkeypatch.setattr("lienthong.client.delivery._SETTLED_TOGETHER", 20)
    topic = Inbox()
    topic.add(1, 50)
    topic.add(EXPRESS_LANE, 5)
    agency = Agency(topic, tmp_path)
    async with agency.running() as receiver:
        await receiver.caught_up()
        found = [one async for one in receiver.receive(0.1)]
        agency.said.clear()
        for one in sorted(found, key=lambda one: -one.lane):
            agency.settler.settle(one, Status.ACCEPTED, "")
    assert [EXPRESS_LANE, 1, 1, 1] == [one.lane for one in agency.said]
    named = [decode_statement(one.statement).body["documents"] for one in agency.said]
    assert [5, 15, 20, 15] == list(map(len, named))
    assert {one.id for one in found} == {document for some in named for document in some}
