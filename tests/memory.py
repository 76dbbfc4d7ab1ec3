"""Where files are in memory, for tests that are not about the disk."""

from pathlib import Path

__all__ = ["folder_in_memory"]


def folder_in_memory() -> Path | None:
    """A folder whose files are in memory, where the machine has one; private folders are to be made in it."""
    folder = Path("/dev/shm")  # noqa: S108
    return folder if folder.is_dir() else None
