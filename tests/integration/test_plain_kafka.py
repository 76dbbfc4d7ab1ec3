"""Plain Kafka in any language: off-the-shelf consumers read our topics, and a hand-made producer is believed."""

import asyncio
import io
import json
import time
from hashlib import sha256
from importlib.resources import files
from typing import Any

import fastavro
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from backbone import Backbone
from lienthong.client import Document
from lienthong.kernel import codec
from lienthong.kernel.topics import LEDGER, inbox


class LocalRegistry(SchemaRegistryClient):  # type: ignore[misc] # confluent_kafka has no types
    """Answers from the repository's schemas, as a schema registry that holds them would."""

    def __init__(self) -> None:
        super().__init__({"url": "http://127.0.0.1:1"})

    def get_schema(self, schema_id: int, *_: Any, **__: Any) -> Schema:
        """The schema of an id in `schemas/ids.json`."""
        ids = json.loads((files("lienthong") / "schemas" / "ids.json").read_text("utf-8"))
        names = {number: name for name, number in ids.items()}
        return Schema(codec.schema_text(names[schema_id]), "AVRO")

    def get_associations_by_resource_name(self, *_: Any, **__: Any) -> list[Any]:
        """No topic is bound to another subject."""
        return []


def consumed(bootstrap: str, topic: str, partition: int, offset: int) -> Any:
    """One record, by confluent-kafka."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "plain", "enable.auto.commit": False})
    try:
        consumer.assign([TopicPartition(topic, partition, offset)])
        message = consumer.poll(20.0)
    finally:
        consumer.close()
    assert message is not None
    assert message.error() is None
    return message


async def test_confluents_deserializer_reads_the_ledger(backbone: Backbone) -> None:
    """confluent-kafka's Avro deserializer reads an envelope of the ledger, and fastavro the statement in it."""
    async with backbone.client("G22") as sender:
        sent = await sender.send(Document(recipients=("H26",), subject="đọc bằng công cụ có sẵn"))
        progress = await sender.wait(sent, "accepted")
    assert progress.position is not None
    bootstrap = backbone.settings.bootstrap
    message = await asyncio.to_thread(consumed, bootstrap, LEDGER, progress.lane, progress.position)
    envelope = AvroDeserializer(LocalRegistry())(message.value(), SerializationContext(LEDGER, MessageField.VALUE))
    statement: Any = fastavro.schemaless_reader(
        io.BytesIO(envelope["statement"]), json.loads(codec.schema_text("lienthong.Statement")), None
    )

    assert ("exchange", backbone.trust.origin) == (envelope["seal"]["purpose"], envelope["seal"]["origin"])
    assert ("G22", ["H26"]) == (statement["sender"], statement["recipients"])
    assert statement["body"]["subject"] == "đọc bằng công cụ có sẵn"
    assert sent == dict(message.headers())["id"]


def pae(kind: str, body: bytes) -> bytes:
    """DSSE's pre-authentication encoding, from its specification."""
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(body), body)


def hand_made(private: Ed25519PrivateKey, origin: str, subject: str) -> tuple[bytes, bytes]:
    """Envelope id and record value of a document of G22 for H26, with nothing but common libraries."""

    def avro(name: str, value: dict[str, Any]) -> bytes:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, json.loads(codec.schema_text(name)), value)
        return out.getvalue()

    now = int(time.time_ns() // 1_000_000)
    payload_type = "application/vnd.lienthong.statement.v1+avro"
    statement = avro(
        "lienthong.Statement",
        {
            "sender": "G22", "recipients": ["H26"], "thread": b"\x01" * 16, "created": now, "priority": 0,
            "salt": sha256(str(now).encode()).digest()[:16], "attachments": [],
            "body": (
                "lienthong.Document",
                {
                    "business_type": 0, "code_number": "", "code_notation": "", "document_type": "",
                    "promulgation_date": "", "promulgation_place": "", "subject": subject, "signer": None,
                    "steering_type": 0, "page_amount": 0, "due_date": "", "paper": False, "reason": "", "refers_to": [],
                },
            ),
        },
    )  # fmt: skip
    identity = sha256(b"\x00" + pae(payload_type, statement)).digest()
    signed = f"{origin}\nG22\nexchange\n1\n{now}\n{identity.hex()}\n".encode()
    public = private.public_key().public_bytes_raw()
    value = avro(
        "lienthong.Envelope",
        {
            "payload_type": payload_type, "statement": statement, "contents": [],
            "seal": {
                "origin": origin, "purpose": "exchange", "signed_at": now, "tree_size": 1, "leaf_index": 0, "path": b"",
                "signatures": [
                    {
                        "key_id": sha256(b"ed25519\x00" + public).digest()[:16],
                        "signature": private.sign(pae("application/vnd.lienthong.seal.v1", signed)),
                    }
                ],
            },
        },
    )  # fmt: skip
    return identity, b"\x00\x00\x00\x00\x01" + value


async def test_an_envelope_made_by_hand_is_accepted_and_delivered(backbone: Backbone) -> None:
    """Any language with SHA-256, Ed25519, Avro and a Kafka producer can send."""
    pem = (backbone.settings.home / "agencies" / "G22" / "signing.pem").read_bytes()
    private = load_pem_private_key(pem, None)
    assert isinstance(private, Ed25519PrivateKey)
    identity, value = hand_made(private, backbone.trust.origin, "viết tay")
    producer = Producer({"bootstrap.servers": backbone.settings.bootstrap, "enable.idempotence": True})
    # The thread's first bit is not set, so it is ordinary: lane 1 + (first eight bytes mod 1) = 1.
    producer.produce("lt.out.G22", value, partition=1)
    assert producer.flush(20) == 0

    async with backbone.client("H26") as recipient, asyncio.timeout(30):
        async for delivery in recipient.receive():
            if delivery.id == identity:
                break
    assert (delivery.sender, delivery.document.subject) == ("G22", "viết tay")
    assert value in [record.value for record in await backbone.read(inbox("H26"))]


@pytest.mark.parametrize("name", ["lienthong.Envelope", "lienthong.Statement"])
def test_schemas_stand_alone(name: str) -> None:
    """The text of a schema needs nothing else to be parsed."""
    assert fastavro.parse_schema(json.loads(codec.schema_text(name)))
