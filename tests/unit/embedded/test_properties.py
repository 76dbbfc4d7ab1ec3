"""The broker's configuration."""

from pathlib import Path

import pytest

from lienthong.embedded.properties import Listener, NodeSettings


def parsed(settings: NodeSettings) -> dict[str, str]:
    """Read a properties file as simply as it was written."""
    lines = [line for line in settings.render().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_nothing_listens_beyond_this_machine() -> None:
    """Without TLS and login, every listener is on the loopback address."""
    found = parsed(NodeSettings(9092, 9093, Path("/data")))
    expected = "CLIENT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093"
    assert expected == found["listeners"] == found["advertised.listeners"]


def test_further_listeners_advertise_another_port() -> None:
    """Who comes to such a listener is told the port of the proxy; the nodes use it too if it is for them."""
    services = Listener("SERVICES", 9094, 9194)
    found = parsed(NodeSettings(9092, 9093, Path("/data"), listeners=(services,)))
    usual = "CLIENT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093"
    assert f"{usual},SERVICES://127.0.0.1:9094" == found["listeners"]
    assert f"{usual},SERVICES://127.0.0.1:9194" == found["advertised.listeners"]
    assert "CLIENT" == found["inter.broker.listener.name"]
    assert "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT,SERVICES:PLAINTEXT" == found["listener.security.protocol.map"]
    between = Listener("BROKERS", 9095, 9195, between_nodes=True)
    found = parsed(NodeSettings(9092, 9093, Path("/data"), listeners=(services, between)))
    assert "BROKERS" == found["inter.broker.listener.name"]


def test_what_loses_data_is_switched_off() -> None:
    """Topics are not made by accident, records and offsets are not forgotten, time is the broker's."""
    found = parsed(NodeSettings(9092, 9093, Path("/data")))
    assert "false" == found["auto.create.topics.enable"] == found["unclean.leader.election.enable"]
    assert "-1" == found["log.retention.ms"] == found["log.retention.bytes"]
    assert str(365 * 24 * 60) == found["offsets.retention.minutes"]
    assert "LogAppendTime" == found["log.message.timestamp.type"]


def test_sizes_are_bounded() -> None:
    """A batch has at most 2 MiB and a request 16 MiB, whatever a client tries."""
    found = parsed(NodeSettings(9092, 9093, Path("/data")))
    assert 2 * 2**20 == int(found["message.max.bytes"])
    assert 16 * 2**20 == int(found["socket.request.max.bytes"])


def test_callers_may_add_and_change_properties() -> None:
    """A property that is given wins over the one that would be written."""
    found = parsed(NodeSettings(9092, 9093, Path("/data"), extra={"num.partitions": "3", "a.b": "c=d"}))
    assert ("3", "c=d") == (found["num.partitions"], found["a.b"])


def test_names_in_any_language_reach_java() -> None:
    """Java reads the file as Latin-1: everything else, and backslashes, are escaped."""
    found = parsed(NodeSettings(9092, 9093, Path("/dữ liệu/a\\b/😀")))
    assert r"/d\u1eef li\u1ec7u/a\\b/\ud83d\ude00" == found["log.dirs"]


@pytest.mark.parametrize(
    "extra",
    [
        {"listeners": "CLIENT://0.0.0.0:9092"},
        {"log.dirs": "/"},
        {"a b": "c"},
        {"a": "b\nlisteners=x"},
        {"": "x"},
    ],
)
def test_what_the_node_decides_cannot_be_overridden(extra: dict[str, str]) -> None:
    """Addresses and folders stay as they are, and no value can bring further properties with it."""
    with pytest.raises(ValueError, match="propert"):
        NodeSettings(9092, 9093, Path("/data"), extra=extra)


def test_a_folder_with_a_comma_is_refused() -> None:
    """Kafka takes a comma for the end of a folder's name, so the records would go elsewhere."""
    with pytest.raises(ValueError, match="comma"):
        NodeSettings(9092, 9093, Path("/a,b"))


def test_three_nodes_keep_three_copies_and_notice_a_loss_soon() -> None:
    """What one node cannot have is set for three: copies in two places at least, and short time-outs."""
    quorum = ("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3")
    one = parsed(NodeSettings(9092, 9093, Path("/data")))
    three = parsed(NodeSettings(9092, 9093, Path("/data"), quorum=quorum))
    assert ("1", "1") == (one["default.replication.factor"], one["min.insync.replicas"])
    assert ("3", "2") == (three["default.replication.factor"], three["min.insync.replicas"])
    assert ",".join(quorum) == three["controller.quorum.bootstrap.servers"]
    assert "false" == three["unclean.leader.election.enable"]
    # The controllers' change of leader and then the fencing of the dead broker fit into 3 s.
    fenced = int(three["broker.session.timeout.ms"])
    elected = int(three["controller.quorum.fetch.timeout.ms"]) + int(three["controller.quorum.election.timeout.ms"])
    assert fenced + elected < 3_000
    assert 3 * int(three["broker.heartbeat.interval.ms"]) < fenced
