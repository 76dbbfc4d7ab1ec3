"""Avro bytes to values and back, strictly: one value has one encoding, and nothing else decodes.

fastavro accepts padded numbers, trailing bytes, split array blocks and negative indexes. Whatever
decodes here is encoded again and compared with what was read, so none of these passes. The schemas
hold no recursive type, no map, no decimal and no array of items without width, because those let a
few bytes cost a process its memory or its life.
"""

import json
from importlib.resources import files
from io import BytesIO
from typing import Any, Final, cast

import fastavro
from fastavro import schemaless_reader, schemaless_writer

from lienthong.kernel.errors import RejectedError
from lienthong.kernel.reasons import Reason

__all__ = ["ENVELOPE_ID", "RECORDS", "decode", "encode", "frame", "schema_text", "unframe"]

RECORDS: Final = (
    "signature", "seal", "envelope", "attachment", "signer", "document", "acknowledgement",
    "receipt_entry", "receipt", "agency_record", "key_record", "statement",
)  # fmt: skip
"""Names of the files in `schemas/`, each after those it refers to."""

_MAGIC: Final = b"\x00"
_FRAME_BYTES: Final = 5


def _load() -> tuple[dict[str, Any], dict[str, dict[str, Any]], dict[str, int]]:
    """Read and parse every schema once: parsed by record name, source by file name, ids by full name."""
    folder = files("lienthong") / "schemas"
    named: dict[str, Any] = {}
    parsed: dict[str, Any] = {}
    sources: dict[str, dict[str, Any]] = {}
    for record in RECORDS:
        source = json.loads((folder / f"{record}.avsc").read_text("utf-8"))
        sources[f"{source['namespace']}.{source['name']}"] = source
        parsed[source["name"]] = fastavro.parse_schema(source, named_schemas=named)
    ids = json.loads((folder / "ids.json").read_text("utf-8"))
    return parsed, sources, ids


_PARSED, _SOURCES, _IDS = _load()
ENVELOPE_ID: Final[int] = _IDS["lienthong.Envelope"]
"""Schema id of `lienthong.Envelope` in the Confluent wire format; fixed for ever."""
_ENVELOPE_FRAME: Final = _MAGIC + ENVELOPE_ID.to_bytes(4, "big")


def schema_text(name: str) -> str:
    """JSON text of one record's schema with everything it refers to inside, for any Avro library.

    Args:
        name: full name, for instance ``lienthong.Envelope``.
    """
    seen: set[str] = set()

    def inline(node: Any) -> Any:
        if isinstance(node, str) and node in _SOURCES and node not in seen:
            return inline(_SOURCES[node])
        if isinstance(node, list):
            return [inline(item) for item in node]
        if isinstance(node, dict):
            if node.get("type") == "record":
                seen.add(f"{node['namespace']}.{node['name']}")
            return {key: inline(item) if key in ("type", "items", "fields") else item for key, item in node.items()}
        return node

    return json.dumps(inline(_SOURCES[name]), ensure_ascii=False)


def encode(record: str, value: dict[str, Any]) -> bytes:
    """Canonical Avro bytes of a record; unions of records as ``(full name, value)``.

    Raises:
        ValueError: the value does not fit the schema; the text says where.
    """
    out = BytesIO()
    try:
        schemaless_writer(out, _PARSED[record], value)
    except (TypeError, KeyError, AttributeError, OverflowError, ValueError) as error:
        raise ValueError(f"not a {record}: {error}") from error
    return out.getvalue()


def decode(record: str, data: bytes) -> dict[str, Any]:
    """The value that these bytes, and no others, encode; unions of records as ``(full name, value)``.

    Raises:
        RejectedError: MALFORMED, whatever the bytes are; never anything else.
    """
    schema = _PARSED[record]
    try:
        value = schemaless_reader(BytesIO(data), schema, None, return_record_name=True, return_record_name_override=True)
        out = BytesIO()
        schemaless_writer(out, schema, value)
    except Exception as error:  # the decoder is foreign and the bytes are hostile: anything may be raised
        raise RejectedError(Reason.MALFORMED, f"not a {record}: {type(error).__name__}") from error
    if out.getvalue() != data:
        raise RejectedError(Reason.MALFORMED, f"not the canonical encoding of a {record}")
    return cast("dict[str, Any]", value)


def frame(envelope: bytes) -> bytes:
    """Put the Confluent wire format's magic byte and schema id before an encoded envelope."""
    return _ENVELOPE_FRAME + envelope


def unframe(value: bytes) -> bytes:
    """Take the Confluent wire format's magic byte and schema id off.

    Raises:
        RejectedError: MALFORMED, no frame, or the id of another schema.
    """
    if value[:_FRAME_BYTES] != _ENVELOPE_FRAME:
        raise RejectedError(
            Reason.MALFORMED, f"the value does not begin with the frame of schema id {ENVELOPE_ID}"
        )
    return value[_FRAME_BYTES:]
