"""``lienthong inbox``: receive documents, or list those received."""

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from lienthong.cli.output import JsonOption, console, plain, run, say_json, say_table, told
from lienthong.cli.people import client_settings
from lienthong.client import Delivery, Document, Event, Status, connect
from lienthong.client.history import describe
from lienthong.client.store import Store
from lienthong.kernel.addressing import informed_of
from lienthong.runtime.settings import Settings

__all__ = ["app"]

app = typer.Typer(add_completion=False)
_UNSAFE = re.compile(r"[^\w.\- ]+")
_NAME_BYTES = 200
_SPEAKS = {
    None: "",
    Event.RECALL: "recalls",
    Event.TAKE_BACK_ASKED: "asks back",
    Event.UPDATE: "updates",
    Event.REPLACE: "replaces",
}


@app.command()
def inbox(
    agency: Annotated[str, typer.Option(help="Code of the agency that receives.")],
    follow: Annotated[bool, typer.Option("--follow", help="Wait for more until interrupted.")] = False,
    list_: Annotated[
        bool, typer.Option("--list", help="List the newest 200 that were received before; receive nothing.")
    ] = False,
    save: Annotated[Path | None, typer.Option(help="Folder to write the files to, one folder a document.")] = None,
    status: Annotated[str, typer.Option(help="Acknowledge each with this status code.")] = "01",
    reason: Annotated[str, typer.Option(help="Reason to go with the status; needed for 02 and 16.")] = "",
    bootstrap: Annotated[str | None, typer.Option(envvar="LIENTHONG_BOOTSTRAP", help="Kafka's host:port.")] = None,
    json: JsonOption = False,
) -> None:
    """Receive the documents that wait, verified and in sequence, and acknowledge them."""
    with told():
        if list_:
            _list(agency, json=json)
            return
        code = Status(status)
        settings = client_settings(bootstrap)

        async def work() -> int:
            count = 0
            async with connect(agency, settings) as client:
                async for delivery in client.receive(idle_seconds=None if follow else 1.0):
                    paths = _save(delivery, save) if save else []
                    await delivery.acknowledge(code, reason)
                    _show(delivery, agency, paths, json=json)
                    count += 1
            return count

        try:
            count = run(work())
        except KeyboardInterrupt:
            return
        if not json:
            console.print(f"{count} documents received." if count else "No documents wait.")


def _show(delivery: Delivery, agency: str, paths: list[Path], *, json: bool) -> None:
    document = delivery.document
    if json:
        shown: dict[str, Any] = {
            "id": delivery.id.hex(),
            "sender": delivery.sender,
            "lane": delivery.lane,
            "sequence": delivery.sequence,
            "position": delivery.position,
            "accepted_at": _time(delivery.accepted_at),
            "redelivered": delivery.redelivered,
            "ordered": delivery.ordered._asdict() if delivery.ordered else None,
            "addressed": list(delivery.addressed),
            "event": delivery.event.value if delivery.event else None,
            "about": [
                {"id": one.id.hex(), "subject": one.subject, "state": describe(one.lives[code])}
                for one in delivery.about
                for code in one.lives
            ],
            "flags": [flag.value for flag in delivery.flags],
            "document": {
                **document.model_dump(mode="json", exclude={"refers_to", "in_reply_to", "replaces"}),
                "in_reply_to": [one.hex() for one in document.in_reply_to],
                "refers_to": [one.hex() for one in document.refers_to],
                "replaces": [
                    {"document": one.document.hex(), "agencies": list(one.agencies)} for one in document.replaces
                ],
            },
            "for_information": _informed(delivery),
            "files": [
                {"name": one.name, "media_type": one.media_type, "size": one.size, "sha256": one.sha256.hex()}
                for one in delivery.statement.attachments
            ],
            "saved": [str(path) for path in paths],
        }
        say_json(shown)
        return
    urgent = " [red]express[/red]" if delivery.lane == 0 else ""
    console.print(
        f"[bold]{delivery.sender}[/bold]{urgent} {_time(delivery.accepted_at)} #{delivery.lane}/{delivery.sequence}"
        f" [cyan]{delivery.id.hex()[:16]}[/cyan]",
        highlight=False,
    )
    console.print(f"  {plain(document.subject)}", markup=False, highlight=False)
    if delivery.ordered:
        action, reason = delivery.ordered
        console.print(f"  {action} ordered by the operator: {plain(reason)}", markup=False, highlight=False)
    if tuple(delivery.addressed) != (agency,):
        console.print(f"  for {', '.join(delivery.addressed)}", markup=False, highlight=False)
    if facts := _facts(document, informed=_informed(delivery)):
        console.print(f"  {plain(facts)}", markup=False, highlight=False)
    for one in delivery.about:
        state = ", ".join(map(describe, one.lives.values()))
        console.print(
            f"  {delivery.document.reason and plain(delivery.document.reason) + ': '}"
            f"{_SPEAKS[delivery.event]} {one.id.hex()[:16]} {plain(one.subject)} (now {state})",
            markup=False, highlight=False,
        )  # fmt: skip
    if delivery.flags:
        console.print(
            f"  impossible: {', '.join(flag.value for flag in delivery.flags)}", markup=False, highlight=False
        )
    for file in delivery.statement.attachments:
        console.print(f"  - {plain(file.name)} ({file.size} bytes)", markup=False, highlight=False)
    for path in paths:
        console.print(f"  saved {path}", markup=False, highlight=False, soft_wrap=True)


