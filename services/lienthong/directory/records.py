"""What the operator changes, pure: the directory as it is and an order in, new versions of records out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from lienthong.directory.listing import ListedAgency
from lienthong.kernel.agency import AgencyCode, full_qcvn102, group_code
from lienthong.kernel.bus import Row
from lienthong.kernel.directory import HALT_LIFTED, REJECTIONS_STAND, Agency, Directory, Group, Key, record_key
from lienthong.kernel.envelope import encode_envelope, envelope_id
from lienthong.kernel.errors import RejectedError
from lienthong.kernel.keys import ALGORITHM, SigningKey
from lienthong.kernel.limits import MAX_GROUP_MEMBERS, MAX_SUCCESSORS, MAX_TREE_SIZE
from lienthong.kernel.reasons import Reason
from lienthong.kernel.seal import Purpose, seal_batch
from lienthong.kernel.statement import Kind, Statement, check_statement, encode_statement, make_statement
from lienthong.kernel.trust import OPERATOR

__all__ = ["agencies_of", "group_of", "key_of", "retired", "revoked", "sign_lift", "sign_records"]

_DIRECTORY_THREAD = bytes(16)
_KINDS: dict[type, Kind] = {Agency: Kind.AGENCY, Group: Kind.GROUP, Key: Kind.KEY}
_MAX_NAME = 200


def agencies_of(listed: Iterable[ListedAgency], directory: Directory, now: int) -> list[Agency]:
    """New versions of the agencies of a list; those that say nothing new are left out.

    Raises:
        ValueError: a parent is neither listed nor in the directory, a code of QCVN 102 would stand for two agencies,
            or mail would run in a circle.
    """
    listed = list(listed)
    older = _older_codes(listed, directory, now)
    listed = [one._replace(parent=_parent(one.parent, older, directory)) for one in listed]
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
    _check_older_codes(changed, directory, now)
    _check_circles(changed, directory)
    return changed


def _older_codes(listed: Iterable[ListedAgency], directory: Directory, now: int) -> dict[str, AgencyCode]:
    """Codes of a list by their older form; of a retired agency and whoever has its code now, the latter's."""
    codes: dict[str, AgencyCode] = {}
    for one in listed:
        older, known = full_qcvn102(one.code_qcvn102), directory.agency(one.code)
        if older and (older not in codes or known is None or not known.is_retired(now)):
            codes[older] = one.code
    return codes


def _parent(named: str | None, older: Mapping[str, AgencyCode], directory: Directory) -> AgencyCode | None:
    """The code of a parent that is named in either form, by the list's own table and then the directory's."""
    if named is None:
        return None
    return older.get(full_qcvn102(named)) or directory.code_of(named)


def _check_older_codes(changed: Sequence[Agency], directory: Directory, now: int) -> None:
    """Refuse to give an agency the older code of another one that has not retired.

    Raises:
        ValueError: that is asked for; the text names code and agencies.
    """
    given = []
    for one in changed:
        old = directory.agency(one.code)
        if one.code_qcvn102 and not one.is_retired(now) and (old is None or old.code_qcvn102 != one.code_qcvn102):
            given.append(one)
    if not given:
        return
    new = {one.code: one for one in changed}
    owners: dict[str, list[Agency]] = {}
    for agency in ({one.code: one for one in directory.agencies()} | new).values():
        if agency.code_qcvn102 and not agency.is_retired(now):
            owners.setdefault(full_qcvn102(agency.code_qcvn102), []).append(agency)
    for one in given:
        older = full_qcvn102(one.code_qcvn102)
        if len(owners[older]) > 1:
            names = " and of ".join(f"{agency.code} ({agency.name})" for agency in owners[older])
            raise ValueError(f"code {older} of QCVN 102 would be that of {names}: it stands for one agency")


def retired(directory: Directory, code: str, successors: Sequence[str], valid_until: int, now: int) -> Agency:
    """The next version of an agency that retires or merges into others.

    Args:
        directory: as it is.
        code: of the agency that retires.
        successors: codes of those that take over; none: nobody does.
        valid_until: first moment after its validity, milliseconds since 1970 UTC, now or later.
        now: milliseconds since 1970 UTC.

    Raises:
        ValueError: it or a successor is not in the directory, a successor gets no mail, there are too many or one is
            named twice, the time is past, or mail would run in a circle.
    """
    old = directory.agency(code)
    if old is None:
        raise ValueError(f"agency {code} is not in the directory")
    if valid_until < now:
        raise ValueError(f"agency {code} cannot retire in the past: what was delivered since would have gone elsewhere")
    if len(successors) > MAX_SUCCESSORS or len(set(successors)) < len(successors):
        raise ValueError(f"name at most {MAX_SUCCESSORS} successors, none twice")
    new = old._replace(version=old.version + 1, valid_until=valid_until, successors=list(successors))
    for one in successors:
        if directory.agency(one) is None:
            raise ValueError(f"successor {one} is not in the directory: add it first")
    _check_circles([new], directory)
    for one in successors:
        if not directory.routes(one, valid_until, max(now, directory.known_at)):
            raise ValueError(
                f"successor {one} gets no mail at that time: it is not valid, or nobody above is connected"
            )
    return new


