"""The auditor on a real Kafka: a clean history verifies, and every kind of damage is named with its place.

Records of a Kafka topic cannot be edited. So each test copies one topic of the clean history into
another, damages the copy on the way, and lets the auditor read the copy in the original's stead.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from commands import Said, call
from lienthong.auditor.report import Report
from lienthong.auditor.source import BusSource, Span
from lienthong.auditor.verify import verify
from lienthong.cli.output import Exit
from lienthong.client import Client, Document, File, Priority, Status, connect
from lienthong.demo.stage import ServiceProcess, free_port, provision
from lienthong.directory.listing import ListedAgency
from lienthong.embedded import EmbeddedKafka
from lienthong.kernel.agency import agency_code
from lienthong.kernel.bus import Bus, Row
from lienthong.kernel.keys import SigningKey
from lienthong.kernel.ledger import Record, is_genesis, read_entry
from lienthong.kernel.topics import LEDGER, Partition, TopicSettings, inbox, outbox, topic_settings
from lienthong.kernel.trust import Trust
from lienthong.runtime.settings import Settings

pytestmark = pytest.mark.timeout(180)

AGENCIES = ("H01", "H02", "H03")
LANES = 2
DOCUMENTS = 8
OUT = Partition(outbox("H01"), 1)
LANE = Partition(LEDGER, 1)
IN = Partition(inbox("H02"), 1)
COPIES = count(1)


@dataclass
class History:
    """A backbone on which documents were exchanged, and which is at rest."""

    settings: Settings
    trust: Trust
    bus: Bus
    _read: dict[Partition, list[Record]] = field(default_factory=dict)

    async def audit(self, copies: Mapping[str, str] | None = None) -> Report:
        """Verify, reading some topics' copies in their stead."""
        return await verify(CopiedSource(self.bus, copies or {}), self.trust)

    async def records(self, partition: Partition) -> list[Record]:
        """Everything in a partition of the backbone at rest, its genesis included."""
        if partition not in self._read:
            source = BusSource(self.bus)
            spans = await source.spans([partition])
            self._read[partition] = [record async for _, some in source.read(spans) for record in some]
        return self._read[partition]

    async def copy(self, topic: str, lane: int, damage: Callable[[list[Row]], list[Row]]) -> str:
        """A copy of a topic with one lane of it damaged; returns its name."""
        name = f"copy.{next(COPIES)}"
        settings: TopicSettings = topic_settings(topic, lanes=LANES, replication=1)
        await self.bus.create_topics([settings._replace(name=name)], replication=1)
        rows = {}
        for number in range(LANES):
            copied = [Row(one.value, tuple(one.headers)) for one in await self.records(Partition(topic, number))]
            rows[Partition(name, number)] = damage(copied) if number == lane else copied
        async with self.bus.publisher() as publisher:
            await publisher.append(rows)
        return name


class CopiedSource(BusSource):
    """Reads copies of some topics; the ids of topics remain those of the originals."""

    def __init__(self, bus: Bus, copies: Mapping[str, str]) -> None:
        super().__init__(bus)
        self._copies = copies
        self._originals = {copy: original for original, copy in copies.items()}

    def _copy(self, partition: Partition) -> Partition:
        return partition._replace(topic=self._copies.get(partition.topic, partition.topic))

    def _original(self, partition: Partition) -> Partition:
        return partition._replace(topic=self._originals.get(partition.topic, partition.topic))

    async def partition_counts(self, topics: Collection[str]) -> dict[str, int]:
        """Number of partitions of each of the topics that exist."""
        counts = await super().partition_counts([self._copies.get(topic, topic) for topic in topics])
        return {self._originals.get(topic, topic): number for topic, number in counts.items()}

    async def spans(self, partitions: Collection[Partition]) -> dict[Partition, Span]:
        """What each partition holds now."""
        spans = await super().spans([self._copy(one) for one in partitions])
        return {self._original(one): span for one, span in spans.items()}

    async def read(self, spans: Mapping[Partition, Span]) -> AsyncIterator[tuple[Partition, Sequence[Record]]]:
        """Records of these spans."""
        async for partition, records in super().read({self._copy(one): span for one, span in spans.items()}):
            yield self._original(partition), records


