"""What the operator changes, pure: the directory as it is and an order in, new versions of records out."""

from collections.abc import Iterable, Sequence

from lienthong.directory.listing import ListedAgency
from lienthong.kernel.bus import Row
from lienthong.kernel.directory import HALT_LIFTED, Agency, Directory, Key, record_key
from lienthong.kernel.envelope import encode_envelope, envelope_id
from lienthong.kernel.errors import RejectedError
from lienthong.kernel.keys import ALGORITHM, SigningKey
from lienthong.kernel.limits import MAX_TREE_SIZE
from lienthong.kernel.reasons import Reason
from lienthong.kernel.seal import Purpose, seal_batch
from lienthong.kernel.statement import Kind, Statement, check_statement, encode_statement, make_statement
from lienthong.kernel.trust import OPERATOR

__all__ = ["agencies_of", "key_of", "retired", "revoked", "sign_lift", "sign_records"]

_DIRECTORY_THREAD = bytes(16)


def agencies_of(listed: Iterable[ListedAgency], directory: Directory, now: int) -> list[Agency]:
    """New versions of the agencies of a list; those that say nothing new are left out.

    Raises:
        ValueError: a parent is neither listed nor in the directory.
    """
    listed = list(listed)
    codes = {agency.code for agency in listed}
    changed = []
    for one in listed:
        if one.parent is not None and one.parent not in codes and directory.agency(one.parent) is None:
            raise ValueError(f"agency {one.code}: its parent {one.parent} is neither listed nor in the directory")
        old = directory.agency(one.code)
        if old is None:
            changed.append(
                Agency(
                    version=1, known_from=now, code=one.code, code_qcvn102=one.code_qcvn102, name=one.name,
                    parent=one.parent, connected_from=now if one.connected else None,
                    valid_from=now, valid_until=None, successors=[],
                )
            )  # fmt: skip
            continue
        connected_from = old.connected_from if old.connected_from is not None or not one.connected else now
        new = old._replace(
            code_qcvn102=one.code_qcvn102, name=one.name, parent=one.parent, connected_from=connected_from
        )
        if new != old:
            changed.append(new._replace(version=old.version + 1))
    return changed


def retired(directory: Directory, code: str, successors: Sequence[str], now: int) -> Agency:
    """The next version of an agency that ends now, as after a merger.

    Raises:
        ValueError: it is not in the directory or has ended before, or a successor is none or not in the directory.
    """
    agency = directory.agency(code)
    if agency is None:
        raise ValueError(f"agency {code} is not in the directory")
    if agency.valid_until is not None:
        raise ValueError(f"agency {code} has ended before")
    for one in successors:
        if one == code or directory.agency(one) is None:
            raise ValueError(f"{one} cannot succeed {code}: it is the same agency, or not in the directory")
    return agency._replace(version=agency.version + 1, valid_until=now, successors=list(successors))


def key_of(agency: str, public_key: bytes, purpose: str, now: int, valid_until: int | None = None) -> Key:
    """A first version of a key, valid from now on."""
    return Key(
        version=1, known_from=now, agency=agency, purpose=purpose, algorithm=ALGORITHM, public_key=public_key,
        valid_from=now, valid_until=valid_until, revoked_from=None, revocation_known_from=None,
    )  # fmt: skip


def revoked(key: Key, revoked_from: int, now: int) -> Key:
    """The next version of a key: not trusted from a time on, which may lie in the past.

    Raises:
        RejectedError: it was revoked before from an earlier time.
    """
    if key.revoked_from is not None and key.revoked_from <= revoked_from:
        raise RejectedError(Reason.KEY_REVOKED, "the key is revoked already, from an earlier time or the same")
    return key._replace(version=key.version + 1, revoked_from=revoked_from, revocation_known_from=now)


def sign_records(facts: Sequence[Agency | Key], operator: SigningKey, origin: str, now: int) -> list[Row]:
    """Rows of the directory topic for these facts, sealed together by the operator."""
    statements = [
        make_statement(
            sender=OPERATOR,
            recipients=[],
            thread=_DIRECTORY_THREAD,
            created=now,
            kind=Kind.AGENCY if isinstance(fact, Agency) else Kind.KEY,
            body=fact._asdict(),
        )
        for fact in facts
    ]
    rows: list[Row] = []
    for at in range(0, len(statements), MAX_TREE_SIZE):
        rows += _sealed(statements[at : at + MAX_TREE_SIZE], operator, origin, now)
    return rows


def sign_lift(halts: Sequence[bytes], why: str, backbone: str, operator: SigningKey, origin: str, now: int) -> Row:
    """The row of the directory topic by which the operator says that halts are over.

    Args:
        halts: 1 to 500 ids of 32 bytes.
        why: what a person has found, at most 500 characters.
        backbone: the backbone's own code, which the record is addressed to.
        operator: the operator's key.
        origin: name of the backbone.
        now: milliseconds since 1970 UTC.

    Raises:
        ValueError: it is too long, or names nothing.
    """
    statement = make_statement(
        sender=OPERATOR,
        recipients=[backbone],
        thread=_DIRECTORY_THREAD,
        created=now,
        kind=Kind.ACKNOWLEDGEMENT,
        body={"documents": list(halts), "status": HALT_LIFTED, "reason": why},
    )
    try:
        check_statement(statement)
    except RejectedError as error:
        raise ValueError(error.detail) from error
    (row,) = _sealed([statement], operator, origin, now)
    return row


def _sealed(statements: Sequence[Statement], operator: SigningKey, origin: str, now: int) -> list[Row]:
    encoded = [encode_statement(statement) for statement in statements]
    seals = seal_batch(
        [envelope_id(data) for data in encoded],
        key=operator, origin=origin, sender=OPERATOR, purpose=Purpose.DIRECTORY, signed_at=now,
    )  # fmt: skip
    return [
        Row(encode_envelope(data, (), seal), key=record_key(statement))
        for statement, data, seal in zip(statements, encoded, seals, strict=True)
    ]
