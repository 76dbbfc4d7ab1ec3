"""``lienthong recall``, ``update`` and ``replace``: what a sender does with documents it has sent."""

from pathlib import Path
from typing import Annotated

import typer

from lienthong.cli.output import JsonOption, console, run, say_json, told
from lienthong.cli.people import client_settings, find_document, history_of, say_history
from lienthong.client import Document, File, History, State, connect
from lienthong.client.store import Store
from lienthong.runtime.settings import Settings

__all__ = ["recall", "replace", "update"]

recall = typer.Typer(add_completion=False)
update = typer.Typer(add_completion=False)
replace = typer.Typer(add_completion=False)
_Agency = Annotated[str | None, typer.Option(help="Code of the agency that sent it; default: found on this machine.")]
_Bootstrap = Annotated[str | None, typer.Option(envvar="LIENTHONG_BOOTSTRAP", help="Kafka's host:port.")]
_Wait = Annotated[float, typer.Option("--timeout", help="Longest wait for the backbone, in seconds.")]
_Files = Annotated[list[Path] | None, typer.Argument(help="Files to send with it.")]


@recall.command()
def _recall(
    envelope_id: Annotated[str, typer.Argument(help="Envelope id in hex, or how it begins.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    to: Annotated[list[str] | None, typer.Option(help="Only from this recipient; repeat it for more.")] = None,
    by_status: Annotated[bool, typer.Option("--by-status", help="Ask by status 13 instead of a document.")] = False,
    agency: _Agency = None,
    timeout: _Wait = 30.0,
    bootstrap: _Bootstrap = None,
    json: JsonOption = False,
) -> None:
    """Take a document back: at once where it was not accepted, elsewhere when its recipient agrees."""
    with told():
        sender, identity = find_document(envelope_id, agency, own=True)

        async def work() -> bytes:
            async with connect(sender, client_settings(bootstrap)) as client:
                await client.caught_up(timeout_seconds=timeout)
                if by_status:
                    return (await client.ask_back(identity, reason, to))[0]
                said = await client.recall(identity, reason, to)
                await client.wait(said, State.ACCEPTED, timeout_seconds=timeout)
                return said

        _say(sender, identity, run(work()), json=json)


@update.command()
def _update(
    envelope_id: Annotated[str, typer.Argument(help="Envelope id in hex, or how it begins.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    files: _Files = None,
    subject: Annotated[str, typer.Option(help="Abstract as it is now; default: as it was.")] = "",
    to: Annotated[list[str] | None, typer.Option(help="Its recipients as they are now; default: as they were.")] = None,
    agency: _Agency = None,
    timeout: _Wait = 30.0,
    bootstrap: _Bootstrap = None,
    json: JsonOption = False,
) -> None:
    """Change a document that was sent: its recipients are asked to agree."""
    with told():
        sender, identity = find_document(envelope_id, agency, own=True)
        attached = [File.read(path) for path in files or []]
        document = _sent(sender, identity)
        changes = {"reason": reason, **({"subject": subject} if subject else {}), **({"recipients": to} if to else {})}
        document = Document.model_validate({**dict(document), **changes})

        async def work() -> bytes:
            async with connect(sender, client_settings(bootstrap)) as client:
                await client.caught_up(timeout_seconds=timeout)
                said = await client.update(identity, document, *attached)
                await client.wait(said, State.ACCEPTED, timeout_seconds=timeout)
                return said

        _say(sender, identity, run(work()), json=json)


@replace.command()
def _replace(
    files: Annotated[list[Path], typer.Argument(help="Files to send with the new document.")],
    replaced: Annotated[list[str], typer.Option("--replaces", help="Id of a document it replaces; repeat it.")],
    to: Annotated[list[str], typer.Option(help="Code of a recipient; repeat it for more.")],
    subject: Annotated[str, typer.Option(help="Abstract of the content.")],
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    priority: Annotated[int, typer.Option(min=0, max=4, help="0 ordinary … 3 express, 4 express at a set time.")] = 0,
    agency: Annotated[str | None, typer.Option("--from", help="Code of the agency that sends.")] = None,
    timeout: _Wait = 30.0,
    bootstrap: _Bootstrap = None,
    json: JsonOption = False,
) -> None:
    """Send a document that takes the place of earlier ones."""
    with told():
        found = [find_document(one, agency, own=True) for one in replaced]
        senders = {code for code, _ in found}
        if len(senders) > 1:
            raise ValueError(f"the documents were sent by {', '.join(sorted(senders))}: one agency replaces its own")
        (sender,) = senders
        document = Document(recipients=tuple(to), subject=subject, priority=priority, reason=reason)
        attached = [File.read(path) for path in files]

        async def work() -> bytes:
            async with connect(sender, client_settings(bootstrap)) as client:
                await client.caught_up(timeout_seconds=timeout)
                said = await client.replace(document, [identity for _, identity in found], *attached)
                await client.wait(said, State.ACCEPTED, timeout_seconds=timeout)
                return said

        said = run(work())
        _say(sender, said, said, json=json)


def _sent(agency: str, identity: bytes) -> Document:
    """A document as it was sent."""
    store = Store(Settings().home / "agencies" / agency / "store.sqlite")
    try:
        return store.document(identity)
    finally:
        store.close()


def _say(agency: str, identity: bytes, said: bytes, *, json: bool) -> None:
    """The id of what was said, and how the document stands now."""
    history: History | None = history_of(agency, identity)
    assert history is not None
    if json:
        say_json({"agency": agency, "id": said.hex(), "history": history.as_json()})
        return
    console.print(f"envelope id {said.hex()}", soft_wrap=True, highlight=False)
    say_history(history)
