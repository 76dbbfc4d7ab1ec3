"""One ledger entry by itself: its headers, its value, and the verdict on it, computed again."""

from hashlib import sha256
from typing import NamedTuple

from lienthong.auditor.facts import GENESIS_DIGEST, UNKNOWN_CODE, outcome_code
from lienthong.auditor.judgement import Rejudge
from lienthong.auditor.lane import Lane, Rules, text_of
from lienthong.kernel.judge import Verdict
from lienthong.kernel.ledger import Entry, Outcome, Record
from lienthong.kernel.statement import Kind

__all__ = ["CheckedEntry", "EntryCheck"]

_DIGEST_BYTES = 32
_KINDS = frozenset(kind.value for kind in Kind)


class CheckedEntry(NamedTuple):
    """An entry, corrected where its value proves its headers wrong."""

    entry: Entry
    code: int
    digest: bytes
    broken: bool
    """Its content cannot be believed: it does not take its place in the fold."""
    doubted: bool
    """Something else about it does not hold."""


class EntryCheck:
    """Checks entries of one lane.

    Args:
        lane: receives the damage found.
        rejudge: judges again.
        rules: what is held against what.
    """

    def __init__(self, lane: Lane, rejudge: Rejudge, rules: Rules) -> None:
        self._lane = lane
        self._rejudge = rejudge
        self._rules = rules
        self._foreign_sources: set[tuple[str, str]] = set()

    def take(self, record: Record, entry: Entry) -> CheckedEntry:
        """Check one entry; damage is named."""
        doubted = self._check_source(entry)
        if entry.outcome is Outcome.ACCEPTED:
            checked = self._accepted(record.value, entry)
        elif entry.outcome is Outcome.REJECTED:
            checked = self._rejected(record.value, entry)
        else:
            checked = self._opened(record.value, entry)
        if not checked.broken:
            doubted = self._check_times(entry) or doubted
        return checked._replace(doubted=True) if doubted else checked

    def _check_times(self, entry: Entry) -> bool:
        what = self.what_of_times(entry.appended_at, entry.judged_at, entry.known_at)
        if what:
            self._lane.damage(entry.position, what)
        return bool(what)

    def what_of_times(self, appended_at: int, judged_at: int, known_at: int) -> str:
        """Hold the two times of a judgement against what others say; intake could choose them otherwise.

        A key revoked since would seem valid at an earlier time, or by an older directory.

        Args:
            appended_at: when Kafka appended the entry, milliseconds since 1970 UTC, as all of these.
            judged_at: when it says that it was judged.
            known_at: the newest fact that it says it was judged by.

        Returns:
            What is wrong; empty if nothing is.
        """
        bound, history = self._rules.clock_bound_ms, self._rejudge.history
        apart = abs(appended_at - judged_at)
        if apart > bound:
            return f"it says that it was judged {apart // 1000} s away from when Kafka appended it"
        if known_at < history.newest_at(judged_at - bound):
            return f"it was judged by a directory that was out of date for more than {bound // 1000} s"
        if known_at > history.newest.known_at:
            return "it was judged by a fact newer than all that the directory holds"
        return ""

    def is_sound(self, value: bytes, entry: Entry) -> bool:
        """Whether an accepted entry's value is what its headers say; nothing is named."""
        verdict = self._verdict(value, entry)
        return verdict.reason is None and verdict.id == entry.id and verdict.kind == entry.kind

    def _verdict(self, value: bytes, entry: Entry) -> Verdict:
        return self._rejudge.verdict(
            value,
            agency=entry.source.agency,
            lane=self._lane.number,
            at=entry.judged_at,
            known=entry.known_at,
            reason=None,
            routes=entry.routes,
            groups=entry.groups,
        )

    def _check_source(self, entry: Entry) -> bool:
        agency, _, generation = entry.source
        known = self._rules.generations.get(agency)
        if known == generation:
            return False
        if (agency, generation) not in self._foreign_sources:
            # Said once: what follows would fill pages.
            self._foreign_sources.add((agency, generation))
            what = (
                f"it comes from {text_of(agency)}, which has no out topic"
                if known is None
                else f"it comes from another generation of the out topic of {agency} ({text_of(generation)}):"
                f" the topic was made anew and is now {known}"
            )
            self._lane.damage(entry.position, f"{what}; so for every entry like it")
        return True

    def _accepted(self, value: bytes | None, entry: Entry) -> CheckedEntry:
        lane = self._lane
        code = outcome_code(entry.outcome, "")
        if value is None:
            lane.damage(entry.position, "it is accepted but has no value")
            return CheckedEntry(entry, code, sha256(b"").digest(), broken=True, doubted=True)
        digest = sha256(value).digest()
        verdict = self._verdict(value, entry)
        if verdict.reason is not None:
            lane.damage(
                entry.position, f"it is accepted, but judged again it is {verdict.reason}: {text_of(verdict.detail)}"
            )
            return CheckedEntry(entry, code, digest, broken=True, doubted=True)
        wrong = []
        if verdict.id != entry.id:
            wrong.append("id")
        if verdict.kind != entry.kind:
            wrong.append(f"kind {text_of(entry.kind)} instead of {verdict.kind}")
        if verdict.routes != entry.routes:
            wrong.append(f"routes {text_of(','.join(entry.routes))} instead of {text_of(','.join(verdict.routes))}")
        if verdict.groups != entry.groups:
            wrong.append(f"groups {text_of(','.join(entry.groups))} instead of {text_of(','.join(verdict.groups))}")
        if wrong:
            lane.damage(entry.position, f"its headers do not agree with its value: {', '.join(wrong)}")
            entry = entry._replace(id=verdict.id, kind=verdict.kind, routes=verdict.routes, groups=verdict.groups)
        return CheckedEntry(entry, code, digest, broken=False, doubted=bool(wrong))

    def _rejected(self, value: bytes | None, entry: Entry) -> CheckedEntry:
        """What can be told without the record; the out pass holds the rest against the record itself."""
        lane = self._lane
        doubted = broken = value is not None
        if broken:
            lane.damage(entry.position, "it is rejected but carries a value")
        if entry.kind is not None and entry.kind not in _KINDS:
            lane.damage(entry.position, f"its kind {text_of(entry.kind)} does not exist")
            entry = entry._replace(kind=None)
            doubted = True
        try:
            code = outcome_code(entry.outcome, entry.reason)
        except ValueError as error:
            lane.damage(entry.position, f"it is rejected for what is no reason: {text_of(error)}")
            return CheckedEntry(entry, UNKNOWN_CODE, _fitting(entry.digest), broken=True, doubted=True)
        if len(entry.digest) != _DIGEST_BYTES:
            lane.damage(entry.position, f"its digest has {len(entry.digest)} bytes, not 32")
            return CheckedEntry(entry, code, _fitting(entry.digest), broken=True, doubted=True)
        return CheckedEntry(entry, code, entry.digest, broken, doubted)

    def _opened(self, value: bytes | None, entry: Entry) -> CheckedEntry:
        wrong = value is not None or entry.source.offset != 0
        if wrong:
            self._lane.damage(
                entry.position, f"it says that offset {entry.source.offset} of {entry.source.agency} opens the topic"
            )
        return CheckedEntry(entry, outcome_code(entry.outcome, ""), GENESIS_DIGEST, broken=wrong, doubted=wrong)


def _fitting(digest: bytes) -> bytes:
    return digest[:_DIGEST_BYTES].ljust(_DIGEST_BYTES, b"\x00")
