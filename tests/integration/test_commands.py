"""The commands as people and programs call them."""

import asyncio
import json
import os
import secrets
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from backbone import Backbone
from commands import Said, call
from lienthong import __version__
from lienthong.cli.app import app
from lienthong.client import Document, File
from lienthong.kernel.keys import SigningKey


async def impatient(home: Path, bootstrap: str, *words: str) -> Said:
    """Run ``lienthong …``, which waits for Kafka for ten seconds."""
    return await call(home, bootstrap, *words, LIENTHONG_TIMEOUT_SECONDS="10")


async def lienthong(backbone: Backbone, *words: str) -> Said:
    """Run ``lienthong …`` against a backbone."""
    return await impatient(backbone.settings.home, backbone.settings.bootstrap, *words)


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
        said = await impatient(backbone.settings.home, "127.0.0.1:1", *words)
        assert said.code == 3, said
        assert "127.0.0.1:1" in said.err
        assert "Traceback" not in said.err


@pytest.mark.parametrize(
    "command",
    [
        "",
        "kafka",
        "directory",
        "run",
        "send",
        "inbox",
        "status",
        "recall",
        "update",
        "replace",
        "acknowledge",
        "agree",
        "refuse",
        "resume",
        "audit",
        "demo",
    ],
)
async def test_every_command_explains_itself(command: str, tmp_path: Path) -> None:
    """`--help` works for the program and every command."""
    said = await impatient(tmp_path, "", *command.split(), "--help")
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


HOSTILE = (
    "..", ".", "...", "~root", "-rf", ".bashrc", "C:boot.ini", "tab\tnewline\n.pdf", "\x1b[31mđỏ\x1b[0m.txt",
    "xoay\u202efdp.exe", "ế" * 255, "文" * 250 + ".docx", "x" * 255, "công văn.pdf", "công văn.pdf",
)  # fmt: skip
"""Names of files as a sender could make them up."""


async def test_files_with_hostile_names_are_saved_inside_their_folder(backbone: Backbone, tmp_path: Path) -> None:
    """Each under a harmless name of its own, byte for byte; nothing else is written, and nothing gets in its way."""
    files = [File(name, os.urandom(100 + number)) for number, name in enumerate(HOSTILE)]
    async with backbone.client("G22") as sender:
        sent = await sender.send(Document(recipients=("H29",), subject=f"tên tệp {secrets.token_hex(4)}"), *files)
        await sender.wait(sent, "accepted")
    folder = tmp_path / "a" / "b" / "saved"
    while not (folder / sent.hex()).exists():
        said = await lienthong(backbone, "inbox", "--agency", "H29", "--save", str(folder), "--json")
        assert (0, "") == (said.code, said.err)
    (mine,) = [one for line in said.out.splitlines() if (one := json.loads(line))["id"] == sent.hex()]

    assert [file.content for file in files] == [Path(path).read_bytes() for path in mine["saved"]]
    assert {Path(path) for path in mine["saved"]} == set((folder / sent.hex()).iterdir())
    assert [tmp_path / "a"] == list(tmp_path.iterdir())
    assert list(HOSTILE) == [file["name"] for file in mine["files"]]
    assert mine["saved"][-1].endswith("/15-công văn.pdf")
    assert mine["saved"][11].endswith(".docx")


async def test_what_a_sender_wrote_commands_no_terminal(backbone: Backbone) -> None:
    """Escape sequences and marks that turn the reading direction are shown as what they are: nothing to read."""
    async with backbone.client("G22") as sender:
        document = Document(recipients=("H29",), subject=f"\x1b[2Jsạch\u202e {secrets.token_hex(4)}")
        sent = await sender.send(document, File("\x1b]0;x\x07.pdf", b"x"))
        await sender.wait(sent, "accepted")
    said = ""
    while sent.hex()[:16] not in said:
        said += (await lienthong(backbone, "inbox", "--agency", "H29")).out
    said += (await lienthong(backbone, "inbox", "--agency", "H29", "--list")).out
    assert document.subject[4:8] in said
    assert not set(said) & {"\x1b", "\x07", "\u202e"}


