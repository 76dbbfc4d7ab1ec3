"""How commands speak: tables and plain sentences for people, JSON for programs, exit codes for both."""

import asyncio
import json
import re
import sys
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from typing import Annotated, Any, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lienthong.kernel.errors import InvariantError, LienthongError, RejectedError, UnavailableError

__all__ = ["Exit", "JsonOption", "console", "plain", "run", "say_json", "say_table", "told"]

_Result = TypeVar("_Result")
_OF_DOCUMENTS = ("Document", "Signer")

console = Console(log_path=False)
_errors = Console(stderr=True)
_COMMANDING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Exit(IntEnum):
    """Exit codes of every command."""

    OK = 0
    FAILED = 1
    """Something was wrong with what was asked for, or an unexpected error."""
    USAGE = 2
    """The command's words are off."""
    UNAVAILABLE = 3
    """Kafka, or another party, does not answer; trying again later may help."""
    REJECTED = 4
    """The backbone rejects it, and will again."""
    INVARIANT = 5
    """A promise of the backbone does not hold: an audit found damage, or a gap was met."""


JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def run(action: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine on the fastest event loop there is."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(action)
    return uvloop.run(action)


@contextmanager
def told(language: str = "en") -> Iterator[None]:
    """Turn errors into plain sentences on standard error and the exit code that fits.

    Args:
        language: in which the problems of a document are told, one of `LANGUAGES`.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except BaseExceptionGroup as group:
        _fail(_first(group), language)
    except (LienthongError, ValueError, OSError) as error:
        _fail(error, language)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that tells most: the first of ours, or the first at all."""
    leaves: list[BaseException] = []
    waiting: list[BaseException] = [group]
    while waiting:
        error = waiting.pop(0)
        if isinstance(error, BaseExceptionGroup):
            waiting.extend(error.exceptions)
        else:
            leaves.append(error)
    return next((leaf for leaf in leaves if isinstance(leaf, LienthongError)), leaves[0])


def _fail(error: BaseException, language: str) -> None:
    if not isinstance(error, LienthongError | ValueError | OSError):
        raise error
    from lienthong.client.rules import InvalidDocumentError  # the whole client: only who fails waits for it

    codes = {
        InvalidDocumentError: Exit.FAILED,
        UnavailableError: Exit.UNAVAILABLE,
        RejectedError: Exit.REJECTED,
        InvariantError: Exit.INVARIANT,
    }
    code = next((code for kind, code in codes.items() if isinstance(error, kind)), Exit.FAILED)
    for sentence in _sentences(error, language):
        _errors.print(f"[red]error:[/red] {escape(plain(sentence))}", markup=True, highlight=False, soft_wrap=True)
    raise typer.Exit(code) from error


def _sentences(error: BaseException, language: str) -> list[str]:
    """What an error says: one sentence, or one for each thing that is wrong with what was given."""
    from lienthong.client.rules import InvalidDocumentError, problems_of

    if isinstance(error, InvalidDocumentError) or (isinstance(error, ValidationError) and error.title in _OF_DOCUMENTS):
        return [problem.text(language) for problem in problems_of(error)]
    if isinstance(error, ValidationError):  # of a setting: its value may be a secret
        first = error.errors()[0]
        return [f"{'.'.join(map(str, first['loc']))}: {first['msg'].removeprefix('Value error, ')}"]
    return [str(error)]


def plain(text: str) -> str:
    """Somebody else's text without the characters that would command a terminal or turn its reading direction."""
    return _COMMANDING.sub("\N{REPLACEMENT CHARACTER}", text)


def say_json(value: object) -> None:
    """One JSON value on one line of standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def say_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on standard output."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else escape(plain(str(cell))) for cell in row))
    console.print(table)
