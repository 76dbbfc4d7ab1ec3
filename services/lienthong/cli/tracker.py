"""``lienthong tracker migrate|rebuild|digest``: the tracker's database."""

from typing import Annotated

import typer

from lienthong.cli.extras import extra
from lienthong.cli.output import JsonOption, console, run, say_json, say_table, told
from lienthong.cli.progress import Progress, progress
from lienthong.cli.reach import resolve_bootstrap
from lienthong.runtime.collector import calm_collector
from lienthong.runtime.settings import Settings

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False)

_Url = Annotated[
    str | None,
    typer.Option("--database", help="sqlite:///file or postgresql://user@host/name; by default the one that is set."),
]
_Bootstrap = Annotated[str | None, typer.Option(envvar="LIENTHONG_BOOTSTRAP", help="Kafka's host:port.")]


@app.command()
def migrate(database: _Url = None) -> None:
    """Make the tables, or bring them to this version."""
    with told(), extra("tracker"):
        from lienthong.tracker.database import Database
        from lienthong.tracker.migration import migrate as bring

        chosen = Database.of(Settings(), database)
        version = bring(chosen)
        console.print(f"{chosen}: version {version}", highlight=False)


@app.command()
def rebuild(
    database: Annotated[
        str | None,
        typer.Option(
            "--database", help="Fill this one, which must be empty; by default the one that is set is replaced."
        ),
    ] = None,
    bootstrap: _Bootstrap = None,
    json: JsonOption = False,
) -> None:
    """Build the database anew from the ledger alone. A tracker may run on it meanwhile."""
    with told(), extra("tracker"):
        from lienthong.kernel.bus import Bus
        from lienthong.tracker.database import Database
        from lienthong.tracker.rebuild import Rebuilt, fill
        from lienthong.tracker.rebuild import rebuild as build

        base = Settings()
        settings = base.model_copy(update={"bootstrap": resolve_bootstrap(base, bootstrap)})
        chosen = Database.of(settings, database)
        calm_collector()

        async def work(show: Progress) -> Rebuilt:
            async with Bus.connect(settings.kafka(), "lt-tracker-rebuild") as bus:
                return await (build(bus, chosen, show) if database is None else fill(bus, chosen, show))

        with progress("rebuilding", quiet=json) as show:
            done = run(work(show))
        rate = done.entries / done.seconds if done.seconds else 0.0
        if json:
            say_json({
                "database": str(chosen), "entries": done.entries, "lanes": done.lanes,
                "seconds": round(done.seconds, 3), "entries_per_second": round(rate),
            })  # fmt: skip
        else:
            console.print(
                f"{chosen}: {done.entries} entries of {done.lanes} lanes in {done.seconds:.1f} s, {rate:.0f} entries/s",
                highlight=False,
            )


@app.command()
def digest(database: _Url = None, json: JsonOption = False) -> None:
    """Print a digest of all that the database holds: the same for the same ledger entries, whatever the database."""
    with told(), extra("tracker"):
        from lienthong.tracker.database import Database
        from lienthong.tracker.digest import digest as compute
        from lienthong.tracker.migration import check

        chosen = Database.of(Settings(), database)
        check(chosen)
        found = compute(chosen)
        if json:
            tables = {one.table: {"rows": one.rows, "sha256": one.sha256} for one in found.tables}
            say_json({"sha256": found.sha256, "tables": tables})
        else:
            say_table(str(chosen), ("table", "rows", "SHA-256"), found.tables)
            console.print(found.sha256, highlight=False)
