"""What `lienthong ops --json` prints of each thing; the fields are documented in docs/operations.md."""

from collections.abc import Mapping
from typing import Any

from lienthong.kernel.deadlines import DeadlineJudge
from lienthong.ops.heartbeat import Silent
from lienthong.ops.late import Late
from lienthong.ops.words import iso
from lienthong.tracker.lateness import Lateness

__all__ = ["deadline_rows", "late_row", "positive", "silent_row"]


def positive(counts: Mapping[str, int]) -> dict[str, int]:
    """Counts that are not 0."""
    return {name: count for name, count in counts.items() if count}


def silent_row(one: Silent, now: int) -> dict[str, Any]:
    """An agency that does not read."""
    return {
        "agency": one.code, "waiting": one.waiting, "since": iso(one.since), "seconds": (now - one.since) // 1000,
        "last_heard_at": iso(one.last_heard_at),
    }  # fmt: skip


def deadline_rows(found: Lateness | None) -> dict[str, dict[str, Any]]:
    """By rule; nothing if it was not counted."""
    if found is None:
        return {}
    rules = sorted({rule for counts in found for rule in counts})
    return {
        rule.value: {
            "overdue": found.overdue.get(rule, 0), "near_due": found.near.get(rule, 0),
            "fell_due_30_days": found.due.get(rule, 0), "in_time_30_days": found.in_time.get(rule, 0),
            "on_time": found.on_time_share(rule),
        }
        for rule in rules
    }  # fmt: skip


def late_row(one: Late, judge: DeadlineJudge) -> dict[str, Any]:
    """A document that presses; of something that is not due yet `late_seconds` is negative."""
    judged, verdict = one.judged, one.verdict
    return {
        "document": judged.id.hex(), "code": judged.code, "subject": judged.subject, "sender": judged.sender,
        "agency": judged.route, "recipient": judged.recipient, "stage": judged.stage, "priority": judged.priority,
        "sent_at": iso(judged.sent_at), "rule": verdict.rule.value, "state": verdict.state.value,
        "due_at": iso(verdict.due_at), "late_seconds": -verdict.margin_ms // 1000, "level": verdict.level,
        "expired_at": iso(judged.expired_at), "told_at": iso(judged.told_at),
        "tell": judge.rules.escalation[verdict.level - 1].tell if verdict.level else None,
        "also": [{"rule": other.rule.value, "state": other.state.value, "level": other.level} for other in one.others],
    }  # fmt: skip
