"""``lienthong audit verify|replay``: read everything again, and prove it or name what is wrong."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from lienthong.auditor.claims import counted
from lienthong.auditor.export import LINES, Replayed
from lienthong.auditor.export import replay as export
from lienthong.auditor.options import Options
from lienthong.auditor.report import Report
from lienthong.auditor.source import BusSource
from lienthong.auditor.verify import verify as audit
from lienthong.cli.output import Exit, JsonOption, console, run, say_json, say_table, told
from lienthong.cli.progress import Progress, progress
from lienthong.cli.reach import resolve_bootstrap
from lienthong.kernel.agency import agency_code
from lienthong.kernel.bus import Bus
from lienthong.kernel.trust import Trust
from lienthong.runtime.collector import calm_collector
from lienthong.runtime.settings import Settings

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False)

_Bootstrap = Annotated[str | None, typer.Option(envvar="LIENTHONG_BOOTSTRAP", help="Kafka's host:port.")]
_TrustFile = Annotated[
    Path | None,
    typer.Option(
        "--trust", help="The pinned trust anchor; by default LIENTHONG_TRUST_FILE, or trust.json of LIENTHONG_HOME."
    ),
]
_Grace = Annotated[float, typer.Option(min=0, help="Seconds that anything may be on its way before it is missed.")]
_NAME = "lt-audit"


@app.command()
def verify(
    since: Annotated[
        str | None,
        typer.Option(
            "--from", help="Only what was accepted or rejected from then on, ISO 8601; UTC if it names no zone."
        ),
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Only what was accepted or rejected before then.")] = None,
    grace: _Grace = 60.0,
    trust: _TrustFile = None,
    bootstrap: _Bootstrap = None,
    json: JsonOption = False,
) -> None:
    """Read every topic again, compute every answer again, and name whatever does not agree."""
    with told():
        options = Options(_moment("--from", since), _moment("--to", until), int(grace * 1000))
        settings, anchor = _settings(bootstrap, trust)

        async def work(show: Progress) -> Report:
            async with Bus.connect(settings.kafka(), _NAME) as bus:
                return await audit(BusSource(bus), anchor, options, progress=show)

        with progress("verifying", quiet=json) as show:
            report = run(work(show))
        if json:
            say_json(report.as_json())
        else:
            _say(report)
        if not report.clean:
            raise typer.Exit(Exit.INVARIANT)


@app.command()
def replay(
    agency: Annotated[str, typer.Option(help="Code of the agency.")],
    output: Annotated[Path, typer.Option(file_okay=False, help="Folder to write to; made if it is not there.")],
    since: Annotated[
        str | None,
        typer.Option("--since", help="From then on, ISO 8601; UTC if it names no zone. By default everything."),
    ] = None,
    until: Annotated[str | None, typer.Option("--until", help="Before then.")] = None,
    trust: _TrustFile = None,
    bootstrap: _Bootstrap = None,
    json: JsonOption = False,
) -> None:
    """Export what an agency sent and received, each record verified, as JSON Lines and files."""
    with told():
        options = Options(_moment("--since", since), _moment("--until", until))
        code = agency_code(agency)
        settings, anchor = _settings(bootstrap, trust)

        async def work(show: Progress) -> Replayed:
            async with Bus.connect(settings.kafka(), _NAME) as bus:
                source = BusSource(bus)
                return await export(source, anchor, code, output, options, progress=show)

        with progress("replaying", quiet=json) as show:
            done = run(work(show))
        if json:
            say_json(done.as_json())
        else:
            _say_replayed(code, done)
        if not done.clean:
            raise typer.Exit(Exit.INVARIANT)


def _settings(bootstrap: str | None, trust: Path | None) -> tuple[Settings, Trust]:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    calm_collector()
    base = Settings()
    anchor = Trust.load(trust) if trust is not None else base.trust()
    return base.model_copy(update={"bootstrap": resolve_bootstrap(base, bootstrap)}), anchor


def _moment(option: str, text: str | None) -> int | None:
    """A time in milliseconds since 1970 UTC.

    Raises:
        ValueError: it is none.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{option} {text}: not a time in ISO 8601, as in 2026-03-01T08:00:00+07:00") from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _say(report: Report) -> None:
    say_table(
        f"Audit of {report.origin}",
        ("lane", "entries", "verified", "void", "deliveries", "verified", "pending"),
        (
            (
                one.lane, one.entries, one.verified, one.repeats + one.duplicates, one.deliveries,
                one.deliveries_verified, one.not_judged_yet + one.not_delivered_yet + one.receipts_not_said_yet,
            )
            for one in report.lanes
        ),
    )  # fmt: skip
    for finding in report.damage():
        _print(f"damage: {finding}")
    _print_rest(report.findings.count - len(report.damage()), "findings")
    for note in report.notes():
        _print(f"note: {note}")
    _print_rest(report.findings.notes_count - len(report.notes()), "notes")
    consequences = sum(one.consequences for one in report.lanes)
    if consequences and not report.clean:
        _print(f"{counted(consequences, 'further difference')} may follow from this damage.")
    found = counted(report.findings.count, "finding")
    ending = "." if report.clean else f"; {found}: the topics are damaged."
    _print(f"{report.entries} entries, {report.verified} verified{ending}")


def _say_replayed(agency: str, done: Replayed) -> None:
    _print(
        f"{agency} sent {counted(done.sent, 'record')} and received {done.received}, {done.unverified} of them not"
        f" verified; {counted(done.files, 'file')}. See {done.folder / LINES}."
    )
    if done.not_in_out:
        _print(f"{counted(done.not_in_out, 'record')} missing in the out topic, of which the ledger holds entries.")
    if done.not_delivered:
        _print(f"{counted(done.not_delivered, 'entry', 'entries')} not delivered, or not yet.")
    if done.gaps:
        _print(f"Records are missing, at {counted(done.gaps, 'place')}: run `lienthong audit verify`.")


def _print_rest(count: int, what: str) -> None:
    if count > 0:
        _print(f"… and {count} more {what}.")


def _print(sentence: str) -> None:
    console.print(sentence, markup=False, highlight=False, soft_wrap=True)
