"""Fields that repeat are read once: what a reader says never depends on what it has read before."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.kernel import codec
from lienthong.kernel.errors import RejectedError
from unit.kernel.strategies import SCHEMAS, values_of
from unit.kernel.world import quick

REPEATED: dict[str, list[tuple[str, ...]]] = {
    "lienthong.Envelope": [("payload_type",)],
    "lienthong.Seal": [("origin", "purpose", "signed_at", "tree_size"), ("signatures",)],
}


def outcome(decode: Any, data: bytes) -> Any:
    """What a decoder returns, or that it refuses."""
    try:
        return decode(data)
    except RejectedError:
        return "refused"


def plain(data: bytes) -> Any:
    """What a decoder without memory says."""
    return outcome(lambda one: codec.decode("Envelope", one), data)


@quick
@given(st.data())
def test_the_order_of_reading_changes_nothing(draw: st.DataObject) -> None:
    """Envelopes with equal and with different seals, whole, cut and changed, in any order."""
    decode = codec.decoder("Envelope", {}, REPEATED)
    values = draw.draw(st.lists(values_of(SCHEMAS["Envelope"]), min_size=2, max_size=3))
    one, other = values[0], values[1]
    alike = {**other, "payload_type": one["payload_type"], "seal": {**one["seal"], "leaf_index": 7}}
    encodings = [codec.encode("Envelope", value) for value in (*values, alike)]
    for _ in range(12):
        data = draw.draw(st.sampled_from(encodings))
        change = draw.draw(st.sampled_from(["none", "cut", "set"]))
        at = draw.draw(st.integers(0, len(data) - 1))
        if change == "cut":
            data = data[:at]
        elif change == "set":
            data = data[:at] + bytes([draw.draw(st.integers(0, 255))]) + data[at + 1 :]
        assert outcome(decode, data) == plain(data)


def test_a_cut_envelope_is_not_remembered() -> None:
    """Fields that the end of the bytes cut short do not stand for those of the next envelope."""
    decode = codec.decoder("Envelope", {}, REPEATED)
    envelope = codec.encode(
        "Envelope",
        {
            "payload_type": "type",
            "statement": b"statement",
            "contents": [b"content"],
            "seal": {
                "origin": "origin", "purpose": "exchange", "signed_at": 1_700_000_000_000, "tree_size": 1,
                "leaf_index": 0, "path": b"", "signatures": [{"key_id": bytes(16), "signature": bytes(64)}],
            },
        },
    )  # fmt: skip
    for end in range(len(envelope)):
        assert outcome(decode, envelope[:end]) == "refused"
        assert decode(envelope) == plain(envelope)


def test_runs_are_neighbouring_fields() -> None:
    """A run of fields that do not follow one another is a mistake of the programmer's."""
    with pytest.raises(ValueError, match="neighbouring"):
        codec.decoder("Seal", {}, {"lienthong.Seal": [("origin", "signed_at")]})
