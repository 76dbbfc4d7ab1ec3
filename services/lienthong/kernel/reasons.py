"""Why an envelope was rejected: one code, the same in ledger header, receipt and metric label."""

from enum import StrEnum

__all__ = ["TOLD_BY_DIRECTORY", "Reason"]


class Reason(StrEnum):
    """Every reason for which intake rejects a record. The table in `docs/protocol.md` explains each."""

    MALFORMED = "malformed"
    """The bytes are not an envelope and statement in canonical form."""
    OVERSIZE = "oversize"
    """The record, or a list in it, is larger than the protocol allows."""
    WRONG_ORIGIN = "wrong_origin"
    """The seal was made for another backbone."""
    WRONG_PURPOSE = "wrong_purpose"
    """The key or the seal may not be used for this kind of statement."""
    WRONG_SENDER = "wrong_sender"
    """The statement's sender is not the owner of the topic it was written to."""
    WRONG_LANE = "wrong_lane"
    """The statement's thread belongs to another partition, or its priority to another lane."""
    BAD_SEAL = "bad_seal"
    """The path does not lead to the signed root, or the signature does not verify."""
    UNKNOWN_SENDER = "unknown_sender"
    """The directory does not know the sender at this time."""
    UNKNOWN_KEY = "unknown_key"
    """The directory does not know the signing key, or it is not the sender's."""
    KEY_NOT_VALID = "key_not_valid"
    """The signing key is outside its validity window."""
    KEY_REVOKED = "key_revoked"
    """The signing key has been revoked."""
    UNKNOWN_RECIPIENT = "unknown_recipient"
    """A recipient is not in the directory, or no connected agency stands above it."""
    EXPIRED = "expired"
    """The statement was made longer ago than the acceptance window allows."""
    FUTURE = "future"
    """The statement, or its seal, was made later than now."""
    NO_RECORD = "no_record"
    """There is no record at this offset: a transaction marker of the writer took it."""
    BAD_ATTACHMENT = "bad_attachment"
    """The contents carried do not match the attachments the statement names."""
    DUPLICATE = "duplicate"
    """The envelope was accepted before, from another record; the first entry counts."""


TOLD_BY_DIRECTORY = frozenset({Reason.UNKNOWN_SENDER, Reason.UNKNOWN_KEY, Reason.UNKNOWN_RECIPIENT})
"""Reasons of which a directory that is read further may say otherwise."""
