"""Where the project keeps its files on this machine: state that matters, and a cache that does not."""

import os
from pathlib import Path

__all__ = ["cache", "home"]


def home() -> Path:
    """Return the folder of everything that must survive: data, logs and state files.

    `LIENTHONG_HOME` when set, otherwise `lienthong` in the user's state folder (`XDG_STATE_HOME`, by
    default `~/.local/state`). The folder is not created here.
    """
    chosen = os.environ.get("LIENTHONG_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    return _user_folder("XDG_STATE_HOME", ".local/state") / "lienthong"


def cache() -> Path:
    """Return the folder of what can be fetched again at any time. Deleting it loses nothing.

    `lienthong` in the user's cache folder (`XDG_CACHE_HOME`, by default `~/.cache`). It is apart from
    `home`, so that many homes (each test has one) share what was fetched once. Not created here.
    """
    return _user_folder("XDG_CACHE_HOME", ".cache") / "lienthong"


def _user_folder(variable: str, default: str) -> Path:
    folder = Path(os.environ.get(variable) or "")
    # The XDG specification wants a relative path ignored.
    return folder if folder.is_absolute() else Path.home() / default
