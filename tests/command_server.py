"""Runs commands in processes forked from one that has loaded the libraries, which is most of what a command costs.

Reads one request a line from standard input, `{"words": …, "environment": …, "folder": …}`, until it ends. Standard
output and error of a command go to files `out` and `err` of its folder, its process id to `pid`, and when it has ended
its exit code to `code`. The commands' own modules are loaded by each command, as they look at its environment.
"""

import gc
import importlib
import io
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

_LIBRARIES = (
    "typer", "rich.table", "rich.progress", "uvloop", "pydantic_settings", "fastavro", "aiokafka", "cryptography",
    "lienthong.client", "lienthong.directory.operator", "lienthong.auditor.verify", "lienthong.auditor.export",
    "lienthong.runtime.settings", "lienthong.embedded",
)  # fmt: skip


def _command(request: dict[str, Any], folder: Path) -> int:
    """Be the command; its exit code."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdin = io.StringIO()  # the server's has later requests in its buffer
    for name, number in (("out", 1), ("err", 2)):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT, 0o600), number)
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = ["lienthong", *request["words"]]
    try:
        importlib.import_module("lienthong.cli").main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter does
        sys.excepthook(*sys.exc_info())
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def _watch(request: dict[str, Any]) -> None:
    """Start the command, and write down how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    folder = Path(request["folder"])
    if (process := os.fork()) == 0:
        code = 1
        try:
            code = _command(request, folder)
        finally:
            os._exit(code)
    (folder / "pid").write_text(str(process), "ascii")
    _, status = os.waitpid(process, 0)
    (folder / "code.new").write_text(str(os.waitstatus_to_exitcode(status)), "ascii")
    (folder / "code.new").rename(folder / "code")


def main() -> None:
    """Serve requests until there are no more."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the watchers
    for name in _LIBRARIES:
        importlib.import_module(name)
    gc.freeze()
    for line in sys.stdin:
        if os.fork() == 0:
            try:
                _watch(json.loads(line))
            except BaseException:  # noqa: BLE001 - whoever waits for the command sees why nothing comes
                sys.excepthook(*sys.exc_info())
            finally:
                os._exit(0)


if __name__ == "__main__":
    main()
