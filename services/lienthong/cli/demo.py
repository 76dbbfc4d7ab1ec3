"""``lienthong demo``: documents travel, from nothing, in one command."""

import json as json_
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from lienthong.cli.output import Exit, console, run, told
from lienthong.demo.exchange import Result
from lienthong.demo.play import Played, Stage, play
from lienthong.runtime.collector import calm_collector

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
    """Start Kafka and the services, let agencies exchange signed documents, and audit what happened."""
    with told():
        calm_collector()
        played = _play_on_screen(Stage(documents, agencies, keep, bootstrap))
        summary = played.as_json()
        if json is not None:
            json.write_text(json_.dumps(summary, indent=2) + "\n", "utf-8")
        _summarise(played, summary)
        if keep:
            _tell_how_to_go_on(played)
        result = played.result
        if result.lost or result.repeated or result.refused or not played.audit.clean:
            raise typer.Exit(Exit.INVARIANT)


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
    console.print(f"  export LIENTHONG_HOME={played.home} LIENTHONG_BOOTSTRAP={played.bootstrap}", soft_wrap=True)
    console.print("  lienthong directory show")
    console.print("  lienthong inbox --agency G22 --list")
    console.print("  lienthong audit verify")
    console.print("To end it: `pkill -f 'lienthong run all'`, `lienthong kafka down`, and delete the folder.")
