"""Other people's clients: what stands on the topics needs no library of ours to be read or written."""

import asyncio
import json
import secrets
import struct
import time
from collections.abc import Iterator, Sequence
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any

import fastavro
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from backbone import LANES, ORIGIN, Backbone
from lienthong.client import Document, File

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
IDS: dict[str, int] = json.loads((SCHEMAS / "ids.json").read_text("utf-8"))
STATEMENT_TYPE = "application/vnd.lienthong.statement.v1+avro"
SEAL_TYPE = "application/vnd.lienthong.seal.v1"


def schema(*files: str) -> Any:
    """A schema of the repository with those it refers to, which come before it."""
    return fastavro.schema.load_schema_ordered([str(SCHEMAS / f"{file}.avsc") for file in files])


ENVELOPE = schema("signature", "seal", "envelope")
STATEMENT = schema(
    "attachment", "signer", "replacement", "document", "acknowledgement", "receipt_entry", "receipt",
    "agency_record", "key_record", "group_record", "command",
    "notice_entry", "notice", "statement",
)  # fmt: skip


# -- reading


@pytest.fixture
def registry() -> Iterator[SchemaRegistryClient]:
    """A client of a stand-in for a schema registry that knows the two schemas with fixed ids."""
    known = {
        f"/schemas/ids/{IDS['lienthong.Envelope']}": ENVELOPE,
        f"/schemas/ids/{IDS['lienthong.Statement']}": STATEMENT,
    }

    class Registry(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = known.get(self.path.partition("?")[0])
            answer = {"schema": json.dumps(found)} if found else {"error_code": 40403, "message": "Schema not found"}
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the interface of http.server
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield SchemaRegistryClient({"url": f"http://127.0.0.1:{server.server_port}"})
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def consume(bootstrap: str, topic: str, wanted: int) -> list[Any]:
    """Every message of a topic, read with librdkafka; at least as many as wanted."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "plain", "enable.auto.commit": False})
    try:
        consumer.assign([TopicPartition(topic, lane, 0) for lane in range(LANES)])
        messages: list[Any] = []
        until = time.monotonic() + 30
        while time.monotonic() < until and len(messages) < wanted:
            messages += consumer.consume(500, timeout=0.5)
        return messages
    finally:
        consumer.close()


async def test_ledger_and_inbox_are_read_by_a_consumer_that_knows_only_the_schemas(
    backbone: Backbone, registry: SchemaRegistryClient
) -> None:
    """Confluent's deserializer decodes every record that has a value, and the statement inside it."""
    content = secrets.token_bytes(1_000)
    async with backbone.client("G22") as sender:
        document = Document(recipients=("H26",), subject=f"V/v đọc {secrets.token_hex(4)}")
        sent = await sender.send(document, File("tệp.bin", content))
        await sender.wait(sent, "accepted")
        while not any(dict(record.headers).get("id") == sent for record in await backbone.read("lt.in.H26")):
            await asyncio.sleep(0.1)
    deserialize = AvroDeserializer(registry)

    for topic, header in (("lt.ledger", "verdict"), ("lt.in.H26", "sequence")):
        ours = await backbone.read(topic)
        messages = await asyncio.to_thread(consume, backbone.settings.bootstrap, topic, len(ours) + LANES)
        envelopes = {}
        for message in messages:
            envelope = deserialize(message.value(), SerializationContext(topic, MessageField.VALUE))
            if envelope is None:
                continue
            statement = fastavro.schemaless_reader(BytesIO(envelope["statement"]), STATEMENT, None)
            headers = dict(message.headers())
            assert header in headers
            envelopes[headers["id"]] = (envelope, statement)
        assert {dict(record.headers)["id"] for record in ours if record.value is not None} == envelopes.keys()

        envelope, statement = envelopes[sent]
        assert (STATEMENT_TYPE, [content], ORIGIN) == (
            envelope["payload_type"], envelope["contents"], envelope["seal"]["origin"],
        )  # fmt: skip
        assert ("G22", ["H26"], document.subject) == (
            statement["sender"], statement["recipients"], statement["body"]["subject"],
        )  # fmt: skip


# -- writing: from here to the test nothing of ours is used


def encoded(written_by: Any, value: dict[str, Any]) -> bytes:
    """Avro bytes of a record."""
    buffer = BytesIO()
    fastavro.schemaless_writer(buffer, written_by, value)
    return buffer.getvalue()


def pae(kind: str, body: bytes) -> bytes:
    """DSSE's pre-authentication encoding."""
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(body), body)


def tree(leaves: list[bytes]) -> tuple[bytes, list[bytes]]:
    """Root of an RFC 9162 tree and the inclusion path of each leaf, by the definition in its section 2.1."""
    if len(leaves) == 1:
        return leaves[0], [b""]
    split = 1
    while 2 * split < len(leaves):
        split *= 2
    (left, left_paths), (right, right_paths) = tree(leaves[:split]), tree(leaves[split:])
    paths = [path + right for path in left_paths] + [path + left for path in right_paths]
    return sha256(b"\x01" + left + right).digest(), paths


