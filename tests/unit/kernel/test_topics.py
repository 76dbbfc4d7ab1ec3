"""Topics: names and, value by value, the settings they are made with."""

import pytest

from lienthong.kernel.limits import MAX_ENVELOPE_BYTES
from lienthong.kernel.topics import (
    DIRECTORY,
    LEDGER,
    QUARANTINE,
    Partition,
    inbox,
    outbox,
    owner_of_outbox,
    topic_settings,
)

COMMON = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "message.timestamp.type": "LogAppendTime",
    "max.message.bytes": "1048576",
    "unclean.leader.election.enable": "false",
    "segment.index.bytes": "1048576",
    "min.insync.replicas": "2",
}


@pytest.mark.parametrize(
    ("name", "partitions", "differences"),
    [
        (LEDGER, 7, {}),
        (inbox("H37"), 7, {}),
        (outbox("G22"), 7, {"compression.type": "uncompressed"}),
        (DIRECTORY, 1, {"cleanup.policy": "compact", "min.compaction.lag.ms": "9223372036854775807"}),
        (QUARANTINE, 7, {"max.message.bytes": "2097152"}),
    ],
)
def test_settings(name: str, partitions: int, differences: dict[str, str]) -> None:
    """Each topic is made with exactly these settings, all of them explicit."""
    settings = topic_settings(name, lanes=7, replication=3)
    assert name == settings.name
    assert partitions == settings.partitions
    assert COMMON | differences == settings.configuration


@pytest.mark.parametrize(("replication", "in_sync"), [(1, "1"), (2, "1"), (3, "2"), (5, "2")])
@pytest.mark.parametrize("name", [LEDGER, DIRECTORY, QUARANTINE, outbox("G22"), inbox("G22")])
def test_copies_in_sync(name: str, replication: int, in_sync: str) -> None:
    """Where there are three copies or more, a write needs two of them."""
    settings = topic_settings(name, lanes=2, replication=replication)
    assert in_sync == settings.configuration["min.insync.replicas"]


def test_settings_are_not_shared() -> None:
    """Whoever changes the settings of one topic does not change those of the next."""
    topic_settings(LEDGER, lanes=2, replication=1).configuration["retention.ms"] = "1"
    assert "-1" == topic_settings(LEDGER, lanes=2, replication=1).configuration["retention.ms"]


def test_the_largest_envelope_fits_a_record() -> None:
    """The largest envelope, with 64 KiB for headers, key and batch, is below what every topic takes."""
    assert int(COMMON["max.message.bytes"]) >= MAX_ENVELOPE_BYTES + 65_536


def test_names() -> None:
    """Topics are named for what they are and whose they are."""
    assert ("lt.ledger", "lt.directory", "lt.quarantine") == (LEDGER, DIRECTORY, QUARANTINE)
    assert "lt.out.H37.DN.001" == outbox("H37.DN.001")
    assert "lt.in.H37.DN.001" == inbox("H37.DN.001")
    assert "H37.DN.001" == owner_of_outbox(outbox("H37.DN.001"))
    assert Partition("lt.ledger", 3) == ("lt.ledger", 3)


@pytest.mark.parametrize(
    "topic", ["lt.out.", "lt.out.g22", "lt.out.G22/..", "lt.in.G22", "lt.ledger", "lt.directory", ""]
)
def test_other_topics_have_no_owner(topic: str) -> None:
    """Only an out topic tells an authenticated sender."""
    with pytest.raises(ValueError, match="agency code"):
        owner_of_outbox(topic)
