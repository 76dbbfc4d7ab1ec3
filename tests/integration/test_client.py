"""The client when things go wrong: Kafka gone, processes killed, inboxes damaged, two at once."""

import asyncio
import os
import secrets
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

import agency_process
from backbone import Backbone, open_backbone
from lienthong.client import Client, Delivery, Document, File, InvariantError, Priority, RejectedError, State, Status
from lienthong.client.rows import Outgoing
from lienthong.client.store import Store
from lienthong.demo.stage import free_port
from lienthong.directory.listing import ListedAgency
from lienthong.directory.operator import Operator, make_trust
from lienthong.embedded import EmbeddedKafka
from lienthong.kernel.agency import agency_code
from lienthong.kernel.bus import Row
from lienthong.kernel.clock import now_ms
from lienthong.kernel.directory_reader import DirectoryReader
from lienthong.kernel.envelope import decode_envelope, encode_envelope, envelope_id
from lienthong.kernel.keys import SigningKey
from lienthong.kernel.lanes import lane_of, new_thread
from lienthong.kernel.ledger import Delivery as DeliveryHeaders
from lienthong.kernel.ledger import read_delivery, write_delivery
from lienthong.kernel.reasons import Reason
from lienthong.kernel.seal import Purpose, seal_batch
from lienthong.kernel.statement import Kind, decode_statement, encode_statement, make_statement
from lienthong.kernel.topics import Partition, inbox

LANES = 3
DAY_MS = 24 * 3_600_000
INVARIANT = 5
"""Exit code of a command that met a gap."""
SENDER = "G22"
PAIRS = {
    name: f"H{number}"
    for number, name in enumerate(
        (
            "several lanes", "gap", "late gap", "refused", "outage", "renewed", "again", "closed",
            "killed", "two readers", "two senders", "rounds", "own error", "at once", "new", "express",
        ),
        10,
    )
}  # fmt: skip
"""Each test has a recipient of its own, so that no test sees what another left."""


@pytest.fixture(scope="module")
async def backbone(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Backbone]:
    """A backbone of three lanes with all services, on a Kafka that tests of this file stop.

    Its port is none that another embedded Kafka of this machine might choose meanwhile.
    """
    folder = tmp_path_factory.mktemp("client")
    with EmbeddedKafka(folder / "kafka", heap_mib=512, port=free_port()) as node:
        async with open_backbone(folder / "home", node.up(), (SENDER, *PAIRS.values()), LANES) as opened:
            opened.node = node
            await opened.start("all")
            yield opened


def document(recipient: str, subject: str = "", priority: int = 0) -> Document:
    """A document that no other test sends."""
    return Document(recipients=(recipient,), subject=subject or f"V/v {secrets.token_hex(8)}", priority=priority)


async def receive(client: Client, count: int, status: Status | None = Status.ACCEPTED) -> list[Delivery]:
    """Receive so many documents; each is acknowledged unless the status is none."""
    found: list[Delivery] = []
    async with asyncio.timeout(60):
        async for delivery in client.receive():
            found.append(delivery)
            if status is not None:
                await delivery.acknowledge(status)
            if len(found) == count:
                break
    return found


def numbers(deliveries: Sequence[Delivery]) -> list[tuple[str, bool]]:
    """Subjects, and whether each may have been handed over before."""
    return [(delivery.document.subject, delivery.redelivered) for delivery in deliveries]


async def entries_of(backbone: Backbone, *ids: bytes) -> list[int]:
    """How many ledger entries name each id."""
    counted = Counter(entry.id for _, entry in await backbone.ledger())
    return [counted[one] for one in ids]


async def start(backbone: Backbone, *words: str) -> asyncio.subprocess.Process:
    """A Python program in the home of the backbone."""
    return await asyncio.create_subprocess_exec(
        sys.executable, *words,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "LIENTHONG_HOME": str(backbone.settings.home),
            "LIENTHONG_BOOTSTRAP": backbone.settings.bootstrap,
        },
    )  # fmt: skip


