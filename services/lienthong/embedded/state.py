"""What is remembered of a node between one command and the next: one small JSON file."""

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from lienthong.embedded.process import Process
from lienthong.kernel.errors import UnavailableError

__all__ = ["NodeState", "StateFile", "replace_file"]


class NodeState(BaseModel):
    """Which process runs the node, and where it listens.

    The number of a process alone is not enough to stop it: the system gives it to others later.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    cluster_id: str
    """The name that the storage was formatted with; whoever answers with another is not this node."""
    port: int
    """Where clients are served. Kept after a stop, and used again if it is free."""
    controller_port: int
    """Where the node's controller listens."""
    pid: int | None = None
    """The process that was started; none after an orderly stop."""
    started: str | None = None
    """When it started, as `Process.started` has it."""

    @property
    def process(self) -> Process | None:
        """The process that was started, whether it still runs or not."""
        return None if self.pid is None or self.started is None else Process(self.pid, self.started)


class StateFile:
    """A file that holds a `NodeState`, replaced as a whole."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> NodeState | None:
        """Return what it holds; `None` when it is missing or was damaged.

        Raises:
            UnavailableError: it is there and cannot be read.
        """
        try:
            return NodeState.model_validate_json(self._file.read_bytes())
        except (FileNotFoundError, NotADirectoryError, ValidationError):
            return None
        except OSError as error:
            raise UnavailableError(
                f"{self._file} cannot be read: {error.strerror}. It may belong to another user."
            ) from error

    def write(self, state: NodeState) -> None:
        """Replace it. A crash leaves the old or the new one, never a part."""
        replace_file(self._file, state.model_dump_json(indent=2) + "\n")


def replace_file(file: Path, text: str) -> None:
    """Give a file other content. A crash leaves the old or the new one, never a part."""
    temporary = file.with_suffix(".new")
    with temporary.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(file)
