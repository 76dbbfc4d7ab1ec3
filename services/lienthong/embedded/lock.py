"""The jars of the embedded Kafka, pinned: what each is called, how big it is, and its hash.

`jars.lock` beside this file is checked in, so that every machine runs the same bytes and a jar that was
changed on its way is noticed. After changing `COORDINATES`, write it anew:

    python -m lienthong.embedded.lock > services/lienthong/embedded/jars.lock
"""

import hashlib
import importlib
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

__all__ = ["COORDINATES", "KAFKA_VERSION", "Jar", "locked_jars"]

KAFKA_VERSION = "4.3.1"
"""The version of Apache Kafka that is started."""

COORDINATES = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}"
    f"+org.apache.kafka:kafka-tools:{KAFKA_VERSION}"
    # The published Kafka brings no backend for its log; this one needs no configuration file. 1.7 is
    # the line of the interface that Kafka is built with.
    "+org.slf4j:slf4j-simple:1.7.36"
)
"""What is asked for; everything else in `jars.lock` follows from it."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One file of the class path.

    Attributes:
        group: the first part of its coordinate, such as `org.apache.kafka`.
        artifact: the second, such as `kafka-clients`.
        version: the third.
        size_bytes: its exact length.
        sha256: its hash, 64 hexadecimal digits.
    """

    group: str
    artifact: str
    version: str
    size_bytes: int
    sha256: str

    @property
    def file_name(self) -> str:
        """The name of the file, the same in every repository and in our folder."""
        return f"{self.artifact}-{self.version}.jar"

    def check(self, file: Path) -> None:
        """Read all of `file` and compare.

        Raises:
            ValueError: it has other bytes than these.
        """
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if file.stat().st_size != self.size_bytes or digest != self.sha256:
            raise ValueError(f"{self.file_name} is not what was expected, its hash is another")


@cache
def locked_jars() -> tuple[Jar, ...]:
    """Return every jar of the class path, sorted by coordinate."""
    text = resources.files(__package__).joinpath("jars.lock").read_text(encoding="ascii")
    return tuple(_parse(line) for line in text.splitlines() if line and not line.startswith("#"))


def _parse(line: str) -> Jar:
    coordinate, size_bytes, sha256 = line.split()
    group, artifact, version = coordinate.split(":")
    return Jar(group, artifact, version, int(size_bytes), sha256)


def main() -> None:
    """Resolve `COORDINATES` with jgo, fetch every jar and print the lock file."""
    jgo = importlib.import_module("jgo")
    lines = set()
    with tempfile.TemporaryDirectory() as folder:
        for artifact in jgo.resolve(COORDINATES):
            if artifact.classifier or artifact.packaging != "jar":
                raise SystemExit(f"{artifact} has a classifier or is no jar: the lock has no place for that")
            artifact.context.repo_cache = Path(folder)
            content = artifact.resolve().read_bytes()
            coordinate = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
            lines.add(f"{coordinate} {len(content)} {hashlib.sha256(content).hexdigest()}")
    header = f"# {COORDINATES} and all they need: coordinate, bytes, SHA-256."
    sys.stdout.write("\n".join([header, *sorted(lines)]) + "\n")


if __name__ == "__main__":
    main()
