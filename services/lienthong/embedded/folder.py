"""What lies where in the folder of a node."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

__all__ = ["NodeFolder"]


@dataclass(frozen=True, slots=True)
class NodeFolder:
    """The folder of one node; `root` is absolute."""

    root: Path

    @property
    def state(self) -> Path:
        """Which process runs the node, and where it listens."""
        return self.root / "state.json"

    @property
    def plan(self) -> Path:
        """Who the nodes are, in the folder of a cluster of three; then they have the records, each in its folder."""
        return self.root / "cluster.json"

    @property
    def lock(self) -> Path:
        """Held by a command that starts or stops the node."""
        return self.root / "lock"

    @property
    def config(self) -> Path:
        """The broker's configuration."""
        return self.root / "config" / "server.properties"

    @property
    def format_config(self) -> Path:
        """The configuration that the records' folder was made with."""
        return self.root / "config" / "format.properties"

    @property
    def data(self) -> Path:
        """The records. It exists only when it is complete."""
        return self.root / "data"

    @property
    def log(self) -> Path:
        """What the broker said since its last start."""
        return self.root / "log" / "broker.log"

    @property
    def previous_log(self) -> Path:
        """What it said before that."""
        return self.root / "log" / "broker.previous.log"

    def node(self, number: int) -> "NodeFolder":
        """The folder of one node of a cluster of three."""
        return NodeFolder(self.root / f"node-{number}")

    def create(self) -> None:
        """Make the folders that are missing, for this user only: the records are in them."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.config.parent.mkdir(exist_ok=True)
        self.log.parent.mkdir(exist_ok=True)

    def rotate_log(self) -> None:
        """Put the log aside, so that the next start's begins empty."""
        with contextlib.suppress(FileNotFoundError):
            self.log.replace(self.previous_log)
