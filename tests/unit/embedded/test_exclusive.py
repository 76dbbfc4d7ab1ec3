"""One command at a time in a folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lienthong.embedded.deadline import Deadline
from lienthong.embedded.exclusive import exclusive
from lienthong.kernel.errors import UnavailableError

HOLD = """
import sys
from pathlib import Path
from lienthong.embedded.deadline import Deadline
from lienthong.embedded.exclusive import exclusive
with exclusive(Path(sys.argv[1]), deadline=Deadline.after(10)):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_holder_waits_no_longer_than_told(tmp_path: Path) -> None:
    """Whoever comes second gets a sentence, not an endless wait; afterwards the lock is free again."""
    file = tmp_path / "lock"
    with (
        exclusive(file, deadline=Deadline.after(1)),
        pytest.raises(UnavailableError, match="Another command is still at work"),
        exclusive(file, deadline=Deadline.after(0.1)),
    ):
        pass
    with exclusive(file, deadline=Deadline.after(0)):
        pass


def test_a_killed_holder_lets_go(tmp_path: Path) -> None:
    """A lock whose holder was killed is no obstacle, although its file is still there."""
    file = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as holder:
        assert holder.stdout is not None
        assert b"held\n" == holder.stdout.readline()
        with pytest.raises(UnavailableError), exclusive(file, deadline=Deadline.after(0)):
            pass
        holder.kill()
    with exclusive(file, deadline=Deadline.after(5)):
        assert file.exists()
