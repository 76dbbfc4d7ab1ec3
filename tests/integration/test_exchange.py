"""Documents between agencies over a real Kafka, with all services running."""

import asyncio
import secrets
from collections.abc import Sequence

import pytest

from backbone import CHILD, LANES, Backbone, samples
from lienthong.client import (
    Client,
    Delivery,
    Document,
    File,
    Priority,
    RejectedError,
    State,
    Status,
)
from lienthong.kernel.bus import Row
from lienthong.kernel.clock import now_ms
from lienthong.kernel.envelope import encode_envelope, envelope_id
from lienthong.kernel.keys import SigningKey
from lienthong.kernel.lanes import lane_of, new_thread
from lienthong.kernel.ledger import Outcome
from lienthong.kernel.limits import ACCEPTANCE_WINDOW_MS, FUTURE_TOLERANCE_MS, MAX_INLINE_BYTES
from lienthong.kernel.reasons import Reason
from lienthong.kernel.seal import Purpose, seal_batch
from lienthong.kernel.statement import Kind, Statement, encode_statement, make_statement
from lienthong.kernel.topics import QUARANTINE, Partition, inbox, outbox


def document(*recipients: str, subject: str = "", priority: int = 0) -> Document:
    """A document that no other test sends."""
    return Document(recipients=recipients, subject=subject or f"V/v thử {secrets.token_hex(8)}", priority=priority)


async def receive(client: Client, wanted: bytes, status: Status = Status.ACCEPTED, reason: str = "") -> Delivery:
    """Receive until a document comes; it is acknowledged, and so is what comes before it."""
    async with asyncio.timeout(30):
        async for delivery in client.receive():
            if delivery.id == wanted:
                await delivery.acknowledge(status, reason)
                return delivery
    raise AssertionError("the iteration ended")


async def test_a_document_is_accepted_delivered_and_acknowledged(backbone: Backbone) -> None:
    """What one agency sends another receives byte for byte, and the sender learns of every step."""
    content = secrets.token_bytes(50_000)
    async with backbone.client("G22") as sender, backbone.client("H26") as recipient:
        sent = await sender.send(document("H26", subject="Báo cáo"), File("báo cáo.pdf", content, "application/pdf"))
        accepted = await sender.wait(sent, "accepted")
        delivery = await receive(recipient, sent)
        acknowledged = await sender.wait(sent, "acknowledged")

    assert accepted.position is not None
    assert (accepted.lane, accepted.position) == (delivery.lane, delivery.position)
    assert ("G22", "Báo cáo") == (delivery.sender, delivery.document.subject)
    assert [File("báo cáo.pdf", content, "application/pdf")] == delivery.files
    assert State.ACKNOWLEDGED == acknowledged.state
    assert {"H26": "03"} == acknowledged.recipients


async def test_a_document_to_several_reaches_each_and_a_child_through_its_parent(backbone: Backbone) -> None:
    """Every recipient gets one copy; who is not connected is reached through the agency above it."""
    async with backbone.client("G22") as sender, backbone.client("H26") as one, backbone.client("H37") as parent:
        sent = await sender.send(document("H26", CHILD))
        first, second = await receive(one, sent), await receive(parent, sent, Status.REFUSED, "không thuộc thẩm quyền")
        progress = await sender.wait(sent, "acknowledged")

    assert first.position == second.position
    assert ("H26", CHILD) == second.document.recipients
    assert {"H26": "03", "H37": "02"} == progress.recipients


async def test_an_express_document_travels_in_lane_zero(backbone: Backbone) -> None:
    """Priority 3 and above use the express lane, all else an ordinary one."""
    async with backbone.client("G22") as sender, backbone.client("H26") as recipient:
        express = await sender.send(document("H26", priority=Priority.EXPRESS))
        ordinary = await sender.send(document("H26", priority=Priority.VERY_URGENT))
        lanes = [(await sender.wait(one, "accepted")).lane for one in (express, ordinary)]
        await receive(recipient, express)

    assert lanes[0] == 0
    assert lanes[1] > 0


async def test_the_same_content_is_sent_once(backbone: Backbone) -> None:
    """Handing the same document over again gives the same id and no second delivery, unless it is meant."""
    same = document("H26")
    async with backbone.client("G22") as sender, backbone.client("H26") as recipient:
        first = await sender.send(same)
        assert first == await sender.send(same)
        meant = await sender.send(same, again="lần hai")
        last = await sender.send(document("H26", subject="cuối"), File("x", secrets.token_bytes(9)))
        seen = []
        async with asyncio.timeout(30):
            async for delivery in recipient.receive():
                seen.append(delivery.id)
                if delivery.id == last:
                    break

    assert meant != first
    assert [1, 1] == [seen.count(first), seen.count(meant)]


