"""``lienthong ops``: who is late, who does not read, what was turned away, and what the operator ordered.

Nothing here changes anything but `resend` and `release`, which order by a signed command.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from lienthong.cli.extras import extra
from lienthong.cli.ops_orders import release, resend
from lienthong.cli.ops_tables import (
    show_agency,
    show_commands,
    show_late,
    show_overview,
    show_quarantine,
    show_rejected,
    show_undelivered,
)
from lienthong.cli.output import JsonOption, console, run, say_json, told
from lienthong.cli.reach import resolve_bootstrap
from lienthong.cli.tracked import tracked
from lienthong.kernel.agency import agency_code
from lienthong.kernel.clock import now_ms
from lienthong.kernel.errors import UnavailableError
from lienthong.ops.words import iso
from lienthong.runtime.deadline_file import read_deadlines
from lienthong.runtime.settings import Settings

__all__ = ["app"]

app = typer.Typer(add_completion=False, no_args_is_help=True)
app.command()(resend)
app.command()(release)

_Database = Annotated[str | None, typer.Option(help="URL of the tracker's database; default: setting.")]
_Agency = Annotated[str | None, typer.Option(help="Only this agency.")]
_Limit = Annotated[int, typer.Option(min=1, max=100_000, help="Most lines.")]
_Watch = Annotated[float | None, typer.Option(min=0.5, help="Again every so many seconds, until interrupted.")]
_Minutes = Annotated[int, typer.Option(min=1, help="After so long without a sign an agency does not read.")]
_Deadlines = Annotated[Path | None, typer.Option(help="File with deadlines and days off; default: setting.")]
_Bootstrap = Annotated[str | None, typer.Option(envvar="LIENTHONG_BOOTSTRAP", help="Kafka's host:port.")]
_ASK_SECONDS = 5.0
"""Longest wait for Kafka where it only adds something."""


def _present(
    find: Callable[[], dict[str, Any]], show: Callable[[dict[str, Any]], None], json: bool, watch: float | None
) -> None:
    """Look once, or again and again."""
    with told():
        while True:
            found = find()
            if json:
                say_json(found)
            else:
                if watch is not None and console.is_terminal:
                    console.clear()
                show(found)
            if watch is None:
                return
            time.sleep(watch)


def _code(agency: str | None) -> str | None:
    return None if agency is None else str(agency_code(agency))


@app.command()
def overview(
    minutes: _Minutes = 15,
    deadlines: _Deadlines = None,
    database: _Database = None,
    bootstrap: _Bootstrap = None,
    watch: _Watch = None,
    json: JsonOption = False,
) -> None:
    """The whole backbone on one screen."""

    def find() -> dict[str, Any]:
        settings, now = Settings(), now_ms()
        judge = read_deadlines(deadlines or settings.deadlines_file)
        with extra("tracker"):
            from lienthong.ops.heartbeat import not_reading
            from lienthong.ops.rows import deadline_rows, positive, silent_row
            from lienthong.tracker import queries
            from lienthong.tracker.lateness import lateness
            from lienthong.tracker.lateness_watch import LATELY_MS
            from lienthong.tracker.measures import waiting
        with tracked(settings, database) as connection:
            whole = queries.overview(connection)
            late = lateness(connection, judge, now, since=now - LATELY_MS)
            silent = not_reading(connection, now, minutes)
            oldest = waiting(connection).oldest
        ends = _ledger_ends(settings, bootstrap)
        first = min(((since, code, count) for code, (since, count) in oldest.items()), default=None)
        return {
            "as_of": iso(now), "documents": whole.documents, "deliveries": whole.stages,
            "flags": positive(whole.flags), "rejected": positive(whole.rejected), "unread": whole.unread,
            "deadlines": deadline_rows(late),
            "oldest_unacknowledged": first
            and {"agency": first[1], "since": iso(first[0]), "waiting": first[2], "seconds": (now - first[0]) // 1000},
            "not_reading_minutes": minutes,
            "not_reading": [silent_row(one, now) for one in silent],
            "tracker": {
                "judged_at": iso(whole.judged_at),
                "lanes": {
                    str(lane): {"position": at, "lag": ends[lane] - at if lane in ends else None}
                    for lane, at in sorted(whole.positions.items())
                },
            },
        }  # fmt: skip

    _present(find, show_overview, json, watch)


@app.command()
def agency(
    code: Annotated[str, typer.Argument(help="An agency's code.")],
    minutes: _Minutes = 15,
    deadlines: _Deadlines = None,
    database: _Database = None,
    watch: _Watch = None,
    json: JsonOption = False,
) -> None:
    """One agency: what it received and sent, what waits for it, what of its own was rejected."""

    def find() -> dict[str, Any]:
        settings, now, wanted = Settings(), now_ms(), str(agency_code(code))
        judge = read_deadlines(deadlines or settings.deadlines_file)
        with extra("tracker"):
            from lienthong.ops.agency import sent_by
            from lienthong.ops.heartbeat import not_reading
            from lienthong.ops.rows import deadline_rows, silent_row
            from lienthong.tracker import queries
            from lienthong.tracker.lateness import lateness
            from lienthong.tracker.lateness_watch import LATELY_MS
        with tracked(settings, database) as connection:
            received = next(iter(queries.agencies(connection, wanted)), None)
            sent = sent_by(connection, wanted)
            late = lateness(connection, judge, now, since=now - LATELY_MS, agency=wanted)
            silent = next(iter(not_reading(connection, now, minutes, wanted)), None)
        if received is None and not sent.documents and not sent.rejected:
            raise ValueError(f"nothing was sent to {wanted} or by it")
        oldest = received.oldest_unacknowledged_at if received else 0
        return {
            "as_of": iso(now), "agency": wanted,
            "received": received.stages if received else {},
            "oldest_unacknowledged": {"since": iso(oldest), "seconds": (now - oldest) // 1000} if oldest else None,
            "asked": received.asked if received else 0,
            "expired": {"received": received.expired if received else 0, "sent": sent.expired},
            "not_reading_minutes": minutes,
            "not_reading": silent_row(silent, now) if silent else None,
            "documents_sent": sent.documents, "sent": sent.stages, "rejected": sent.rejected,
            "deadlines": deadline_rows(late),
        }  # fmt: skip

    _present(find, show_agency, json, watch)


@app.command()
def late(
    agency: _Agency = None,
    near: Annotated[bool, typer.Option("--near/--overdue", help="Also what soon will be late.")] = True,
    limit: _Limit = 40,
    deadlines: _Deadlines = None,
    database: _Database = None,
    watch: _Watch = None,
    json: JsonOption = False,
) -> None:
    """Documents that are overdue or nearly due, the worst first, with whom to tell."""

    def find() -> dict[str, Any]:
        settings, now, code = Settings(), now_ms(), _code(agency)
        judge = read_deadlines(deadlines or settings.deadlines_file)
        with extra("tracker"):
            from lienthong.ops.late import pressing
            from lienthong.ops.rows import late_row
            from lienthong.tracker.lateness import judged
        with tracked(settings, database) as connection:
            found = pressing(judged(connection, judge, now, agency=code), limit, near=near)
        return {
            "as_of": iso(now), "overdue": found.overdue, "near_due": found.near,
            "by_rule": {rule.value: {"overdue": both[0], "near_due": both[1]} for rule, both in found.by_rule.items()},
            "rows": [late_row(one, judge) for one in found.worst],
        }  # fmt: skip

    _present(find, show_late, json, watch)


@app.command()
def undelivered(
    agency: _Agency = None,
    minutes: Annotated[int, typer.Option(min=0, help="Sent longer ago than this.")] = 0,
    limit: _Limit = 40,
    database: _Database = None,
    watch: _Watch = None,
    json: JsonOption = False,
) -> None:
    """Documents that their recipients have not acknowledged in any way, the oldest first."""

    def find() -> dict[str, Any]:
        settings, now, code = Settings(), now_ms(), _code(agency)
        with extra("tracker"):
            from itertools import islice

            from lienthong.tracker import queries
            from lienthong.tracker.measures import waiting
        before = now - minutes * 60_000
        with tracked(settings, database) as connection:
            oldest = waiting(connection, before).oldest
            rows = [
                {
                    "document": row.id.hex(), "code": "/".join(filter(None, (row.code_number, row.code_notation))),
                    "subject": row.subject, "sender": row.sender, "agency": row.route, "recipient": row.recipient,
                    "priority": row.priority, "sent_at": iso(row.sent_at), "seconds": (now - row.sent_at) // 1000,
                }
                for row in islice(queries.undelivered(connection, before, code), limit)
            ]  # fmt: skip
        counts = {one: count for one, (_, count) in sorted(oldest.items()) if code in (None, one)}
        return {"as_of": iso(now), "count": sum(counts.values()), "by_agency": counts, "rows": rows}

    _present(find, show_undelivered, json, watch)


@app.command()
def rejected(
    agency: _Agency = None,
    limit: _Limit = 40,
    database: _Database = None,
    watch: _Watch = None,
    json: JsonOption = False,
) -> None:
    """What intake rejected, the newest first."""

    def find() -> dict[str, Any]:
        settings, now, code = Settings(), now_ms(), _code(agency)
        with extra("tracker"):
            from lienthong.tracker import queries
        with tracked(settings, database) as connection:
            rows = queries.rejections(connection, agency=code, limit=limit)
            counts = queries.rejection_counts(connection, code)
        return {
            "as_of": iso(now), "count": sum(counts.values()), "by_reason": counts,
            "rows": [
                {
                    "agency": row.agency, "lane": row.lane, "offset": row.source_offset, "position": row.position,
                    "document": row.id.hex() or None, "kind": row.kind or None, "reason": row.reason,
                    "detail": row.detail, "digest": row.digest.hex(), "judged_at": iso(row.judged_at),
                }
                for row in rows
            ],
        }  # fmt: skip

    _present(find, show_rejected, json, watch)


@app.command()
def quarantine(
    agency: _Agency = None,
    limit: _Limit = 40,
    bootstrap: _Bootstrap = None,
    watch: _Watch = None,
    json: JsonOption = False,
) -> None:
    """What lies in the quarantine, the newest first: where it came from, why, how large. Never its contents."""
    from lienthong.kernel.bus import Bus
    from lienthong.ops.quarantine import Quarantine, quarantined

    def find() -> dict[str, Any]:
        base, now, code = Settings(), now_ms(), _code(agency)
        settings = base.model_copy(update={"bootstrap": resolve_bootstrap(base, bootstrap)})

        async def work() -> Quarantine:
            async with Bus.connect(settings.kafka(), "lt-ops") as bus:
                return await quarantined(bus, limit, code)

        found = run(work())
        return {
            "as_of": iso(now), "count": found.total,
            "rows": [
                {
                    "agency": one.agency, "lane": one.lane, "offset": one.offset, "position": one.position,
                    "reason": one.reason, "bytes": one.size, "digest": one.digest.hex(),
                    "judged_at": iso(one.judged_at),
                }
                for one in found.newest
            ],
        }  # fmt: skip

    _present(find, show_quarantine, json, watch)


@app.command()
def commands(
    limit: _Limit = 40,
    database: _Database = None,
    watch: _Watch = None,
    json: JsonOption = False,
) -> None:
    """What the operator ordered, the newest first: by which key, when, why, and to whom it went."""

    def find() -> dict[str, Any]:
        settings, now = Settings(), now_ms()
        with extra("tracker"):
            from lienthong.tracker import queries
        with tracked(settings, database) as connection:
            rows = queries.commands(connection, limit)
        return {
            "as_of": iso(now),
            "rows": [
                {
                    "command": row.id.hex(), "action": row.action, "lane": row.lane, "position": row.position,
                    "document": row.document.hex(), "about": row.target, "recipients": row.recipients.split(","),
                    "reason": row.reason, "key": row.operator.hex(), "created": iso(row.created),
                    "judged_at": iso(row.judged_at),
                }
                for row in rows
            ],
        }  # fmt: skip

    _present(find, show_commands, json, watch)


def _ledger_ends(settings: Settings, bootstrap: str | None) -> dict[int, int]:
    """Where the ledger ends, by lane; nothing if Kafka does not answer: the rest can be told all the same."""
    from lienthong.kernel.bus import Bus
    from lienthong.kernel.topics import LEDGER, Partition

    async def work(address: str) -> dict[int, int]:
        asked = settings.model_copy(update={"timeout_seconds": min(settings.timeout_seconds, _ASK_SECONDS)})
        async with Bus.connect(asked.kafka(address), "lt-ops") as bus, bus.reader() as reader:
            partitions = [Partition(LEDGER, lane) for lane in range(await bus.lanes(LEDGER))]
            return {one.number: end for one, end in (await reader.ends(partitions)).items()}

    try:
        return run(work(resolve_bootstrap(settings, bootstrap)))
    except UnavailableError:
        return {}
