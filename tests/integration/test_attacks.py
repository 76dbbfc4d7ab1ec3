"""Attacks on a running backbone by those who hold some right: an agency, a thief of a topic, a writer to an inbox."""

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from confluent_kafka import Producer

from backbone import AGENCIES, Backbone, open_backbone
from lienthong.client import Document, InvariantError
from lienthong.demo.stage import free_port
from lienthong.embedded import EmbeddedKafka
from lienthong.kernel.bus import Row
from lienthong.kernel.clock import now_ms
from lienthong.kernel.envelope import EnvelopeId, decode_envelope, encode_envelope, envelope_id
from lienthong.kernel.ledger import Delivery, Entry, read_delivery, write_delivery
from lienthong.kernel.reasons import Reason
from lienthong.kernel.seal import Seal
from lienthong.kernel.topics import Partition, inbox, outbox

LANE = 1
DAMAGED = "H90"
"""Into its inbox somebody writes what no dispatcher does."""


@pytest.fixture(scope="module")
async def backbone(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Backbone]:
    """A backbone of this file's own, with all services."""
    folder = tmp_path_factory.mktemp("attacks")
    with EmbeddedKafka(folder / "kafka", heap_mib=512, port=free_port()) as node:
        async with open_backbone(folder / "home", node.up(), (*AGENCIES, DAMAGED)) as opened:
            opened.node = node
            await opened.start("all")
            yield opened


async def put(backbone: Backbone, agency: str, values: Sequence[bytes]) -> list[str]:
    """Write into an out topic; what the ledger says of each."""
    partition = Partition(outbox(agency), LANE)
    async with backbone.bus() as bus, bus.publisher() as publisher:
        first, last = (await publisher.append({partition: [Row(value) for value in values]}))[partition]
    async with asyncio.timeout(30):
        while True:
            said = {
                entry.source.offset: entry.reason
                for record, entry in await backbone.ledger()
                if (entry.source.agency, record.partition) == (agency, LANE)
            }
            if last in said:
                return [said[offset] for offset in range(first, last + 1)]
            await asyncio.sleep(0.1)


async def send(backbone: Backbone, sender: str, recipient: str) -> bytes:
    """Send a document and wait until it stands in the inbox."""
    async with backbone.client(sender) as client:
        sent = await client.send(Document(recipients=(recipient,), subject=f"V/v {secrets.token_hex(6)}"))
        await client.wait(sent, "accepted")
    async with asyncio.timeout(30):
        while sent not in [dict(record.headers).get("id") for record in await backbone.read(inbox(recipient))]:
            await asyncio.sleep(0.1)
    return sent


async def received(backbone: Backbone, agency: str) -> tuple[list[bytes], int]:
    """Ids of the documents an agency is handed until nothing more comes, and how many records it refused."""
    async with asyncio.timeout(30), backbone.client(agency) as client:
        ids = []
        async for delivery in client.receive(idle_seconds=2):
            await delivery.acknowledge()
            ids.append(delivery.id)
        return ids, client.refused


async def inject(backbone: Backbone, agency: str, value: bytes | None, **changes: Any) -> None:
    """Write to somebody's inbox, as only dispatch may: the next number, unless it is changed."""
    records = [record for record in await backbone.read(inbox(agency)) if record.partition == LANE]
    last = max(read_delivery(record) for record in records)
    identity: bytes = envelope_id(decode_envelope(value).statement) if value else bytes(32)
    delivery = Delivery(last.sequence + 1, last.position + 1, now_ms(), now_ms(), identity, "document")._replace(
        **changes
    )
    async with backbone.bus() as bus, bus.publisher() as publisher:
        await publisher.append({Partition(inbox(agency), LANE): [Row(value, write_delivery(delivery))]})


# -- at the broker's door


def produce(backbone: Backbone, value: bytes, codec: str) -> str | None:
    """What the broker says to one large record of a client that does not bound itself; None if it takes it."""
    answers: list[Any] = []
    producer = Producer(
        {
            "bootstrap.servers": backbone.settings.bootstrap, "compression.codec": codec, "acks": "all",
            "message.max.bytes": 1_000_000_000, "queue.buffering.max.kbytes": 2_000_000,
            "message.timeout.ms": 20_000, "retries": 1,
        }
    )  # fmt: skip
    producer.produce(outbox("G09"), value, partition=LANE, on_delivery=lambda error, _: answers.append(error))
    producer.flush(30)
    (error,) = answers
    return error and str(error.name())


