"""Of several processes of an agency one receives at a time."""

import signal
import subprocess
import sys
from pathlib import Path

from lienthong.client.turn import Turn

_HOLDS = """
import sys, time
sys.path[:0] = sys.argv[2:]
from pathlib import Path
from lienthong.client.turn import Turn
turn = Turn(Path(sys.argv[1]))
print(turn.take(), flush=True)
time.sleep(60)
"""


def test_one_at_a_time(tmp_path: Path) -> None:
    """Taken by one, in this process or in another, it is not to be had until it is given back."""
    one, other = Turn(tmp_path / "turn"), Turn(tmp_path / "turn")
    assert [True, True, False, False] == [one.take(), one.take(), other.take(), other.take()]
    one.give_back()
    one.give_back()
    assert [True, False] == [other.take(), one.take()]
    other.give_back()


def test_who_dies_gives_it_back(tmp_path: Path) -> None:
    """However it ends."""
    mine = Turn(tmp_path / "turn")
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDS, str(tmp_path / "turn"), *sys.path], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        assert not mine.take()
        holder.send_signal(signal.SIGKILL)
        holder.wait(30)
    assert mine.take()
    mine.give_back()
