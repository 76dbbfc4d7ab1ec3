"""``lienthong send``: files become a document, and the document travels."""

from pathlib import Path
from typing import Annotated

import typer

from lienthong.cli.output import JsonOption, console, run, say_json, told
from lienthong.cli.people import check_wait, client_settings
from lienthong.client import Document, File, Progress, State, connect

__all__ = ["app"]

app = typer.Typer(add_completion=False)


@app.command()
def send(
    files: Annotated[list[Path], typer.Argument(help="Files to send with the document.")],
    sender: Annotated[str, typer.Option("--from", help="Code of the agency that sends.")],
    to: Annotated[list[str], typer.Option(help="Code of a recipient; repeat it for more.")],
    subject: Annotated[str, typer.Option(help="Abstract of the content.")],
    priority: Annotated[int, typer.Option(min=0, max=4, help="0 ordinary … 3 express, 4 express at a set time.")] = 0,
    number: Annotated[str, typer.Option(help="Code number, as in 12.")] = "",
    notation: Annotated[str, typer.Option(help="Code notation, as in BC-VPCP.")] = "",
    document_type: Annotated[str, typer.Option("--type", help="Name of the document's type.")] = "",
    again: Annotated[str, typer.Option(help="Any text, to send the same content once more on purpose.")] = "",
    wait: Annotated[str, typer.Option(help="Wait until: none, accepted, arrived or acknowledged.")] = "accepted",
    timeout: Annotated[float, typer.Option(help="Longest wait, in seconds.")] = 30.0,
    bootstrap: Annotated[str | None, typer.Option(envvar="LIENTHONG_BOOTSTRAP", help="Kafka's host:port.")] = None,
    json: JsonOption = False,
) -> None:
    """Send files as one document. The same content is sent once, however often this is called."""
    with told():
        state = check_wait(wait)
        document = Document(
            recipients=tuple(to), subject=subject, priority=priority, code_number=number,
            code_notation=notation, document_type=document_type,
        )  # fmt: skip
        attached = [File.read(path) for path in files]

        async def work() -> Progress:
            async with connect(sender, client_settings(bootstrap)) as agency:
                identity = await agency.send(document, *attached, again=again)
                if state is not None:
                    return await agency.wait(identity, state, timeout_seconds=timeout)
                progress = await agency.progress(identity)
                assert progress is not None
                return progress

        if json:
            say_json(run(work()).as_json())
            return
        with console.status(f"sending to {', '.join(to)} …"):
            progress = run(work())
        place = f", ledger lane {progress.lane} position {progress.position}" if progress.position is not None else ""
        console.print(f"[green]{progress.state.value}[/green]{place}")
        console.print(f"envelope id {progress.id.hex()}", soft_wrap=True, highlight=False)
        if progress.state is State.HANDED_OVER:
            console.print("It is stored here and goes out whenever this agency is connected.")
