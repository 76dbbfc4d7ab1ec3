"""Processes that kill themselves at one point."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chaos.doomed import CLIENT_POINTS, SERVICE_POINTS, Point
from chaos.points import ALL

PROGRAM = """
from pathlib import Path
from lienthong.client.store import Store
store = Store(Path({path!r}))
for number in range(5):
    print(number, flush=True)
    store.add([])
"""


@pytest.mark.parametrize(("point", "printed"), [("Store.add.before", "0\n1\n"), ("Store.add.after", "0\n1\n")])
def test_a_process_dies_at_its_point(tmp_path: Path, point: str, printed: str) -> None:
    """By SIGKILL, at the call that was named, and not before."""
    (tmp_path / "program.py").write_text(PROGRAM.format(path=str(tmp_path / "store.sqlite")))
    result = subprocess.run(
        [sys.executable, "-m", "chaos.doomed", point, "2", "program"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
    )
    assert (-9, printed) == (result.returncode, result.stdout), result.stderr


def test_every_point_has_a_name_of_its_own() -> None:
    """A name finds its point, and every service and the client have all of theirs."""
    for point in (*SERVICE_POINTS, *CLIENT_POINTS):
        assert point == Point.of(point.name)
    assert 3 * len(SERVICE_POINTS) + len(CLIENT_POINTS) == len({str(doom) for doom in ALL})
    with pytest.raises(ValueError, match="no point"):
        Point.of("Store.nothing.before")
