"""Bounds of the protocol. Each is checked before any work that grows with it."""

__all__ = [
    "ACCEPTANCE_WINDOW_MS",
    "FUTURE_TOLERANCE_MS",
    "MAX_ATTACHMENTS",
    "MAX_CODE_CHARACTERS",
    "MAX_ENVELOPE_BYTES",
    "MAX_FILE_NAME_CHARACTERS",
    "MAX_GROUP_MEMBERS",
    "MAX_INLINE_BYTES",
    "MAX_NAMED",
    "MAX_PATH_HASHES",
    "MAX_REASON_CHARACTERS",
    "MAX_RECIPIENTS",
    "MAX_REFERENCES",
    "MAX_SIGNATURES",
    "MAX_STATEMENT_BYTES",
    "MAX_SUCCESSORS",
    "MAX_TREE_SIZE",
]

MAX_ENVELOPE_BYTES = 983_040
"""Largest value of a record, 960 KiB: with the headers the backbone adds it stays below 1 MiB."""
MAX_STATEMENT_BYTES = 262_144
"""Largest statement, 256 KiB."""
MAX_INLINE_BYTES = 950_272
"""Most bytes of attachments that travel in one envelope, 928 KiB."""
MAX_TREE_SIZE = 4_096
"""Most statements under one seal."""
MAX_PATH_HASHES = 12
"""Longest inclusion path: log2(MAX_TREE_SIZE)."""
MAX_SIGNATURES = 4
"""Most signatures on one seal."""
MAX_RECIPIENTS = 500
"""Most recipients of one statement, as it is said and again when its groups are expanded."""
MAX_GROUP_MEMBERS = 500
"""Most agencies of one group."""
MAX_SUCCESSORS = 50
"""Most agencies that take over from one that retires; kept by the operator's commands."""
MAX_ATTACHMENTS = 50
"""Most attachments of one statement."""
MAX_NAMED = 500
"""Most envelopes that one acknowledgement, receipt or notice names."""
MAX_REFERENCES = 50
"""Most documents that one document refers to."""
MAX_REASON_CHARACTERS = 500
"""Longest reason of an acknowledgement or a command."""
MAX_FILE_NAME_CHARACTERS = 255
"""Longest name of an attachment."""
MAX_CODE_CHARACTERS = 35
"""Longest code of an agency (Decision 20/2020), and of a group."""
ACCEPTANCE_WINDOW_MS = 7 * 24 * 3_600_000
"""A statement older than this is refused: it bounds the memory of ids seen and ends replays."""
FUTURE_TOLERANCE_MS = 5 * 60_000
"""How far a statement's clock may be ahead of ours."""
