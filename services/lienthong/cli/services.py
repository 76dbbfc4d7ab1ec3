"""``lienthong run NAME``: services in this process."""

import os
from enum import StrEnum
from typing import Annotated

import typer

from lienthong.cli.extras import extra, has_tracker
from lienthong.cli.output import run, told
from lienthong.cli.reach import resolve_bootstrap
from lienthong.runtime.settings import Settings

__all__ = ["app"]

app = typer.Typer(add_completion=False)


class Name(StrEnum):
    """Services that can be run."""

    INTAKE = "intake"
    DISPATCH = "dispatch"
    NOTARY = "notary"
    REMINDER = "reminder"
    TRACKER = "tracker"
    ALL = "all"


@app.command()
def run_command(
    name: Annotated[Name, typer.Argument(help="Which service; all of them in one process with `all`.")],
    lanes: Annotated[str | None, typer.Option(help="Lanes to serve, as in 0,2-3; default all.")] = None,
    http_port: Annotated[int | None, typer.Option(help="Port for /live, /ready and /metrics; 0 for any.")] = None,
    bootstrap: Annotated[str | None, typer.Option(envvar="LIENTHONG_BOOTSTRAP", help="Kafka's host:port.")] = None,
    log_level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = "INFO",
) -> None:
    """Run services until SIGTERM. Logs are JSON lines on standard error."""
    from lienthong.dispatch.service import serve as dispatch
    from lienthong.intake.service import serve as intake
    from lienthong.notary.service import serve as notary
    from lienthong.reminder.service import serve as reminder
    from lienthong.runtime.context import Context
    from lienthong.runtime.logs import configure_logs
    from lienthong.runtime.run import Service, run_services

    services: dict[str, Service] = {
        "intake": intake, "dispatch": dispatch, "notary": notary, "reminder": reminder,
    }  # fmt: skip
    chosen_lanes = _lanes(lanes)
    with told():
        configure_logs(level=log_level)
        base = Settings()
        changes: dict[str, object] = {"bootstrap": resolve_bootstrap(base, bootstrap)}
        if http_port is not None:
            changes["http_port"] = http_port
        settings = base.model_copy(update=changes)
        # With all the others it runs where it can: its packages are an extra, and its database may be elsewhere.
        if name is Name.TRACKER or (name is Name.ALL and has_tracker() and settings.tracker_database != ""):
            with extra("tracker"):
                from lienthong.tracker.service import serve as tracker

            services["tracker"] = tracker
        if name is Name.TRACKER:
            # Documents go first: where processors are short, the view of them is late instead.
            os.nice(settings.tracker_nice)
        context = Context(settings, settings.trust(), chosen_lanes)
        chosen = services if name is Name.ALL else {name.value: services[name.value]}
        run(run_services(chosen, context))


def _lanes(text: str | None) -> list[int] | None:
    if text is None:
        return None
    lanes: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if not first.isdigit() or (last and not last.isdigit()):
            raise typer.BadParameter(f"{text!r} is not a list of lanes, as in 0,2-3", param_hint="--lanes")
        if int(last or first) < int(first):
            raise typer.BadParameter(f"{part!r} ends before it begins", param_hint="--lanes")
        lanes.update(range(int(first), int(last or first) + 1))
    return sorted(lanes)
