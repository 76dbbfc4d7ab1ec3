"""Values that are part of the protocol: changing one is a new version of it, and a test that fails says so."""

import time

import pytest

from lienthong.kernel import limits
from lienthong.kernel.clock import now_ms
from lienthong.kernel.errors import (
    InvariantError,
    LienthongError,
    OverloadedError,
    RejectedError,
    UnavailableError,
)
from lienthong.kernel.keys import ALGORITHM, KEY_ID_BYTES
from lienthong.kernel.ledger import Outcome
from lienthong.kernel.merkle import HASH_BYTES, path_length
from lienthong.kernel.reasons import Reason
from lienthong.kernel.seal import Purpose
from lienthong.kernel.statement import Kind


def test_limits() -> None:
    """Every party refuses what is larger than these, so all must have the same."""
    assert {
        "MAX_ENVELOPE_BYTES": 983_040,
        "MAX_STATEMENT_BYTES": 262_144,
        "MAX_INLINE_BYTES": 950_272,
        "MAX_TREE_SIZE": 4_096,
        "MAX_PATH_HASHES": 12,
        "MAX_SIGNATURES": 4,
        "MAX_RECIPIENTS": 500,
        "MAX_ATTACHMENTS": 50,
        "MAX_NAMED": 500,
        "MAX_REFERENCES": 50,
        "MAX_REASON_CHARACTERS": 500,
        "MAX_FILE_NAME_CHARACTERS": 255,
        "MAX_CODE_CHARACTERS": 35,
        "MAX_GROUP_MEMBERS": 500,
        "MAX_SUCCESSORS": 50,
        "ACCEPTANCE_WINDOW_MS": 604_800_000,
        "FUTURE_TOLERANCE_MS": 300_000,
    } == {name: getattr(limits, name) for name in limits.__all__}


def test_the_longest_path_is_that_of_the_largest_tree() -> None:
    """No leaf of the largest tree has a longer path than is allowed."""
    lengths = {path_length(index, limits.MAX_TREE_SIZE) for index in range(limits.MAX_TREE_SIZE)}
    assert {limits.MAX_PATH_HASHES} == lengths


def test_reasons() -> None:
    """Reason codes stand in ledgers and receipts for ever; new ones may be added, none may change."""
    assert {
        "malformed", "oversize", "wrong_origin", "wrong_purpose", "wrong_sender", "wrong_lane", "bad_seal",
        "unknown_sender", "unknown_key", "key_not_valid", "key_revoked", "unknown_recipient", "expired", "future",
        "no_record", "bad_attachment", "duplicate",
    } == {str(reason) for reason in Reason}  # fmt: skip


def test_names_on_the_wire() -> None:
    """Kinds, outcomes, purposes and the algorithm are written as they always were."""
    kinds = ["document", "acknowledgement", "receipt", "agency", "key", "group", "command", "notice"]
    assert kinds == [str(kind) for kind in Kind]
    assert ["accepted", "rejected", "opened"] == [str(outcome) for outcome in Outcome]
    assert ("exchange", "receipt", "directory", "command") == (
        Purpose.EXCHANGE,
        Purpose.RECEIPT,
        Purpose.DIRECTORY,
        Purpose.COMMAND,
    )
    assert ("ed25519", 16, 32) == (ALGORITHM, KEY_ID_BYTES, HASH_BYTES)


def test_a_rejection_carries_its_reason() -> None:
    """The error for an input that never works says why, as a code and in words."""
    error = RejectedError(Reason.EXPIRED, "created is 200 h ago")
    assert (Reason.EXPIRED, "created is 200 h ago") == (error.reason, error.detail)
    assert "expired: created is 200 h ago" == str(error)


@pytest.mark.parametrize("kind", [RejectedError, UnavailableError, OverloadedError, InvariantError])
def test_errors_are_told_apart(kind: type[LienthongError]) -> None:
    """The four kinds of errors share one base and are no kinds of each other, nor of Python's own."""
    others = {RejectedError, UnavailableError, OverloadedError, InvariantError} - {kind}
    assert issubclass(kind, LienthongError)
    assert not any(issubclass(kind, other) for other in (*others, ValueError, OSError, RuntimeError))


def test_the_clock_counts_milliseconds() -> None:
    """The clock gives whole milliseconds since 1970 UTC."""
    before = time.time_ns() // 1_000_000
    now = now_ms()
    assert isinstance(now, int)
    assert before <= now <= before + 60_000
