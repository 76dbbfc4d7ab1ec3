"""The directory: agencies and keys, folded from records that the operator signed.

Every fact carries the moment from which it was known, so that an auditor can ask what intake could
know when it judged an envelope, and gets the same answer intake got.
"""

from collections.abc import Iterator
from typing import NamedTuple, TypeVar

from lienthong.kernel.envelope import decode_envelope, envelope_id
from lienthong.kernel.errors import RejectedError
from lienthong.kernel.keys import key_id_of
from lienthong.kernel.reasons import Reason
from lienthong.kernel.seal import Purpose, VerifiedRoots
from lienthong.kernel.statement import Kind, Statement, decode_statement
from lienthong.kernel.trust import OPERATOR, Trust

__all__ = ["HALT_LIFTED", "Agency", "Directory", "Key", "Lift", "record_key"]

_MAX_LEVELS = 16
HALT_LIFTED = "03"
"""Status under which the operator acknowledges a halt: go on."""
_RECORDED = (Kind.AGENCY, Kind.KEY, Kind.ACKNOWLEDGEMENT)
_Name = TypeVar("_Name")
_Fact = TypeVar("_Fact", "Agency", "Key")


class Agency(NamedTuple):
    """One agency; fields as in ``schemas/agency_record.avsc``, times in milliseconds since 1970 UTC."""

    version: int
    known_from: int
    code: str
    code_qcvn102: str
    name: str
    parent: str | None
    connected_from: int | None
    valid_from: int
    valid_until: int | None
    successors: list[str]


class Key(NamedTuple):
    """One signing key; fields as in ``schemas/key_record.avsc``, times in milliseconds since 1970 UTC."""

    version: int
    known_from: int
    agency: str
    purpose: str
    algorithm: str
    public_key: bytes
    valid_from: int
    valid_until: int | None
    revoked_from: int | None
    revocation_known_from: int | None

    def check(self, at: int, known: int) -> None:
        """Refuse the key if it may not be trusted at a time.

        Args:
            at: the moment of the signature's arrival.
            known: facts recorded after this are not used.

        Raises:
            RejectedError: UNKNOWN_KEY, KEY_NOT_VALID or KEY_REVOKED.
        """
        if self.known_from > known:
            raise RejectedError(Reason.UNKNOWN_KEY, "the key was not in the directory yet")
        if at < self.valid_from or (self.valid_until is not None and at >= self.valid_until):
            raise RejectedError(Reason.KEY_NOT_VALID, "the key is outside its validity window")
        if (
            self.revoked_from is not None
            and self.revocation_known_from is not None
            and self.revocation_known_from <= known
            and at >= self.revoked_from
        ):
            raise RejectedError(Reason.KEY_REVOKED, "the key has been revoked")


class Lift(NamedTuple):
    """The operator's word that halts (ids of 32 bytes) are over, why, and when it was said."""

    halts: tuple[bytes, ...]
    why: str
    created: int


def record_key(statement: Statement) -> bytes:
    """Kafka key of a directory record, so that compaction keeps the newest version of each subject."""
    if statement.kind is Kind.AGENCY:
        return f"agency/{statement.body['code']}".encode()
    if statement.kind is Kind.ACKNOWLEDGEMENT:
        return f"lift/{statement.body['documents'][0].hex()}".encode()
    return f"key/{key_id_of(statement.body['public_key'], statement.body['algorithm']).hex()}".encode()


