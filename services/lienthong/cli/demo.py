"""``lienthong demo``: documents travel, from nothing, in one command."""

import json as json_
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from lienthong.cli.extras import has_tracker
from lienthong.cli.output import Exit, console, run, say_table, told
from lienthong.demo.exchange import Result
from lienthong.demo.play import Played, Stage, play
from lienthong.demo.story import Turn
from lienthong.kernel.vietnam_time import local
from lienthong.runtime.collector import calm_collector

if TYPE_CHECKING:
    from lienthong.demo.overview import Line, Overview

__all__ = ["app"]

app = typer.Typer(add_completion=False)


@app.command()
def demo(
    documents: Annotated[int, typer.Option(min=1, help="How many documents to exchange.")] = 500,
    agencies: Annotated[int, typer.Option(min=2, max=500, help="How many agencies take part.")] = 12,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running at the end, to look around.")] = False,
    json: Annotated[Path | None, typer.Option("--json", help="Also write the summary to this file, as JSON.")] = None,
    bootstrap: Annotated[
        str, typer.Option(envvar="LIENTHONG_BOOTSTRAP", help="Use this Kafka; it must hold no backbone yet.")
    ] = "",
) -> None:
    """Start Kafka and the services, let agencies exchange signed documents, tell a story, and audit it all."""
    with told():
        calm_collector()
        played = _play_on_screen(Stage(documents, agencies, keep, bootstrap, has_tracker()))
        summary = played.as_json()
        if json is not None:
            json.write_text(json_.dumps(summary, indent=2) + "\n", "utf-8")
        _tell_story(played.overview)
        _summarise(played, summary)
        if keep:
            _tell_how_to_go_on(played)
        result = played.result
        if result.lost or result.repeated or result.refused or not played.audit.clean:
            raise typer.Exit(Exit.INVARIANT)
        if played.overview is not None and played.overview.differences:
            raise typer.Exit(Exit.FAILED)


def _play_on_screen(stage: Stage) -> Played:
    columns = (
        TextColumn("{task.description:<14}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console) as progress:
        bars: dict[str, int] = {}

        def say(text: str) -> None:
            console.log(text, highlight=False)

        def report(result: Result) -> None:
            counts = {
                "handed over": (result.handed_over, result.documents),
                "delivered": (result.deliveries, result.expected),
                "acknowledged": (result.acknowledged, result.documents),
            }
            for name, (done, total) in counts.items():
                if name not in bars:
                    bars[name] = progress.add_task(name, total=total)
                progress.update(progress.task_ids[bars[name]], completed=done)

        return run(play(stage, say, report))


def _tell_story(overview: "Overview | None") -> None:
    console.print()
    if overview is None:
        console.print("The story was played. Its overview needs the tracker: pip install 'lienthong\\[tracker]'")
        return
    say_table(
        "The story, as the tracker has it",
        ("Document", "Recipient", "State"),
        ((one.document, _recipient(one), one.state) for one in overview.lines),
    )
    lines = {
        "refused": overview.having(Turn.REFUSED),
        "updated": overview.having(Turn.UPDATED),
        "taken back": overview.having(Turn.TAKEN_BACK),
    }
    for one in overview.late:
        if one.overdue is not None:
            due, seen = local(one.overdue.due_at), local(overview.as_of)
            _say_ending("late", f"{_at(one)}: due by {due:%H:%M}, and it is {seen:%H:%M}, an hour from now")
    for ending, found in lines.items():
        _say_ending(ending, "; ".join(map(_at, found)))
    _say_ending(
        "merged", "; ".join(f"{one.document} to {one.recipient} went to {one.inbox}" for one in overview.merged)
    )
    if not overview.differences:
        console.print(f"[green]tracker: {len(overview.lines)} deliveries, each as it was done[/green]", highlight=False)
    for difference in overview.differences:
        console.print(f"[red]tracker: {escape(difference)}[/red]", highlight=False)


def _say_ending(ending: str, text: str) -> None:
    console.print(f"{ending + ':':<12}{escape(text) or '–'}", highlight=False, soft_wrap=True)


def _at(line: "Line") -> str:
    return f"{line.document} at {line.recipient}"


def _recipient(line: "Line") -> str:
    return line.recipient if line.inbox == line.recipient else f"{line.recipient}, merged into {line.inbox}"


def _summarise(played: Played, summary: dict[str, object]) -> None:
    result, audit = played.result, played.audit
    console.print()
    console.print(
        f"[bold]{result.documents}[/bold] documents, [bold]{result.deliveries}[/bold] deliveries,"
        f" [bold]{result.acknowledged}[/bold] acknowledged; lost {result.lost}, repeated {result.repeated}",
        highlight=False,
    )
    console.print(
        f"{summary['documents_per_second']} documents/s, {summary['deliveries_per_second']} deliveries/s in"
        f" {summary['seconds']} s; hand-over to recipient p50 {summary['p50_ms']} ms, p99 {summary['p99_ms']} ms",
        highlight=False,
    )
    colour = "green" if audit.clean else "red"
    console.print(f"[{colour}]auditor: {audit.entries} entries, {audit.verified} verified[/{colour}]", highlight=False)
    for finding in audit.damage()[:20]:
        console.print(f"  {finding}", markup=False, highlight=False)


def _tell_how_to_go_on(played: Played) -> None:
    console.print("\nEverything still runs. To look around:")
    _say_commands(_to_look_around(played))
    console.print("To end it:")
    _say_commands(_to_end(played))


def _say_commands(commands: list[str]) -> None:
    for command in commands:
        console.print(f"  {command}", markup=False, highlight=False, soft_wrap=True)


def _to_look_around(played: Played) -> list[str]:
    """Lines for a shell, each of which works as it stands once those before it were given."""
    name = _name()
    here = {"LIENTHONG_HOME": str(played.home)}
    if not played.embedded:
        # Otherwise commands find what runs in the home folder, and `kafka down` stops it.
        here["LIENTHONG_BOOTSTRAP"] = played.bootstrap
    if "LIENTHONG_TRACKER_DATABASE" in os.environ:
        here["LIENTHONG_TRACKER_DATABASE"] = f"sqlite:///{played.home / 'tracker.db'}"
    lines = [
        f"export {' '.join(f'{variable}={shlex.quote(value)}' for variable, value in here.items())}",
        f"{name} directory show",
        f"{name} inbox --agency G22 --list",
        f"{name} audit verify",
    ]
    if played.overview is not None:
        lines.append(f"{name} register --agency H26 --incoming --last 10")
    return lines


def _to_end(played: Played) -> list[str]:
    lines = [f"kill {played.services}"] if played.services is not None else []
    if played.embedded:
        lines.append(f"{_name()} kafka down")
    return [*lines, f"rm -r {shlex.quote(str(played.home))}"]


def _name() -> str:
    """How this program is called from a shell."""
    return "lienthong" if shutil.which("lienthong") else f"{shlex.quote(sys.executable)} -m lienthong"
