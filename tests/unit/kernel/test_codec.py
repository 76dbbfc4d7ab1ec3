"""The codec: every value there and back, byte for byte as fastavro writes it; schemas for other tools."""

import json
import re
from importlib.resources import files
from io import BytesIO
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lienthong.kernel import codec
from lienthong.kernel.envelope import decode_envelope
from lienthong.kernel.errors import RejectedError
from lienthong.kernel.reasons import Reason
from lienthong.kernel.statement import encode_statement
from unit.kernel.strategies import SCHEMAS, values_of
from unit.kernel.wire import envelope_bytes, statement_bytes
from unit.kernel.world import document, quick, reason_of

few = settings(quick, max_examples=40)
"""There is a test of each kind for every record."""
_KNOWN: dict[str, Any] = {}
FOREIGN = {name: fastavro.parse_schema(schema, named_schemas=_KNOWN) for name, schema in SCHEMAS.items()}


def foreign_bytes(record: str, value: dict[str, Any]) -> bytes:
    """What fastavro writes."""
    out = BytesIO()
    fastavro.schemaless_writer(out, FOREIGN[record], value)
    return out.getvalue()


def foreign_value(record: str, data: bytes) -> Any:
    """What fastavro reads."""
    return fastavro.schemaless_reader(
        BytesIO(data), FOREIGN[record], None, return_record_name=True, return_record_name_override=True
    )


@pytest.mark.parametrize("record", SCHEMAS)
@few
@given(st.data())
def test_every_value_comes_back(record: str, draw: st.DataObject) -> None:
    """A value of any record is encoded as fastavro encodes it, and decodes to itself, here and there."""
    value = draw.draw(values_of(SCHEMAS[record]))
    data = codec.encode(record, value)
    assert foreign_bytes(record, value) == data
    assert value == codec.decode(record, data)
    assert value == foreign_value(record, data)


@pytest.mark.parametrize("record", SCHEMAS)
@few
@given(st.data())
def test_a_value_has_one_encoding(record: str, draw: st.DataObject) -> None:
    """Bytes near a valid encoding are refused, or are themselves the encoding of what they decode to."""
    data = bytearray(codec.encode(record, draw.draw(values_of(SCHEMAS[record]))))
    for _ in range(draw.draw(st.integers(1, 3))):
        place = draw.draw(st.integers(0, len(data)))
        data[place : place + draw.draw(st.integers(0, 1))] = draw.draw(st.binary(max_size=2))
    try:
        value = codec.decode(record, bytes(data))
    except RejectedError as rejected:
        assert Reason.MALFORMED is rejected.reason  # noqa: PT017 - most examples are refused, not all
    else:
        assert data == codec.encode(record, value)
        assert value == foreign_value(record, bytes(data))


def test_bytes_made_by_hand() -> None:
    """A statement and an envelope put together by hand from the Avro specification are ours, byte for byte."""
    assert statement_bytes() == encode_statement(document())
    assert statement_bytes() == decode_envelope(envelope_bytes()).statement


def broken(path: tuple[str | int, ...], wrong: Any) -> dict[str, Any]:
    """A statement's value in which one place is wrong."""
    value: dict[str, Any] = codec.decode("Statement", encode_statement(document()))
    inner: Any = value
    for step in path[:-1]:
        inner[step] = list(inner[step]) if isinstance(inner[step], tuple) else inner[step]
        inner = inner[step]
    inner[path[-1]] = wrong
    return value


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("sender",), None),
        (("sender",), 7),
        (("sender",), b"G22"),
        (("sender",), "\ud800"),
        (("recipients",), 7),
        (("recipients",), [None]),
        (("thread",), bytes(15)),
        (("thread",), bytes(17)),
        (("thread",), "0123456789abcdef"),
        (("created",), 2**63),
        (("created",), -(2**63) - 1),
        (("created",), "now"),
        (("created",), 1.5),
        (("created",), None),
        (("priority",), 2**31),
        (("priority",), -(2**31) - 1),
        (("attachments",), [{}]),
        (("attachments", 0, "sha256"), bytes(31)),
        (("body",), None),
        (("body",), {}),
        (("body",), ("lienthong.Signer", {})),
        (("body",), ("lienthong.Document", {})),
        (("body", 1, "signer"), {}),
        (("body", 1, "signer"), 7),
        (("body", 1, "refers_to"), [bytes(31)]),
    ],
    ids=str,
)
def test_what_does_not_fit_is_not_encoded(path: tuple[str | int, ...], wrong: Any) -> None:
    """A value that does not fit the schema is a ValueError and nothing else."""
    with pytest.raises(ValueError, match="not a Statement"):
        codec.encode("Statement", broken(path, wrong))