async def test_a_document_not_asked_for_again_counts_as_arrived(backbone: Backbone) -> None:
    """Going on to the next document acknowledges that the last one arrived, and no more."""
    async with backbone.client("G22") as sender, backbone.client("H29") as recipient:
        sent = await sender.send(document("H29"))
        async with asyncio.timeout(30):
            async for delivery in recipient.receive(idle_seconds=1.0):
                assert delivery.sender == "G22"
        progress = await sender.wait(sent, "arrived")

    assert (State.ARRIVED, {"H29": "01"}) == (progress.state, progress.recipients)


async def test_what_would_be_rejected_is_refused_at_once(backbone: Backbone) -> None:
    """An unknown recipient, or files too large to travel inline, raise before anything is stored."""
    async with backbone.client("G22") as sender:
        with pytest.raises(RejectedError, match="ZZ9") as unknown:
            await sender.send(document("ZZ9"))
        with pytest.raises(RejectedError, match="at most") as oversize:
            await sender.send(document("H26"), File("x", bytes(MAX_INLINE_BYTES + 1)))

    assert [Reason.UNKNOWN_RECIPIENT, Reason.OVERSIZE] == [unknown.value.reason, oversize.value.reason]


async def test_the_largest_files_travel(backbone: Backbone) -> None:
    """Attachments up to the limit travel inline."""
    content = secrets.token_bytes(MAX_INLINE_BYTES - 10)
    async with backbone.client("G22") as sender, backbone.client("H26") as recipient:
        sent = await sender.send(document("H26"), File("lớn.bin", content), File("nhỏ", b"0123456789"))
        delivery = await receive(recipient, sent)

    assert [content, b"0123456789"] == [file.content for file in delivery.files]


async def test_real_documents_travel_to_five_agencies(backbone: Backbone) -> None:
    """Real documents, PDF forms among them, go to five agencies and come out byte for byte, acknowledged."""
    files = samples()
    assert files
    others = ("G09", "H26", "H29", "H37", "H53")
    async with backbone.client("G22") as sender:
        sent = {await sender.send(document(*others, subject=file.name), file): file for file in files}
        for agency in others:
            async with backbone.client(agency) as recipient:
                came = {}
                async for delivery in recipient.receive(idle_seconds=2.0):
                    came[delivery.id] = delivery.files
                    await delivery.acknowledge()
                assert {one: [file] for one, file in sent.items()} == {one: came.get(one) for one in sent}
        for one in sent:
            progress = await sender.wait(one, "acknowledged")
            assert dict.fromkeys(others, "03") == progress.recipients


# -- what agencies must not do


async def put(backbone: Backbone, agency: str, lane: int, values: Sequence[bytes | None]) -> list[int]:
    """Write values into an out topic as an agency's own Kafka client could; returns their offsets."""
    async with backbone.bus() as bus, bus.publisher() as publisher:
        partition = Partition(outbox(agency), lane)
        appended = (await publisher.append({partition: [Row(value, key=b"x") for value in values]}))[partition]
    return list(range(appended.first, appended.last + 1))


def forged(
    backbone: Backbone, *, key: SigningKey | None = None, changes: dict[str, object] | None = None, **seal: object
) -> tuple[int, bytes]:
    """An envelope of G22 for H26 with something wrong; its lane and value."""
    thread = new_thread(express=False)
    statement: Statement = make_statement(
        sender="G22",
        recipients=["H26"],
        thread=thread,
        created=now_ms(),
        kind=Kind.DOCUMENT,
        body=document("H26").to_body(),
    )._replace(**(changes or {}))  # type: ignore[arg-type]
    data = encode_statement(statement)
    sealed = seal_batch(
        [envelope_id(data)],
        key=key or backbone.key("G22"),
        **{  # type: ignore[arg-type]
            "origin": backbone.trust.origin, "sender": "G22", "purpose": Purpose.EXCHANGE, "signed_at": now_ms(),
            **seal,
        },
    )  # fmt: skip
    return lane_of(statement.thread, LANES), encode_envelope(data, (), sealed[0])


async def verdicts(backbone: Backbone, agency: str, lane: int, offsets: Sequence[int]) -> list[str]:
    """Reasons the ledger gives for records of an out topic; empty for accepted ones. Waits for them."""
    async with asyncio.timeout(30):
        while True:
            found = {
                entry.source.offset: entry.reason
                for record, entry in await backbone.ledger()
                if entry.source.agency == agency and record.partition == lane
            }
            if all(offset in found for offset in offsets):
                return [found[offset] for offset in offsets]
            await asyncio.sleep(0.1)