# -- what the inbox holds


async def test_an_inbox_of_several_lanes_is_read_a_few_records_at_a_time(
    backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round that brings something of one lane only leaves the others for later."""
    monkeypatch.setattr("lienthong.client.receiving._ROUND_RECORDS", 3)
    agency = PAIRS["several lanes"]
    async with backbone.client(SENDER) as sender:
        sent = [await sender.send(document(agency, priority=number % 4)) for number in range(40)]
        for one in sent:
            await sender.wait(one, "accepted")
    async with backbone.client(agency) as recipient:
        received = await receive(recipient, 40)

    assert Counter(sent) == Counter(delivery.id for delivery in received)
    assert {0, 1, 2} == {delivery.lane for delivery in received}


async def test_an_express_document_passes_all_ordinary_ones_that_wait(backbone: Backbone) -> None:
    """More wait than memory has room for; they come after it, none lost or repeated, each lane in sequence."""
    agency, count = PAIRS["express"], 2_600
    async with backbone.client(SENDER) as sender:
        ordinary = await sender.send_many([(document(agency), ()) for _ in range(count)])
        express = await sender.send(document(agency, priority=Priority.EXPRESS))
        async with asyncio.timeout(60):
            while len(await backbone.read(inbox(agency))) <= count:
                await asyncio.sleep(0.2)
    async with backbone.client(agency) as recipient:
        await recipient.caught_up()
        received = await receive(recipient, count + 1)

    assert express == received[0].id
    assert Counter([express, *ordinary]) == Counter(delivery.id for delivery in received)
    assert not any(delivery.redelivered for delivery in received)
    for lane in range(LANES):
        numbers_of = [delivery.sequence for delivery in received if delivery.lane == lane]
        assert list(range(1, len(numbers_of) + 1)) == numbers_of


async def put(backbone: Backbone, agency: str, lane: int, rows: Sequence[Row]) -> None:
    """Write into an inbox as only dispatch may."""
    async with backbone.bus() as bus, bus.publisher() as publisher:
        await publisher.append({Partition(inbox(agency), lane): rows})


def delivered(sequence: int, value: bytes | None, identity: bytes | None = None) -> Row:
    """A row of an inbox, said to come from the ledger's first entries."""
    if identity is None:
        identity = envelope_id(decode_envelope(value).statement) if value else bytes(32)
    return Row(value, write_delivery(DeliveryHeaders(sequence, sequence, now_ms(), now_ms(), identity, Kind.DOCUMENT)))


def sealed(backbone: Backbone, recipient: str, key: SigningKey | None = None) -> bytes:
    """The value of a document's envelope."""
    data = encode_statement(
        make_statement(
            sender=SENDER, recipients=[recipient], thread=new_thread(express=False), created=now_ms(),
            kind=Kind.DOCUMENT, body=document(recipient).to_body(),
        )
    )  # fmt: skip
    seal = seal_batch(
        [envelope_id(data)],
        key=key or backbone.key(SENDER),
        origin=backbone.trust.origin,
        sender=SENDER,
        purpose=Purpose.EXCHANGE,
        signed_at=now_ms(),
    )[0]
    return encode_envelope(data, (), seal)


async def drain(client: Client, idle_seconds: float | None = None) -> None:
    """Receive until it ends by itself."""
    async with asyncio.timeout(20):
        async for _ in client.receive(idle_seconds=idle_seconds):
            pass


@pytest.mark.parametrize("idle_seconds", [None, 5.0])
async def test_a_gap_that_is_there_from_the_start_is_an_alarm(backbone: Backbone, idle_seconds: float | None) -> None:
    """Whoever waits for documents, with a limit or without, is told, now and at the next try."""
    agency = PAIRS["gap"]
    async with backbone.bus() as bus, bus.reader() as reader:
        partition = Partition(inbox(agency), 1)
        if (await reader.ends([partition]))[partition] == 1:
            await put(backbone, agency, 1, [delivered(99, sealed(backbone, agency))])
    async with backbone.client(agency) as client:
        for _ in range(2):
            with pytest.raises(InvariantError, match="lane 1 goes from sequence 0 to 99: 98 records are missing"):
                await drain(client, idle_seconds)
        with pytest.raises(InvariantError):
            await client.caught_up(timeout_seconds=20)
    command = await start(backbone, "-m", "lienthong", "inbox", "--agency", agency)
    async with asyncio.timeout(30):
        assert INVARIANT == await command.wait()


async def test_a_gap_that_comes_later_is_an_alarm_after_what_came_before(backbone: Backbone) -> None:
    """Documents before it were handed over; whoever waits for a state is told as well."""
    agency = PAIRS["late gap"]
    async with backbone.client(SENDER) as sender, backbone.client(agency) as client:
        sent = await sender.send(document(agency))
        (first,) = await receive(client, 1)
        assert sent == first.id
        own = await client.send(document(agency))
        await client.wait(own, "accepted")
        await put(backbone, agency, first.lane, [delivered(first.sequence + 1_000, sealed(backbone, agency))])
        with pytest.raises(InvariantError, match="records are missing"):
            await drain(client)
        with pytest.raises(InvariantError, match="records are missing"):
            await client.wait(own, "acknowledged")


async def test_what_cannot_be_believed_never_reaches_the_caller(backbone: Backbone) -> None:
    """Misaddressed, under a stranger's key, without a value, under another id, garbage: counted and left out."""
    agency = PAIRS["refused"]
    fine = sealed(backbone, agency)
    stranger = sealed(backbone, agency, SigningKey.generate())
    rows = [sealed(backbone, PAIRS["gap"]), stranger, None, b"\x00\x00\x00\x00\x01garbage"]
    forged = [delivered(number, value, bytes(32)) for number, value in enumerate(rows, 1)]
    forged[0] = delivered(1, rows[0])
    forged[1] = delivered(2, rows[1])
    forged.append(delivered(5, fine, bytes(32)))
    await put(backbone, agency, 1, forged)
    async with backbone.client(SENDER) as sender, backbone.client(agency) as recipient:
        # Enough that the lane is among them.
        sent = [await sender.send(document(agency)) for _ in range(20)]
        received = await receive(recipient, 20)

    assert set(sent) == {delivery.id for delivery in received}
    assert 6 == min(delivery.sequence for delivery in received if delivery.lane == 1)
    assert len(forged) == recipient.refused


async def test_a_document_under_a_key_made_known_just_now_is_received(
    backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that has not heard of a key yet looks into the directory before it refuses."""
    agency = PAIRS["new"]
    key = SigningKey.generate()
    trust, operator_key = make_trust(backbone.settings.home, backbone.trust.origin)

    async def pause(_: DirectoryReader, stopping: asyncio.Event) -> None:
        """What following does for a second after Kafka failed it."""
        await stopping.wait()

    monkeypatch.setattr(DirectoryReader, "follow", pause)
    async with backbone.client(agency) as recipient:
        async with Operator.open(backbone.settings.kafka(), trust, operator_key) as operator:
            await operator.add_key(agency_code(SENDER), key.public_key)
        store = backbone.settings.home / "new-key.sqlite"
        async with Client.open(SENDER, key, trust, backbone.settings.kafka(), store) as sender:
            sent = await sender.send(document(agency))
            (received,) = await receive(recipient, 1)
    assert (sent, 0) == (received.id, recipient.refused)


# -- Kafka gone


async def test_documents_handed_over_while_kafka_is_down_go_out_when_it_is_back(
    backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are on disk at once, each is delivered once; too many unsent ones make the caller wait."""
    monkeypatch.setattr("lienthong.client.sending._UNSENT_BYTES", 1_000_000)
    assert backbone.node is not None
    agency = PAIRS["outage"]
    async with backbone.client(SENDER) as sender, backbone.client(agency) as recipient:
        await asyncio.to_thread(backbone.node.down)
        async with asyncio.timeout(10):
            small = [await sender.send(document(agency)) for _ in range(30)]
        progress = await sender.progress(small[0])
        assert progress is not None
        assert State.HANDED_OVER == progress.state

        large: list[bytes] = []

        async def hand_over() -> None:
            for _ in range(20):
                file = File("x", secrets.token_bytes(100_000))
                large.append(await sender.send(document(agency), file))

        async with asyncio.TaskGroup() as tasks:
            handing = tasks.create_task(hand_over())
            await asyncio.sleep(2)
            # A million bytes are ten of these and what is being handed over.
            assert not handing.done()
            assert 9 <= len(large) <= 11
            await asyncio.to_thread(backbone.node.up)
        received = await receive(recipient, 50)
        for one in (*small, *large):
            assert State.ACKNOWLEDGED == (await sender.wait(one, "acknowledged", timeout_seconds=60)).state

    assert Counter([*small, *large]) == Counter(delivery.id for delivery in received)


async def past_agency(backbone: Backbone, code: str, days: int) -> tuple[SigningKey, Path]:
    """An agency that the directory has known for some days, its key, and a place for its store."""
    trust, operator_key = make_trust(backbone.settings.home, backbone.trust.origin)
    key = SigningKey.generate()
    clock = lambda: now_ms() - days * DAY_MS  # noqa: E731
    async with Operator.open(backbone.settings.kafka(), trust, operator_key, clock) as operator:
        await operator.add_agencies([ListedAgency(agency_code(code), "", "Cơ quan cũ", None, True)])
        await operator.add_key(agency_code(code), key.public_key)
    return key, backbone.settings.home / "agencies" / code / "store.sqlite"


async def test_a_statement_that_expired_unsent_is_signed_anew(backbone: Backbone) -> None:
    """What an earlier run left a week ago goes out under a new id, once, and the old id leads to it."""
    agency = PAIRS["renewed"]
    old = now_ms() - 8 * DAY_MS
    statement = make_statement(
        sender=SENDER, recipients=[agency], thread=new_thread(express=False), created=old,
        kind=Kind.DOCUMENT, body=document(agency, "để lâu").to_body(),
    )  # fmt: skip
    data = encode_statement(statement)
    store = Store(backbone.settings.home / "agencies" / SENDER / "store.sqlite")
    lane = lane_of(statement.thread, LANES)
    store.add([Outgoing(envelope_id(data), None, Kind.DOCUMENT, lane, data, (), old, [agency])])
    store.close()

    async with backbone.client(SENDER) as sender, backbone.client(agency) as recipient:
        (received,) = await receive(recipient, 1)
        progress = await sender.wait(envelope_id(data), "acknowledged")
        left = await sender.progress(envelope_id(data))

    assert ("để lâu", statement.thread) == (received.document.subject, received.statement.thread)
    assert received.id == progress.id != envelope_id(data)
    assert left is not None
    assert (State.RENEWED, received.id) == (left.state, left.renewed_as)
    assert [0, 1] == await entries_of(backbone, envelope_id(data), received.id)


async def test_a_statement_that_expires_while_kafka_is_down_is_signed_anew(backbone: Backbone) -> None:
    """Also in the process to which it was handed over."""
    assert backbone.node is not None
    agency = "P30"
    key, path = await past_agency(backbone, agency, 30)
    passed = -8 * DAY_MS
    async with Client.open(
        agency, key, backbone.trust, backbone.settings.kafka(), path, lambda: now_ms() + passed
    ) as client:
        await asyncio.to_thread(backbone.node.down)
        old = await client.send(Document(recipients=(agency,), subject="chờ lâu"))
        passed = 0
        await asyncio.to_thread(backbone.node.up)
        (received,) = await receive(client, 1)
        progress = await client.wait(old, "acknowledged")

    assert "chờ lâu" == received.document.subject
    assert old != received.id == progress.id


# -- the client gone


async def test_the_same_content_after_a_restart_is_sent_once(backbone: Backbone) -> None:
    """Whether it was accepted already or is on its way."""
    agency = PAIRS["again"]
    same = [document(agency) for _ in range(20)]
    async with backbone.client(SENDER) as sender:
        first = [await sender.send(one) for one in same[:10]]
        for one in first:
            await sender.wait(one, "accepted")
        first += [await sender.send(one) for one in same[10:]]
    async with backbone.client(SENDER) as sender, backbone.client(agency) as recipient:
        assert first == [await sender.send(one) for one in same]
        received = await receive(recipient, 20)
        for one in first:
            await sender.wait(one, "acknowledged")

    assert Counter(first) == Counter(delivery.id for delivery in received)
    assert [1] * 10 == await entries_of(backbone, *first[:10])


async def test_what_is_handed_over_right_after_connecting_is_sent_once(backbone: Backbone) -> None:
    """Looking for what an earlier run left does not find what this one has just sent."""
    agency = PAIRS["at once"]
    sent = []
    async with backbone.client(agency) as client:
        for _ in range(100):
            sent.append(await client.send(document(agency)))
            await asyncio.sleep(0.005)
        for one in sent:
            await client.wait(one, "accepted")
    assert [1] * 100 == await entries_of(backbone, *sent)


async def test_what_was_not_settled_before_closing_comes_again(backbone: Backbone) -> None:
    """With the word that it may have been handed over before; what was settled does not come."""
    agency = PAIRS["closed"]
    async with backbone.client(SENDER) as sender:
        for number in range(6):
            await sender.wait(await sender.send(document(agency, f"{number}", priority=3)), "accepted")
    async with backbone.client(agency) as recipient:
        assert [("0", False), ("1", False), ("2", False)] == numbers(await receive(recipient, 3))
        # The third is settled by asking for the next, which is not.
        assert [("3", False), ("4", False)] == numbers(await receive(recipient, 2, status=None))
    async with backbone.client(agency) as recipient:
        again = await receive(recipient, 2)
        assert ["4", "5"] == [delivery.document.subject for delivery in again]
        assert again[0].redelivered
    async with backbone.client(agency) as recipient:
        assert [] == [delivery async for delivery in recipient.receive(idle_seconds=1.0)]


_RECEIVES_AND_DIES = """
import asyncio, os, signal, sys
from lienthong.client import connect

async def work():
    async with connect(sys.argv[1]) as client:
        async for delivery in client.receive():
            if delivery.document.subject == "2":
                await asyncio.sleep(0.5)
                os.kill(os.getpid(), signal.SIGKILL)
            await delivery.acknowledge("03")

asyncio.run(work())
"""


async def test_what_was_not_settled_before_a_kill_comes_again(backbone: Backbone) -> None:
    """A process that dies with a document in its hands gets it again, and says so; settled ones do not come."""
    agency = PAIRS["killed"]
    async with backbone.client(SENDER) as sender:
        for number in range(4):
            await sender.wait(await sender.send(document(agency, f"{number}", priority=3)), "accepted")
    process = await start(backbone, "-c", _RECEIVES_AND_DIES, agency)
    async with asyncio.timeout(60):
        assert -signal.SIGKILL == await process.wait()
    async with backbone.client(agency) as recipient:
        again = await receive(recipient, 2)

    assert ["2", "3"] == [delivery.document.subject for delivery in again]
    assert again[0].redelivered


# -- several at once


async def test_of_two_readers_of_one_agency_one_takes_over_from_the_other(backbone: Backbone, tmp_path: Path) -> None:
    """One receives, every document once; when it dies the other does, and nothing is lost or repeated."""
    agency, half = PAIRS["two readers"], 100
    journals = [tmp_path / "one", tmp_path / "two"]
    for journal in journals:
        journal.touch()
    script = str(Path(agency_process.__file__))
    readers = [await start(backbone, script, "receive", agency, str(journal)) for journal in journals]

    def subjects() -> list[list[str]]:
        return [[line.split()[5] for line in journal.read_text("ascii").splitlines()] for journal in journals]

    try:
        async with backbone.client(SENDER) as sender:
            for first in (0, half):
                sent = [await sender.send(document(agency, f"{number}")) for number in range(first, first + half)]
                for one in sent:
                    await sender.wait(one, "acknowledged", timeout_seconds=60)
                if not first:
                    active = 0 if subjects()[0] else 1
                    readers[active].kill()
                    await readers[active].wait()
    finally:
        for reader in readers:
            if reader.returncode is None:
                reader.kill()
            await reader.wait()

    found = subjects()
    assert set(map(str, range(half))) == set(found[active])
    assert set(map(str, range(half, 2 * half))) == set(found[1 - active])
    assert [half, half] == [len(some) for some in found]


async def test_two_senders_of_one_agency_send_the_same_content_once(backbone: Backbone) -> None:
    """Two processes with the same work, and the same store, give one delivery of each."""
    agency, count = PAIRS["two senders"], 100
    script = str(Path(agency_process.__file__))
    senders = [await start(backbone, script, "send", agency, PAIRS["rounds"], str(count)) for _ in range(2)]
    async with backbone.client(PAIRS["rounds"]) as recipient:
        received = await receive(recipient, count)
        async with asyncio.timeout(60):
            assert [0, 0] == [await one.wait() for one in senders]
        assert [] == [delivery async for delivery in recipient.receive(idle_seconds=1.0)]

    assert [f"văn bản {number}" for number in range(count)] == sorted(
        (one.document.subject for one in received), key=lambda subject: int(subject.split()[-1])
    )


async def test_acknowledgements_of_many_documents_are_few_statements(backbone: Backbone) -> None:
    """What is acknowledged together is said together."""
    agency, count = PAIRS["own error"], 300
    async with backbone.client(SENDER) as sender:
        sent = await sender.send_many([(document(agency), ()) for _ in range(count)])
        for one in sent:
            await sender.wait(one, "accepted", timeout_seconds=60)
        while len(await backbone.read(inbox(agency))) < count:
            await asyncio.sleep(0.1)
        async with backbone.client(agency) as recipient:
            await receive(recipient, count)
        for one in sent:
            await sender.wait(one, "acknowledged", timeout_seconds=60)

    named = []
    for record in await backbone.read(inbox(SENDER)):
        assert record.value is not None
        statement = decode_statement(decode_envelope(record.value).statement)
        if statement.kind is Kind.ACKNOWLEDGEMENT and statement.sender == agency:
            named.append(statement.body["documents"])
    assert Counter(sent) == Counter(one for some in named for one in some)
    assert len(named) <= 30


@pytest.mark.parametrize("name", ["", "../x", "C:\\x", "x\x00.pdf", "x" * 256])
async def test_a_name_that_is_no_name_of_a_file_is_refused_at_once(backbone: Backbone, name: str) -> None:
    """The backbone would reject it: nothing is stored."""
    async with backbone.client(SENDER) as client:
        before = await client.summary()
        with pytest.raises(RejectedError) as refused:
            await client.send(document(PAIRS["gap"]), File(name, b"x"))
        assert before.documents == (await client.summary()).documents
    assert Reason.MALFORMED == refused.value.reason


async def test_an_error_of_the_caller_leaves_the_connection_as_it_is(backbone: Backbone) -> None:
    """Not wrapped in a group: `except RejectedError` around the connection works."""
    with pytest.raises(RejectedError) as caught:
        async with backbone.client(SENDER) as client:
            await client.send(document("ZZ9"))
    assert Reason.UNKNOWN_RECIPIENT == caught.value.reason


def test_headers_of_an_inbox_record_are_read_back() -> None:
    """The rows this file writes are such as dispatch writes."""
    row = delivered(7, None)

    class Rec:
        topic, partition, offset, timestamp, value, headers = inbox("H10"), 1, 0, 0, None, row.headers

    assert 7 == read_delivery(Rec()).sequence