def _informed(delivery: Delivery) -> bool:
    """Whether it is for information at all codes that it came for: units, and agencies that were merged, among them."""
    document, addressed = delivery.document, set(delivery.addressed)
    return bool(addressed) and addressed == informed_of(document.recipients, document.for_information, addressed)


def _facts(document: Document, *, informed: bool) -> str:
    """Number, type, dates and signer, as far as they are known, in one line."""
    code = "/".join(one for one in (document.code_number, document.code_notation) if one)
    signer = document.signer
    signed = " ".join(one for one in (signer.competence, signer.position, signer.full_name) if one) if signer else ""
    issued = document.promulgation_date
    parts = (
        f"{document.document_type} {code}".strip(),
        ", ".join(one for one in (document.promulgation_place, issued.isoformat() if issued else "") if one),
        f"signed {signed}" if signed else "",
        f"due {document.due_date.isoformat()}" if document.due_date else "",
        "a paper copy follows" if document.paper else "",
        "for information" if informed else "",
    )
    return "; ".join(one for one in parts if one)


def _save(delivery: Delivery, folder: Path) -> list[Path]:
    """Write the files; names are the sender's, so nothing of them is used but harmless characters."""
    into = folder / delivery.id.hex()
    into.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, file in enumerate(delivery.files, 1):
        # Of a long name its end, with the kind of file; a letter may take three bytes, a name on disk has 255.
        harmless = _UNSAFE.sub("_", file.name).strip(". ").encode()[-_NAME_BYTES:].decode(errors="ignore")
        name = harmless or "file"
        path = into / f"{number:02d}-{name}"
        path.write_bytes(file.content)
        paths.append(path)
    return paths


def _list(agency: str, *, json: bool) -> None:
    path = Settings().home / "agencies" / agency / "store.sqlite"
    if not path.exists():
        raise ValueError(f"agency {agency} has received nothing here: there is no {path}")
    store = Store(path)
    found = [(arrival, status, _state(store, arrival.id, agency)) for arrival, status in store.listing(200)]
    store.close()
    if json:
        for arrival, status, state in found:
            say_json(
                {
                    "id": arrival.id.hex(), "sender": arrival.sender, "subject": arrival.subject,
                    "lane": arrival.lane, "sequence": arrival.sequence, "accepted_at": _time(arrival.judged_at),
                    "status": status, "state": state, "addressed": list(arrival.addressed),
                }
            )  # fmt: skip
        return
    say_table(
        f"Inbox of {agency}, newest first",
        ("accepted", "from", "subject", "for", "lane/seq", "status", "state", "envelope id"),
        (
            (
                _time(arrival.judged_at), arrival.sender, arrival.subject, ", ".join(arrival.addressed),
                f"{arrival.lane}/{arrival.sequence}", "waiting" if status is None else status, state,
                arrival.id.hex()[:16],
            )
            for arrival, status, state in found
        ),
    )  # fmt: skip


def _state(store: Store, identity: bytes, agency: str) -> str:
    """What became of a received document, in words."""
    history = store.history(identity, agency)
    return ", ".join(map(describe, history.lives.values())) if history and not history.own else ""


def _time(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1000).astimezone().isoformat(timespec="seconds")
