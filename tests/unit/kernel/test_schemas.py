"""The schema files: safe shapes only, every field explained, and the same fields in Python and in Avro."""

import re
from importlib.resources import files
from typing import Any

import pytest

from lienthong.client.documents import Document, Replacement, Signer
from lienthong.kernel import codec
from lienthong.kernel.directory import Agency, Group, Key
from lienthong.kernel.envelope import SealedEnvelope, decode_envelope
from lienthong.kernel.seal import Seal, Signature
from lienthong.kernel.statement import Attachment, Kind, Statement
from unit.kernel.strategies import NAMED, SCHEMAS
from unit.kernel.wire import envelope_bytes
from unit.kernel.world import acknowledgement, command, document_body, notice, receipt

PLAIN = {"boolean", "int", "long", "string", "bytes"}
"""Plain types that may be used; null may stand first in a union with one other type. No float: it has many zeros."""


def fields_of(record: str) -> list[str]:
    """Names of a record's fields in order."""
    return [field["name"] for field in SCHEMAS[record]["fields"]]


def faults_of(schema: Any, named: dict[str, Any], above: tuple[str, ...] = ()) -> list[str]:
    """What must not stand in a schema, or may not stand there for hostile bytes' sake (design, 3 and 7).

    Args:
        schema: any schema.
        named: schemas of named types by full name.
        above: records that this schema is part of.
    """
    where = ".".join(above)
    if isinstance(schema, list):
        faults = [fault for branch in schema if branch != "null" for fault in faults_of(branch, named, above)]
        if "null" in schema[1:]:
            faults.append(f"{where}: null is not the first branch")
        if len(schema) < 2 or len(schema) > 63:
            faults.append(f"{where}: a union of {len(schema)} branches")
        if "null" in schema and len(schema) > 2:
            faults.append(f"{where}: null beside more than one other branch")
        if "null" not in schema and not all(named.get(branch, {}).get("type") == "record" for branch in schema):
            faults.append(f"{where}: a union of other things than records")
        return faults
    if isinstance(schema, str):
        if schema in PLAIN:
            return []
        if schema not in named:
            return [f"{where}: type {schema!r} is not one that may be used"]
        return faults_of(named[schema], named, above) if named[schema]["type"] == "record" else []
    if "logicalType" in schema:
        return [f"{where}: logical type {schema['logicalType']!r}: numbers and text only"]
    if schema["type"] == "fixed":
        return [] if schema["size"] > 0 else [f"{where}: fixed without width"]
    if schema["type"] == "array":
        faults = faults_of(schema["items"], named, above)
        return faults if has_width(schema["items"], named) else [*faults, f"{where}: array items without width"]
    if schema["type"] != "record":
        return [f"{where}: type {schema['type']!r} is not one that may be used"]
    if schema["name"] in above:
        return [f"{where}: {schema['name']} is recursive"]
    faults = []
    for field in schema["fields"]:
        if "default" in field:
            faults.append(f"{schema['name']}.{field['name']}: a default; what is signed has every field")
        faults += faults_of(field["type"], named, (*above, schema["name"]))
    return faults


def has_width(schema: Any, named: dict[str, Any]) -> bool:
    """Whether every value of a schema takes at least one byte."""
    if isinstance(schema, list):
        return True
    if isinstance(schema, str):
        return schema in PLAIN or (schema in named and has_width(named[schema], named))
    if schema["type"] == "fixed":
        return bool(schema["size"] > 0)
    if schema["type"] == "record":
        return any(has_width(field["type"], named) for field in schema["fields"])
    return True


@pytest.mark.parametrize("record", SCHEMAS)
def test_schemas_hold_safe_shapes_only(record: str) -> None:
    """No recursion, map, enum, float, decimal or other logical type, and no array of items without width."""
    assert [] == faults_of(SCHEMAS[record], NAMED)


