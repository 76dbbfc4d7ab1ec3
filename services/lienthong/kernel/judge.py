"""The verdict on a record of an out topic: the one place where an envelope is believed.

Intake applies it to what arrives, the auditor applies it again to what was recorded, and readers
open what they are handed with the same function.
"""

from collections.abc import Sequence
from typing import NamedTuple

from lienthong.kernel.addressing import address
from lienthong.kernel.command import RELEASE, Command, read_command
from lienthong.kernel.directory import Directory
from lienthong.kernel.envelope import (
    EnvelopeId,
    OpenedEnvelope,
    SealedEnvelope,
    check_contents,
    decode_envelope,
    envelope_id,
)
from lienthong.kernel.errors import RejectedError
from lienthong.kernel.lanes import lane_of
from lienthong.kernel.limits import ACCEPTANCE_WINDOW_MS, FUTURE_TOLERANCE_MS
from lienthong.kernel.reasons import Reason
from lienthong.kernel.seal import Purpose, VerifiedRoots
from lienthong.kernel.statement import Kind, Statement, decode_statement

__all__ = ["Judge", "Verdict"]

_PURPOSES = {
    Kind.DOCUMENT: Purpose.EXCHANGE,
    Kind.ACKNOWLEDGEMENT: Purpose.EXCHANGE,
    Kind.RECEIPT: Purpose.RECEIPT,
    Kind.COMMAND: Purpose.COMMAND,
    Kind.NOTICE: Purpose.RECEIPT,
}
_CARRIED = "the document that the command carries"


class Verdict(NamedTuple):
    """What intake says of a record: accepted with routes (no reason), or rejected with reason and detail."""

    reason: Reason | None
    detail: str
    id: EnvelopeId | None
    kind: Kind | None
    routes: tuple[str, ...]
    groups: tuple[str, ...] = ()
    """Groups that were written to and by which version they were expanded, as in ``@TINH-THANH/3``."""


