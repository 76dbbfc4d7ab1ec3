"""Tables of ``lienthong ops`` for people, out of what it prints as JSON for programs."""

from collections.abc import Mapping, Sequence
from typing import Any

from lienthong.cli.output import console, plain, say_table
from lienthong.kernel.lifecycle import Stage
from lienthong.ops.words import shortened, span

__all__ = [
    "show_agency",
    "show_commands",
    "show_late",
    "show_overview",
    "show_quarantine",
    "show_rejected",
    "show_undelivered",
]

_DIGITS = 8
"""Of an envelope id on the screen; every command takes as many."""


def _counts(title: str, counts: Mapping[str, int], nothing: str) -> None:
    if counts:
        # The title stands in the table's head: above a table so narrow it would be folded.
        say_table("", (title, "number"), [(name, f"{count:>8,}") for name, count in counts.items()])
    else:
        console.print(nothing, highlight=False)


def _show_deadlines(rows: Mapping[str, Mapping[str, Any]]) -> None:
    if not rows:
        return
    say_table(
        "Deadlines of recipients",
        ("rule", "overdue", "near due", "in time, last 30 days"),
        [
            (
                rule, f"{one['overdue']:>8,}", f"{one['near_due']:>8,}",
                "–" if one["on_time"] is None
                else f"{one['on_time']:.1%} of {one['fell_due_30_days']:,}",
            )
            for rule, one in rows.items()
        ],
    )  # fmt: skip


def _in_order(stages: Mapping[str, int]) -> dict[str, int]:
    return {stage.value: stages[stage.value] for stage in Stage if stages.get(stage.value)}


def _show_silent(rows: Sequence[Mapping[str, Any]], minutes: int) -> None:
    if not rows:
        console.print(
            f"Nothing waits for more than {minutes} min without a later acknowledgement of its agency.",
            highlight=False,
        )
        return
    say_table(
        f"Not reading: something waits for more than {minutes} min, and nothing was acknowledged since",
        ("agency", "waiting", "for", "last heard"),
        [
            (
                one["agency"],
                f"{one['waiting']:,}",
                span(one["seconds"] * 1000),
                _moment(one["last_heard_at"]) or "never",
            )
            for one in rows
        ],
    )


def _moment(text: str | None) -> str:
    """A moment of the JSON, for people."""
    return f"{text[8:10]}/{text[5:7]}/{text[:4]} {text[11:16]}" if text else ""


def show_overview(found: dict[str, Any]) -> None:
    console.print(f"{found['documents']:,} documents; as of {_moment(found['as_of'])}, Vietnam", highlight=False)
    _counts("at recipients", _in_order(found["deliveries"]), "Nothing was sent yet.")
    _show_deadlines(found["deadlines"])
    oldest = found["oldest_unacknowledged"]
    if oldest:
        console.print(
            f"Oldest unacknowledged: since {_moment(oldest['since'])}, {span(oldest['seconds'] * 1000)}, at"
            f" {oldest['agency']}, where {oldest['waiting']:,} wait.",
            highlight=False,
        )
    _show_silent(found["not_reading"], found["not_reading_minutes"])
    _counts("rejected", found["rejected"], "Nothing was rejected.")
    _counts("impossible", found["flags"], "Nothing impossible was said.")
    tracker = found["tracker"]
    lags = [lane["lag"] for lane in tracker["lanes"].values()]
    behind = (
        "how far behind, only Kafka knows, and it does not answer" if None in lags else f"{sum(lags):,} entries behind"
    )
    newest = _moment(tracker["judged_at"]) or "none"
    console.print(f"Tracker: newest entry {newest}; {behind}; {found['unread']:,} unread.", highlight=False)


def show_agency(found: dict[str, Any]) -> None:
    console.print(f"{found['agency']}; as of {_moment(found['as_of'])}, Vietnam", highlight=False)
    _counts("received", _in_order(found["received"]), "It received nothing.")
    oldest = found["oldest_unacknowledged"]
    if oldest:
        console.print(
            f"Oldest unacknowledged: since {_moment(oldest['since'])}, {span(oldest['seconds'] * 1000)}.",
            highlight=False,
        )
    _show_silent([found["not_reading"]] if found["not_reading"] else [], found["not_reading_minutes"])
    expired = found["expired"]
    if expired["received"] or expired["sent"]:
        console.print(
            f"Expired unread, senders told: {expired['received']:,} that it received,"
            f" {expired['sent']:,} that it sent.",
            highlight=False,
        )
    if found["asked"]:
        console.print(f"{found['asked']:,} recalls or updates wait for its answer.", highlight=False)
    _show_deadlines(found["deadlines"])
    sent = f"sent: {found['documents_sent']:,}"
    _counts(sent, _in_order(found["sent"]), "It sent nothing.")
    _counts("rejected", found["rejected"], "Nothing of it was rejected.")