RECURSIVE = {"type": "record", "name": "R", "fields": [{"name": "next", "type": ["null", "lienthong.R"]}]}
EMPTY = {"type": "record", "name": "E", "fields": []}


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        (RECURSIVE, "recursive"),
        (
            {
                "type": "record",
                "name": "S",
                "fields": [{"name": "r", "type": {"type": "array", "items": "lienthong.R"}}],
            },
            "rec",
        ),
        ({"type": "map", "values": "string"}, "'map'"),
        ({"type": "enum", "name": "X", "symbols": ["A"]}, "'enum'"),
        ("double", "'double'"),
        ("null", "'null'"),
        ({"type": "bytes", "logicalType": "decimal", "precision": 9}, "decimal"),
        ({"type": "long", "logicalType": "timestamp-millis"}, "timestamp-millis"),
        ({"type": "fixed", "name": "Z", "size": 0}, "without width"),
        ({"type": "array", "items": "null"}, "without width"),
        ({"type": "array", "items": "lienthong.E"}, "without width"),
        ({"type": "array", "items": {"type": "fixed", "name": "Z", "size": 0}}, "items without width"),
        (["string", "null"], "not the first"),
        (["null", "string", "long"], "more than one"),
        (["string", "long"], "other things than records"),
        (["string"], "union of 1"),
        ({"type": "record", "name": "D", "fields": [{"name": "d", "type": "long", "default": 0}]}, "default"),
    ],
    ids=str,
)
def test_the_lint_finds_unsafe_shapes(schema: Any, fault: str) -> None:
    """Each shape that must not come into a schema is found by the lint that the schemas pass."""
    named = NAMED | {"lienthong.R": RECURSIVE, "lienthong.E": EMPTY}
    assert any(fault in found for found in faults_of(schema, named))


@pytest.mark.parametrize("record", SCHEMAS)
def test_everything_is_explained(record: str) -> None:
    """Every record and every field of it has a doc that is a sentence, and lower-case names."""
    schema = SCHEMAS[record]
    assert "lienthong" == schema["namespace"]
    for text in (schema["doc"], *(field["doc"] for field in schema["fields"])):
        assert re.fullmatch(r"\S.+\.", text)
    for name in fields_of(record):
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)


def test_every_file_is_loaded() -> None:
    """Every schema file is one the codec loads, and is named after its record."""
    there = {path.name for path in (files("lienthong") / "schemas").iterdir() if path.name.endswith(".avsc")}
    assert there == {f"{name}.avsc" for name in codec.RECORDS}
    in_files = [re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() for name in SCHEMAS]
    assert list(codec.RECORDS) == in_files


@pytest.mark.parametrize(
    ("record", "fields"),
    [
        ("Envelope", SealedEnvelope._fields),
        ("Seal", Seal._fields),
        ("Signature", Signature._fields),
        ("Attachment", Attachment._fields),
        ("AgencyRecord", Agency._fields),
        ("KeyRecord", Key._fields),
        ("GroupRecord", Group._fields),
        ("Statement", tuple(name for name in Statement._fields if name != "kind")),
        ("Document", tuple(document_body())),
        ("Acknowledgement", tuple(acknowledgement().body)),
        ("Receipt", tuple(receipt().body)),
        ("ReceiptEntry", tuple(receipt().body["entries"][0])),
        ("Command", tuple(command().body)),
        ("Notice", tuple(notice().body)),
        ("NoticeEntry", tuple(notice().body["entries"][0])),
        ("Signer", tuple(Signer.model_fields)),
        ("Replacement", tuple(Replacement.model_fields)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_python_and_schemas_agree(record: str, fields: tuple[str, ...]) -> None:
    """The Python type of a record has exactly its fields, in its order."""
    assert fields_of(record) == list(fields)


def test_every_record_is_compared() -> None:
    """The list above leaves no record out."""
    marks = [mark for mark in test_python_and_schemas_agree.pytestmark if mark.name == "parametrize"]  # type: ignore[attr-defined]
    assert set(SCHEMAS) == {record for record, _ in marks[0].args[1]}


def test_the_clients_document_has_every_field() -> None:
    """The document an agency fills in gives exactly the fields of the schema, in order, and few more."""
    filled = Document(recipients=("H37",), subject="x", signer=Signer(full_name="Nguyễn Văn A"))
    assert fields_of("Document") == list(filled.to_body())
    assert fields_of("Signer") == list(filled.to_body()["signer"])
    assert set(fields_of("Document")) | {"recipients", "priority"} == set(Document.model_fields)


def test_every_kind_is_a_branch() -> None:
    """The body's union has as many branches as there are kinds, in the order of their numbers on the wire."""
    branches = next(field["type"] for field in SCHEMAS["Statement"]["fields"] if field["name"] == "body")
    assert [
        "lienthong.Document",
        "lienthong.Acknowledgement",
        "lienthong.Receipt",
        "lienthong.AgencyRecord",
        "lienthong.KeyRecord",
        "lienthong.GroupRecord",
        "lienthong.Command",
        "lienthong.Notice",
    ] == branches
    assert len(Kind) == len(branches)


def test_decoded_envelopes_are_of_the_python_types() -> None:
    """What is decoded has the Python types down to the signatures."""
    sealed = decode_envelope(envelope_bytes())
    assert (SealedEnvelope, Seal, Signature) == (type(sealed), type(sealed.seal), type(sealed.seal.signatures[0]))
    assert isinstance(sealed.statement, bytes)
