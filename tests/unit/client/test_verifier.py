"""What is believed: by what others know of the directory, in whatever order it becomes known here."""

import asyncio
from pathlib import Path

import pytest

from lienthong.kernel.directory import Agency as Agency_
from lienthong.kernel.directory import Group, Key
from unit.client.agency import Agency, Following, Inbox, in_sequence, take
from unit.kernel.world import (
    BENEATH,
    EPOCH,
    LANES,
    NOW,
    RECIPIENT,
    SENDER,
    group,
    key_named,
    key_of,
    record,
)

LATER = EPOCH + 1_000
GROUP = "@TINH"
CHANGED = ((group(GROUP, RECIPIENT), EPOCH), (group(GROUP, BENEATH, version=2), LATER))
"""A group whose members have changed; by its first version we are one."""


async def test_who_is_addressed_is_told_by_the_facts_that_intake_knew(tmp_path: Path) -> None:
    """Nothing of it would be refused by the older facts: only the delivery says that there are newer ones."""
    topic, following = Inbox(), Following(*CHANGED)
    following.directory.apply(record(CHANGED[0][0]))
    topic.add(1, 1, recipients=[GROUP])
    topic.add(1, 50, known=LATER, recipients=[GROUP])
    async with Agency(topic, tmp_path, following).running() as receiver:
        found = await take(receiver, 51)
    assert [(RECIPIENT,), *[(BENEATH,)] * 50] == [tuple(one.addressed) for one in found]
    assert (1, 0) == (following.asked, receiver.verifier.refused)


async def test_facts_that_nobody_recorded_are_not_looked_for_with_every_record(tmp_path: Path) -> None:
    """Whoever writes the inbox may claim what he likes; documents come all the same, and nobody waits for ever."""
    topic, following = Inbox(), Following()
    for lane in range(LANES):
        topic.add(lane, 100, known=NOW + 1)
    async with Agency(topic, tmp_path, following).running() as receiver:
        found = await take(receiver, 100 * LANES)
    in_sequence(found, topic)
    assert 1 <= following.asked <= 10


async def test_reading_waits_for_facts_while_kafka_does_not_answer(tmp_path: Path) -> None:
    """It does not judge by older ones meanwhile, and loses nothing."""
    topic, following = Inbox(), Following(*CHANGED)
    following.failures = 2
    topic.add(1, 20, known=LATER, recipients=[GROUP])
    async with Agency(topic, tmp_path, following).running() as receiver:
        found = await take(receiver, 20)
    in_sequence(found, topic)
    assert {(BENEATH,)} == {tuple(one.addressed) for one in found}
    assert (3, 0) == (following.asked, receiver.verifier.refused)


async def stored_under_a_new_key(folder: Path) -> tuple[Inbox, Key]:
    """Thirty documents that one process of the agency has read, under a key that others need not know yet."""
    topic, key = Inbox(), key_of(SENDER, key_named("new"))
    topic.add(1, 30, signer=key_named("new"), known=LATER)
    async with Agency(topic, folder, Following((key, LATER))).running() as receiver:
        await receiver.caught_up()
    return topic, key


async def test_a_document_that_another_process_stored_is_judged_by_the_facts_it_had(tmp_path: Path) -> None:
    """One process of the agency reads under a new key; another one, which has not heard of the key, hands it over."""
    topic, key = await stored_under_a_new_key(tmp_path)
    following = Following((key, LATER))
    following.failures = 1
    async with Agency(topic, tmp_path, following).running() as receiver:
        found = await take(receiver, 30)
    in_sequence(found, topic)
    assert (2, 0) == (following.asked, receiver.verifier.refused)


class Silent(Following):
    """Asks a Kafka that says nothing until it is told to."""

    def __init__(self, *facts: tuple[Agency_ | Group | Key, int]) -> None:
        super().__init__(*facts)
        self.speak = asyncio.Event()

    async def catch_up(self) -> None:
        """Hear what is new, when Kafka speaks."""
        await self.speak.wait()
        await super().catch_up()


async def test_a_document_that_was_waited_for_in_vain_is_the_next_one(tmp_path: Path) -> None:
    """A caller that gives up waiting while it is verified again has not got it, and gets it when it asks again."""
    topic, key = await stored_under_a_new_key(tmp_path)
    following = Silent((key, LATER))
    async with Agency(topic, tmp_path, following).running() as receiver:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(aiter(receiver.receive(None))), 0.05)
        following.speak.set()
        found = await take(receiver, 30)
    in_sequence(found, topic)
