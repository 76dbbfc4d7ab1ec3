"""What is remembered of a node."""

from pathlib import Path

import pytest

from lienthong.embedded.process import Process
from lienthong.embedded.state import NodeState, StateFile
from lienthong.kernel.errors import UnavailableError


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """A state comes back as it was, and no temporary file stays."""
    file = StateFile(tmp_path / "state.json")
    state = NodeState(cluster_id="c", port=9092, controller_port=9093, pid=7, started="boot/1")
    file.write(state)
    assert state == file.read()
    assert Process(7, "boot/1") == state.process
    assert ["state.json"] == [found.name for found in tmp_path.iterdir()]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"port": "x"}', '{"cluster_id": "c"}'])
def test_a_damaged_file_is_as_good_as_none(tmp_path: Path, content: str) -> None:
    """A state that cannot be understood names no process, so none is ever signalled because of it."""
    (tmp_path / "state.json").write_text(content)
    assert StateFile(tmp_path / "state.json").read() is None
    assert StateFile(tmp_path / "missing" / "state.json").read() is None


def test_a_file_that_cannot_be_read_is_a_plain_error(tmp_path: Path) -> None:
    """Something that is no readable file is reported, not taken for a node that was never started."""
    (tmp_path / "state.json").mkdir()
    with pytest.raises(UnavailableError, match=r"state\.json cannot be read: Is a directory"):
        StateFile(tmp_path / "state.json").read()


def test_a_stopped_node_has_no_process() -> None:
    """After an orderly stop only the ports are remembered."""
    assert NodeState(cluster_id="c", port=9092, controller_port=9093).process is None