def _who(one: Mapping[str, Any]) -> str:
    """Whose document it is, and in whose inbox if that is another's."""
    same = one["recipient"] == one["agency"]
    return str(one["recipient"]) if same else f"{one['recipient']} at {one['agency']}"


def _rest(found: Mapping[str, Any], count: int) -> None:
    if len(found["rows"]) < count:
        console.print(f"{len(found['rows']):,} of {count:,} are shown; --limit shows more.", highlight=False)


def show_late(found: dict[str, Any]) -> None:
    if not found["overdue"] and not found["near_due"]:
        console.print("Nothing is late or nearly due.")
        return
    rules = ", ".join(f"{rule} {one['overdue']:,} + {one['near_due']:,}" for rule, one in found["by_rule"].items())
    say_table(
        "Late and nearly due, the worst first",
        ("agency", "rule", "late", "due", "level", "stage", "document", "code or subject"),
        [
            (
                _who(one), one["rule"],
                span(one["late_seconds"] * 1000) if one["state"] == "overdue"
                else f"in {span(one['late_seconds'] * 1000)}",
                _moment(one["due_at"])[:10], one["level"] or "",
                f"{one['stage']}, sender told" if one["told_at"] else one["stage"],
                one["document"][:_DIGITS], shortened(one["code"] or one["subject"], 24),
            )
            for one in found["rows"]
        ],
    )  # fmt: skip
    levels = sorted({(one["level"], one["tell"]) for one in found["rows"] if one["level"]})
    if levels:
        told = "; ".join(f"{level} {whom}" for level, whom in levels)
        console.print(f"Tell, by level: {plain(told)}", markup=False, highlight=False)
    console.print(
        f"{found['overdue']:,} documents overdue, {found['near_due']:,} nearly due; by rule, overdue + nearly: {rules}",
        highlight=False,
    )
    _rest(found, found["overdue"] + found["near_due"])


def show_undelivered(found: dict[str, Any]) -> None:
    if not found["count"]:
        console.print("Everything was acknowledged.")
        return
    say_table(
        "Sent and not acknowledged, the oldest first",
        ("agency", "for", "sent", "from", "document", "subject"),
        [
            (
                _who(one), span(one["seconds"] * 1000), _moment(one["sent_at"]), one["sender"],
                one["document"][:_DIGITS], shortened(one["subject"]),
            )
            for one in found["rows"]
        ],
    )  # fmt: skip
    _rest(found, found["count"])


def show_rejected(found: dict[str, Any]) -> None:
    if not found["count"]:
        console.print("Nothing was rejected.")
        return
    say_table(
        "Rejected, the newest first",
        ("time", "agency", "lane:position", "reason", "document", "detail"),
        [
            (
                _moment(one["judged_at"]), one["agency"], f"{one['lane']}:{one['position']}", one["reason"],
                (one["document"] or "")[:_DIGITS], shortened(one["detail"], 60),
            )
            for one in found["rows"]
        ],
    )  # fmt: skip
    console.print(", ".join(f"{reason} {count:,}" for reason, count in found["by_reason"].items()), highlight=False)
    _rest(found, found["count"])


def show_quarantine(found: dict[str, Any]) -> None:
    if not found["count"]:
        console.print("The quarantine is empty.")
        return
    say_table(
        "Quarantine, the newest first",
        ("time", "agency", "lane/offset", "reason", "bytes", "SHA-256"),
        [
            (
                _moment(one["judged_at"]), one["agency"], f"{one['lane']}/{one['offset']}", one["reason"],
                f"{one['bytes']:,}", one["digest"][:16],
            )
            for one in found["rows"]
        ],
    )  # fmt: skip
    _rest(found, found["count"])


def show_commands(found: dict[str, Any]) -> None:
    if not found["rows"]:
        console.print("Nothing was ordered.")
        return
    say_table(
        "Ordered by the operator, the newest first",
        ("time", "what", "document", "lane:offset", "command at", "to", "key", "reason"),
        [
            (
                _moment(one["judged_at"]), one["action"], one["document"][:_DIGITS], f"{one['lane']}:{one['about']}",
                f"{one['lane']}:{one['position']}", shortened(", ".join(one["recipients"])), one["key"][:_DIGITS],
                shortened(one["reason"], 60),
            )
            for one in found["rows"]
        ],
    )  # fmt: skip
