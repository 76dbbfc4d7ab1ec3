"""A folder of records, seen from outside."""

from pathlib import Path

import pytest

from lienthong.embedded.storage import cluster_id
from lienthong.kernel.errors import InvariantError


def test_a_folder_that_is_missing_or_empty_belongs_to_no_cluster(tmp_path: Path) -> None:
    """Where there are no records, new storage may be made."""
    assert cluster_id(tmp_path / "missing") is None
    assert cluster_id(tmp_path) is None


def test_the_name_of_the_cluster_is_read(tmp_path: Path) -> None:
    """The name given when the storage was made is found among Kafka's other notes."""
    (tmp_path / "meta.properties").write_text("#\n#Tue Nov 24\nnode.id=1\ncluster.id=MkU3OEVBNTcwNTJENDM2Qk\n")
    assert "MkU3OEVBNTcwNTJENDM2Qk" == cluster_id(tmp_path)


def test_a_damaged_folder_is_never_made_anew(tmp_path: Path) -> None:
    """Records whose notes were lost, or another program's files, are not overwritten."""
    (tmp_path / "orders-0").mkdir()
    with pytest.raises(InvariantError, match=r"meta\.properties is missing"):
        cluster_id(tmp_path)
    (tmp_path / "meta.properties").write_text("version=1\n")
    with pytest.raises(InvariantError, match="names no cluster"):
        cluster_id(tmp_path)
