"""Topics that an administrator deletes and makes again under services that are being replaced."""

import asyncio

import pytest

from backbone import Backbone
from lienthong.directory.operator import Operator
from lienthong.intake.halt import GROUP
from lienthong.kernel.bus import Row
from lienthong.kernel.keys import SigningKey
from lienthong.kernel.ledger import Delivery, Entry, read_delivery, write_delivery
from lienthong.kernel.topics import LEDGER, Partition, inbox, outbox

OUT = Partition(outbox("G22"), 1)
IN = Partition(inbox("H26"), 1)


async def accepted(backbone: Backbone, generation: str, count: int) -> list[Entry]:
    """Entries of lane 1 of one generation of the topic, when there are so many."""
    async with asyncio.timeout(60):
        while True:
            found = [
                entry
                for record, entry in await backbone.ledger()
                if record.partition == OUT.number and entry.source.generation == generation
            ]
            if len([entry for entry in found if entry.id]) >= count:
                return found
            await asyncio.sleep(0.2)


async def delivered(backbone: Backbone, count: int) -> list[Delivery]:
    """What lane 1 of the inbox holds, when its highest number is that."""
    async with asyncio.timeout(60):
        while True:
            found = [read_delivery(one) for one in await backbone.read(IN.topic) if one.partition == IN.number]
            if max((one.sequence for one in found), default=0) >= count:
                return found
            await asyncio.sleep(0.2)


async def provision(backbone: Backbone) -> None:
    """Make missing topics, as the operator does."""
    key = SigningKey.load(backbone.settings.home / "keys" / "operator.pem")
    async with Operator.open(backbone.settings.kafka(), backbone.trust, key) as operator:
        await operator.provision()


async def test_an_inbox_that_was_made_again_is_written_again_whatever_was_committed(own_backbone: Backbone) -> None:
    """From the ledger, with the same numbers; a commit that says that all was delivered hides nothing.

    Such a commit is also that of a dispatcher which was paused while the inbox was made again and half written.
    """
    backbone = own_backbone
    async with backbone.bus() as bus, bus.publisher() as publisher:
        await publisher.append({OUT: backbone.sealed("G22", "H26", 30)})
        await backbone.start("intake")
        dispatch = await backbone.start("dispatch")
        before = await delivered(backbone, 30)
        values = [one.value for one in await backbone.read(IN.topic) if one.partition == IN.number]
        await dispatch.stop()
        async with bus.reader(group="lt.dispatch") as reader:
            lane = Partition(LEDGER, IN.number)
            mark = (await reader.committed([lane]))[lane]
            await bus.delete_topics([IN.topic])
            await provision(backbone)
            # A part of it was written, and the commit came after that.
            async with bus.publisher("-part") as again:
                await again.append(
                    {IN: [Row(value, write_delivery(one)) for value, one in zip(values, before[:12], strict=False)]}
                )
            await reader.assign({lane: 0})
            await reader.commit({lane: mark})
        await backbone.start("dispatch")
        await publisher.append({OUT: backbone.sealed("G22", "H26", 5)})
    after = await delivered(backbone, 35)
    assert before == after[:30]
    assert list(range(1, 36)) == [one.sequence for one in after]


async def test_an_inbox_made_again_under_a_running_dispatcher_gets_everything(own_backbone: Backbone) -> None:
    """Whatever was appended before that was noticed; every number stands for one document."""
    backbone = own_backbone
    async with backbone.bus() as bus, bus.publisher() as publisher:
        await publisher.append({OUT: backbone.sealed("G22", "H26", 1)})
        await backbone.start("intake")
        dispatch = await backbone.start("dispatch")
        before = await delivered(backbone, 1)
        await bus.delete_topics([IN.topic])
        await provision(backbone)
        await publisher.append({OUT: backbone.sealed("G22", "H26", 4)})
    async with asyncio.timeout(60):
        found = await delivered(backbone, 5)
        while {1, 2, 3, 4, 5} != {one.sequence for one in found}:
            await asyncio.sleep(0.2)
            found = await delivered(backbone, 5)
    assert dispatch.pid is not None
    assert before[0] in found
    assert 5 == len({one.id for one in found}) == len({(one.sequence, one.id) for one in found})


@pytest.mark.parametrize("more", [0, 20])
async def test_a_reader_finds_its_place_in_an_inbox_that_was_made_again(own_backbone: Backbone, more: int) -> None:
    """The old one held repeats, so that every number stands at another offset now, or the log ends before the old one.

    Nothing is handed over twice or left out.
    """
    backbone = own_backbone

    async def receive(count: int) -> list[str]:
        subjects: list[str] = []
        async with asyncio.timeout(60), backbone.client("H26") as client:
            async for delivery in client.receive(idle_seconds=2.0):
                await delivery.acknowledge()
                subjects.append(delivery.document.subject)
        assert count == len(subjects)
        return subjects

    async with backbone.bus() as bus, bus.publisher() as publisher:
        await publisher.append({OUT: backbone.sealed("G22", "H26", 10)})
        await backbone.start("intake")
        dispatch = await backbone.start("dispatch")
        before = await delivered(backbone, 10)
        values = [one.value for one in await backbone.read(IN.topic) if one.partition == IN.number]
        rows = [Row(value, write_delivery(one)) for value, one in zip(values, before, strict=True)]
        await publisher.append({IN: rows})
        await receive(10)
        # Acknowledged, and a last number that is followed by repeats.
        await publisher.append({IN: rows[-3:], OUT: backbone.sealed("G22", "H26", 1)})
        await delivered(backbone, 11)
        await receive(1)
        await dispatch.stop()
        await bus.delete_topics([IN.topic])
        await provision(backbone)
        async with bus.reader(group="lt.dispatch") as reader:
            await reader.assign({Partition(LEDGER, IN.number): 0})
            await reader.commit({Partition(LEDGER, IN.number): 0})
        await backbone.start("dispatch")
        await publisher.append({OUT: backbone.sealed("G22", "H26", 1 + more)})
        await delivered(backbone, 12 + more)
    await receive(1 + more)


async def test_what_was_committed_of_the_topic_before_does_not_hide_what_the_new_one_begins_with(
    own_backbone: Backbone,
) -> None:
    """Kafka knows offsets by the topic's name, and the last commit may arrive after the topic was made again.

    The new topic is longer by then than the old one was, so that the offset lies within it.
    """
    backbone = own_backbone
    async with backbone.bus() as bus, bus.publisher() as publisher:
        await publisher.append({OUT: backbone.sealed("G22", "H26", 20)})
        (before,) = (await bus.generations([OUT.topic])).values()
        intake = await backbone.start("intake")
        await accepted(backbone, before, 20)
        await intake.stop()
        async with bus.reader(group=GROUP) as reader:
            mark = (await reader.marks([OUT]))[OUT]
        assert 21 == mark.offset

        await bus.delete_topics([OUT.topic])
        await provision(backbone)
        (after,) = (await bus.generations([OUT.topic])).values()
        assert before != after
        async with bus.publisher("-again") as again:
            await again.append({OUT: backbone.sealed("G22", "H26", 40)})
        async with bus.reader(group=GROUP) as reader:
            await reader.assign({OUT: 0})
            await reader.commit({OUT: mark.offset}, {OUT: mark.note})

    await backbone.start("intake")
    entries = await accepted(backbone, after, 40)
    assert list(range(41)) == [entry.source.offset for entry in entries]
