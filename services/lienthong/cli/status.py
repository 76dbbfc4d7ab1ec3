"""``lienthong status``: how far a document has come."""

from typing import Annotated

import typer

from lienthong.cli.output import JsonOption, console, plain, run, say_json, told
from lienthong.cli.people import client_settings, find_document, say_history
from lienthong.client import History, LienthongError, Progress, UnavailableError, connect
from lienthong.client.store import Store
from lienthong.runtime.settings import Settings

__all__ = ["app"]

app = typer.Typer(add_completion=False)


@app.command()
def status(
    envelope_id: Annotated[str, typer.Argument(help="Envelope id in hex, or how it begins.")],
    agency: Annotated[
        str | None, typer.Option(help="Code of the agency that sent or received it; default: any of this machine.")
    ] = None,
    bootstrap: Annotated[str | None, typer.Option(envvar="LIENTHONG_BOOTSTRAP", help="Kafka's host:port.")] = None,
    json: JsonOption = False,
) -> None:
    """Show what became of a document that was sent or received, and everything that was said of it."""
    with told():
        code, identity = find_document(envelope_id, agency)

        async def work() -> tuple[Progress | None, History | None]:
            async with connect(code, client_settings(bootstrap)) as client:
                await client.caught_up(timeout_seconds=10.0)
                return await client.progress(identity), await client.history(identity)

        note = ""
        try:
            progress, history = run(work())
        except (UnavailableError, BaseExceptionGroup) as error:
            if not isinstance(error, LienthongError):
                raise
            note = f"As of the last connection; now: {error}"
            progress, history = _stored(code, identity)
        shown = history.as_json() if history else None
        if json:
            known = progress.as_json() if progress else {"id": identity.hex(), "state": "received"}
            say_json({"agency": code, **known, "history": shown, "note": note})
            return
        console.print(f"envelope id {(progress.id if progress else identity).hex()}", soft_wrap=True, highlight=False)
        if progress:
            console.print(f"[bold]{progress.state.value}[/bold]{': ' + progress.reason if progress.reason else ''}")
            if progress.released:
                console.print(f"released by the operator: {plain(progress.released)}", markup=False, highlight=False)
        elif history:
            console.print(f"received by {code} from {history.sender}", markup=False, highlight=False)
        known_of = progress or history
        if known_of is not None and known_of.position is not None:
            console.print(f"ledger lane {known_of.lane} position {known_of.position}")
        if history:
            console.print(plain(history.subject), markup=False, highlight=False)
            say_history(history)
        for one in progress.repeats if progress else ():
            console.print(
                f"[yellow]warning:[/yellow] the same number and notation were used before by {one.hex()}",
                soft_wrap=True,
            )
        if note:
            console.print(f"[yellow]{note}[/yellow]")


def _stored(agency: str, identity: bytes) -> tuple[Progress | None, History | None]:
    store = Store(Settings().home / "agencies" / agency / "store.sqlite")
    try:
        return store.progress(identity), store.history(identity, agency)
    finally:
        store.close()
