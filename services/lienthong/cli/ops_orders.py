"""``lienthong ops resend|release``: what the operator orders, signed and kept in the ledger for ever."""

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import typer

from lienthong.cli.extras import extra
from lienthong.cli.output import JsonOption, console, plain, run, say_json, told
from lienthong.cli.reach import resolve_bootstrap
from lienthong.cli.tracked import tracked
from lienthong.directory.operator import load_key
from lienthong.kernel.bus import Bus
from lienthong.kernel.clock import now_ms
from lienthong.kernel.command import RELEASE, RESEND
from lienthong.kernel.directory_reader import DirectoryReader
from lienthong.kernel.errors import RejectedError, UnavailableError
from lienthong.kernel.judge import Judge
from lienthong.kernel.ledger import Entry, Outcome
from lienthong.kernel.reasons import Reason
from lienthong.kernel.topics import LEDGER
from lienthong.ops.ordering import append, check_about, entry_at, named_at, quarantined_value, trace
from lienthong.ops.orders import (
    Order,
    Signed,
    check_release,
    check_resend,
    newest_rejected,
    release_order,
    resend_order,
    sign,
)
from lienthong.ops.traces import Place, Traces, read_place
from lienthong.runtime.settings import Settings

__all__ = ["release", "resend"]

_What = Annotated[
    str,
    typer.Argument(metavar="ID|LANE:POSITION", help="Envelope id in hex, or how it begins; or a place in the ledger."),
]
_Why = Annotated[str, typer.Option("--reason", help="Why; it is signed and kept for ever. At most 500 characters.")]
_Wait = Annotated[float, typer.Option(min=0, help="Longest wait for intake, seconds.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be ordered; order nothing.")]
_Database = Annotated[str | None, typer.Option(help="URL of the tracker's database; default: setting.")]
_Bootstrap = Annotated[str | None, typer.Option(envvar="LIENTHONG_BOOTSTRAP", help="Kafka's host:port.")]


class _Asked(NamedTuple):
    """What was asked for."""

    action: str
    what: Place | str
    to: Sequence[str]
    reason: str
    wait: float
    dry_run: bool


class _Done(NamedTuple):
    """What was ordered, and its entry in the ledger, if there is one."""

    order: Order
    signed: Signed
    entry: Entry | None


def resend(
    what: _What,
    to: Annotated[list[str], typer.Option("--to", help="An agency that gets it once more; repeat it for more.")],
    reason: _Why,
    wait: _Wait = 10.0,
    dry_run: _DryRun = False,
    database: _Database = None,
    bootstrap: _Bootstrap = None,
    json: JsonOption = False,
) -> None:
    """Hand a delivered document over once more: its recipient lost it."""
    with told():
        _order(_Asked(RESEND, read_place(what), to, reason, wait, dry_run), database, bootstrap, json=json)


def release(
    what: _What,
    reason: _Why,
    wait: _Wait = 10.0,
    dry_run: _DryRun = False,
    database: _Database = None,
    bootstrap: _Bootstrap = None,
    json: JsonOption = False,
) -> None:
    """Deliver a document that was rejected for what time or the directory has mended."""
    with told():
        _order(_Asked(RELEASE, read_place(what), (), reason, wait, dry_run), database, bootstrap, json=json)


def _order(asked: _Asked, database: str | None, bootstrap: str | None, *, json: bool) -> None:
    if not asked.reason.strip():
        raise ValueError("say why: --reason TEXT")
    base = Settings()
    settings = base.model_copy(update={"bootstrap": resolve_bootstrap(base, bootstrap)})
    done = run(_work(asked, settings, database))
    entry = done.entry
    if entry is not None and entry.outcome is Outcome.REJECTED:
        raise RejectedError(Reason(entry.reason), entry.detail)
    if json:
        say_json(_as_json(done, asked))
    else:
        _say(done, asked)


async def _work(asked: _Asked, settings: Settings, database: str | None) -> _Done:
    trust = settings.trust()
    key = load_key(settings.home, trust)
    async with Bus.connect(settings.kafka(), "lt-operator") as bus:
        directory = await DirectoryReader(bus, trust).load()
        judge = Judge(directory, await bus.lanes(LEDGER))
        order = await _find(bus, judge, asked, settings, database)
        signed = sign(order, asked.reason, judge, key, backbone=settings.backbone, now=now_ms())
        entry = None
        if not asked.dry_run:
            entry = await append(bus, order.place.lane, *signed, settings.backbone, asked.wait)
        return _Done(order, signed, entry)


async def _find(bus: Bus, judge: Judge, asked: _Asked, settings: Settings, database: str | None) -> Order:
    """The order, with the bytes of the document."""
    place, beginning, lanes = None, asked.what, None
    if isinstance(beginning, Place):
        place = beginning
        beginning, lanes = named_at(await entry_at(bus, place)).hex(), [place.lane]
    traces = Traces(beginning)
    await trace(bus, traces, _known(settings, database, beginning, traces), lanes)
    one = traces.one()
    if asked.action == RELEASE:
        check_release(one)
        place = place or newest_rejected(one)
        record, entry = found = await entry_at(bus, place)
        check_about(found, one.id)
        value = b"" if entry.outcome is not Outcome.REJECTED else await quarantined_value(bus, place.lane, entry)
        return release_order(record, value, entry, judge.directory, now_ms())
    place = place or one.accepted or one.released or newest_rejected(one)
    check_resend(one, place)
    record, entry = found = await entry_at(bus, place)
    check_about(found, one.id)
    to = [judge.directory.code_of(code) for code in asked.to]
    return resend_order(record, entry, to)


def _known(settings: Settings, database: str | None, beginning: str, traces: Traces) -> dict[int, int]:
    """What the tracker knows already; nothing where there is none: then the ledger is read from its beginning."""
    try:
        with extra("tracker"):
            from lienthong.ops.known import known
        with tracked(settings, database) as connection:
            return known(connection, beginning, traces)
    except (ValueError, UnavailableError):
        if database is not None:
            raise
        return {}


def _as_json(done: _Done, asked: _Asked) -> dict[str, Any]:
    order, signed, entry = done
    return {
        "action": order.action,
        "document": order.document.hex(),
        "sender": order.sender,
        "lane": order.place.lane,
        "about": order.place.position,
        "recipients": list(order.recipients),
        "reason": asked.reason,
        "command": None if asked.dry_run else signed.id.hex(),
        "state": "dry run" if asked.dry_run else "written" if entry is None else "accepted",
        "position": None if entry is None else entry.position,
    }


def _say(done: _Done, asked: _Asked) -> None:
    order, signed, entry = done
    what = f"document {order.document.hex()[:16]} of {order.sender}, {order.place} in the ledger"
    whom = ", ".join(order.recipients)
    console.print(f"{order.action}: {what}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"  {plain(order.subject)}", markup=False, highlight=False, soft_wrap=True)
    if asked.dry_run:
        _print(f"Intake would accept the command, and it would go to {whom}. Nothing was ordered.")
    elif entry is None:
        _print(
            f"Command {signed.id.hex()[:16]} is written, and intake has not judged it yet. Do not order it again: it"
            " is judged when intake runs, and `lienthong ops commands` shows it then."
        )
    else:
        _print(f"Ordered: command {signed.id.hex()[:16]} stands in the ledger at {order.place.lane}:{entry.position}.")
        if order.action == RESEND:
            _print(f"Their systems hand it over once more, marked as ordered: {whom}.")
        else:
            _print(f"It goes to {whom}: recipients get the document, its sender learns that it was released.")


def _print(sentence: str) -> None:
    console.print(sentence, markup=False, highlight=False, soft_wrap=True)
