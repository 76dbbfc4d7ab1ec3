"""The command line of a broker."""

from pathlib import Path

import pytest

from lienthong.embedded.java import Java
from lienthong.embedded.jvm import broker_command


def test_options_of_the_environment_come_after_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Java takes the last one that it is given; what Kafka is told stays behind them."""
    monkeypatch.setenv("KAFKA_OPTS", "-Xmx2g '-Dname=two words'")
    command = broker_command(
        Java(Path("java"), 17), [Path("a.jar")], heap_mib=512, folder=Path("log"), config=Path("server.properties")
    )
    assert ["-Xmx2g", "-Dname=two words", "kafka.Kafka", "server.properties"] == command[-4:]
    assert "-Xmx512m" in command
