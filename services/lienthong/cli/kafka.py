"""``lienthong kafka up|down|status``: the embedded Kafka, or a look whether an existing cluster answers."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from lienthong.cli.output import Exit, JsonOption, console, run, say_json, told
from lienthong.kernel.errors import UnavailableError
from lienthong.runtime.home import home

if TYPE_CHECKING:
    from lienthong.embedded import AnyKafka, ClusterStatus, NodeStatus

__all__ = ["app"]

_EXISTING_SECONDS = 10.0
"""How long an existing cluster may take to answer."""
_LEAST_HEAP_MIB = 128

app = typer.Typer(add_completion=False, no_args_is_help=True)

_Directory = Annotated[
    Path | None,
    typer.Option("--directory", file_okay=False, help="Its folder; by default kafka in LIENTHONG_HOME."),
]
_Bootstrap = Annotated[
    str | None,
    typer.Option(
        "--bootstrap",
        envvar="LIENTHONG_BOOTSTRAP",
        help="An existing cluster's host:port; then nothing is started or stopped here.",
    ),
]
_Port = Annotated[
    int | None,
    typer.Option(min=1, max=65535, help="Port for clients; by default the last one, 9092, or a free one."),
]
_Heap = Annotated[
    int | None,
    typer.Option(
        min=_LEAST_HEAP_MIB,
        help="Memory for the objects of each node, MiB; by default 1024 for one node, for a hundred agencies,"
        " and 384 each for three, for twenty.",
    ),
]
_Nodes = Annotated[
    int | None,
    typer.Option(help="1, or 3 that survive the loss of one; by default what the folder holds, at first 1."),
]


@app.command()
def up(
    directory: _Directory = None,
    bootstrap: _Bootstrap = None,
    port: _Port = None,
    heap: _Heap = None,
    nodes: _Nodes = None,
    as_json: JsonOption = False,
) -> None:
    """Start what does not run of Kafka, and wait until it answers. It goes on running when this ends."""
    with told():
        if bootstrap:
            _ask_existing(bootstrap)
            _say_existing(bootstrap, ready=True, as_json=as_json)
            return
        with _progress() as report:
            kafka = _kafka(directory, nodes=nodes, port=port, heap_mib=heap, report=report)
            kafka.up()
            status = kafka.status()
        _say(status, as_json=as_json)


@app.command()
def down(directory: _Directory = None, bootstrap: _Bootstrap = None, as_json: JsonOption = False) -> None:
    """Stop Kafka in an orderly way. Its records stay."""
    with told():
        if bootstrap:
            if as_json:
                say_json({"embedded": False, "stopped": False, "bootstrap": bootstrap})
            else:
                _print(f"Kafka at {bootstrap} was not started here: nothing was stopped.")
            return
        with _progress() as report:
            kafka = _kafka(directory, report=report)
            stopped = kafka.down()
            folder = kafka.status().directory
        if as_json:
            say_json({"embedded": True, "stopped": stopped, "directory": folder})
        elif stopped:
            _print(f"Kafka has stopped. Its records stay in {folder}.")
        else:
            _print("Kafka was not running.")


@app.command()
def status(directory: _Directory = None, bootstrap: _Bootstrap = None, as_json: JsonOption = False) -> None:
    """Say whether Kafka runs and answers; exit code 3 when it does not."""
    with told():
        if bootstrap:
            try:
                _ask_existing(bootstrap)
            except UnavailableError:
                if not as_json:
                    raise
                _say_existing(bootstrap, ready=False, as_json=True)
                raise typer.Exit(Exit.UNAVAILABLE) from None
            _say_existing(bootstrap, ready=True, as_json=as_json)
            return
        found = _kafka(directory).status()
        _say(found, as_json=as_json)
        if not found.ready:
            raise typer.Exit(Exit.UNAVAILABLE)


def _kafka(
    directory: Path | None,
    *,
    nodes: int | None = None,
    port: int | None = None,
    heap_mib: int | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> "AnyKafka":
    from lienthong.embedded import kafka_in

    try:
        return kafka_in(directory or home() / "kafka", nodes=nodes, port=port, heap_mib=heap_mib, report=report)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--nodes, --port, --heap or --directory") from error


def _ask_existing(bootstrap: str) -> None:
    """Connect as the services would, with the TLS and login that are set.

    Raises:
        UnavailableError: no broker of the cluster answers.
    """
    from lienthong.kernel.bus import Bus
    from lienthong.runtime.settings import Settings

    _check_address(bootstrap)
    # The client would also log what the error says.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    settings = Settings().kafka(bootstrap).model_copy(update={"timeout_seconds": _EXISTING_SECONDS})

    async def ask() -> None:
        async with Bus.connect(settings, "lienthong-kafka-status"):
            pass

    run(ask())


def _check_address(bootstrap: str) -> None:
    for address in bootstrap.split(","):
        host, colon, port = address.strip().rpartition(":")
        if not (host and colon and port.isdecimal() and 0 < int(port) < 1 << 16):
            raise typer.BadParameter(
                f"{address!r} is no host:port; several of them have commas between.", param_hint="--bootstrap"
            )


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Show what is going on while it goes on, to a person only, and beside the output proper."""
    screen = Console(stderr=True)
    if not screen.is_terminal:
        yield lambda _: None
        return
    with screen.status("") as spinner:
        yield lambda text: spinner.update(f"{text} …")


def _say(found: "NodeStatus | ClusterStatus", *, as_json: bool) -> None:
    from lienthong.embedded import ClusterStatus

    if as_json:
        say_json({"embedded": True, **asdict(found)})
    elif not found.running:
        _print("Kafka does not run. Start it with: lienthong kafka up")
    elif isinstance(found, ClusterStatus):
        ready = sum(node.ready for node in found.nodes.values())
        _print(f"Kafka {found.version}: {ready} of {len(found.nodes)} nodes answer (folder {found.directory}).")
        for number, node in found.nodes.items():
            _print(f"  node {number} {_state_of(node)}")
        _print(f"Clients reach it at {found.bootstrap}")
    elif found.ready:
        whereabouts = f"process {found.pid}, folder {found.directory}"
        _print(f"Kafka {found.version} answers at {found.bootstrap} ({whereabouts}).")
    else:
        _print(f"Kafka {_state_of(found)}")


def _state_of(node: "NodeStatus") -> str:
    if node.ready:
        return f"answers at {node.bootstrap} (process {node.pid})."
    if node.running:
        return f"runs but does not answer (process {node.pid}). Its log: {node.log_file}"
    return f"does not run. Its log: {node.log_file}"


def _say_existing(bootstrap: str, *, ready: bool, as_json: bool) -> None:
    if as_json:
        say_json({"embedded": False, "running": ready, "ready": ready, "bootstrap": bootstrap})
    else:
        _print(f"Kafka at {bootstrap} answers. It was not started here.")


def _print(sentence: str) -> None:
    console.print(sentence, markup=False, highlight=False, soft_wrap=True)
