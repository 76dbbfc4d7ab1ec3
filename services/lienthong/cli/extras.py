"""Packages that not every installation has."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

__all__ = ["extra", "has_tracker"]


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Imports in here need the packages of an extra.

    Raises:
        ValueError: one is missing; the text says how to install them.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "lienthong":
            raise
        raise ValueError(
            f"this needs the package {error.name}, which is not installed: pip install 'lienthong[{name}]'"
        ) from error


def has_tracker() -> bool:
    """Whether the packages of the tracker are installed."""
    return find_spec("sqlalchemy") is not None and find_spec("alembic") is not None
