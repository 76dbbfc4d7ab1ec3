"""Kafka's jars: fetched once, checked, and then used without a network."""

import hashlib
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from lienthong.embedded import jars
from lienthong.embedded.lock import COORDINATES, Jar, locked_jars
from lienthong.kernel.errors import UnavailableError

CONTENTS = {"one": b"first jar", "two": b"second jar, longer"}
LOCKED = tuple(
    Jar("org.example", name, "1.0", len(content), hashlib.sha256(content).hexdigest())
    for name, content in CONTENTS.items()
)


class Repository:
    """Stands for jgo: hands out files, or fails as told, and counts what it is asked for."""

    def __init__(self) -> None:
        self.contents = dict(CONTENTS)
        self.failures: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.gate: Callable[[], object] = lambda: None

    def module(self) -> ModuleType:
        """Return a module to put in the place of `jgo.maven`."""
        module = ModuleType("jgo.maven")
        module.MavenContext = self._context  # type: ignore[attr-defined]
        return module

    def _context(self, *, repo_cache: Path, timeout: int) -> SimpleNamespace:
        assert timeout > 0

        def artifact(name: str) -> SimpleNamespace:
            path = repo_cache / f"{name}.part"
            return SimpleNamespace(cached_path=path, resolve=lambda: self._resolve(name, path))

        def project(group: str, name: str) -> SimpleNamespace:
            assert group == "org.example"
            version = SimpleNamespace(artifact=lambda: artifact(name))
            return SimpleNamespace(at_version=lambda _: version)

        return SimpleNamespace(project=project)

    def _resolve(self, name: str, path: Path) -> Path:
        self.gate()
        self.asked[name] += 1
        if path.exists():  # as jgo does: what is there is taken for whole
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.failures[name]:
            self.failures[name] -= 1
            path.write_bytes(b"cut sho")
            raise OSError("connection reset")
        path.write_bytes(self.contents[name])
        return path


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Repository:
    """Replace jgo, the lock and the cache, and the pauses between tries."""
    repository = Repository()
    monkeypatch.setitem(sys.modules, "jgo.maven", repository.module())
    monkeypatch.setattr(jars, "locked_jars", lambda: LOCKED)
    monkeypatch.setattr(jars, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return repository


def fetched() -> dict[str, bytes]:
    """Return what the folder of the jars holds."""
    return {file.name: file.read_bytes() for file in jars.jars_folder().glob("*.jar")}


def test_all_jars_are_fetched_and_named(repository: Repository) -> None:
    """The first call fetches every jar, says so, and returns the class path in the lock's order."""
    said: list[str] = []
    path = jars.class_path(report=said.append)
    assert ["one-1.0.jar", "two-1.0.jar"] == [file.name for file in path]
    assert list(CONTENTS.values()) == [file.read_bytes() for file in path]
    assert said[0].startswith("fetching Kafka ")
    assert said[-1].endswith(": 2 of 2 files")
    assert len(said) <= 12
    assert {"one": 1, "two": 1} == repository.asked


def test_the_second_time_needs_no_network(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """When all jars are there, jgo is not even imported, and nothing is said."""
    first = jars.class_path()
    monkeypatch.setitem(sys.modules, "jgo.maven", None)
    said: list[str] = []
    assert first == jars.class_path(report=said.append)
    assert [] == said
    assert {"one": 1, "two": 1} == repository.asked


def test_only_a_damaged_jar_is_fetched_again(repository: Repository) -> None:
    """A jar whose size has changed is replaced; the others are left alone."""
    damaged = jars.class_path()[1]
    damaged.write_bytes(b"second")
    jars.class_path()
    assert {"one": 1, "two": 2} == repository.asked
    assert CONTENTS["two"] == damaged.read_bytes()


def test_a_lost_connection_is_tried_again(repository: Repository) -> None:
    """Two failures of the network are overcome, and what they left half done is not used."""
    repository.failures["two"] = 2
    jars.class_path()
    assert {"one-1.0.jar": CONTENTS["one"], "two-1.0.jar": CONTENTS["two"]} == fetched()


def test_giving_up_says_why_and_what_to_do(repository: Repository) -> None:
    """When the network stays away, the error is a sentence with a way out; nothing partial remains."""
    repository.failures["two"] = 100
    with pytest.raises(UnavailableError, match=r"could not be fetched: connection reset\..* or copy the folder"):
        jars.class_path()
    assert "two-1.0.jar" not in fetched()
    assert 3 == repository.asked["two"]


def test_a_later_try_goes_on_where_the_first_stopped(repository: Repository) -> None:
    """Jars that arrived before a failure are kept and not asked for again."""
    repository.failures["two"] = 3
    with pytest.raises(UnavailableError):
        jars.class_path()
    jars.class_path()
    assert 1 == repository.asked["one"]
    assert 4 == repository.asked["two"]


def test_a_jar_with_another_hash_is_refused(repository: Repository) -> None:
    """A file of the right length that somebody changed on its way is never used."""
    repository.contents["one"] = b"FIRST JAR"
    with pytest.raises(UnavailableError, match=r"one-1\.0\.jar is not what was expected"):
        jars.class_path()
    assert "one-1.0.jar" not in fetched()


def test_a_fetch_ends_in_bounded_time(repository: Repository) -> None:
    """A transfer that never ends does not hold the caller longer than it wants to wait."""
    release = threading.Event()
    repository.gate = lambda: release.wait(30)
    with pytest.raises(UnavailableError, match="the time for it ran out"):
        jars.class_path(timeout_seconds=0.2)
    release.set()


@pytest.mark.usefixtures("repository")
def test_without_jgo_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who installed the bare package learns which extra is missing."""
    monkeypatch.setitem(sys.modules, "jgo.maven", None)
    with pytest.raises(UnavailableError, match=r"jgo.*pip install 'lienthong\[embedded\]'"):
        jars.class_path()


def test_a_cache_that_cannot_be_written_is_a_plain_error(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file where the cache's folder should be is reported, not thrown as a foreign exception."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(UnavailableError, match=r"could not be fetched: .*Not a directory"):
        jars.class_path()
    assert {} == repository.asked


def test_the_lock_belongs_to_the_coordinates() -> None:
    """The checked-in lock was made from what is asked for, has no doubles and a hash for every jar."""
    locked = locked_jars()
    named = {f"{jar.group}:{jar.artifact}:{jar.version}" for jar in locked}
    assert set(COORDINATES.split("+")) <= named
    assert len(locked) == len({jar.file_name for jar in locked})
    assert all(len(bytes.fromhex(jar.sha256)) == 32 and jar.size_bytes > 0 for jar in locked)
