"""The command lines that run Kafka's programs in a Java."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from lienthong.embedded.java import Java

__all__ = ["broker_command", "program_environment", "storage_command"]

_UNSAFE_IS_NO_NEWS = 23
"""The first Java that warns about what Kafka does with memory, and can be told not to."""

_LOG = {
    # At "info" a start writes 1,500 lines and takes a tenth longer; what matters is a warning or worse.
    "defaultLogLevel": "warn",
    "log.kafka.server.KafkaRaftServer": "info",
    "log.org.apache.kafka.common.utils.AppInfoParser": "info",
    "showDateTime": "true",
    "dateTimeFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
}


def broker_command(java: Java, jars: Sequence[Path], *, heap_mib: int, folder: Path, config: Path) -> list[str]:
    """Return the command that runs a broker until it gets a SIGTERM.

    Options for Java in the environment's `KAFKA_OPTS`, as Kafka's own scripts take them, come last and win.

    Args:
        java: what runs it.
        jars: Kafka's.
        heap_mib: how much memory its objects get, MiB; the whole process takes about 150 more.
        folder: where a crash of Java itself leaves its report.
        config: its `server.properties`.
    """
    return [
        str(java.executable),
        f"-Xms{heap_mib}m",
        f"-Xmx{heap_mib}m",
        # As fast as G1 here (130,000 records a second of 1 KiB either way) and 130 MB smaller.
        "-XX:+UseSerialGC",
        # Without it a broker that ran out of memory hangs on and holds its ports.
        "-XX:+ExitOnOutOfMemoryError",
        # Java raises its limit of open files to what the system allows: about three a partition.
        "-XX:+MaxFDLimit",
        f"-XX:ErrorFile={folder / 'crash-%p.log'}",
        "-Djava.awt.headless=true",
        *_common(java, jars),
        *shlex.split(os.environ.get("KAFKA_OPTS", "")),
        "kafka.Kafka",
        str(config),
    ]


def storage_command(java: Java, jars: Sequence[Path], *arguments: str) -> list[str]:
    """Return the command that runs Kafka's StorageTool once, as cheaply as a short program can be run."""
    cheap = ["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    return [str(java.executable), *cheap, *_common(java, jars), "kafka.tools.StorageTool", *arguments]


def program_environment() -> dict[str, str]:
    """Return this process's environment, made such that Java understands every name of a file."""
    return {**os.environ, "LC_ALL": "C.UTF-8"}


def _common(java: Java, jars: Sequence[Path]) -> list[str]:
    quiet = ["--sun-misc-unsafe-memory-access=allow"] if java.major >= _UNSAFE_IS_NO_NEWS else []
    log = [f"-Dorg.slf4j.simpleLogger.{name}={value}" for name, value in _LOG.items()]
    return [*quiet, *log, "-cp", os.pathsep.join(str(jar) for jar in jars)]