async def test_whatever_is_wrong_is_rejected_with_its_reason_and_the_next_flows(backbone: Backbone) -> None:
    """Each kind of bad record gets its own reason, its bytes go to quarantine, and the next is delivered."""
    async with backbone.client("G22") as sender:
        good = await sender.send(document("H26"))
        await sender.wait(good, "accepted")
    now = now_ms()
    cases = {
        Reason.BAD_SEAL: forged(backbone, signed_at=now, sender="H26"),
        Reason.UNKNOWN_KEY: forged(backbone, key=SigningKey.generate()),
        Reason.WRONG_ORIGIN: forged(backbone, origin="elsewhere"),
        Reason.WRONG_PURPOSE: forged(backbone, purpose=Purpose.RECEIPT),
        Reason.WRONG_SENDER: forged(backbone, changes={"sender": "H26"}),
        Reason.UNKNOWN_RECIPIENT: forged(backbone, changes={"recipients": ["ZZ9"]}),
        Reason.EXPIRED: forged(backbone, changes={"created": now - ACCEPTANCE_WINDOW_MS - 60_000}),
        Reason.FUTURE: forged(backbone, changes={"created": now + FUTURE_TOLERANCE_MS + 60_000}),
    }
    lane = 1
    values = {reason: value for reason, (_, value) in cases.items()}
    values[Reason.MALFORMED] = b"\x00\x00\x00\x00\x01garbage"
    values[Reason.OVERSIZE] = bytes(1_000_000)
    offsets = await put(backbone, "G22", lane, list(values.values()))
    express_lane, express = forged(backbone, changes={"thread": new_thread(express=True)})
    assert express_lane == 0
    other = await put(backbone, "G22", lane, [express, None])
    last_lane, last = forged(backbone)
    after = await put(backbone, "G22", last_lane, [last])

    assert [reason.value for reason in values] == await verdicts(backbone, "G22", lane, offsets)
    assert [Reason.WRONG_LANE.value, Reason.MALFORMED.value] == await verdicts(backbone, "G22", lane, other)
    assert [""] == await verdicts(backbone, "G22", last_lane, after)
    kept = [record.value for record in await backbone.read(QUARANTINE)]
    assert all(value in kept for value in values.values())


async def test_a_sender_learns_why_it_was_rejected(backbone: Backbone) -> None:
    """A rejection comes back as a receipt with its reason, though the client would not have sent it."""
    lane, value = forged(backbone, changes={"created": now_ms() - ACCEPTANCE_WINDOW_MS - 60_000})
    offsets = await put(backbone, "G22", lane, [value])
    assert ["expired"] == await verdicts(backbone, "G22", lane, offsets)

    async def receipts() -> list[tuple[str, int]]:
        from lienthong.kernel.envelope import decode_envelope
        from lienthong.kernel.statement import decode_statement

        said = []
        for record in await backbone.read(inbox("G22")):
            assert record.value is not None
            statement = decode_statement(decode_envelope(record.value).statement)
            if statement.kind is Kind.RECEIPT and record.partition == lane:
                said += [(entry["reason"], entry["source_offset"]) for entry in statement.body["entries"]]
        return said

    async with asyncio.timeout(30):
        while ("expired", offsets[0]) not in await receipts():
            await asyncio.sleep(0.1)


async def test_an_envelope_sent_twice_is_delivered_once(backbone: Backbone) -> None:
    """The first accepted entry of an id counts; the second is void and its sender is told duplicate."""
    lane, value = forged(backbone)
    offsets = await put(backbone, "G22", lane, [value, value])
    await verdicts(backbone, "G22", lane, offsets)
    async with backbone.client("G22") as sender:
        fence = await sender.send(document("H26"))
        assert lane == (await sender.wait(fence, "accepted")).lane
    entries = [entry for record, entry in await backbone.ledger() if record.value == value]
    # When what was sent after both copies has come, a second one would have come before it.
    async with asyncio.timeout(30):
        while True:
            came = [one for one in await backbone.read(inbox("H26")) if one.partition == lane]
            ids = [dict(one.headers).get("id") for one in came]
            if fence in ids:
                break
            await asyncio.sleep(0.1)

    assert [Outcome.ACCEPTED, Outcome.ACCEPTED] == [entry.outcome for entry in entries]
    assert 1 == [one.value for one in came[: ids.index(fence)]].count(value)


async def test_the_largest_envelope_passes_every_hop_with_all_its_headers(backbone: Backbone) -> None:
    """A document just below the limit is delivered; one just above it is refused at once."""
    async with backbone.client("G22") as sender, backbone.client("H26") as recipient:
        sent = await sender.send(document("H26"), File("a", secrets.token_bytes(MAX_INLINE_BYTES)))
        assert (await receive(recipient, sent)).id == sent
        files = [File("ế" * 255, secrets.token_bytes(MAX_INLINE_BYTES // 50), "x" * 127) for _ in range(50)]
        with pytest.raises(RejectedError, match="too many for one envelope"):
            await sender.send(document("H26"), *files)