@pytest.mark.parametrize("codec", ["gzip", "zstd", "lz4", "snappy"])
async def test_a_decompression_bomb_is_refused_by_the_broker(backbone: Backbone, codec: str) -> None:
    """64 MiB of nothing, packed into kilobytes: the out topic's settings make the broker unpack and measure it."""
    assert "MSG_SIZE_TOO_LARGE" == await asyncio.to_thread(produce, backbone, bytes(64 << 20), codec)
    sent = await send(backbone, "G22", "G09")
    assert sent in (await received(backbone, "G09"))[0]


@pytest.mark.parametrize("size", [1_100_000, 20_000_000], ids=["max.message.bytes", "socket.request.max.bytes"])
async def test_a_record_or_a_request_that_is_too_large_is_refused_by_the_broker(backbone: Backbone, size: int) -> None:
    """Whether the topic's bound meets it or the broker's for a request, nothing of it is taken and the rest goes on."""
    assert await asyncio.to_thread(produce, backbone, secrets.token_bytes(size), "none") is not None
    sent = await send(backbone, "G22", "G09")
    assert sent in (await received(backbone, "G09"))[0]


# -- seals


async def test_seals_that_are_turned_cut_or_moved_are_rejected_and_the_next_is_delivered(backbone: Backbone) -> None:
    """Re-batched, of another size or place, cut, signed by nobody: each by its reason, and the last one is good."""
    first, second = ([decode_envelope(row.value or b"") for row in backbone.sealed("G22", "H26", 4)] for _ in range(2))
    good, other = first[1], second[1]

    def changed(**fields: Any) -> bytes:
        seal: Seal = good.seal._replace(**fields)
        return encode_envelope(good.statement, good.contents, seal)

    value = changed()
    bad, malformed = Reason.BAD_SEAL, Reason.MALFORMED
    cases = [
        (changed(path=other.seal.path), bad),
        (changed(signatures=other.seal.signatures), bad),
        (encode_envelope(good.statement, good.contents, other.seal), bad),
        (changed(leaf_index=2), bad),
        (changed(tree_size=3), bad),
        (changed(tree_size=5), bad),
        (changed(tree_size=1, leaf_index=0, path=b""), bad),
        (changed(tree_size=4_097), bad),
        (changed(path=good.seal.path[:-32]), bad),
        (changed(path=good.seal.path[:-1]), bad),
        (changed(signatures=()), bad),
        (changed(signatures=[*good.seal.signatures] * 5), bad),
        (changed(signatures=[good.seal.signatures[0]._replace(signature=bytes(64))]), bad),
        (changed(signed_at=good.seal.signed_at + 1), bad),
        (changed(purpose="receipt"), Reason.WRONG_PURPOSE),
        (value[:-40], malformed),
        (value + b"\x00", malformed),
        (value, None),
    ]
    said = await put(backbone, "G22", [one for one, _ in cases])
    assert [reason or "" for _, reason in cases] == said
    assert envelope_id(good.statement) in (await received(backbone, "H26"))[0]


async def test_what_another_has_said_cannot_be_said_again(backbone: Backbone) -> None:
    """An envelope taken from somebody's topic is worth nothing in one's own, and twice in its own it is one."""
    (row,) = backbone.sealed("G22", "H26", 1)
    value = row.value or b""
    identity: EnvelopeId = envelope_id(decode_envelope(value).statement)
    assert ["wrong_sender"] == await put(backbone, "G09", [value])
    assert ["", "", ""] == await put(backbone, "G22", [value, value, value])
    assert ["wrong_sender"] == await put(backbone, "G09", [value])
    ids, _ = await received(backbone, "H26")
    assert 1 == ids.count(identity)


# -- who can write to an inbox


async def test_a_number_that_leaps_stops_the_reader_with_an_alarm(backbone: Backbone) -> None:
    """It could hide what was left out: nothing beyond the gap is handed over."""
    await send(backbone, "G22", "H53")
    await received(backbone, "H53")
    (row,) = backbone.sealed("G22", "H53", 1)
    await inject(backbone, "H53", row.value, sequence=10**9)
    with pytest.raises(InvariantError, match="records are missing"):
        await received(backbone, "H53")


