"""``lienthong acknowledge``, ``agree`` and ``refuse``: what a recipient says of what it received earlier."""

from typing import Annotated

import typer

from lienthong.cli.output import JsonOption, console, plain, run, say_json, told
from lienthong.cli.people import client_settings, find_document, say_history, spoken_of
from lienthong.client import Status, connect

__all__ = ["acknowledge", "agree", "refuse"]

acknowledge = typer.Typer(add_completion=False)
agree = typer.Typer(add_completion=False)
refuse = typer.Typer(add_completion=False)
_Id = Annotated[str, typer.Argument(help="Envelope id in hex, or how it begins: of the recall, update or document.")]
_Agency = Annotated[
    str | None, typer.Option(help="Code of the agency that received it; default: found on this machine.")
]
_Bootstrap = Annotated[str | None, typer.Option(envvar="LIENTHONG_BOOTSTRAP", help="Kafka's host:port.")]


@acknowledge.command()
def _acknowledge(
    envelope_id: _Id,
    status: Annotated[str, typer.Option(help="03 accepted, 04 assigned, 05 processing, 06 done, 02 refused …")],
    reason: Annotated[str, typer.Option(help="Reason to go with it; needed for 02 and 16.")] = "",
    agency: _Agency = None,
    bootstrap: _Bootstrap = None,
    json: JsonOption = False,
) -> None:
    """Say what became of a document that was received."""
    _answer(envelope_id, status, reason, agency, bootstrap, json=json)


@agree.command()
def _agree(envelope_id: _Id, agency: _Agency = None, bootstrap: _Bootstrap = None, json: JsonOption = False) -> None:
    """Agree to a recall or an update; of what was taken back at once, say that it was cancelled."""
    _answer(envelope_id, Status.AGREED, "", agency, bootstrap, json=json)


@refuse.command()
def _refuse(
    envelope_id: _Id,
    reason: Annotated[str, typer.Option(help="Why.")],
    agency: _Agency = None,
    bootstrap: _Bootstrap = None,
    json: JsonOption = False,
) -> None:
    """Refuse a recall or an update; a document of which nothing is asked is itself refused, before acceptance."""
    _answer(envelope_id, None, reason, agency, bootstrap, json=json)


def _answer(
    envelope_id: str, status: str | None, reason: str, agency: str | None, bootstrap: str | None, *, json: bool
) -> None:
    with told():
        code = Status(status) if status is not None else None
        recipient, identity = find_document(envelope_id, agency, own=False)

        async def work() -> bytes:
            async with connect(recipient, client_settings(bootstrap)) as client:
                await client.caught_up(timeout_seconds=10.0)
                if code is None:
                    return await client.refuse(identity, reason)
                return await client.acknowledge(identity, code, reason)

        said = run(work())
        histories = spoken_of(recipient, identity)
        if json:
            say_json({"agency": recipient, "id": said.hex(), "documents": [one.as_json() for one in histories]})
            return
        console.print(f"envelope id {said.hex()}", soft_wrap=True, highlight=False)
        for history in histories:
            console.print(plain(history.subject), markup=False, highlight=False)
            say_history(history)
