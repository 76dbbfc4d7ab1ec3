"""The program's own page of help."""

import subprocess
import sys

from lienthong.cli.app import _COMMANDS

LOADED = """
import sys
from lienthong.cli.app import app
try:
    app(["--help"])
finally:
    print(sorted(name for name in sys.modules if name.startswith("lienthong.")))
"""


def test_the_list_of_commands_loads_none_of_them() -> None:
    """All are named with their texts, within the time in which a person does not wonder."""
    said = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.strip().splitlines()[-1] == str(["lienthong.cli", "lienthong.cli.app"])
    words = said.stdout.split()
    for name, (_, text) in _COMMANDS.items():
        assert name in words
        assert text.split()[0] in words


def test_commands_that_need_no_client_do_not_load_it() -> None:
    """It takes as long to load as all the rest."""
    program = "import sys; import lienthong.cli.directory; print('lienthong.client' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert "False" == said.stdout.strip()
