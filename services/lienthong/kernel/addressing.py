"""Who is addressed: the recipients that a sender names, groups among them, become agencies and inboxes, pure.

Intake does it when it accepts a statement. Reader and auditor do it again by the same facts of the
directory, all of which the operator signed, so nobody can make a sender have written to somebody else.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lienthong.kernel.directory import Directory
from lienthong.kernel.errors import RejectedError
from lienthong.kernel.limits import MAX_RECIPIENTS
from lienthong.kernel.reasons import Reason

__all__ = ["Addressed", "Addressee", "address", "addressed_at", "informed_of"]


class Addressee(NamedTuple):
    """One agency that is written to."""

    code: str
    """The final address, connected or not."""
    routes: tuple[str, ...]
    """The agencies whose inboxes it goes to."""
    group: str
    """Code of the first group it is written to through; empty if it is named itself."""


class Addressed(NamedTuple):
    """All that are written to."""

    addressees: tuple[Addressee, ...]
    """In the order in which they were named, each once."""
    routes: tuple[str, ...]
    """The inboxes, each once."""
    groups: tuple[str, ...]
    """The groups that were expanded and by which version: ``@TINH-THANH/3``."""


def address(directory: Directory, sender: str, recipients: Sequence[str], *, at: int, known: int) -> Addressed:
    """Expand groups and route everybody.

    Of a group are left out: whatever would come back to the sender, and agencies that do not exist any more and
    have no successor. Whoever is named himself is never left out.

    Args:
        directory: what is known.
        sender: who writes.
        recipients: codes of agencies and groups.
        at: the moment of judgement, milliseconds since 1970 UTC.
        known: facts recorded after this are not used.

    Raises:
        RejectedError: UNKNOWN_RECIPIENT, somebody cannot be reached, or a group is not known or has nobody in it;
            OVERSIZE, with all groups expanded there are more than 500 addressees or inboxes.
    """
    if len(recipients) == 1 and not recipients[0].startswith("@"):
        (code,) = recipients
        routes = _routes(directory, code, at, known)
        return Addressed((Addressee(code, routes, ""),), routes, ())
    named = {code: Addressee(code, _routes(directory, code, at, known), "") for code in recipients if code[:1] != "@"}
    groups = []
    # Whoever is named himself goes before: no group takes him away.
    found = dict(named)
    for code in recipients:
        if code[:1] == "@":
            members, version = _members(directory, sender, code, at, known)
            groups.append(f"{code}/{version}")
            for one in members:
                found.setdefault(one.code, one)
    inboxes = dict.fromkeys(route for one in found.values() for route in one.routes)
    for what, count in (("recipients", len(found)), ("inboxes", len(inboxes))):
        if count > MAX_RECIPIENTS:
            raise RejectedError(Reason.OVERSIZE, f"{count} {what} with all groups expanded, more than {MAX_RECIPIENTS}")
    return Addressed(tuple(found.values()), tuple(inboxes), tuple(groups))


def addressed_at(
    directory: Directory, sender: str, recipients: Sequence[str], agency: str, *, at: int, known: int
) -> tuple[str, ...]:
    """Final addresses of what stands in an agency's inbox: for which of those whose mail it gets it is meant.

    As `address` has it, but one recipient that cannot be reached does not take the others away: whoever reads
    must not depend on facts about others.

    Args:
        directory: what is known.
        sender: who writes.
        recipients: codes of agencies and groups.
        agency: owner of the inbox.
        at: the moment of judgement, milliseconds since 1970 UTC.
        known: facts recorded after this are not used.

    Returns:
        Codes in the order in which they were named, each once; none when it is not meant for this inbox.
    """
    found: dict[str, None] = {}
    for code in recipients:
        if code[:1] != "@" and (code == agency or agency in directory.routes(code, at, known)):
            found[code] = None
    if agency == sender:
        return tuple(found)
    for code in recipients:
        group = directory.group(code, known) if code[:1] == "@" else None
        for member in group.members if group is not None else ():
            if member not in (sender, *recipients) and agency in directory.routes(member, at, known):
                found[member] = None
    return tuple(found)


def informed_of(recipients: Sequence[str], for_information: Sequence[str], addressed: Iterable[str]) -> set[str]:
    """Which of those who are written to have a document for information; all others are to act.

    Args:
        recipients: codes of agencies and groups, as the sender named them.
        for_information: those of the recipients who are informed, as the sender named them.
        addressed: final addresses. One that is not a recipient itself was brought by a group; nobody knows here by
            which, so it is informed if all groups are.
    """
    if not for_information:
        return set()
    informed = set(for_information)
    by_groups = informed.issuperset(code for code in recipients if code[:1] == "@")
    return {code for code in addressed if code in informed or (by_groups and code not in recipients)}


def _routes(directory: Directory, code: str, at: int, known: int) -> tuple[str, ...]:
    routes = directory.routes(code, at, known)
    if not routes:
        raise RejectedError(Reason.UNKNOWN_RECIPIENT, f"recipient {code[:35]!r} {_why(directory, code, at, known)}")
    return routes


def _why(directory: Directory, code: str, at: int, known: int) -> str:
    """Why somebody cannot be reached."""
    agency = directory.agency(code, known)
    if agency is None or at < agency.valid_from:
        return "is not in the directory now"
    if agency.is_retired(at):
        return "has retired and nobody took over from it"
    return "is not connected, nor is anybody above it"


def _members(directory: Directory, sender: str, code: str, at: int, known: int) -> tuple[list[Addressee], int]:
    """Who is written to through a group, and the group's version."""
    group = directory.group(code, known)
    if group is None:
        raise RejectedError(Reason.UNKNOWN_RECIPIENT, f"group {code[:35]!r} is not in the directory now")
    found = []
    for member in group.members:
        if member == sender:
            continue
        routes = directory.routes(member, at, known)
        if not routes and directory.is_valid(member, at, known):
            raise RejectedError(
                Reason.UNKNOWN_RECIPIENT,
                f"member {member[:35]!r} of group {code} {_why(directory, member, at, known)}",
            )
        others = tuple(route for route in routes if route != sender)
        if others:
            found.append(Addressee(member, others, code))
    if not found:
        raise RejectedError(Reason.UNKNOWN_RECIPIENT, f"there is nobody in group {code} to write to")
    return found, group.version
