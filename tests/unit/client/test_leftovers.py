"""What others of the agency left in the outbox: sent by the one that goes on, once, and a bounded part at a time."""

import asyncio

import pytest

from lienthong.client import leftovers, sending
from lienthong.client.rows import ReceiptLine
from lienthong.client.store import Store
from unit.client.stored import heard
from unit.client.test_sending import Answerless, Sending, real


async def test_what_an_earlier_run_left_is_taken_from_the_store_as_there_is_room(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much it is, memory holds a bounded part; all of it is sent once, in order."""
    monkeypatch.setattr(sending, "_UNSENT_STATEMENTS", 20)
    monkeypatch.setattr(leftovers, "BATCH_BYTES", 4_000)
    left = [real(number) for number in range(200)]
    store.add(left)
    most = 0
    running = Sending(store, Answerless(unheard=0))

    async def watch() -> None:
        nonlocal most
        while not running.stopping.is_set():
            most = max(most, running.sender._unsent)
            await asyncio.sleep(0)

    async with running.pumping(), asyncio.TaskGroup() as tasks:
        tasks.create_task(watch())
        await running.leftovers.queue_pending(store.newest(), expired=False)
        running.stopping.set()
    assert [one.id for one in left] == [identity for some in running.bus.appended for identity in some]
    assert 20 < most < 60


async def test_what_another_process_left_is_sent_by_the_one_that_goes_on(store: Store) -> None:
    """Once it was there from one look to the next, and once only; what was queued here is no concern of the look."""
    later = Sending(store, Answerless(unheard=0))
    own, left, answered = (real(number) for number in range(3))
    store.add([own])
    async with later.pumping():
        later.sender.queue([own])
        await later.leftovers.queue_stranded()
        while not later.sender.is_idle:  # while there is anything to send, nothing is taken from others
            await asyncio.sleep(0.001)
        store.add([left, answered])
        await later.leftovers.queue_stranded()
        store.take(heard(1, ReceiptLine(answered.id, "", 40)))
        for _ in range(3):
            await later.leftovers.queue_stranded()
    assert [own.id, left.id] == [identity for some in later.bus.appended for identity in some]


async def test_what_another_process_left_and_has_expired_waits_for_the_next_start(store: Store) -> None:
    """The other one may live, and may have written it: signed anew by us its recipient would get it twice."""
    later = Sending(store, Answerless(unheard=0))
    store.add([real(1)])
    later.now += 7 * 86_400_000
    async with later.pumping():
        for _ in range(4):
            await later.leftovers.queue_stranded()
    assert [] == later.bus.appended
