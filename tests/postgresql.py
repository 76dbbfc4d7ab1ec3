"""A PostgreSQL server for tests: installed binaries, a cluster of its own in a temporary folder, on loopback.

PostgreSQL refuses to run as root; then it runs as the user `postgres` or `nobody`.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lienthong.demo.stage import free_port

__all__ = ["running", "why_there_is_none"]

_LONGEST_SECONDS = 60


def _program(name: str) -> str | None:
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda one: one.parts[-3], reverse=True)
    return str(versions[0]) if versions else shutil.which(name)


def _user() -> str | None:
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    return None


def why_there_is_none() -> str | None:
    """Why no server can be started here; None if one can."""
    if _program("initdb") is None or _program("pg_ctl") is None:
        return "PostgreSQL's initdb and pg_ctl are not installed"
    if os.geteuid() == 0 and (_user() is None or shutil.which("setpriv") is None):
        return "PostgreSQL does not run as root, and there is no other user to run it as"
    return None


def _run(words: Sequence[str]) -> None:
    user = _user()
    if os.geteuid() == 0 and user is not None:
        group = str(pwd.getpwnam(user).pw_gid)
        words = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", *words]
    done = subprocess.run(
        words, check=False, capture_output=True, text=True, timeout=_LONGEST_SECONDS, cwd="/", stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise RuntimeError(f"{words[0]}: {done.stdout}{done.stderr}")


@contextmanager
def running() -> Iterator[str]:
    """A server with an empty database; yields its URL, and stops it at the end."""
    initdb, control = _program("initdb"), _program("pg_ctl")
    assert initdb is not None
    assert control is not None
    with tempfile.TemporaryDirectory(prefix="lienthong-postgresql-") as name:
        folder = Path(name)
        if os.geteuid() == 0 and (user := _user()) is not None:
            folder.chmod(0o700)
            shutil.chown(folder, user)
        data, port = folder / "data", free_port()
        _run([initdb, "-D", str(data), "-U", "tracker", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"])
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        _run([control, "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start"])
        try:
            yield f"postgresql://tracker@127.0.0.1:{port}/postgres"
        finally:
            _run([control, "-D", str(data), "-w", "-m", "immediate", "stop"])