async def test_with_json_nothing_else_stands_on_standard_output(backbone: Backbone) -> None:
    """One value a line, whatever is asked; nothing at all when there is nothing to say."""
    words = ("--from", "G09", "--to", "H53", "--subject", f"thử {secrets.token_hex(4)}", __file__)
    handed = await lienthong(backbone, "send", *words, "--wait", "none", "--json")
    assert handed.code == 0, handed.err
    assert "handed over" == handed.json()["state"]
    identity = handed.json()["id"]
    for ask in (
        ("send", *words, "--json"),
        ("status", identity[:10], "--json"),
        ("inbox", "--agency", "H53", "--json"),
        ("inbox", "--agency", "H53", "--json"),
        ("inbox", "--agency", "H53", "--list", "--json"),
    ):
        said = await lienthong(backbone, *ask)
        assert said.code == 0, said.err
        shown = [json.loads(line) for line in said.out.splitlines()]
        assert all(isinstance(one, dict) for one in shown)
    assert identity in {one["id"] for one in shown}
    async with asyncio.timeout(30):
        while (status := (await lienthong(backbone, "status", identity, "--json")).json())["state"] != "arrived":
            await asyncio.sleep(0.2)
    assert ("G09", {"H53": "01"}, "") == (status["agency"], status["recipients"], status["note"])


async def test_official_data_travel_and_a_number_used_twice_is_told(backbone: Backbone) -> None:
    """What is said with `send` is what `inbox` shows; the second document of a number is sent, with a warning."""
    notation = f"QĐ-{secrets.token_hex(4).upper()}"
    words = (
        "send", "--from", "G09", "--to", "H53", "--for-information", "H29", "--type", "quyet dinh", "--number", "07",
        "--notation", notation, "--date", "05/01/2026", "--place", "Hà Nội", "--signer", "Nguyễn Văn Mẫu",
        "--competence", "KT.", "--position", "Thứ trưởng",
        "--due", "2026-01-12", "--sphere", "Nội vụ", "--pages", "2", "--paper",
    )  # fmt: skip
    first = await lienthong(backbone, *words, "--subject", f"một {notation}", __file__, "--json")
    assert 0 == first.code, first.err
    assert [] == first.json()["repeats"]
    second = await lienthong(backbone, *words, "--subject", f"hai {notation}", __file__)
    assert 0 == second.code, second.err
    assert f"07/{notation} was used before this year, by {first.json()['id']}" in second.out.replace("\n", " ")
    for agency, informed in (("H53", False), ("H29", True)):
        received = await lienthong(backbone, "inbox", "--agency", agency, "--json")
        shown = [json.loads(line) for line in received.out.splitlines()]
        (one,) = (one for one in shown if one["id"] == first.json()["id"])
        assert informed is one["for_information"]
        assert {
            "document_type": "Quyết định", "code_number": "07", "code_notation": notation,
            "promulgation_date": "2026-01-05", "promulgation_place": "Hà Nội", "due_date": "2026-01-12",
            "sphere": "Nội vụ", "page_amount": 2, "paper": True, "recipients": ["H53", "H29"],
            "signer": {"competence": "KT.", "position": "Thứ trưởng", "full_name": "Nguyễn Văn Mẫu"},
        }.items() <= one["document"].items()  # fmt: skip


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("--to", "h26", "--subject", "x"),
            "error: recipients \"('h26',)\": agency code 'h26' is not groups of A-Z and 0-9",
        ),
        (
            ("--to", "H26", "--to", "H26", "--subject", "x"),
            "error: recipients \"('H26', 'H26')\": a recipient is named twice",
        ),
        (("--to", "H26", "--subject", ""), "error: subject '': "),
        (("--to", "H26", "--subject", "x", "--number", "123456789012"), "error: code_number '123456789012': "),
        (
            ("--to", "H26", "--subject", "x", "--number", "7", "--notation", "CV-X", "--lang", "vi"),
            "error: số văn bản '7': phải ghi bằng chữ số Ả Rập từ 01",
        ),
        (
            ("--to", "H26", "--subject", "x", "--type", "BC", "--number", "07", "--notation", "QĐ-X"),
            "error: code_notation 'QĐ-X': begins as that of a Quyết định, and the document is a Báo cáo",
        ),
        (("--to", "H26", "--subject", "x", "--wait", "soon"), "error: --wait soon: choose none, accepted, arrived"),
    ],
)
async def test_a_wrong_field_is_one_sentence(backbone: Backbone, words: tuple[str, ...], sentence: str) -> None:
    """It names the field, and no page of a library's documentation."""
    said = await lienthong(backbone, "send", "--from", "G22", *words, __file__)
    assert (1, "", 1) == (said.code, said.out, len(said.err.splitlines()))
    assert said.err.startswith(sentence)


async def test_a_wrong_setting_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the variable's setting."""
    monkeypatch.setenv("LIENTHONG_DRAIN_SECONDS", "soon")
    said = await impatient(tmp_path, "127.0.0.1:1", "run", "intake")
    assert (1, "") == (said.code, said.out)
    assert said.err.startswith("error: drain_seconds: ")
    assert 1 == len(said.err.splitlines())


async def test_what_does_not_come_in_time_ends_with_three(backbone: Backbone) -> None:
    """Nobody acknowledges: not lost, and the sentence says what it is not yet."""
    words = ("--from", "G22", "--to", "H37", "--subject", f"chờ {secrets.token_hex(4)}", __file__)
    said = await lienthong(backbone, "send", *words, "--wait", "acknowledged", "--timeout", "2", "--json")
    assert (3, "") == (said.code, said.out)
    assert "is not acknowledged after 2 s" in said.err


async def test_without_kafka_status_tells_what_is_stored(backbone: Backbone) -> None:
    """As of the last connection, and it says so; the sender of the document need not be named."""
    words = ("--from", "G22", "--to", "H53", "--subject", f"thử {secrets.token_hex(4)}", __file__)
    sent = (await lienthong(backbone, "send", *words, "--json")).json()
    said = await impatient(backbone.settings.home, "127.0.0.1:1", "status", sent["id"], "--json")
    assert said.code == 0, said
    assert ("G22", sent["id"], "accepted", sent["position"]) == tuple(
        said.json()[name] for name in ("agency", "id", "state", "position")
    )
    assert "127.0.0.1:1" in said.json()["note"]


async def test_a_refusal_needs_its_reason(backbone: Backbone) -> None:
    """Without one nothing is settled: the document comes again, and is refused with one."""
    words = ("--from", "G22", "--to", "H53", "--subject", f"thử {secrets.token_hex(4)}", __file__)
    sent = (await lienthong(backbone, "send", *words, "--json")).json()
    while not any(dict(record.headers)["id"].hex() == sent["id"] for record in await backbone.read("lt.in.H53")):
        await asyncio.sleep(0.1)
    refuse = ("inbox", "--agency", "H53", "--status", "02", "--json")
    without = await lienthong(backbone, *refuse)
    assert (1, True) == (without.code, "status 02 needs a reason" in without.err)
    came = await lienthong(backbone, *refuse, "--reason", "không thuộc thẩm quyền")
    assert sent["id"] in {json.loads(line)["id"] for line in came.out.splitlines()}
    async with backbone.client("G22") as sender:
        progress = await sender.wait(bytes.fromhex(sent["id"]), "acknowledged")
    assert {"H53": "02"} == progress.recipients


def sub_commands() -> list[tuple[str, ...]]:
    """The words of every command of a command."""
    root: Any = typer.main.get_command(app)
    return [
        (name, below)
        for name in root.list_commands(None)
        for below in sorted(getattr(root.get_command(None, name), "commands", ()))
    ]


@pytest.mark.parametrize("words", sub_commands(), ids=" ".join)
def test_every_sub_command_explains_itself(words: tuple[str, ...]) -> None:
    """With its options."""
    said = CliRunner().invoke(app, [*words, "--help"])
    assert 0 == said.exit_code
    assert "Usage" in said.output
    assert "--help" in said.output


async def test_the_version_is_told(tmp_path: Path) -> None:
    """And nothing else."""
    assert (0, f"{__version__}\n", "") == await impatient(tmp_path, "", "--version")


async def test_the_life_of_a_document_by_commands(backbone: Backbone) -> None:
    """Updated, refused; asked back, agreed to; replaced; what is impossible ends with 1 and says why."""
    words = ("--from", "G22", "--to", "H53", "--subject", f"thử {secrets.token_hex(4)}", __file__)
    identity = (await lienthong(backbone, "send", *words, "--json")).json()["id"]
    accept = ("inbox", "--agency", "H53", "--status", "03", "--json")

    async def received(wanted: str) -> dict[str, Any]:
        """What the recipient's command shows of an envelope; it accepts it."""
        async with asyncio.timeout(60):
            while True:
                lines = (await lienthong(backbone, *accept)).out.splitlines()
                if found := [one for one in map(json.loads, lines) if one["id"] == wanted]:
                    return dict(found[0])

    async def state(agency: str, holds: str) -> Said:
        """What status says as soon as it says so, for people."""
        async with asyncio.timeout(60):
            while holds not in (said := await lienthong(backbone, "status", identity, "--agency", agency)).out:
                pass
        return said

    assert None is (await received(identity))["event"]
    update = (await lienthong(backbone, "update", identity, "--subject", "sửa", "--reason", "sai", "--json")).json()
    shown = await received(update["id"])
    assert ("update", [identity]) == (shown["event"], [one["id"] for one in shown["about"]])
    refused = await lienthong(backbone, "refuse", update["id"], "--reason", "đã làm", "--json")
    assert [(identity, "16")] == [(one["id"], one["said"][-1]["event"]) for one in refused.json()["documents"]]
    assert "đã làm" in (await state("G22", "last request refused")).out

    recall = (await lienthong(backbone, "recall", identity, "--reason", "gửi nhầm", "--json")).json()
    assert "accepted, take back asked" == (await received(recall["id"]))["about"][0]["state"]
    agreed = await lienthong(backbone, "agree", recall["id"][:16])
    assert (0, True) == (agreed.code, "15 agreed" in agreed.out), agreed
    assert "impossible" not in (await state("G22", "taken back")).out
    await state("H53", "taken back")
    assert "taken back" in (await lienthong(backbone, "inbox", "--agency", "H53", "--list")).out

    late = await lienthong(backbone, "acknowledge", identity, "--status", "06")
    assert (1, True) == (late.code, "it was taken back" in late.err), late
    again = ("--to", "H53", "--subject", f"thay thế {secrets.token_hex(4)}", __file__, "--json")
    replaced = (await lienthong(backbone, "replace", "--replaces", identity, *again)).json()
    assert ("replace", [identity]) == (
        (shown := await received(replaced["id"]))["event"], [one["id"] for one in shown["about"]],
    )  # fmt: skip
    status = (await lienthong(backbone, "status", identity, "--json")).json()["history"]
    assert {"H53": {"state": "taken back", "asked": "none", "answer": "agreed", "replaced": True}} == status[
        "recipients"
    ]
    assert ["03", "update", "16", "recall", "15", "replace"] == sorted(
        (one["event"] for one in status["said"]), key=["03", "update", "16", "recall", "15", "replace"].index
    )
