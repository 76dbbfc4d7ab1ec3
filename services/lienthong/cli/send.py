"""``lienthong send``: files become a document, and the document travels."""

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from lienthong.cli.output import JsonOption, console, run, say_json, told
from lienthong.cli.people import check_wait, client_settings, envelope_id
from lienthong.client import Document, File, Progress, Signer, State, connect
from lienthong.kernel.document_types import document_type as type_named

__all__ = ["app"]

app = typer.Typer(add_completion=False)
_DATES = ["%Y-%m-%d", "%d/%m/%Y"]


class Language(StrEnum):
    """Languages in which the faults of a document are told."""

    EN = "en"
    VI = "vi"


@app.command()
def send(
    files: Annotated[list[Path], typer.Argument(help="Files to send with the document.")],
    sender: Annotated[str, typer.Option("--from", help="Code of the agency that sends.")],
    subject: Annotated[str, typer.Option(help="Abstract of the content.")],
    to: Annotated[
        list[str] | None,
        typer.Option(help="Code of a recipient, or of a group, who is to act on it; repeat it for more."),
    ] = None,
    priority: Annotated[int, typer.Option(min=0, max=4, help="0 ordinary … 3 express, 4 express at a set time.")] = 0,
    number: Annotated[str, typer.Option(help="Code number, as in 12.")] = "",
    notation: Annotated[str, typer.Option(help="Code notation, as in BC-VPCP.")] = "",
    document_type: Annotated[
        str, typer.Option("--type", help="The document's type: name or abbreviation, as in QĐ.")
    ] = "",
    date: Annotated[datetime | None, typer.Option(formats=_DATES, help="Date of issue.")] = None,
    place: Annotated[str, typer.Option(help="Place of issue.")] = "",
    signer: Annotated[str, typer.Option(help="Full name of who signed it.")] = "",
    position: Annotated[str, typer.Option(help="Position of who signed it.")] = "",
    competence: Annotated[str, typer.Option(help="Competence of who signed it: TM., Q., KT., TL. or TUQ.")] = "",
    due: Annotated[datetime | None, typer.Option(formats=_DATES, help="Deadline for the recipients.")] = None,
    for_information: Annotated[
        list[str] | None, typer.Option(help="Code of a recipient who gets it for information; repeat it for more.")
    ] = None,
    reply_to: Annotated[
        list[str] | None, typer.Option(help="Envelope id, whole, of a document it answers; repeat it for more.")
    ] = None,
    sphere: Annotated[str, typer.Option(help="Field of work it belongs to.")] = "",
    steering: Annotated[int, typer.Option(min=0, max=2, help="1 steering, 2 report on steering.")] = 0,
    pages: Annotated[int, typer.Option(min=0, max=999, help="Number of pages.")] = 0,
    copies: Annotated[int, typer.Option(min=0, max=999, help="Number of copies issued.")] = 0,
    paper: Annotated[bool, typer.Option("--paper", help="A paper copy is sent as well.")] = False,
    again: Annotated[str, typer.Option(help="Any text, to send the same content once more on purpose.")] = "",
    wait: Annotated[str, typer.Option(help="Wait until: none, accepted, arrived or acknowledged.")] = "accepted",
    timeout: Annotated[float, typer.Option(help="Longest wait, in seconds.")] = 30.0,
    bootstrap: Annotated[str | None, typer.Option(envvar="LIENTHONG_BOOTSTRAP", help="Kafka's host:port.")] = None,
    language: Annotated[
        Language,
        typer.Option("--lang", envvar="LIENTHONG_LANG", help="Language in which a document's faults are told."),
    ] = Language.EN,
    json: JsonOption = False,
) -> None:
    """Send files as one document. The same content is sent once, however often this is called.

    Those named with --for-information get it as well, and need not be named with --to.
    """
    with told(language):
        state = check_wait(wait)
        known_type = type_named(document_type)
        informed = tuple(for_information or ())
        document = Document(
            recipients=(*(to or ()), *(code for code in informed if code not in (to or ()))),
            subject=subject,
            priority=priority,
            code_number=number,
            code_notation=notation,
            document_type=known_type.name if known_type else document_type,
            promulgation_date=date.date() if date else None,
            promulgation_place=place,
            signer=Signer(competence=competence, position=position, full_name=signer)
            if signer or position or competence
            else None,
            steering_type=steering,
            sphere=sphere,
            page_amount=pages,
            issued_amount=copies,
            due_date=due.date() if due else None,
            paper=paper,
            for_information=informed,
            in_reply_to=tuple(envelope_id(one) for one in reply_to or ()),
        )
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
        with console.status(f"sending to {', '.join(document.recipients)} …"):
            progress = run(work())
        place = f", ledger lane {progress.lane} position {progress.position}" if progress.position is not None else ""
        console.print(f"[green]{progress.state.value}[/green]{place}")
        console.print(f"envelope id {progress.id.hex()}", soft_wrap=True, highlight=False)
        for one in progress.repeats:
            console.print(
                f"[yellow]warning:[/yellow] {number}/{notation} was used before this year, by {one.hex()}",
                soft_wrap=True,
            )
        if progress.state is State.HANDED_OVER:
            console.print("It is stored here and goes out whenever this agency is connected.")
