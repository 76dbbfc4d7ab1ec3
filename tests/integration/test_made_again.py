"""An out topic that an administrator deletes and makes again under an intake that is being replaced."""

import asyncio

from backbone import Backbone
from lienthong.directory.operator import Operator
from lienthong.intake.halt import GROUP
from lienthong.kernel.keys import SigningKey
from lienthong.kernel.ledger import Entry
from lienthong.kernel.topics import Partition, outbox

OUT = Partition(outbox("G22"), 1)


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
        key = SigningKey.load(backbone.settings.home / "keys" / "operator.pem")
        async with Operator.open(backbone.settings.kafka(), backbone.trust, key) as operator:
            await operator.provision()
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
