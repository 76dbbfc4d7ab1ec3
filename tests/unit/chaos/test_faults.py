"""What is cut off a broker's files, and when it may be."""

import random
from pathlib import Path
from typing import cast

import pytest

from chaos.failover import all_in_sync
from chaos.faults import damage
from lienthong.embedded import EmbeddedCluster
from lienthong.embedded.leaders import PartitionState
from lienthong.kernel.errors import UnavailableError

WHOLE = PartitionState(1, (1, 2, 3), (3, 1, 2))


class Told:
    """A cluster of which one knows only who copies what."""

    def __init__(self, **topics: PartitionState) -> None:
        self._topics = topics

    def partitions(self, topic: str) -> dict[int, PartitionState]:
        """One partition of a topic that is there."""
        if topic not in self._topics:
            raise UnavailableError("knows no such topic")
        return {0: self._topics[topic]}


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (WHOLE, True),
        (PartitionState(2, (1, 2, 3), (2,)), False),
        (PartitionState(2, (1, 2, 3), (2, 1)), False),
        (PartitionState(None, (1, 2, 3), (1, 2, 3)), False),
    ],
)
def test_one_quiet_topic_whose_only_copy_in_sync_would_be_cut_is_enough_to_wait(
    other: PartitionState, expected: bool
) -> None:
    """The ledger may be whole long before the directory is."""
    cluster = cast("EmbeddedCluster", Told(ledger=WHOLE, directory=other))
    assert all_in_sync(cluster, ["ledger", "directory"]) is expected
    assert all_in_sync(cluster, ["ledger"])
    assert not all_in_sync(cluster, ["ledger", "missing"])


@pytest.mark.parametrize("seed", range(10))
def test_only_the_end_of_the_newest_file_of_partitions_of_the_backbone_is_cut(tmp_path: Path, seed: int) -> None:
    """Older files, other topics and what is being deleted stay as they are; the beginning of what is cut too."""
    content = random.Random(1).randbytes(20_000)
    files = {
        name: tmp_path / name
        for name in (
            "lt.ledger-0/00000000000000000000.log",
            "lt.ledger-0/00000000000000000100.log",
            "lt.in.H53-1.4e33075a6be0466a8703d3d15326d45e-stray/00000000000000000000.log",
            "lt.out.H53-0.ecf9bf727d5d46bc81bbffa4df72f0d8-delete/00000000000000000000.log",
            "__consumer_offsets-0/00000000000000000000.log",
        )
    }
    for file in files.values():
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
    damage(tmp_path, random.Random(seed))
    changed = [name for name, file in files.items() if file.read_bytes() != content]
    assert changed == ["lt.ledger-0/00000000000000000100.log"]
    assert files[changed[0]].read_bytes().startswith(content[:11_000])
