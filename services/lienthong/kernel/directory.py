"""The directory: agencies, groups of agencies and keys, folded from records that the operator signed.

Every fact carries the moment from which it was known, and earlier versions are kept, so that an auditor
can ask what intake could know when it judged an envelope, and gets the same answer intake got.
"""

from sys import intern
from typing import Any, NamedTuple

from lienthong.kernel.agency import AgencyCode, agency_code, from_qcvn102, full_qcvn102, is_qcvn102
from lienthong.kernel.envelope import decode_envelope, envelope_id
from lienthong.kernel.errors import RejectedError
from lienthong.kernel.keys import key_id_of
from lienthong.kernel.reasons import Reason
from lienthong.kernel.seal import Purpose, VerifiedRoots
from lienthong.kernel.statement import Kind, Statement, statement_decoder
from lienthong.kernel.trust import OPERATOR, Trust
from lienthong.kernel.versions import Versions

__all__ = ["HALT_LIFTED", "REJECTIONS_STAND", "Agency", "Directory", "Group", "Key", "Lift", "record_key"]

_MAX_STEPS = 16
"""Most agencies that are met on the way from a code to the inbox that its mail goes to, itself included."""
HALT_LIFTED = "03"
"""Status under which the operator acknowledges a halt: its cause is mended, go on."""
REJECTIONS_STAND = "02"
"""Status under which the operator acknowledges a halt: what was rejected is rejected rightly, go on."""
_RECORDED = (Kind.AGENCY, Kind.KEY, Kind.GROUP, Kind.ACKNOWLEDGEMENT)
_BATCH_NODES = 10_000
"""Nodes of one full batch are 8,191, and a batch stands together in the topic."""


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

    def is_retired(self, at: int) -> bool:
        """Whether its validity is over at a time."""
        return self.valid_until is not None and at >= self.valid_until


class Group(NamedTuple):
    """A group that can be written to under one code; fields as in ``schemas/group_record.avsc``."""

    version: int
    known_from: int
    code: str
    name: str
    members: list[str]


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
    """The operator's word that halts (ids of 32 bytes) are over, why, and when it was said (ms since 1970 UTC)."""

    halts: tuple[bytes, ...]
    why: str
    created: int
    rejections_stand: bool
    """What was rejected is rejected rightly, and more of it is expected."""


def record_key(statement: Statement) -> bytes:
    """Kafka key of a directory record. Compaction keeps every version of agencies and groups.

    What was judged by an earlier version can be judged again only with it. A key's newest version says all
    that earlier ones said, so that one is enough.
    """
    if statement.kind in (Kind.AGENCY, Kind.GROUP):
        return f"{statement.kind}/{statement.body['code']}/{statement.body['version']}".encode()
    if statement.kind is Kind.ACKNOWLEDGEMENT:
        return f"lift/{statement.body['documents'][0].hex()}".encode()
    return f"key/{key_id_of(statement.body['public_key'], statement.body['algorithm']).hex()}".encode()


_NO_SUCCESSORS: list[str] = []


def _make_agency(fields: tuple[Any, ...]) -> Agency:
    """An agency that shares with others what is equal: a hundred thousand are in memory of every process."""
    version, known_from, code, older, name, parent, connected_from, valid_from, valid_until, successors = fields
    return tuple.__new__(
        Agency,
        (
            version,
            known_from,
            intern(code),
            older,
            name,
            None if parent is None else intern(parent),
            known_from if connected_from == known_from else connected_from,
            known_from if valid_from == known_from else valid_from,
            valid_until,
            successors or _NO_SUCCESSORS,
        ),
    )


_decode = statement_decoder(
    {"lienthong.AgencyRecord": _make_agency, "lienthong.KeyRecord": Key},
    # Records that were said together have the same.
    [("sender", "recipients", "thread", "created", "priority")],
)