async def test_a_damaged_inbox_keeps_nothing_from_other_agencies(backbone: Backbone) -> None:
    """Nor from itself: dispatch says what it found, goes on with its own numbers, and is started again as always."""
    first = await send(backbone, "G22", DAMAGED)
    for _ in range(2):
        async with backbone.bus() as bus, bus.publisher() as publisher:
            leap = Delivery(10**9, 10**12, now_ms(), now_ms(), bytes(32), "document")
            rows = [Row(None, write_delivery(leap)), Row(b"no delivery", (("sequence", b"x"),))]
            await publisher.append({Partition(inbox(DAMAGED), LANE): rows})
        await send(backbone, "G22", DAMAGED)
        sent = await send(backbone, "G22", "G09")
        ids, _ = await received(backbone, "G09")
        assert sent in ids
        await backbone.services["all"].stop()
        await backbone.start("all")

    strange, ours = [], []
    for record in await backbone.read(inbox(DAMAGED)):
        try:
            ours.append(read_delivery(record))
        except InvariantError:
            strange.append(record.offset)
    assert 2 == len(strange)
    assert first == ours[0].id
    assert [1, 10**9, 2, 10**9, 3] == [one.sequence for one in ours]
    said = (backbone.settings.home / "log" / "all.log").read_text("utf-8")
    assert f"{inbox(DAMAGED)} lane {LANE} offset 2: number {10**9} c" in said


async def test_a_number_that_no_database_holds_is_an_alarm_and_no_crash(backbone: Backbone) -> None:
    """The next number, but of a moment of thirty digits."""
    await send(backbone, "G22", "H29")
    await received(backbone, "H29")
    (row,) = backbone.sealed("G22", "H29", 1)
    await inject(backbone, "H29", row.value, judged_at=10**30)
    with pytest.raises(InvariantError, match="is not a delivery"):
        await received(backbone, "H29")


async def test_what_is_injected_is_not_handed_over_and_the_auditor_names_it(backbone: Backbone) -> None:
    """Repeated numbers are dropped, forged content is refused and counted, and the inbox does not verify any more."""
    sent = await send(backbone, "G22", "H37")
    assert sent in (await received(backbone, "H37"))[0]
    (row,), (astray,) = backbone.sealed("G22", "H37", 1), backbone.sealed("G22", "H26", 1)
    await inject(backbone, "H37", row.value, sequence=1)
    await inject(backbone, "H37", None)
    await inject(backbone, "H37", astray.value)
    assert ([], 2) == await received(backbone, "H37")

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lienthong", "audit", "verify", "--json", stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "LIENTHONG_HOME": str(backbone.settings.home),
             "LIENTHONG_BOOTSTRAP": backbone.settings.bootstrap},
    )  # fmt: skip
    out, _ = await process.communicate()
    assert 5 == process.returncode
    assert inbox("H37").encode() in out


# -- floods


async def lane_of_ledger(backbone: Backbone) -> list[Entry]:
    """The entries of one lane."""
    return [entry for record, entry in await backbone.ledger() if record.partition == LANE]


async def test_agencies_that_flood_do_not_stand_before_the_others(own_backbone: Backbone) -> None:
    """Four have 3,000 documents each in the queue and one has 20: in the ledger the 20 stand near the front."""
    flooding, quiet = AGENCIES[:4], AGENCIES[4]
    rows = {Partition(outbox(one), LANE): own_backbone.sealed(one, "H26", 3_000) for one in flooding}
    rows[Partition(outbox(quiet), LANE)] = own_backbone.sealed(quiet, "H26", 20)
    async with own_backbone.bus() as bus, bus.publisher() as publisher:
        await publisher.append(rows)
    await own_backbone.start("intake")
    async with asyncio.timeout(120):
        while len(ledger := await lane_of_ledger(own_backbone)) < 12_020:
            await asyncio.sleep(0.5)
    places = [number for number, entry in enumerate(ledger) if entry.source.agency == quiet and not entry.reason]
    assert (20, True) == (len([place for place in places if ledger[place].id]), max(places) <= 2_500)
