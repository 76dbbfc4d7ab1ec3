"""Who the nodes of a cluster are."""

import socket
from pathlib import Path

import pytest

from lienthong.demo.stage import free_port
from lienthong.embedded.folder import NodeFolder
from lienthong.embedded.plan import ClusterPlan
from lienthong.embedded.ports import is_free
from lienthong.embedded.properties import HOST
from lienthong.kernel.errors import InvariantError


def test_a_plan_has_three_nodes_with_ports_of_their_own() -> None:
    """Six different ports that are free, three names of folders, numbers from 1 on."""
    plan = ClusterPlan.make()
    ports = [port for node in plan.nodes for port in (node.port, node.controller_port)]
    assert [1, 2, 3] == [node.number for node in plan.nodes]
    assert 6 == len(set(ports))
    assert 4 == len({plan.cluster_id, *(node.directory_id for node in plan.nodes)})
    assert not plan.complete


def test_the_port_that_was_asked_for_is_the_first_node_s() -> None:
    """The other nodes and the controllers take the ports after it, past those that are taken."""
    # Not next to a port that the system chose: what is before that may be an outgoing connection of another program.
    wanted = next(port for port in iter(free_port, None) if is_free(HOST, port + 1))
    taken = wanted + 1
    with socket.create_server((HOST, taken)):
        plan = ClusterPlan.make(wanted)
    ports = {port for node in plan.nodes for port in (node.port, node.controller_port)}
    assert wanted == plan.nodes[0].port
    assert taken not in ports
    assert 6 == len(ports)


def test_a_plan_comes_back_as_it_was_stored(tmp_path: Path) -> None:
    """What was decided once is found by every later command."""
    file = tmp_path / "cluster.json"
    assert ClusterPlan.read(file) is None
    plan = ClusterPlan.make()
    plan.write(file)
    assert plan == ClusterPlan.read(file)


@pytest.mark.parametrize("content", ["", "{}", '{"cluster_id": 1, "nodes": []}'])
def test_a_damaged_plan_is_not_replaced(tmp_path: Path, content: str) -> None:
    """With another plan the records that are there would belong to nobody."""
    file = tmp_path / "cluster.json"
    file.write_text(content)
    with pytest.raises(InvariantError, match="was damaged"):
        ClusterPlan.read(file)


def test_each_node_is_told_of_all_controllers(tmp_path: Path) -> None:
    """The configurations differ in number and ports and name the same quorum, three copies and two in sync."""
    plan = ClusterPlan.make()
    settings = [plan.settings(node.number, NodeFolder(tmp_path).node(node.number), {}) for node in plan.nodes]
    assert 1 == len({one.quorum for one in settings})
    assert {f"{HOST}:{node.controller_port}" for node in plan.nodes} == set(settings[0].quorum)
    assert 3 == len({one.data for one in settings})
    for one in settings:
        lines = one.render().splitlines()
        assert f"node.id={one.node_id}" in lines
        assert f"controller.quorum.bootstrap.servers={','.join(one.quorum)}" in lines
        assert "default.replication.factor=3" in lines
        assert "min.insync.replicas=2" in lines
        assert "offsets.topic.replication.factor=3" in lines


def test_a_number_that_no_node_has_is_refused() -> None:
    """Nodes are 1 to 3."""
    with pytest.raises(ValueError, match="no node 4"):
        ClusterPlan.make().node(4)