class Judge:
    """Judges envelopes by a directory that it is given and that may grow.

    Args:
        directory: agencies, keys and the pinned trust anchor.
        lanes: number of lanes of the backbone.
        roots: memory of verified seals.
    """

    def __init__(self, directory: Directory, lanes: int, roots: VerifiedRoots | None = None) -> None:
        self.directory = directory
        self.lanes = lanes
        self.roots = roots or VerifiedRoots()

    def open(self, value: bytes, *, at: int, known: int | None = None) -> OpenedEnvelope:
        """Verify everything about an envelope that does not depend on where it was found.

        Args:
            value: the record's value.
            at: when the backbone took it, milliseconds since 1970 UTC: keys must be valid then.
            known: facts recorded in the directory after this are not used; None uses all.

        Raises:
            RejectedError: why it cannot be believed.
        """
        sealed = decode_envelope(value)
        statement = decode_statement(sealed.statement)
        identity = envelope_id(sealed.statement)
        self._verify(sealed, statement, identity, at, self._known(known))
        return OpenedEnvelope(identity, statement, sealed.contents, sealed.seal)

    def ordered(self, command: OpenedEnvelope, *, at: int, known: int) -> tuple[Command, OpenedEnvelope]:
        """What a command orders, and the document that it carries.

        Args:
            command: what `open` made of an envelope of kind command.
            at: when the backbone took it, milliseconds since 1970 UTC.
            known: the newest fact of the directory that it was judged by.

        Raises:
            RejectedError: UNKNOWN_RECIPIENT: it goes to somebody to whom the document does not go.
        """
        found = read_command(command.statement, command.contents)
        self._check_goes_to(found, command.statement.recipients, at, known)
        return found, OpenedEnvelope(found.document, found.statement, found.sealed.contents, found.sealed.seal)

    def verdict(self, value: bytes | None, *, agency: str, lane: int, at: int, known: int | None = None) -> Verdict:
        """Judge one record of an out topic.

        Args:
            value: the record's value.
            agency: owner of the out topic.
            lane: partition it was found in.
            at: now, milliseconds since 1970 UTC.
            known: as in `open`.
        """
        identity: EnvelopeId | None = None
        kind: Kind | None = None
        known = self._known(known)
        try:
            if value is None:
                raise RejectedError(Reason.MALFORMED, "the record has no value")
            sealed = decode_envelope(value)
            identity = envelope_id(sealed.statement)
            statement = decode_statement(sealed.statement)
            kind = statement.kind
            if statement.sender != agency:
                raise RejectedError(
                    Reason.WRONG_SENDER, f"the statement's sender {statement.sender[:35]!r} does not own the topic"
                )
            if lane_of(statement.thread, self.lanes) != lane:
                raise RejectedError(
                    Reason.WRONG_LANE, f"the thread belongs to lane {lane_of(statement.thread, self.lanes)}"
                )
            self._check_times(statement, sealed, at)
            self._verify(sealed, statement, identity, at, known)
            addressed = address(self.directory, statement.sender, statement.recipients, at=at, known=known)
            if kind is Kind.COMMAND:
                carried = read_command(statement, sealed.contents)
                self._check_goes_to(carried, statement.recipients, at, known)
        except RejectedError as rejected:
            return Verdict(rejected.reason, rejected.detail, identity, kind, ())
        return Verdict(None, "", identity, kind, addressed.routes, addressed.groups)

    def _known(self, known: int | None) -> int:
        return self.directory.known_at if known is None else known

    def _check_times(self, statement: Statement, sealed: SealedEnvelope, at: int) -> None:
        for name, moment in (("created", statement.created), ("signed_at", sealed.seal.signed_at)):
            if moment > at + FUTURE_TOLERANCE_MS:
                raise RejectedError(Reason.FUTURE, f"{name} is {(moment - at) // 1000} s ahead of the backbone's clock")
            if moment < at - ACCEPTANCE_WINDOW_MS:
                raise RejectedError(
                    Reason.EXPIRED, f"{name} is {(at - moment) // 3_600_000} h ago, the window is 7 days"
                )

    def _verify(self, sealed: SealedEnvelope, statement: Statement, identity: EnvelopeId, at: int, known: int) -> None:
        seal = sealed.seal
        if seal.origin != self.directory.trust.origin:
            raise RejectedError(Reason.WRONG_ORIGIN, f"sealed for {seal.origin[:100]!r}")
        if seal.purpose != _PURPOSES.get(statement.kind):
            raise RejectedError(
                Reason.WRONG_PURPOSE, f"a seal for {seal.purpose[:20]!r} on a statement of kind {statement.kind}"
            )
        if not self.directory.is_valid(statement.sender, at, known):
            raise RejectedError(Reason.UNKNOWN_SENDER, f"sender {statement.sender[:35]!r} is not in the directory now")
        public_keys = []
        for signature in seal.signatures:
            if seal.purpose == Purpose.COMMAND:
                public_keys.append(self.directory.operator_key(signature.key_id))
                continue
            key = self.directory.key(signature.key_id, known)
            if key.agency != statement.sender:
                raise RejectedError(Reason.UNKNOWN_KEY, f"key {signature.key_id.hex()} is not the sender's")
            if key.purpose != seal.purpose:
                raise RejectedError(
                    Reason.WRONG_PURPOSE, f"key {signature.key_id.hex()} is not for purpose {seal.purpose!r}"
                )
            key.check(at, known)
            public_keys.append(key.public_key)
        self.roots.verify(identity, statement.sender, seal, public_keys)
        check_contents(statement.attachments, sealed.contents)
        if statement.kind is Kind.COMMAND:
            self._verify_carried(read_command(statement, sealed.contents), at, known)

    def _verify_carried(self, command: Command, at: int, known: int) -> None:
        """Verify the seal of the document that a command carries; its times were checked once, or are waived.

        A released one must be good by what holds now. One that is sent again must have been good when it was judged,
        and no key of it may have been revoked from before then since.
        """
        moment = at if command.action == RELEASE else command.judged_at
        try:
            self._verify(command.sealed, command.statement, command.document, moment, known)
        except RejectedError as error:
            raise RejectedError(error.reason, f"{_CARRIED}: {error.detail}") from error

    def _check_goes_to(self, command: Command, recipients: Sequence[str], at: int, known: int) -> None:
        """See that a command goes to whom its document goes; nobody can be made to get what was not for him."""
        is_release, document = command.action == RELEASE, command.statement
        if not is_release:
            at, known = command.judged_at, min(command.known_at, known)
        try:
            routes = address(self.directory, document.sender, document.recipients, at=at, known=known).routes
        except RejectedError as error:
            raise RejectedError(error.reason, f"{_CARRIED}: {error.detail}") from error
        if is_release and set(recipients) != {*routes, document.sender}:
            raise RejectedError(
                Reason.UNKNOWN_RECIPIENT, "a release goes to all agencies that get the document now, and to its sender"
            )
        if not is_release and (others := set(recipients).difference(routes)):
            raise RejectedError(Reason.UNKNOWN_RECIPIENT, f"the document was not delivered to {min(others)[:35]!r}")