def test_a_missing_field_is_not_encoded() -> None:
    """A record without one of its fields is a ValueError: nothing has a default."""
    whole = codec.decode("Statement", encode_statement(document()))
    for name in whole:
        with pytest.raises(ValueError, match=name):
            codec.encode("Statement", {key: value for key, value in whole.items() if key != name})


def test_fixed_schema_ids() -> None:
    """The ids of the Confluent wire format are these for ever; a new schema gets a new one."""
    ids = json.loads((files("lienthong") / "schemas" / "ids.json").read_text("utf-8"))
    assert {"lienthong.Envelope": 1, "lienthong.Statement": 2} == ids
    assert 1 == codec.ENVELOPE_ID


def test_frame() -> None:
    """A frame is a zero byte and the schema id in four bytes, and comes off again."""
    assert b"\x00\x00\x00\x00\x01body" == codec.frame(b"body")
    assert b"body" == codec.unframe(codec.frame(b"body"))
    assert b"" == codec.unframe(codec.frame(b""))


@pytest.mark.parametrize(
    "value", [b"", b"\x00", b"\x00\x00\x00\x00", b"\x01\x00\x00\x00\x01x", b"\x00\x00\x00\x00\x02x"]
)
def test_another_frame_is_refused(value: bytes) -> None:
    """A value that is cut inside its frame, or has another magic byte or schema id, is malformed."""
    assert Reason.MALFORMED is reason_of(codec.unframe, value)


@pytest.mark.parametrize("record", SCHEMAS)
def test_schema_text_needs_nothing_else(record: str) -> None:
    """The text of each schema is parsed on its own, names every type once, and has its fields in order."""
    text = codec.schema_text(f"lienthong.{record}")
    schema = json.loads(text)
    named: dict[str, Any] = {}
    fastavro.parse_schema(schema, named_schemas=named)
    assert f"lienthong.{record}" in named
    for name in named:
        assert 1 == len(re.findall(rf'"name": "(?:lienthong\.)?{name.removeprefix("lienthong.")}"', text))
    assert [field["name"] for field in SCHEMAS[record]["fields"]] == [field["name"] for field in schema["fields"]]


def test_schema_text_of_an_unknown_name() -> None:
    """There is no text for a name that is no record's."""
    with pytest.raises(KeyError):
        codec.schema_text("lienthong.Nothing")


def test_confluent_reads_our_records() -> None:
    """confluent-kafka's own deserializer, given our schema under our id, reads a record of ours as it is."""
    avro = pytest.importorskip("confluent_kafka.schema_registry.avro")
    from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
    from confluent_kafka.serialization import MessageField, SerializationContext

    registry = SchemaRegistryClient.new_client({"url": "mock://"})
    number = registry.register_schema("lt.ledger-value", Schema(codec.schema_text("lienthong.Envelope"), "AVRO"))
    assert codec.ENVELOPE_ID == number
    read = avro.AvroDeserializer(registry)
    value = read(envelope_bytes(), SerializationContext("lt.ledger", MessageField.VALUE))
    assert codec.decode("Envelope", codec.unframe(envelope_bytes())) == value
