"""The embedded node before anything is started."""

import os
from pathlib import Path

import pytest

from lienthong.embedded import EmbeddedKafka
from lienthong.embedded.process import identify
from lienthong.embedded.state import NodeState, StateFile


def test_looking_and_stopping_leave_no_trace(tmp_path: Path) -> None:
    """Where nothing was started, nothing runs, nothing is stopped, and no folder appears."""
    node = EmbeddedKafka(tmp_path / "kafka")
    status = node.status()
    assert (False, False, None, None) == (status.running, status.ready, status.bootstrap, status.pid)
    assert not node.down()
    node.kill()
    assert not (tmp_path / "kafka").exists()


def test_another_process_with_the_same_number_is_left_alone(tmp_path: Path) -> None:
    """A state of before a restart of the machine names a number that is another program's by now: ours."""
    state = NodeState(cluster_id="c", port=9092, controller_port=9093, pid=os.getpid(), started="long ago/1")
    StateFile(tmp_path / "state.json").write(state)
    node = EmbeddedKafka(tmp_path)
    assert not node.status().running
    assert not node.down()
    node.kill()


def test_a_process_that_does_not_answer_runs_but_is_not_ready(tmp_path: Path) -> None:
    """A broker that is there and silent is not reported as one that serves."""
    process = identify(os.getpid())
    assert process is not None
    state = NodeState(cluster_id="c", port=1, controller_port=2, pid=process.pid, started=process.started)
    StateFile(tmp_path / "state.json").write(state)
    status = EmbeddedKafka(tmp_path).status()
    assert (True, False, "127.0.0.1:1") == (status.running, status.ready, status.bootstrap)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_does_not_exist_is_refused(tmp_path: Path, port: int) -> None:
    """A wrong port is the caller's mistake, and said so before anything happens."""
    with pytest.raises(ValueError, match="is no port"):
        EmbeddedKafka(tmp_path, port=port)


def test_wishes_that_cannot_come_true_are_refused(tmp_path: Path) -> None:
    """So are a heap that is too small, a reserved property and a folder that Kafka cannot name."""
    with pytest.raises(ValueError, match="too small"):
        EmbeddedKafka(tmp_path, heap_mib=16)
    with pytest.raises(ValueError, match="decided by the node"):
        EmbeddedKafka(tmp_path, properties={"node.id": "7"})
    with pytest.raises(ValueError, match="comma"):
        EmbeddedKafka(tmp_path / "a,b")
