"""``lienthong resume``: what intake halted over, and the operator's word to go on."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from lienthong.cli.output import JsonOption, console, plain, run, say_json, say_table, told
from lienthong.cli.reach import resolve_bootstrap
from lienthong.directory.operator import Operator, load_key
from lienthong.intake.halt import GROUP, Halt, read_note
from lienthong.kernel.bus import Bus
from lienthong.kernel.directory import Directory
from lienthong.kernel.directory_reader import DirectoryReader
from lienthong.kernel.topics import Partition, outbox
from lienthong.runtime.settings import Settings

__all__ = ["app"]

app = typer.Typer(add_completion=False)


@app.command()
def resume(
    halts: Annotated[list[str] | None, typer.Argument(help="Ids of halts, or how they begin; all with --all.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Lift all that stand.")] = False,
    why: Annotated[
        str, typer.Option("--why", "--reason", help="What was found, and mended; it is signed and kept.")
    ] = "",
    right: Annotated[
        bool,
        typer.Option(
            "--rejections-are-right",
            help="What was rejected is rejected rightly: nothing halts for the time of LIENTHONG_HALT_WINDOW_SECONDS.",
        ),
    ] = False,
    bootstrap: Annotated[str | None, typer.Option(envvar="LIENTHONG_BOOTSTRAP", help="Kafka's host:port.")] = None,
    json: JsonOption = False,
) -> None:
    """Show why intake stands still; with ids or --all, lift those halts by a record the operator signs.

    Mend the cause first. If the rejections are right, say so, or the same records halt it again.
    """
    with told():
        base = Settings()
        settings = base.model_copy(update={"bootstrap": resolve_bootstrap(base, bootstrap)})
        trust = settings.trust()
        begins = [one.lower() for one in halts or ()]
        lifting = bool(begins) or every
        if right and not lifting:
            raise ValueError("say which halts are lifted: name them, or --all")
        if lifting and not why.strip():
            raise ValueError("say what was found, and mended: --why TEXT")
        key = load_key(settings.home, trust) if lifting else None

        async def look() -> list[Halt]:
            async with Bus.connect(settings.kafka(), "lt-resume") as bus:
                return await standing(bus, await DirectoryReader(bus, trust).load())

        async def work() -> list[Halt]:
            found = await look()
            chosen = found if every else [_named(found, begin) for begin in begins]
            if key is not None and chosen:
                async with Operator.open(settings.kafka(), trust, key) as operator:
                    await operator.lift([one.id for one in chosen], why, settings.backbone, rejections_stand=right)
            return chosen if lifting else found

        found = run(work())
        if json:
            say_json(
                [{"halt": one.id.hex(), "since": _text(one.at), "why": one.why, "lifted": lifting} for one in found]
            )
        elif not found:
            console.print("No halt stands.")
        elif lifting:
            console.print(f"{len(found)} halts are lifted: intake goes on within a second.")
        else:
            say_table(
                "Halts that stand",
                ("halt", "since", "why"),
                ((one.id.hex()[:16], _text(one.at), one.why) for one in found),
            )


async def standing(bus: Bus, directory: Directory) -> list[Halt]:
    """Halts of intake that are noted beside its committed offsets and not lifted, oldest first."""
    counts = await bus.partition_counts(outbox(agency) for agency in directory.connected())
    partitions = [Partition(topic, lane) for topic, lanes in counts.items() for lane in range(lanes)]
    async with bus.reader(group=GROUP) as reader:
        marks = await reader.marks(partitions)
    found = {halt.id: halt for mark in marks.values() if (halt := read_note(mark.note)) is not None}
    return sorted((one for one in found.values() if not directory.is_lifted(one.id)), key=lambda halt: halt.at)


def _named(found: list[Halt], begin: str) -> Halt:
    matches = [one for one in found if one.id.hex().startswith(begin)]
    if len(matches) != 1:
        raise ValueError(f"{len(matches)} halts that stand begin with {plain(begin)}; name exactly one")
    return matches[0]


def _text(moment: int) -> str:
    try:
        return datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return str(moment)
