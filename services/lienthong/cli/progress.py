"""How far a command is with reading, for a person who waits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

__all__ = ["Progress", "progress"]

Progress: TypeAlias = Callable[[int, int], None]
"""Is told how many records have been read, and of how many."""


@contextmanager
def progress(what: str, *, quiet: bool) -> Iterator[Progress]:
    """Show how far the reading is, to a person only, and beside the output proper."""
    screen = Console(stderr=True)
    if quiet or not screen.is_terminal:
        yield lambda _done, _total: None
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TextColumn("records"), TimeElapsedColumn())
    with Bar(*columns, console=screen, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)
