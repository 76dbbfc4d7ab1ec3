"""The embedded cluster before anything is started."""

from pathlib import Path

import pytest

from lienthong.embedded import EmbeddedCluster, EmbeddedKafka, kafka_in
from lienthong.embedded.plan import ClusterPlan
from lienthong.kernel.errors import InvariantError


def test_looking_and_stopping_leave_no_trace(tmp_path: Path) -> None:
    """Where nothing was started, nothing runs, nothing is stopped, and no folder appears."""
    cluster = EmbeddedCluster(tmp_path / "kafka")
    status = cluster.status()
    assert (False, False, None, [1, 2, 3]) == (status.running, status.ready, status.bootstrap, list(status.nodes))
    assert not cluster.down()
    cluster.kill()
    cluster.pause(1)
    cluster.resume(1)
    assert not (tmp_path / "kafka").exists()


def test_a_folder_decides_how_many_nodes(tmp_path: Path) -> None:
    """Without a wish a folder's own kind is taken, and one node where there is nothing yet."""
    assert isinstance(kafka_in(tmp_path), EmbeddedKafka)
    assert isinstance(kafka_in(tmp_path, nodes=3), EmbeddedCluster)
    ClusterPlan.make().write(tmp_path / "cluster.json")
    assert isinstance(kafka_in(tmp_path), EmbeddedCluster)
    with pytest.raises(ValueError, match="2 nodes"):
        kafka_in(tmp_path, nodes=2)


def test_one_node_does_not_become_three_nor_three_one(tmp_path: Path) -> None:
    """Records of the other kind are left alone, and the error says what to do."""
    (tmp_path / "one" / "data").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"holds a Kafka of one node.*without --nodes"):
        EmbeddedCluster(tmp_path / "one").up()
    (tmp_path / "three").mkdir()
    ClusterPlan.make().write(tmp_path / "three" / "cluster.json")
    with pytest.raises(ValueError, match=r"holds a Kafka of three nodes.*--nodes 3"):
        EmbeddedKafka(tmp_path / "three").up()
    assert ["cluster.json"] == [one.name for one in (tmp_path / "three").iterdir()]


def test_lost_records_are_not_made_anew(tmp_path: Path) -> None:
    """A node that forgot what it promised must not vote: with its folder gone, nothing starts."""
    ClusterPlan.make().model_copy(update={"complete": True}).write(tmp_path / "cluster.json")
    with pytest.raises(InvariantError, match="records of node 1 are gone"):
        EmbeddedCluster(tmp_path).up()


def test_wishes_that_cannot_come_true_are_refused(tmp_path: Path) -> None:
    """A heap that is too small, a port without room after it, a reserved property of one node, a fourth node."""
    with pytest.raises(ValueError, match="too small"):
        EmbeddedCluster(tmp_path, heap_mib=16)
    with pytest.raises(ValueError, match="no port"):
        EmbeddedCluster(tmp_path, port=65_535)
    with pytest.raises(ValueError, match="decided by the node"):
        EmbeddedCluster(tmp_path, node_properties={2: {"node.id": "7"}})
    with pytest.raises(ValueError, match="no node 4"):
        EmbeddedCluster(tmp_path).pause(4)
