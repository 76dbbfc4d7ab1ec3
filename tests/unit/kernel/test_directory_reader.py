"""Following the directory: who must judge by the facts that others knew reads on, and not for ever."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import cast

import pytest

from lienthong.kernel.bus import Bus
from lienthong.kernel.directory_reader import DirectoryReader
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.topics import DIRECTORY, Partition
from unit.intake.test_rounds import Rec
from unit.kernel.world import EPOCH, TRUST, agency, record

PARTITION = Partition(DIRECTORY, 0)


class Topic:
    """A directory topic in memory, and the part of a `Bus` that its reader uses."""

    def __init__(self) -> None:
        self.values: list[bytes] = []
        self.scans = 0
        self.answers = True

    async def lanes(self, _: str) -> int:
        """It is there."""
        return 1

    @asynccontextmanager
    async def reader(self) -> AsyncIterator["Topic"]:
        """One that tells where it ends."""
        yield self

    async def begins(self, _: Sequence[Partition]) -> dict[Partition, int]:
        """At its first record."""
        return {PARTITION: 0}

    async def ends(self, _: Sequence[Partition]) -> dict[Partition, int]:
        """Behind its last one."""
        if not self.answers:
            raise UnavailableError("Kafka does not answer")
        return {PARTITION: len(self.values)}

    async def scan(self, ranges: Mapping[Partition, tuple[int, int]]) -> AsyncIterator[list[Rec]]:
        """What it holds."""
        self.scans += 1
        first, end = ranges[PARTITION]
        yield [Rec(DIRECTORY, 0, number, self.values[number], ()) for number in range(first, end)]


@pytest.fixture
async def topic() -> Topic:
    """One with an agency in it."""
    topic = Topic()
    topic.values.append(record(agency("A1")))
    return topic


async def test_it_is_read_on_when_somebody_knew_more(topic: Topic) -> None:
    """Once; who knew as much or less changes nothing."""
    reader = DirectoryReader(cast("Bus", topic), TRUST)
    directory = await reader.load()
    topic.values.append(record(agency("A2"), created=EPOCH + 5))
    for moment in (0, EPOCH):
        await reader.know(moment)
    assert (1, None) == (topic.scans, directory.agency("A2"))
    for moment in (EPOCH + 1, EPOCH + 5, EPOCH + 4):
        await reader.know(moment)
    assert 2 == topic.scans
    assert directory.agency("A2") is not None


async def test_what_nobody_recorded_is_looked_for_once_in_a_while(
    topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not with every record that claims it; after that time again."""
    reader = DirectoryReader(cast("Bus", topic), TRUST)
    await reader.load()
    for number in range(50):
        await reader.know(EPOCH + 100 + number)
    assert 2 == topic.scans
    monkeypatch.setattr("lienthong.kernel.directory_reader._IN_VAIN_SECONDS", 0.0)
    reader = DirectoryReader(cast("Bus", topic), TRUST)
    await reader.load()
    for _ in range(3):
        await reader.know(EPOCH + 100)
    assert 6 == topic.scans


async def test_that_kafka_does_not_answer_is_told(topic: Topic) -> None:
    """Whoever asks waits as for any other answer of Kafka, and tries again."""
    reader = DirectoryReader(cast("Bus", topic), TRUST)
    directory = await reader.load()
    topic.values.append(record(agency("A2"), created=EPOCH + 5))
    topic.answers = False
    with pytest.raises(UnavailableError):
        await reader.know(EPOCH + 5)
    topic.answers = True
    await reader.know(EPOCH + 5)
    assert directory.agency("A2") is not None
