"""What an audit says in the end."""

from dataclasses import dataclass
from typing import Any

from lienthong.auditor.findings import Finding, Findings
from lienthong.auditor.lane import LaneCounts

__all__ = ["SHOWN", "Report"]

SHOWN = 100
"""Most findings, and most notes, that are listed; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Report:
    """Outcome of an audit."""

    origin: str
    """Name of the backbone."""
    lanes: list[LaneCounts]
    agencies: int
    """Connected agencies whose topics were read."""
    facts: int
    """Records of the directory that the operator signed."""
    findings: Findings

    @property
    def entries(self) -> int:
        """Entries of the ledger that were judged again."""
        return sum(lane.entries for lane in self.lanes)

    @property
    def verified(self) -> int:
        """Entries about which everything holds."""
        return sum(lane.verified for lane in self.lanes)

    @property
    def clean(self) -> bool:
        """Whether no damage was found."""
        return self.findings.count == 0

    def damage(self) -> list[Finding]:
        """The first findings, by topic, lane and offset."""
        return self.findings.damage()[:SHOWN]

    def notes(self) -> list[Finding]:
        """The first notes, by topic, lane and offset."""
        return self.findings.notes()[:SHOWN]

    def as_json(self) -> dict[str, Any]:
        """For programs; fields as in ``docs/audit.md``."""
        return {
            "origin": self.origin,
            "clean": self.clean,
            "entries": self.entries,
            "verified": self.verified,
            "agencies": self.agencies,
            "directory_records": self.facts,
            "findings": [one.as_json() for one in self.damage()],
            "findings_count": self.findings.count,
            "notes": [one.as_json() for one in self.notes()],
            "notes_count": self.findings.notes_count,
            "lanes": [lane.as_json() for lane in self.lanes],
        }