class Directory:
    """Agencies and groups by code, keys by id, and the halts that are lifted. Grows by `apply`.

    Where a method is told what was `known`, facts recorded after that moment are not used.
    """

    def __init__(self, trust: Trust) -> None:
        self.trust = trust
        self._operator_key = bytes.fromhex(trust.operator_key)
        self._operator_key_id = key_id_of(self._operator_key)
        self._roots = VerifiedRoots(1_000, _BATCH_NODES)
        self._agencies: Versions[str, Agency] = Versions()
        self._groups: Versions[str, Group] = Versions()
        self._keys: Versions[bytes, Key] = Versions()
        self._connected: dict[str, None] = {}
        self._older_codes: dict[str, str] | None = None
        self._lifted: dict[bytes, bool] = {}
        self.rejections_stand_at = 0
        """When the operator last said that the rejections of a halt are right, ms since 1970 UTC, by his own clock."""
        self.known_at = 0
        """Newest moment recorded in any fact applied, milliseconds since 1970 UTC."""

    def apply(self, value: bytes) -> Agency | Group | Key | Lift | None:
        """Take one record of the directory topic.

        Returns:
            What it says, or None when a version as new is already here.

        Raises:
            RejectedError: it is not a directory record that the operator signed for this backbone.
        """
        sealed = decode_envelope(value)
        statement = _decode(sealed.statement)
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
        created = statement.created
        self.known_at = max(self.known_at, created)
        fact: Any = statement.body
        if statement.kind is Kind.AGENCY:
            return self._take_agency(fact, created)
        if statement.kind is Kind.GROUP:
            group = Group(**fact)
            return group if self._groups.put(group.code, group, created) else None
        return fact if self._keys.put(key_id_of(fact.public_key, fact.algorithm), fact, created) else None

    def _take_agency(self, agency: Agency, created: int) -> Agency | None:
        self._older_codes = None
        if agency.connected_from is not None:
            # Its topics stay, whatever becomes of it.
            self._connected[agency.code] = None
        return agency if self._agencies.put(agency.code, agency, created) else None

    def _lift(self, statement: Statement) -> Lift:
        """No verdict depends on it, so it does not move `known_at`."""
        body = statement.body
        if body["status"] not in (HALT_LIFTED, REJECTIONS_STAND):
            raise RejectedError(
                Reason.WRONG_SENDER,
                f"the operator acknowledges halts with status {HALT_LIFTED} or {REJECTIONS_STAND} only",
            )
        stand = body["status"] == REJECTIONS_STAND
        for halt in body["documents"]:
            self._lifted[halt] = stand
        if stand:
            # The last word counts, also after one under a clock that was ahead.
            self.rejections_stand_at = statement.created
        return Lift(tuple(body["documents"]), body["reason"], statement.created, stand)

    def is_lifted(self, halt: bytes) -> bool:
        """Whether the operator has said that a halt (id of 32 bytes) is over."""
        return halt in self._lifted

    def rejections_stand(self, halt: bytes) -> bool:
        """Whether the operator's last word about a halt was that the rejections are right."""
        return self._lifted.get(halt, False)

    def agency(self, code: str, known: int | None = None) -> Agency | None:
        """The agency of this code, whatever its validity; as it was known at a time, or as it is."""
        return self._agencies.newest.get(code) if known is None else self._agencies.as_known(code, known)

    def group(self, code: str, known: int | None = None) -> Group | None:
        """The group of this code, as it was known at a time, or as it is."""
        return self._groups.newest.get(code) if known is None else self._groups.as_known(code, known)

    def key(self, key_id: bytes, known: int | None = None) -> Key:
        """The key of this id (16 bytes), as it was known at a time, or as it is.

        Raises:
            RejectedError: UNKNOWN_KEY.
        """
        key = self._keys.newest.get(key_id) if known is None else self._keys.as_known(key_id, known)
        if key is None:
            raise RejectedError(Reason.UNKNOWN_KEY, f"key {key_id.hex()} is not in the directory")
        return key

    def operator_key(self, key_id: bytes) -> bytes:
        """The operator's pinned public key (32 bytes), if this is its id (16 bytes).

        Raises:
            RejectedError: UNKNOWN_KEY.
        """
        if key_id != self._operator_key_id:
            raise RejectedError(Reason.UNKNOWN_KEY, f"key {key_id.hex()} is not the operator's")
        return self._operator_key

    def agencies(self) -> list[Agency]:
        """All agencies there are now, in the order of their first appearance; the directory may grow meanwhile."""
        return list(self._agencies.newest.values())

    def groups(self) -> list[Group]:
        """All groups there are now, in the order of their first appearance; the directory may grow meanwhile."""
        return list(self._groups.newest.values())

    def keys(self) -> list[Key]:
        """All keys there are now, in the order of their first appearance; the directory may grow meanwhile."""
        return list(self._keys.newest.values())

    @property
    def connected_count(self) -> int:
        """Number of agencies with topics of their own."""
        return len(self._connected)

    def connected(self) -> list[str]:
        """Codes of the agencies with topics of their own, retired and disconnected ones included."""
        return list(self._connected)

    def is_valid(self, code: str, at: int, known: int) -> bool:
        """Whether there is an agency of this code that is valid at a time, by the facts known then."""
        agency = self._agencies.as_known(code, known)
        return (
            agency is not None and agency.valid_from <= at and (agency.valid_until is None or at < agency.valid_until)
        )

    def routes(self, code: str, at: int, known: int) -> tuple[str, ...]:
        """The inboxes that mail for a code goes to: of the nearest connected agency at or above it.

        Mail for a retired agency goes to each of its successors, wherever mail for that one goes. What runs in
        a circle, or over more than 16 agencies, ends in no inbox.

        Args:
            code: a recipient's code.
            at: the moment of judgement.
            known: facts recorded after this are not used.

        Returns:
            Codes of connected agencies, the nearest first, successors in their order; none when the recipient is
            not known, nothing connected stands above it, or it retired without a successor.
        """
        found: dict[str, None] = {}
        met = {code}
        here = [code]
        for _ in range(_MAX_STEPS):
            beyond: list[str] = []
            for one in here:
                agency = self._agencies.as_known(one, known)
                if agency is None or at < agency.valid_from:
                    continue
                if agency.valid_until is not None and at >= agency.valid_until:
                    beyond += agency.successors
                elif agency.connected_from is not None and agency.connected_from <= known:
                    found[one] = None
                elif agency.parent is not None:
                    beyond.append(agency.parent)
            if not beyond:
                break
            here = [one for one in dict.fromkeys(beyond) if one not in met]
            met.update(here)
        return tuple(found)

    def code_of(self, text: str) -> AgencyCode:
        """The code, in the form of Decision 20/2020, of the agency that somebody names in either form.

        What the directory says decides, in this order: a code that it holds, the older form that it notes of
        an agency, and where it says nothing, the rule that turns the older form round.

        Raises:
            ValueError: it is no code, or that of a connection node.
        """
        if text in self._agencies.newest:
            return AgencyCode(text)
        if not is_qcvn102(text):
            return agency_code(text)
        found = self._table().get(full_qcvn102(text))
        return from_qcvn102(text) if found is None else AgencyCode(found)

    def _table(self) -> dict[str, str]:
        """Codes by their older form; where a retired agency's went to another one, that one has it.

        The operator gives no code to two agencies; if that is recorded all the same, the one recorded last has it.
        """
        if self._older_codes is None:
            table: dict[str, str] = {}
            for agency in self._agencies.newest.values():
                older = full_qcvn102(agency.code_qcvn102)
                if older and (agency.valid_until is None or older not in table):
                    table[older] = agency.code
            self._older_codes = table
        return self._older_codes
