"""The table of commands. Each module is loaded only when its command is called."""

import importlib
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from lienthong import __version__

__all__ = ["app"]

_COMMANDS = {
    "kafka": ("lienthong.cli.kafka", "Start, stop and look at the embedded Kafka."),
    "directory": ("lienthong.cli.directory", "Agencies and keys: the operator's commands."),
    "run": ("lienthong.cli.services", "Run services: intake, dispatch, notary, reminder, tracker, or all."),
    "send": ("lienthong.cli.send", "Send files as a document."),
    "inbox": ("lienthong.cli.inbox", "Receive documents, or list those received."),
    "status": ("lienthong.cli.status", "How far a document has come."),
    "recall": ("lienthong.cli.change:recall", "Take a document back, or ask for it back."),
    "update": ("lienthong.cli.change:update", "Change a document that was sent."),
    "replace": ("lienthong.cli.change:replace", "Send a document in place of earlier ones."),
    "acknowledge": ("lienthong.cli.answer:acknowledge", "Say what became of a document that was received."),
    "agree": ("lienthong.cli.answer:agree", "Agree to a recall or an update."),
    "refuse": ("lienthong.cli.answer:refuse", "Refuse a recall or an update, or a document."),
    "register": ("lienthong.cli.register", "An agency's registers of incoming and outgoing documents."),
    "ops": (
        "lienthong.cli.ops",
        "What an operator looks at, and orders: who is late, what was rejected; resend, release.",
    ),
    "resume": ("lienthong.cli.resume", "Let a service go on that halted because too much was rejected."),
    "audit": ("lienthong.cli.audit", "Verify and replay what the topics hold."),
    "tracker": ("lienthong.cli.tracker", "The tracker's database: its tables, building it anew, its digest."),
    "demo": ("lienthong.cli.demo", "Watch documents travel, from nothing, in one command."),
}


class _Lazy(TyperGroup):
    """Knows the names of the commands and loads a module when its command is called."""

    _names_only = False

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The page that lists all commands needs none of their modules."""
        self._names_only = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._names_only = False

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the interface of typer
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - the interface of typer
        if cmd_name not in _COMMANDS:
            return None
        place, text = _COMMANDS[cmd_name]
        if self._names_only:
            return TyperCommand(cmd_name, help=text, short_help=text)
        module, _, name = place.partition(":")
        found: Any = getattr(importlib.import_module(module), name or "app")
        command = typer.main.get_command(found)
        command.name = cmd_name
        command.help = command.help or text
        command.short_help = text
        return command


app = typer.Typer(cls=_Lazy, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback(help="Lienthong: agencies exchange signed documents over Kafka, delivered once, in order, with proof.")
def _lienthong(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass
