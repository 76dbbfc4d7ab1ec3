"""The commands as people and programs call them."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from backbone import Backbone
from lienthong.kernel.keys import SigningKey


class Said(NamedTuple):
    """What a command answered."""

    code: int | None
    out: str
    err: str

    def json(self) -> Any:
        """The one JSON value on standard output."""
        return json.loads(self.out)


async def call(home: Path, bootstrap: str, *words: str) -> Said:
    """Run ``lienthong …``."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lienthong", *words,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={
            **os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200",
            "LIENTHONG_HOME": str(home), "LIENTHONG_BOOTSTRAP": bootstrap, "LIENTHONG_TIMEOUT_SECONDS": "10",
        },
    )  # fmt: skip
    async with asyncio.timeout(90):
        out, err = await process.communicate()
    return Said(process.returncode, out.decode(), err.decode())


async def lienthong(backbone: Backbone, *words: str) -> Said:
    """Run ``lienthong …`` against a backbone."""
    return await call(backbone.settings.home, backbone.settings.bootstrap, *words)


async def test_send_inbox_and_status_tell_one_story(backbone: Backbone, tmp_path: Path) -> None:
    """A file sent from the command line is received, saved byte for byte and shown as acknowledged."""
    file = tmp_path / "công văn.txt"
    file.write_bytes(os.urandom(3_000))
    words = ("send", "--from", "G22", "--to", "H29", "--subject", "[bold]Lệnh[/bold]", str(file), "--json")
    sent = (await lienthong(backbone, *words)).json()
    again = (await lienthong(backbone, *words)).json()
    folder = tmp_path / "saved"
    came = await lienthong(backbone, "inbox", "--agency", "H29", "--status", "03", "--save", str(folder), "--json")
    shown = [json.loads(line) for line in came.out.splitlines()]
    listed = await lienthong(backbone, "inbox", "--agency", "H29", "--list")
    status = await lienthong(backbone, "status", sent["id"][:12], "--agency", "G22", "--json")

    assert ("accepted", sent["id"]) == (sent["state"], again["id"])
    mine = [one for one in shown if one["id"] == sent["id"]]
    assert ["G22"] == [one["sender"] for one in mine]
    assert [file.read_bytes()] == [Path(path).read_bytes() for path in mine[0]["saved"]]
    assert all(Path(path).is_relative_to(folder) for path in mine[0]["saved"])
    assert "[bold]Lệnh[/bold]" in listed.out
    assert ("acknowledged", {"H29": "03"}) == (status.json()["state"], status.json()["recipients"])


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("send", "--from", "G22", "--to", "ZZ9", "--subject", "x", __file__), 4, "unknown_recipient"),
        (("send", "--from", "G22", "--to", "H26", "--subject", "x", "nowhere.pdf"), 1, "cannot read nowhere.pdf"),
        (("send", "--from", "Q99", "--to", "H26", "--subject", "x", __file__), 1, "no signing key"),
        (("send", "--from", "G22"), 2, "Missing"),
        (("status", "zz"), 1, "not an envelope id"),
        (("status", "00" * 32), 1, "no document"),
        (("inbox", "--agency", "H26", "--status", "99"), 1, "99"),
        (("directory", "show", "ZZ9"), 1, "ZZ9 is not in the directory"),
        (("run", "intake", "--lanes", "x"), 2, "list of lanes"),
    ],
)
async def test_what_goes_wrong_is_one_sentence_and_a_code(
    backbone: Backbone, words: tuple[str, ...], code: int, sentence: str
) -> None:
    """Errors are plain sentences on standard error, with the documented exit codes and no traceback."""
    said = await lienthong(backbone, *words)
    assert (code, "") == (said.code, said.out if code != 2 else "")
    assert sentence in said.err
    assert "Traceback" not in said.err


async def test_a_kafka_that_does_not_answer_is_said_so(backbone: Backbone) -> None:
    """Commands that need Kafka end with 3 and name the address."""
    for words in (("directory", "show"), ("audit", "verify")):
        said = await call(backbone.settings.home, "127.0.0.1:1", *words)
        assert said.code == 3, said
        assert "127.0.0.1:1" in said.err
        assert "Traceback" not in said.err


@pytest.mark.parametrize("command", ["", "kafka", "directory", "run", "send", "inbox", "status", "audit", "demo"])
async def test_every_command_explains_itself(command: str, tmp_path: Path) -> None:
    """`--help` works for the program and every command."""
    said = await call(tmp_path, "", *command.split(), "--help")
    assert said.code == 0
    assert "Usage" in said.out


async def test_the_operator_works_by_commands(backbone: Backbone, tmp_path: Path) -> None:
    """An agency that is added, gets a key and is connected can send at once; a revoked key cannot any more."""
    listing = tmp_path / "agencies.csv"
    listing.write_text("code,code_qcvn102,name,parent,connected\nG07,,Bộ mẫu,,maybe\n", "utf-8")
    wrong = await lienthong(backbone, "directory", "import", str(listing))
    assert (1, True) == (wrong.code, "agencies.csv line 2: column connected: 'maybe'" in wrong.err)

    for words in (
        ("directory", "init", "--origin", backbone.trust.origin),
        ("directory", "add-agency", "G07", "--name", "Bộ mẫu", "--connected"),
        ("directory", "add-key", "G07"),
    ):
        said = await lienthong(backbone, *words)
        assert said.code == 0, said
    shown = (await lienthong(backbone, "directory", "show", "G07", "--json")).json()
    key = SigningKey.load(backbone.settings.home / "agencies" / "G07" / "signing.pem")
    assert [key.key_id.hex()] == [one["id"] for one in shown[0]["keys"]]

    send = ("send", "--from", "G07", "--to", "H26", "--subject", "đầu tiên", __file__, "--timeout", "40", "--json")
    assert (await lienthong(backbone, *send)).json()["state"] == "accepted"
    assert (await lienthong(backbone, "directory", "revoke-key", key.key_id.hex()[:12])).code == 0
    refused = await lienthong(backbone, *send[:-1], "--again", "2")
    assert refused.code == 4
    assert "key_revoked" in refused.err