def lane(thread: bytes) -> int:
    """Lane of a thread: 0 if its first bit is set, otherwise by its first eight bytes."""
    return 0 if thread[0] & 0x80 else 1 + struct.unpack(">Q", thread[:8])[0] % (LANES - 1)


def envelopes(key: Ed25519PrivateKey, sender: str, recipient: str, subjects: Sequence[str]) -> list[tuple[int, bytes]]:
    """One sealed batch of documents with a file each: lanes and record values."""
    now = time.time_ns() // 1_000_000
    statements, threads, contents = [], [], []
    for number, subject in enumerate(subjects):
        thread = bytearray(secrets.token_bytes(16))
        express = number == 0
        thread[0] = thread[0] | 0x80 if express else thread[0] & 0x7F
        content = f"Nội dung: {subject}".encode()
        body = {
            "business_type": 0, "code_number": "12", "code_notation": "CV", "document_type": "Công văn",
            "promulgation_date": "2026-10-05", "promulgation_place": "", "subject": subject, "signer": None,
            "steering_type": 0, "sphere": "", "page_amount": 1, "issued_amount": 0, "due_date": "", "paper": False,
            "for_information": [], "in_reply_to": [], "reason": "", "refers_to": [], "changes": 0, "replaces": [],
        }  # fmt: skip
        statement = {
            "sender": sender, "recipients": [recipient], "thread": bytes(thread), "created": now,
            "priority": 3 if express else 0, "salt": secrets.token_bytes(16),
            "attachments": [
                {"name": "a.txt", "media_type": "text/plain", "size": len(content), "sha256": sha256(content).digest()}
            ],
            "body": ("lienthong.Document", body),
        }  # fmt: skip
        statements.append(encoded(STATEMENT, statement))
        threads.append(bytes(thread))
        contents.append(content)
    root, paths = tree([sha256(b"\x00" + pae(STATEMENT_TYPE, one)).digest() for one in statements])
    signed = f"{ORIGIN}\n{sender}\nexchange\n{len(statements)}\n{now}\n{root.hex()}\n".encode()
    public_key = key.public_key().public_bytes_raw()
    signature = {
        "key_id": sha256(b"ed25519\x00" + public_key).digest()[:16],
        "signature": key.sign(pae(SEAL_TYPE, signed)),
    }
    made = []
    for index, statement_bytes in enumerate(statements):
        envelope = {
            "payload_type": STATEMENT_TYPE, "statement": statement_bytes, "contents": [contents[index]],
            "seal": {
                "origin": ORIGIN, "purpose": "exchange", "signed_at": now, "tree_size": len(statements),
                "leaf_index": index, "path": paths[index], "signatures": [signature],
            },
        }  # fmt: skip
        frame = b"\x00" + struct.pack(">I", IDS["lienthong.Envelope"])
        made.append((lane(threads[index]), frame + encoded(ENVELOPE, envelope)))
    return made


async def test_a_producer_that_knows_only_the_protocol_is_accepted_and_delivered(backbone: Backbone) -> None:
    """Avro, SHA-256, Ed25519 and a plain Kafka producer are all that it takes, in any language."""
    pem = (backbone.settings.home / "agencies" / "H29" / "signing.pem").read_bytes()
    key = load_pem_private_key(pem, password=None)
    assert isinstance(key, Ed25519PrivateKey)
    subjects = [f"V/v viết {secrets.token_hex(4)}" for _ in range(5)]
    made = envelopes(key, "H29", "H37.DN.001", subjects)
    failures: list[Any] = []

    def produce() -> None:
        producer = Producer({"bootstrap.servers": backbone.settings.bootstrap, "enable.idempotence": True})
        for partition, value in made:
            producer.produce(
                "lt.out.H29", value, partition=partition, on_delivery=lambda error, _: failures.append(error)
            )
        producer.flush(30)

    await asyncio.to_thread(produce)
    assert [None] * 5 == failures
    received = {}
    async with asyncio.timeout(30), backbone.client("H37") as recipient:
        async for delivery in recipient.receive():
            await delivery.acknowledge()
            received[delivery.document.subject] = (delivery.lane, [file.content.decode() for file in delivery.files])
            if set(subjects) <= received.keys():
                break

    assert {subject: (lane, [f"Nội dung: {subject}"]) for subject, (lane, _) in zip(subjects, made, strict=True)} == {
        subject: received[subject] for subject in subjects
    }
    verdicts = {record.value: entry.reason for record, entry in await backbone.ledger() if record.value is not None}
    assert [""] * 5 == [verdicts[value] for _, value in made]
