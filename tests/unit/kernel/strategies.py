"""Hypothesis strategies: values of any schema of ours, and statements that keep all rules."""

import json
from importlib.resources import files
from typing import Any

from hypothesis import strategies as st

from lienthong.kernel import codec
from lienthong.kernel.lanes import EXPRESS_PRIORITY
from lienthong.kernel.statement import ACTIONS, STATUS_CODES, Attachment, Kind, Statement
from unit.kernel.world import BACKBONE, RECIPIENT, SENDER, one_of_each_kind

__all__ = ["SCHEMAS", "kinds", "statements", "values_of"]

SCHEMAS: dict[str, dict[str, Any]] = {
    source["name"]: source
    for source in (
        json.loads((files("lienthong") / "schemas" / f"{name}.avsc").read_text("utf-8")) for name in codec.RECORDS
    )
}
"""Every schema by the record's name, as it stands in its file."""

_TEXT = st.text("aZ09 .\n\x00ảự€😀", max_size=6)
_LONGS = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([0, 1, -1, 63, 64, -64, -65, 127, 128, 4_095, 4_096, 8_191, 8_192, 2**31, 2**63 - 1, -(2**63)]),
)
_INTS = st.one_of(st.integers(-(2**31), 2**31 - 1), st.sampled_from([0, 63, 64, 2**31 - 1, -(2**31)]))


def _named_types(schema: Any, found: dict[str, Any]) -> dict[str, Any]:
    """Fixed types are named where they are used first; this finds them by full name."""
    if isinstance(schema, list):
        for one in schema:
            _named_types(one, found)
    elif isinstance(schema, dict):
        if schema["type"] in ("record", "fixed"):
            found[f"lienthong.{schema['name']}"] = schema
        for field in schema.get("fields", ()):
            _named_types(field["type"], found)
        for inner in (schema["type"], schema.get("items")):
            if isinstance(inner, dict | list):
                _named_types(inner, found)
    return found


NAMED: dict[str, Any] = {}
for _schema in SCHEMAS.values():
    _named_types(_schema, NAMED)


def values_of(schema: Any) -> st.SearchStrategy[Any]:
    """Values of a schema as the codec takes and gives them: unions of records as (full name, value)."""
    if isinstance(schema, list):
        tagged = sum(branch != "null" for branch in schema) > 1
        return st.one_of(
            *(
                st.tuples(st.just(branch), values_of(branch)) if tagged and branch != "null" else values_of(branch)
                for branch in schema
            )
        )
    if isinstance(schema, str):
        plain: dict[str, st.SearchStrategy[Any]] = {
            "null": st.none(),
            "boolean": st.booleans(),
            "int": _INTS,
            "long": _LONGS,
            "string": _TEXT,
            "bytes": st.one_of(st.binary(max_size=6), st.sampled_from([bytes(64), bytes(8_192)])),
        }
        return plain[schema] if schema in plain else values_of(NAMED[schema])
    if schema["type"] == "fixed":
        return st.binary(min_size=schema["size"], max_size=schema["size"])
    if schema["type"] == "array":
        return st.lists(values_of(schema["items"]), max_size=3)
    assert schema["type"] == "record"
    return st.fixed_dictionaries({field["name"]: values_of(field["type"]) for field in schema["fields"]})


kinds = st.sampled_from(list(Kind))
"""Every kind of statement."""

_IDS = st.binary(min_size=32, max_size=32)
_MOMENTS = st.integers(0, 2**53)


@st.composite
def statements(draw: st.DrawFn, kind: Kind) -> Statement:
    """Statements of one kind that `decode_statement` accepts."""
    plain, _, _ = one_of_each_kind()[kind]
    body = draw(values_of(NAMED[_RECORD[kind]]))
    priority = draw(st.integers(0, 4))
    thread = bytearray(draw(st.binary(min_size=16, max_size=16)))
    recipients = [SENDER]
    if kind is Kind.DOCUMENT:
        recipients = draw(st.lists(st.sampled_from([SENDER, RECIPIENT, BACKBONE]), min_size=1, unique=True))
        body["business_type"] = draw(st.integers(0, 3))
        body["changes"] = draw(st.integers(0, 3))
        body["for_information"] = draw(st.lists(st.sampled_from(recipients), unique=True))
        body["replaces"] = draw(
            st.lists(values_of(NAMED["lienthong.Replacement"]), max_size=2, unique_by=lambda one: str(one["document"]))
        )
        body["subject"] = draw(_TEXT.filter(bool))
        thread[0] = thread[0] & 0x7F | (0x80 if priority >= EXPRESS_PRIORITY else 0)
    elif kind is Kind.ACKNOWLEDGEMENT:
        body["documents"] = draw(st.lists(_IDS, min_size=1, max_size=3, unique=True))
        body["reason"] = draw(_TEXT.filter(bool))
        body["status"] = draw(st.sampled_from(sorted(STATUS_CODES)))
    elif kind is Kind.RECEIPT:
        body["entries"] = draw(st.lists(values_of(NAMED["lienthong.ReceiptEntry"]), min_size=1, max_size=3))
    elif kind is Kind.COMMAND:
        body["action"] = draw(st.sampled_from(ACTIONS))
        body["reason"] = draw(_TEXT.filter(bool))
    elif kind is Kind.NOTICE:
        body["entries"] = draw(st.lists(values_of(NAMED["lienthong.NoticeEntry"]), min_size=1, max_size=3))
    else:
        recipients = []
        if kind is Kind.GROUP:
            body["code"] = draw(st.sampled_from(["@A", "@TINH-THANH", f"@{'9' * 34}"]))
            body["members"] = draw(st.lists(st.sampled_from([SENDER, RECIPIENT, BACKBONE]), unique=True))
    names = _TEXT.map(lambda name: f"công văn {name}".replace("\x00", "_"))
    attachments = st.builds(Attachment, names, _TEXT, _LONGS, _IDS)
    return plain._replace(
        sender=draw(_TEXT),
        recipients=recipients,
        thread=bytes(thread),
        created=draw(_LONGS),
        priority=priority,
        salt=draw(st.binary(min_size=16, max_size=16)),
        attachments=draw(
            st.lists(attachments, min_size=1, max_size=1) if kind is Kind.COMMAND else st.lists(attachments, max_size=2)
        ),
        body=body,
    )


_RECORD = {
    Kind.DOCUMENT: "lienthong.Document",
    Kind.ACKNOWLEDGEMENT: "lienthong.Acknowledgement",
    Kind.RECEIPT: "lienthong.Receipt",
    Kind.AGENCY: "lienthong.AgencyRecord",
    Kind.KEY: "lienthong.KeyRecord",
    Kind.GROUP: "lienthong.GroupRecord",
    Kind.COMMAND: "lienthong.Command",
    Kind.NOTICE: "lienthong.Notice",
}
