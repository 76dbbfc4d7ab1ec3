"""``lienthong status``: how far a document has come."""

from typing import Annotated

import typer

from lienthong.cli.output import JsonOption, console, run, say_json, say_table, told
from lienthong.cli.people import client_settings, envelope_prefix
from lienthong.client import LienthongError, Progress, UnavailableError, connect
from lienthong.client.store import Store
from lienthong.runtime.settings import Settings

__all__ = ["app"]

app = typer.Typer(add_completion=False)


@app.command()
def status(
    envelope_id: Annotated[str, typer.Argument(help="Envelope id in hex, or how it begins.")],
    agency: Annotated[
        str | None, typer.Option(help="Code of the agency that sent it; default: any of this machine.")
    ] = None,
    bootstrap: Annotated[str | None, typer.Option(envvar="LIENTHONG_BOOTSTRAP", help="Kafka's host:port.")] = None,
    json: JsonOption = False,
) -> None:
    """Show how far a document has come: accepted where, arrived, acknowledged by whom."""
    with told():
        sender, identity = _find(envelope_prefix(envelope_id), agency)

        async def work() -> Progress | None:
            async with connect(sender, client_settings(bootstrap)) as client:
                await client.caught_up(timeout_seconds=10.0)
                return await client.progress(identity)

        note = ""
        try:
            progress = run(work())
        except (UnavailableError, BaseExceptionGroup) as error:
            if not isinstance(error, LienthongError):
                raise
            note = f"As of the last connection; now: {error}"
            progress = _stored(sender, identity)
        if progress is None:
            raise ValueError(
                f"{sender} received document {identity.hex()}, it did not send it: see `lienthong inbox --list`"
            )
        if json:
            say_json({"agency": sender, **progress.as_json(), "note": note})
            return
        console.print(f"envelope id {progress.id.hex()}", soft_wrap=True, highlight=False)
        console.print(f"[bold]{progress.state.value}[/bold]{': ' + progress.reason if progress.reason else ''}")
        if progress.position is not None:
            console.print(f"ledger lane {progress.lane} position {progress.position}")
        if progress.recipients:
            say_table("Acknowledgements", ("agency", "status"), sorted(progress.recipients.items()))
        if note:
            console.print(f"[yellow]{note}[/yellow]")


def _find(beginning: bytes, agency: str | None) -> tuple[str, bytes]:
    home = Settings().home / "agencies"
    stores = [home / agency / "store.sqlite"] if agency else sorted(home.glob("*/store.sqlite"))
    found: list[tuple[str, bytes]] = []
    for path in stores:
        if path.exists():
            store = Store(path)
            found += [
                (path.parent.name, identity)
                for identity in store.find(beginning)
                if agency is not None or store.progress(identity) is not None
            ]
            store.close()
    if not found:
        raise ValueError(f"no document that was sent from here has an id beginning with {beginning.hex()}")
    if len({identity for _, identity in found}) > 1:
        raise ValueError(f"several documents have an id beginning with {beginning.hex()}: give more digits")
    return found[0]


def _stored(agency: str, identity: bytes) -> Progress | None:
    store = Store(Settings().home / "agencies" / agency / "store.sqlite")
    try:
        return store.progress(identity)
    finally:
        store.close()
