"""The schemas of `schemas/` and the codec for their records: strict, one value has one encoding.

Schemas hold no recursive type, no map, no decimal and no array of items without width, because those
let a few bytes cost a process its memory or its life.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any, Final, cast

import fastavro

from lienthong.kernel.avro import compile_reader, compile_writer
from lienthong.kernel.errors import RejectedError
from lienthong.kernel.reasons import Reason

__all__ = ["ENVELOPE_ID", "RECORDS", "decode", "decoder", "encode", "frame", "schema_text", "unframe"]

RECORDS: Final = (
    "signature", "seal", "envelope", "attachment", "signer", "replacement", "document",
    "acknowledgement", "receipt_entry", "receipt", "agency_record", "key_record", "group_record", "command",
    "notice_entry", "notice", "statement",
)  # fmt: skip
"""Names of the files in `schemas/`, each after those it refers to."""

_NAMESPACE: Final = "lienthong"
_MAGIC: Final = b"\x00"
_FRAME_BYTES: Final = 5


def _full_name(schema: dict[str, Any]) -> str:
    return schema["name"] if "." in schema["name"] else f"{_NAMESPACE}.{schema['name']}"


def _named_types(node: Any) -> dict[str, dict[str, Any]]:
    """A record of a file and the fixed types that are defined within it, by full name."""
    if isinstance(node, list):
        return {name: one for item in node for name, one in _named_types(item).items()}
    if not isinstance(node, dict):
        return {}
    found = {_full_name(node): node} if node.get("type") in ("record", "fixed") else {}
    for inner in (node.get("type"), node.get("items"), *(field["type"] for field in node.get("fields", ()))):
        found.update(_named_types(inner))
    return found


def _load() -> tuple[dict[str, Any], dict[str, Any], dict[str, dict[str, Any]], dict[str, int]]:
    """Read every schema once: parsed by record name and by full name, sources by full name, ids."""
    folder = files("lienthong") / "schemas"
    named: dict[str, Any] = {}
    parsed: dict[str, Any] = {}
    sources: dict[str, dict[str, Any]] = {}
    for record in RECORDS:
        source = json.loads((folder / f"{record}.avsc").read_text("utf-8"))
        sources.update(_named_types(source))
        parsed[source["name"]] = fastavro.parse_schema(source, named_schemas=named)
    return parsed, named, sources, json.loads((folder / "ids.json").read_text("utf-8"))


_PARSED, _NAMED, _SOURCES, _IDS = _load()
_WRITERS: Final = {name: compile_writer(schema, _NAMED) for name, schema in _PARSED.items()}
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
        if isinstance(node, str):
            return inline(_SOURCES[node]) if node in _SOURCES and node not in seen else node
        if isinstance(node, list):
            return [inline(item) for item in node]
        if node["type"] not in ("record", "fixed"):
            return {key: inline(item) if key in ("type", "items") else item for key, item in node.items()}
        full_name = _full_name(node)
        if full_name in seen:
            return full_name
        seen.add(full_name)
        fields = [{**field, "type": inline(field["type"])} for field in node.get("fields", ())]
        return {**node, "name": full_name, **({"fields": fields} if fields else {})}

    return json.dumps(inline(_SOURCES[name]), ensure_ascii=False)


def encode(record: str, value: dict[str, Any]) -> bytes:
    """Canonical Avro bytes of a record; unions of records as ``(full name, value)``.

    Raises:
        ValueError: the value does not fit the schema; the text says where.
    """
    try:
        return _WRITERS[record](value)
    except (TypeError, KeyError, AttributeError, IndexError, ValueError) as error:
        raise ValueError(f"not a {record}: {type(error).__name__} {error}") from error


def decoder(
    record: str,
    makers: Mapping[str, Callable[..., Any]],
    repeated: Mapping[str, Sequence[Sequence[str]]] | None = None,
) -> Callable[[bytes], Any]:
    """A function that reads this record, and no other bytes; see `decode`.

    Args:
        record: name of the record.
        makers: for records by full name, the type of a named tuple or a function of a tuple, of the fields in
            order; records not named become dicts. Unions of records become ``(full name, value)``.
        repeated: runs of fields that are often the same in the next value, see `compile_reader`.
    """
    read = compile_reader(_PARSED[record], _NAMED, makers, repeated)

    def decode(data: bytes) -> Any:
        try:
            return read(data)
        except (ValueError, IndexError) as error:
            raise RejectedError(Reason.MALFORMED, f"not the encoding of a {record}: {error}") from error

    return decode


_DECODERS: Final = {name: decoder(name, {}) for name in _PARSED}


def decode(record: str, data: bytes) -> dict[str, Any]:
    """The value that these bytes, and no others, encode; unions of records as ``(full name, value)``.

    Raises:
        RejectedError: MALFORMED, whatever the bytes are; never anything else.
    """
    return cast("dict[str, Any]", _DECODERS[record](data))


def frame(envelope: bytes) -> bytes:
    """Put the Confluent wire format's magic byte and schema id before an encoded envelope."""
    return _ENVELOPE_FRAME + envelope


def unframe(value: bytes) -> bytes:
    """Take the Confluent wire format's magic byte and schema id off.

    Raises:
        RejectedError: MALFORMED, no frame, or the id of another schema.
    """
    if value[:_FRAME_BYTES] != _ENVELOPE_FRAME:
        raise RejectedError(Reason.MALFORMED, f"the value does not begin with the frame of schema id {ENVELOPE_ID}")
    return value[_FRAME_BYTES:]
