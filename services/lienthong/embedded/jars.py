"""Kafka's jars in a folder of the cache: fetched once, checked by hash, then used without any network.

The folder holds nothing but the files that `jars.lock` names, each put there whole and checked, so it can
be copied to a machine without a network, and an interrupted fetch goes on where it stopped.
"""

import importlib
import queue
import shutil
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from lienthong.embedded.deadline import Deadline
from lienthong.embedded.exclusive import exclusive
from lienthong.embedded.lock import KAFKA_VERSION, Jar, locked_jars
from lienthong.kernel.errors import UnavailableError
from lienthong.runtime.home import cache

__all__ = ["class_path", "jars_folder"]

_WORKERS = 8
_ATTEMPTS = 3
_REQUEST_SECONDS = 30
_PAUSE_SECONDS = 1.0
_FETCH_SECONDS = 900.0
_REASON_CHARACTERS = 200


def jars_folder() -> Path:
    """Return the folder of this version's jars in the cache; it need not exist."""
    return cache() / f"kafka-{KAFKA_VERSION}"


def class_path(
    *, report: Callable[[str], None] = lambda _: None, timeout_seconds: float = _FETCH_SECONDS
) -> tuple[Path, ...]:
    """Return Kafka's jars, after fetching those that are missing or have another size.

    When all are there, nothing is imported, locked or asked of the network.

    Args:
        report: is told in words how a fetch gets on; called from the calling thread only.
        timeout_seconds: the longest a fetch may take altogether.

    Raises:
        UnavailableError: a jar could not be fetched, or not within the time; the text says what to do.
    """
    folder = jars_folder()
    deadline = Deadline.after(timeout_seconds)
    try:
        if _missing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with exclusive(folder / ".lock", deadline=deadline):
                missing = _missing(folder)  # again: another process may have fetched them meanwhile
                if missing:
                    _fetch(missing, folder, report, deadline)
    except OSError as error:
        raise _not_fetched(folder, _plain(error)) from error
    return tuple(folder / jar.file_name for jar in locked_jars())


def _missing(folder: Path) -> list[Jar]:
    sizes = {file.name: file.stat().st_size for file in folder.glob("*.jar")}
    return [jar for jar in locked_jars() if sizes.get(jar.file_name) != jar.size_bytes]


def _fetch(missing: list[Jar], folder: Path, report: Callable[[str], None], deadline: Deadline) -> None:
    megabytes = max(1, round(sum(jar.size_bytes for jar in missing) / 1_000_000))
    what = f"fetching Kafka {KAFKA_VERSION} (first time only, about {megabytes} MB)"
    report(what)
    staging = folder / ".staging"
    shutil.rmtree(staging, ignore_errors=True)  # what a killed process left behind
    transfers = _Transfers(missing, folder, _repository(staging), deadline)
    try:
        transfers.start()
        for done in range(1, len(missing) + 1):
            failure = transfers.outcomes.get(timeout=deadline.remaining_seconds)
            if failure is not None:
                raise _not_fetched(folder, _plain(failure)) from failure
            # Where output is no terminal every word is a line of its own: ten are enough.
            if done % max(1, len(missing) // 10) == 0 or done == len(missing):
                report(f"{what}: {done} of {len(missing)} files")
    except queue.Empty as error:
        raise _not_fetched(folder, "the time for it ran out") from error
    finally:
        transfers.stopping.set()
        shutil.rmtree(staging, ignore_errors=True)


class _Artifact(Protocol):
    """What is used of jgo's type of that name, which has no types of its own to speak of."""

    cached_path: Path

    def resolve(self) -> Path: ...


def _repository(staging: Path) -> Callable[[Jar], _Artifact]:
    try:
        maven = importlib.import_module("jgo.maven")
    except ImportError as error:
        raise UnavailableError(
            "Kafka's jars are fetched by the package jgo, and it is not installed. "
            "Install it with: pip install 'lienthong[embedded]'"
        ) from error
    context = maven.MavenContext(repo_cache=staging, timeout=_REQUEST_SECONDS)

    def artifact(jar: Jar) -> _Artifact:
        found: _Artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
        return found

    return artifact


class _Transfers:
    """Some threads that fetch the missing jars, and what came of each."""

    def __init__(
        self,
        missing: Iterable[Jar],
        folder: Path,
        repository: Callable[[Jar], _Artifact],
        deadline: Deadline,
    ) -> None:
        self.outcomes: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
        self.stopping = threading.Event()
        self._waiting: queue.SimpleQueue[Jar] = queue.SimpleQueue()
        for jar in missing:
            self._waiting.put(jar)
        self._folder = folder
        self._repository = repository
        self._deadline = deadline

    def start(self) -> None:
        # Daemons, not a pool: a pool is waited for at exit, and a transfer that trickles has no end.
        for _ in range(_WORKERS):
            threading.Thread(target=self._work, name="fetch-jars", daemon=True).start()

    def _work(self) -> None:
        while not self._given_up:
            try:
                jar = self._waiting.get_nowait()
            except queue.Empty:
                return
            try:
                self._fetch_one(jar)
            except Exception as error:  # noqa: BLE001 - handed to the caller's thread, which raises it
                self.outcomes.put(error)
            else:
                self.outcomes.put(None)

    @property
    def _given_up(self) -> bool:
        return self._deadline.passed or self.stopping.is_set()

    def _fetch_one(self, jar: Jar) -> None:
        artifact = self._repository(jar)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                file = artifact.resolve()
                jar.check(file)
                file.replace(self._folder / jar.file_name)
            except Exception:
                # jgo keeps what an interrupted transfer wrote, and would take it for the whole next time.
                artifact.cached_path.unlink(missing_ok=True)
                if attempt == _ATTEMPTS or self._given_up:
                    raise
                self._deadline.pause(_PAUSE_SECONDS * attempt)
            else:
                return


def _plain(failure: Exception) -> str:
    text = " ".join(str(failure).split()) or type(failure).__name__
    return text if len(text) <= _REASON_CHARACTERS else f"{text[:_REASON_CHARACTERS]} …"


def _not_fetched(folder: Path, reason: str) -> UnavailableError:
    return UnavailableError(
        f"Kafka could not be fetched: {reason}. Look to the network (a proxy goes into HTTPS_PROXY) and try "
        f"again, or copy the folder {folder} from a machine that has it."
    )