class Directory:
    """Agencies by code, keys by id, and the halts that are lifted. Grows by `apply`; answers from what it has."""

    def __init__(self, trust: Trust) -> None:
        self.trust = trust
        self._operator_key = bytes.fromhex(trust.operator_key)
        self._operator_key_id = key_id_of(self._operator_key)
        self._roots = VerifiedRoots(1_000)
        self._agencies: dict[str, Agency] = {}
        self._keys: dict[bytes, Key] = {}
        self._lifted: set[bytes] = set()
        self.known_at = 0
        """Newest moment recorded in any fact applied, milliseconds since 1970 UTC."""

    def apply(self, value: bytes) -> Agency | Key | Lift | None:
        """Take one record of the directory topic.

        Returns:
            What it says, or None when a version as new is already here.

        Raises:
            RejectedError: it is not a directory record that the operator signed for this backbone.
        """
        sealed = decode_envelope(value)
        statement = decode_statement(sealed.statement)
        seal = sealed.seal
        if statement.sender != OPERATOR or statement.kind not in _RECORDED:
            raise RejectedError(Reason.WRONG_SENDER, "not a directory record of the operator")
        if seal.origin != self.trust.origin:
            raise RejectedError(Reason.WRONG_ORIGIN, f"sealed for {seal.origin[:100]!r}, not {self.trust.origin!r}")
        if seal.purpose != Purpose.DIRECTORY:
            raise RejectedError(Reason.WRONG_PURPOSE, f"sealed for purpose {seal.purpose[:20]!r}")
        if len(seal.signatures) != 1:
            raise RejectedError(Reason.BAD_SEAL, "a directory record has exactly one signature")
        if seal.signatures[0].key_id != self._operator_key_id:
            raise RejectedError(Reason.UNKNOWN_KEY, "a directory record is signed with the operator's key")
        self._roots.verify(envelope_id(sealed.statement), OPERATOR, seal, (self._operator_key,))
        if statement.kind is Kind.ACKNOWLEDGEMENT:
            return self._lift(statement)
        self.known_at = max(self.known_at, statement.created)
        if statement.kind is Kind.AGENCY:
            agency = Agency(**statement.body)
            return self._newer(self._agencies, agency.code, agency)
        key = Key(**statement.body)
        return self._newer(self._keys, key_id_of(key.public_key, key.algorithm), key)

    @staticmethod
    def _newer(facts: dict[_Name, _Fact], name: _Name, fact: _Fact) -> _Fact | None:
        known = facts.get(name)
        if known is not None and known.version >= fact.version:
            return None
        facts[name] = fact
        return fact

    def _lift(self, statement: Statement) -> Lift:
        """No verdict depends on it, so it does not move `known_at`."""
        body = statement.body
        if body["status"] != HALT_LIFTED:
            raise RejectedError(Reason.WRONG_SENDER, f"the operator acknowledges halts with status {HALT_LIFTED} only")
        self._lifted.update(body["documents"])
        return Lift(tuple(body["documents"]), body["reason"], statement.created)

    def is_lifted(self, halt: bytes) -> bool:
        """Whether the operator has said that a halt (id of 32 bytes) is over."""
        return halt in self._lifted

    def agency(self, code: str) -> Agency | None:
        """The agency of this code, whatever its validity."""
        return self._agencies.get(code)

    def key(self, key_id: bytes) -> Key:
        """The key of this id (16 bytes).

        Raises:
            RejectedError: UNKNOWN_KEY.
        """
        key = self._keys.get(key_id)
        if key is None:
            raise RejectedError(Reason.UNKNOWN_KEY, f"key {key_id.hex()} is not in the directory")
        return key

    def agencies(self) -> Iterator[Agency]:
        """All agencies, in the order of their first appearance."""
        return iter(self._agencies.values())

    def keys(self) -> Iterator[Key]:
        """All keys, in the order of their first appearance."""
        return iter(self._keys.values())

    @property
    def connected_count(self) -> int:
        """Number of agencies with topics of their own."""
        return sum(agency.connected_from is not None for agency in self._agencies.values())

    def connected(self) -> list[str]:
        """Codes of the agencies with topics of their own, retired ones included."""
        return [agency.code for agency in self._agencies.values() if agency.connected_from is not None]

    def is_valid(self, code: str, at: int, known: int) -> bool:
        """Whether there is an agency of this code that is valid at a time, by the facts known then."""
        agency = self._agencies.get(code)
        return (
            agency is not None
            and agency.known_from <= known
            and agency.valid_from <= at
            and (agency.valid_until is None or at < agency.valid_until)
        )

    def route(self, code: str, at: int, known: int) -> str | None:
        """The nearest connected agency at or above a code; a retired code goes to its first successor.

        Args:
            code: a recipient's code.
            at: the moment of judgement.
            known: facts recorded after this are not used.

        Returns:
            A code, or None when the recipient is not known or nothing connected stands above it.
        """
        for _ in range(_MAX_LEVELS):
            agency = self._agencies.get(code)
            if agency is None or agency.known_from > known or at < agency.valid_from:
                return None
            if agency.valid_until is not None and at >= agency.valid_until:
                if not agency.successors:
                    return None
                code = agency.successors[0]
            elif agency.connected_from is not None and agency.connected_from <= known:
                return code
            elif agency.parent is None:
                return None
            else:
                code = agency.parent
        return None
