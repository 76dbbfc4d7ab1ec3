"""One lane under audit: what its three passes share."""

from array import array
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from lienthong.auditor.claims import Claims, counted
from lienthong.auditor.facts import LaneFacts, Places
from lienthong.auditor.findings import Findings
from lienthong.kernel.topics import LEDGER, Partition

__all__ = ["Lane", "LaneCounts", "Missing", "Rules", "text_of"]


class Missing(NamedTuple):
    """What a signed receipt says of an entry that the ledger does not hold."""

    position: int
    """Where it stood."""
    said_at: int
    """Ledger offset of the receipt."""


class Rules(NamedTuple):
    """What an audit holds the topics against."""

    generations: Mapping[str, str]
    """Id of the out topic of each connected agency that has one."""
    backbones: frozenset[str]
    """Agencies that sign receipts; they get none themselves."""
    now: int
    """When the first topics' ends were looked up, milliseconds since 1970 UTC."""
    grace_ms: int
    """How long something may be on its way before its absence is damage."""
    clock_bound_ms: int
    """How far intake's clock and the broker's may be apart."""


@dataclass(slots=True)
class LaneCounts:
    """Numbers of one lane's audit."""

    lane: int
    entries: int = 0
    """Entries of the ledger that were judged again."""
    verified: int = 0
    """Entries about which everything holds."""
    accepted: int = 0
    rejected: int = 0
    opened: int = 0
    repeats: int = 0
    """Void: the source offset was taken before."""
    duplicates: int = 0
    """Void: the envelope id was accepted before."""
    reconsidered: int = 0
    """Verdicts that agree with a directory that was being changed at that moment."""
    out_records: int = 0
    not_judged_yet: int = 0
    deliveries: int = 0
    """Records of inboxes that were held against the ledger."""
    deliveries_verified: int = 0
    deliveries_repeated: int = 0
    not_delivered_yet: int = 0
    receipt_lines: int = 0
    """What receipts say, line by line."""
    receipts_not_said_yet: int = 0
    acknowledged: int = 0
    """Documents named by acknowledgements."""
    notice_lines: int = 0
    """Documents named by notices, each counted once for every recipient."""
    not_checked: int = 0
    """Statements about what lies before the part that was read, or too far back to be remembered."""
    consequences: int = 0
    """Differences that follow from damage that is named, and are not named again."""

    def as_json(self) -> dict[str, int]:
        """For programs."""
        return asdict(self)


@dataclass(slots=True)
class Lane:
    """What is known of one lane so far."""

    number: int
    complete: bool
    """The ledger was read from its first entry on."""
    bounded: bool
    """The audit ends before the ledger does."""
    facts: LaneFacts
    findings: Findings
    counts: LaneCounts
    places: dict[tuple[str, str], Places] = field(default_factory=dict)
    """Where each source's records stand in the ledger, by agency and generation."""
    generation: dict[str, str] = field(default_factory=dict)
    """Generation of each source's newest entry."""
    earlier: dict[str, list[str]] = field(default_factory=dict)
    """Generations of an agency's out topic that had entries before another one had."""
    last_before: dict[tuple[str, str], int] = field(default_factory=dict)
    """Last offset of each source before the part that is judged."""
    deliveries: dict[str, "array[int]"] = field(default_factory=dict)
    """Ledger positions of what each agency's inbox must hold, in order."""
    answered: dict[str, "array[int]"] = field(default_factory=dict)
    """Of the same, how far behind the first entry judged its first acknowledgement stands, from 1 on; 0: nowhere yet.
    Four bytes a delivery."""
    disordered: bool = False
    """The ledger lacks entries, or holds foreign ones, or another order: positions cannot be relied on."""
    cut_off: bool = False
    """Inboxes hold what lies beyond the ledger's end."""
    lost: set[bytes] = field(default_factory=set)
    """Digests of records that the ledger lacks."""
    lost_ids: set[bytes] = field(default_factory=set)
    """Envelope ids of entries that are damaged or missing: a later repeat of one only seems to be the first."""
    missing: dict[tuple[tuple[str, str], int], Missing] = field(default_factory=dict)
    """Entries that the ledger lacks and receipts speak of, by source and source offset."""
    delivery_claims: Claims = field(default_factory=Claims)
    """What inboxes say of positions."""

    @property
    def ledger(self) -> Partition:
        """The ledger's partition."""
        return Partition(LEDGER, self.number)

    def met(self, agency: str, generation: str) -> None:
        """An entry of a generation that had none before stands in the ledger."""
        newest = self.generation.get(agency)
        if newest is not None and newest != generation:
            self.earlier.setdefault(agency, []).append(newest)

    def expect(self, agency: str, position: int) -> None:
        """An inbox must hold this entry."""
        expected = self.deliveries.get(agency)
        if expected is None:
            expected = self.deliveries[agency] = array("q")
        expected.append(position)

    def answer(self, agency: str, number: int, position: int) -> None:
        """Of an inbox's delivery of this number the entry at `position` is an acknowledgement."""
        answers = self.answered.setdefault(agency, array("I"))
        if number >= len(answers):
            answers.frombytes(bytes(answers.itemsize * (len(self.deliveries[agency]) - len(answers))))
        answers[number] = answers[number] or position - self.facts.first + 1

    def answered_at(self, agency: str, number: int) -> int | None:
        """Ledger position of the first acknowledgement of an inbox's delivery of this number."""
        answers = self.answered.get(agency, ())
        ahead = answers[number] if number < len(answers) else 0
        return self.facts.first + ahead - 1 if ahead else None

    def damage(self, position: int, what: str) -> None:
        """Name damage of the ledger."""
        self.findings.add(self.ledger, position, what)

    def name_shifts(self, claims: Claims) -> None:
        """Name damage of the ledger: entries that do not stand where others say that they stood."""
        for first, last, length in claims.stretches():
            more = f"; so for {counted(length, 'entry', 'entries')} up to offset {last.position}" if length > 1 else ""
            # Whatever was taken out, put in or moved, the first place that is wrong is the lower one.
            self.damage(
                min(first.position, first.claimed),
                f"the entry of {self.facts.agency(first.position)} at offset {first.position} stood at {first.claimed},"
                f" says {first.partition.topic} lane {self.number} offset {first.offset}{more}",
            )

    def name_delivery_claims(self) -> None:
        """Name who is wrong about positions: one inbox that disagrees with the ledger, or the ledger with several."""
        claims = self.delivery_claims
        if len(claims.partitions) > 1:
            self.name_shifts(claims)
            return
        for first, _, count in claims.stretches():
            more = f"; so for {counted(count, 'record')}" if count > 1 else ""
            self.findings.add(
                first.partition,
                first.offset,
                f"it names ledger offset {first.claimed}, but holds what stands at {first.position}{more}",
            )


def text_of(value: Any) -> str:
    """Something from the wire within a sentence: short, and nothing that a terminal obeys."""
    text = value.hex() if isinstance(value, bytes) else str(value)
    return "".join(one if one.isprintable() else "?" for one in text[:80])
