"""Many partitions of a real broker, read in sessions (KIP-227)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka.protocol.fetch import FetchRequest

from integration.logs import append, make_topic, numbered, take
from lienthong.kernel.bus import Bus, KafkaSettings
from lienthong.kernel.bus.fetch_sessions import FetchSession
from lienthong.kernel.topics import Partition


@pytest.fixture
async def bus(kafka: str) -> AsyncIterator[Bus]:
    """A connection to the Kafka of this test run."""
    async with Bus.connect(KafkaSettings(bootstrap=kafka), "test-fetch-sessions") as connected:
        yield connected


async def test_a_reader_of_many_partitions_names_in_a_request_what_has_changed(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads everything, in order, though it asks for all partitions once only; also after it was told to go back."""
    topic = await make_topic(bus, 40)
    partitions = [Partition(topic, number) for number in range(40)]
    asked: list[int] = []
    build = FetchRequest.build

    def noted(self: FetchRequest, version: Any) -> Any:
        asked.append(sum(len(parts) for _, parts in self.topics))
        return build(self, version)

    monkeypatch.setattr(FetchRequest, "build", noted)
    async with bus.reader() as reader, bus.publisher() as publisher:
        await reader.assign(dict.fromkeys(partitions, 0))
        found: dict[Partition, list[bytes | None]] = {one: [] for one in partitions}
        for turn in range(10):
            some = [partitions[turn], partitions[2 * turn], partitions[39 - turn]]
            rows = {one: numbered([turn]) for one in some}
            await publisher.append(rows)
            for record in await take(reader, len(rows)):
                found[Partition(record.topic, record.partition)].append(record.value)
        written = {
            one: [b"%d" % turn for turn in range(10) if one.number in {turn, 2 * turn, 39 - turn}] for one in partitions
        }
        assert written == found
        assert sum(asked[1:]) <= 2 * 30, f"after the first request only what has changed is named: {asked}"
        assert len([count for count in asked if count == 40]) <= 2, asked
        assert [0] * 40 == [reader.lag(one) for one in partitions]

        reader.seek({one: 0 for one, values in written.items() if values})
        again = await take(reader, sum(map(len, written.values())))
        assert sorted(str(value) for values in written.values() for value in values) == sorted(
            str(record.value) for record in again
        )
        await reader.assign(dict.fromkeys(partitions[:20], 0))
        assert {one.number for one, values in written.items() if values and one.number < 20} == {
            record.partition for record in await take(reader, sum(len(written[one]) for one in partitions[:20]))
        }


@pytest.mark.parametrize("known", ["another number", "another epoch"])
async def test_a_session_that_the_broker_does_not_know_is_begun_anew(
    bus: Bus, monkeypatch: pytest.MonkeyPatch, known: str
) -> None:
    """A broker that was restarted, or needed the place, has forgotten it; nothing is lost, and nobody hears of it."""
    topic = await make_topic(bus, 20)
    partitions = [Partition(topic, number) for number in range(20)]
    sessions: list[FetchSession] = []
    answered = FetchSession.answered

    def noted(self: FetchSession, *arguments: Any) -> None:
        answered(self, *arguments)
        sessions.append(self)

    monkeypatch.setattr(FetchSession, "answered", noted)
    async with bus.reader() as reader:
        await reader.assign(dict.fromkeys(partitions, 0))
        await append(bus, {one: numbered([1]) for one in partitions})
        await take(reader, 20)
        while not sessions or sessions[-1]._epoch < 2:
            await reader.take(0.25, 10)
        if known == "another number":
            sessions[-1]._id += 1
        else:
            sessions[-1]._epoch += 5
        await append(bus, {one: numbered([2]) for one in partitions})
        assert [b"2"] * 20 == [record.value for record in await take(reader, 20)]
        assert {} == await reader.take(0.25, 10)
