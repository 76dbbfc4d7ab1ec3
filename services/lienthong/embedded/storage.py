"""A node's folder of records: made ready ("formatted") once, by Kafka's own tool."""

import base64
import shutil
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path

from lienthong.embedded.deadline import Deadline
from lienthong.embedded.java import Java
from lienthong.embedded.jvm import program_environment, storage_command
from lienthong.embedded.properties import NodeSettings
from lienthong.embedded.reason import reason_in
from lienthong.kernel.errors import InvariantError, UnavailableError

__all__ = ["cluster_id", "format_storage", "random_id"]

_META = "meta.properties"


def cluster_id(data: Path) -> str | None:
    """Return the name of the cluster that a folder of records belongs to; `None` when there are none.

    Raises:
        InvariantError: the folder holds something, but not what Kafka wrote when it was formatted.
    """
    try:
        text = (data / _META).read_text(encoding="latin-1")
    except (FileNotFoundError, NotADirectoryError):
        if data.is_file() or (data.is_dir() and any(data.iterdir())):
            raise InvariantError(
                f"The folder {data} is not one of Kafka's, or was damaged: {_META} is missing from it. "
                "Put it back, or move the folder away to start with an empty one."
            ) from None
        return None
    for line in text.splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "cluster.id":
            return value.strip()
    raise InvariantError(f"The file {data / _META} names no cluster. Put the folder back as it was.")


def format_storage(
    java: Java,
    jars: Sequence[Path],
    settings: NodeSettings,
    *,
    cluster: str,
    voters: str | None,
    config: Path,
    deadline: Deadline,
) -> None:
    """Make the folder of records of a node of a new cluster.

    The folder appears at its place when it is complete: a killed attempt leaves nothing that counts.

    Args:
        java: what runs the tool.
        jars: Kafka's.
        settings: the node; its folder must be empty or missing.
        cluster: the cluster's name, made by `random_id`.
        voters: the first controllers of the cluster, as `ClusterPlan.voters` has them; `None`: this one alone.
        config: a file to write the tool's configuration to.
        deadline: until when it must be done.

    Raises:
        UnavailableError: the tool failed, or was not done by the deadline.
    """
    unfinished = settings.data.with_name(f"{settings.data.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    config.write_text(settings.render(data=unfinished), encoding="ascii")
    first = ("--standalone",) if voters is None else ("--initial-controllers", voters)
    command = storage_command(java, jars, "format", "-t", cluster, "-c", str(config), *first)
    try:
        answer = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=deadline.remaining_seconds,
            check=False,
            env=program_environment(),
        )
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(
            "Kafka's storage could not be made ready in time. Try again when the machine is less busy."
        ) from error
    except OSError as error:
        raise UnavailableError(f"{command[0]} cannot be started: {error.strerror or error}.") from error
    if answer.returncode != 0:
        said = reason_in(answer.stdout + answer.stderr) or "its tool did not say why"
        raise UnavailableError(f"Kafka's storage in {settings.data} could not be made ready: {said}.")
    unfinished.replace(settings.data)


def random_id() -> str:
    """Return a new name for a cluster or a folder, as Kafka writes them: 22 characters."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # As Kafka does: a name with a dash in front would be taken for an option.
        if not text.startswith("-"):
            return text