async def exchange(settings: Settings) -> None:
    """Send documents in both lanes to several agencies, and acknowledge all of them."""
    async with (
        connect("H01", settings) as first,
        connect("H02", settings) as second,
        connect("H03", settings) as third,
    ):
        sent = []
        for number in range(DOCUMENTS):
            for priority in (Priority.ORDINARY, Priority.EXPRESS):
                file = File(f"công văn {number}.pdf", os.urandom(3_000), "application/pdf")
                document = Document(recipients=("H02", "H03"), subject=f"Số {number}/{priority}", priority=priority)
                sent.append((first, await first.send(document, file)))
            answer = Document(recipients=("H01",), subject=f"Trả lời {number}")
            sent.append((second, await second.send(answer)))
        async with asyncio.TaskGroup() as tasks:
            for client, expected in ((first, DOCUMENTS), (second, 2 * DOCUMENTS), (third, 2 * DOCUMENTS)):
                tasks.create_task(receive(client, expected))
        for client, identity in sent:
            await client.wait(identity, "acknowledged")


async def receive(client: Client, expected: int) -> None:
    """Receive so many documents and acknowledge each."""
    async for delivery in client.receive():
        await delivery.acknowledge(Status.ACCEPTED)
        expected -= 1
        if not expected:
            return


@pytest.fixture(scope="session")
async def exchanged(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[History]:
    """Three agencies, two lanes, documents, rejections; services have said all they had to say and ended."""
    node = EmbeddedKafka(tmp_path_factory.mktemp("audit-kafka"), heap_mib=512, port=free_port())
    home = tmp_path_factory.mktemp("audit-home")
    try:
        settings = Settings(home=home, bootstrap=await asyncio.to_thread(node.up, timeout_seconds=120))
        listed = [ListedAgency(agency_code(code), "", f"Cơ quan {code}", None, True) for code in AGENCIES]
        trust = await provision(home, settings.kafka(), listed, lanes=LANES, origin="audit.test")
        async with Bus.connect(settings.kafka(), "test") as bus:
            history = History(settings, trust, bus)
            services = ServiceProcess("all", settings, home / "services.log")
            await services.start()
            try:
                await exchange(settings)
                async with bus.publisher() as publisher:
                    await publisher.append({OUT: [Row(b"rubbish"), Row(None)]})
                await at_rest(history)
            finally:
                await services.stop()
            yield history
    finally:
        await asyncio.to_thread(node.down)


async def at_rest(history: History) -> None:
    """Wait until everything is judged, delivered and receipted."""
    async with asyncio.timeout(30):
        while True:
            report = await history.audit()
            pending = [one.not_judged_yet + one.not_delivered_yet + one.receipts_not_said_yet for one in report.lanes]
            if not any(pending):
                return
            await asyncio.sleep(0.1)


async def command(history: History, *arguments: str) -> Said:
    """Run `lienthong audit …`."""
    return await call(history.settings.home, history.settings.bootstrap, "audit", *arguments)


def changed(offset: int) -> Callable[[list[Row]], list[Row]]:
    """Flip one bit of a value."""

    def damage(rows: list[Row]) -> list[Row]:
        value = bytearray(rows[offset].value or b"")
        value[len(value) // 2] ^= 1
        return [*rows[:offset], rows[offset]._replace(value=bytes(value)), *rows[offset + 1 :]]

    return damage


def removed(offset: int) -> Callable[[list[Row]], list[Row]]:
    """Take a record out; those behind it move up."""
    return lambda rows: rows[:offset] + rows[offset + 1 :]


def reordered(offset: int) -> Callable[[list[Row]], list[Row]]:
    """Exchange a record and the next one."""
    return lambda rows: [*rows[:offset], rows[offset + 1], rows[offset], *rows[offset + 2 :]]


def injected(offset: int) -> Callable[[list[Row]], list[Row]]:
    """Put a forged record in, with the headers of a true one; those behind it move down."""
    return lambda rows: [*rows[:offset], rows[offset]._replace(value=b"forged"), *rows[offset:]]


async def place_in(history: History, partition: Partition) -> int:
    """Offset of a document that has others before and behind it."""
    if partition is not LANE:
        return 5
    entries = [read_entry(one) for one in await history.records(LANE) if not is_genesis(one)]
    return next(one.position for one in entries if one.source.agency == "H01" and one.source.offset == 5)


async def test_a_clean_history_verifies(exchanged: History) -> None:
    """Every entry, in both lanes, with the pinned key and nothing else."""
    report = await exchanged.audit()

    assert report.damage() == []
    assert report.notes() == []
    assert report.entries == report.verified > 3 * DOCUMENTS
    assert sum(one.deliveries_verified for one in report.lanes) > 5 * DOCUMENTS
    assert sum(one.receipt_lines for one in report.lanes) > 3 * DOCUMENTS
    assert sum(one.acknowledged for one in report.lanes) == 5 * DOCUMENTS
    assert sum(one.rejected for one in report.lanes) == 2


@pytest.mark.parametrize("partition", [OUT, LANE, IN], ids=["out", "ledger", "in"])
async def test_a_true_copy_verifies(exchanged: History, partition: Partition) -> None:
    """So whatever is found in a damaged copy is the damage."""
    name = await exchanged.copy(partition.topic, 1, lambda rows: rows)

    report = await exchanged.audit({partition.topic: name})

    assert report.damage() == []
    assert report.entries == report.verified


@pytest.mark.parametrize("damage", [changed, removed, reordered, injected])
@pytest.mark.parametrize("partition", [OUT, LANE, IN], ids=["out", "ledger", "in"])
async def test_damage_is_named_with_topic_lane_and_offset(
    exchanged: History, partition: Partition, damage: Callable[[int], Callable[[list[Row]], list[Row]]]
) -> None:
    """Exactly what was done is named, and nowhere else."""
    offset = await place_in(exchanged, partition)
    name = await exchanged.copy(partition.topic, 1, damage(offset))

    report = await exchanged.audit({partition.topic: name})

    assert [(one.topic, one.lane, one.offset) for one in report.damage()] == [(partition.topic, 1, offset)]


async def test_the_command_says_how_much_is_verified(exchanged: History) -> None:
    """One sentence for people, one value for programs, exit code 0."""
    code, out, errors = await command(exchanged, "verify")
    json_code, json_out, _ = await command(exchanged, "verify", "--json", "--from", "2020-01-01")
    report: dict[str, Any] = json.loads(json_out)

    assert (code, errors) == (Exit.OK, "")
    assert f"{report['entries']} entries, {report['verified']} verified." in out
    assert json_code == Exit.OK
    assert report["clean"]
    assert [one["lane"] for one in report["lanes"]] == [0, 1]


async def test_another_operators_key_verifies_nothing(exchanged: History, tmp_path: Path) -> None:
    """What is pinned decides; the command names every record of the directory and exits with 5."""
    other = Trust(origin=exchanged.trust.origin, operator_key=SigningKey.generate().public_key.hex())
    other.save(tmp_path / "trust.json")

    code, out, _ = await command(exchanged, "verify", "--json", "--trust", str(tmp_path / "trust.json"))

    report = json.loads(out)
    assert code == Exit.INVARIANT
    assert report["verified"] == 0
    assert report["findings"][0]["topic"] == "lt.directory"


async def test_the_command_replays_what_an_agency_sent_and_received(exchanged: History, tmp_path: Path) -> None:
    """Lines and files; every file is the one its line names."""
    code, out, _ = await command(exchanged, "replay", "--agency", "H02", "--output", str(tmp_path), "--json")

    done = json.loads(out)
    lines = [json.loads(line) for line in (tmp_path / "replay.jsonl").read_text("utf-8").splitlines()]
    received = [line for line in lines if line["direction"] == "received" and line["kind"] == "document"]
    assert code == Exit.OK
    assert (done["unverified"], done["clean"], done["files"]) == (0, True, 2 * DOCUMENTS)
    assert len(lines) == done["sent"] + done["received"]
    assert len(received) == 2 * DOCUMENTS
    for line in received:
        assert line["verified"]
        assert line["seal"]["root_verified"]
        assert (tmp_path / line["attachments"][0]["file"]).stat().st_size == 3_000