def _check_circles(changed: Sequence[Agency], directory: Directory) -> None:
    """Refuse changes that would let mail run in a circle, over parents or successors.

    Raises:
        ValueError: it would; the text names the circle.
    """
    new = {one.code: one for one in changed}

    def beyond(code: str) -> Sequence[str]:
        """Those that mail for an agency goes on to, or will, some day."""
        agency = new.get(code) or directory.agency(code)
        if agency is None:
            return ()
        above = () if agency.connected_from is not None or agency.parent is None else (agency.parent,)
        return (*above, *agency.successors)

    # Each is looked beyond once, however many ways lead to it: those on the way here, and those that are done with.
    cleared: set[str] = set()
    for start in new:
        path: dict[str, None] = {}
        waiting = [(start, 0)]
        while waiting:
            code, depth = waiting.pop()
            while len(path) > depth:
                cleared.add(path.popitem()[0])
            if code in path:
                met = [*path]
                raise ValueError(f"mail would run in a circle: {' → '.join([*met[met.index(code) :], code])}")
            if code in cleared:
                continue
            path[code] = None
            waiting += [(one, depth + 1) for one in beyond(code)]
        cleared.update(path)


def group_of(directory: Directory, code: str, name: str, members: Sequence[str], now: int) -> Group:
    """A first or next version of a group.

    Args:
        directory: as it is.
        code: of the group.
        name: 1 to 200 characters; empty: as it was.
        members: codes of agencies, none twice; none at all gives the group up.
        now: milliseconds since 1970 UTC.

    Raises:
        ValueError: the code is none of a group, a member is not in the directory, or there are too many or named twice.
    """
    old = directory.group(group_code(code))
    name = name or (old.name if old is not None else "")
    if not 1 <= len(name) <= _MAX_NAME:
        raise ValueError(f"the group's name has {len(name)} characters, 1 to {_MAX_NAME} are needed")
    if len(members) > MAX_GROUP_MEMBERS:
        raise ValueError(f"a group of {len(members)} agencies: at most {MAX_GROUP_MEMBERS}")
    if len(set(members)) < len(members):
        raise ValueError("an agency is named twice in the group")
    for one in members:
        if directory.agency(one) is None:
            raise ValueError(f"agency {one} is not in the directory")
    if old is None:
        return Group(1, now, code, name, list(members))
    return old._replace(version=old.version + 1, name=name, members=list(members))


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


def sign_records(
    facts: Sequence[Agency | Group | Key], operator: SigningKey, origin: str, now: int
) -> Iterator[list[Row]]:
    """Rows of the directory topic for these facts, in batches sealed by the operator; made as they are taken."""
    for at in range(0, len(facts), MAX_TREE_SIZE):
        statements = [
            make_statement(
                sender=OPERATOR,
                recipients=[],
                thread=_DIRECTORY_THREAD,
                created=now,
                kind=_KINDS[type(fact)],
                body=fact._asdict(),
            )
            for fact in facts[at : at + MAX_TREE_SIZE]
        ]
        yield _sealed(statements, operator, origin, now)


def sign_lift(
    halts: Sequence[bytes],
    why: str,
    backbone: str,
    operator: SigningKey,
    origin: str,
    now: int,
    *,
    rejections_stand: bool = False,
) -> Row:
    """The row of the directory topic by which the operator says that halts are over.

    Args:
        halts: 1 to 500 ids of 32 bytes.
        why: what a person has found, at most 500 characters.
        backbone: the backbone's own code, which the record is addressed to.
        operator: the operator's key.
        origin: name of the backbone.
        now: milliseconds since 1970 UTC.
        rejections_stand: they are right; otherwise their cause is mended.

    Raises:
        ValueError: it is too long, or names nothing.
    """
    statement = make_statement(
        sender=OPERATOR,
        recipients=[backbone],
        thread=_DIRECTORY_THREAD,
        created=now,
        kind=Kind.ACKNOWLEDGEMENT,
        body={
            "documents": list(halts),
            "status": REJECTIONS_STAND if rejections_stand else HALT_LIFTED,
            "reason": why,
        },
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
