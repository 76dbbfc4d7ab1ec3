"""A replay exports what one agency sent and received, verified, with nothing from the wire in a path."""

import json
from collections.abc import Collection
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from lienthong.auditor.export import LINES, Replayed, replay
from lienthong.auditor.lines import file_name, time_text
from lienthong.auditor.options import Options
from lienthong.auditor.source import Span
from lienthong.kernel.keys import key_id_of
from lienthong.kernel.statement import attachment_of
from lienthong.kernel.topics import LEDGER, Partition, inbox, outbox
from unit.auditor.audit_world import MemorySource, World, history
from unit.kernel.world import TRUST

LANE = Partition(LEDGER, 1)


async def exported(
    world: World, folder: Path, agency: str = "H01", **options: int
) -> tuple[Replayed, list[dict[str, Any]]]:
    """A replay, and its lines."""
    done = await replay(world.source(), TRUST, agency, folder, Options(**options), clock=lambda: world.now)
    return done, [json.loads(line) for line in (folder / LINES).read_text("utf-8").splitlines()]


async def test_a_document_is_exported_by_sender_and_recipient(tmp_path: Path) -> None:
    """Both lines say the same of it, with every documented field."""
    world = World()
    (identity,) = world.send("H01", "H02", content=b"%PDF-1.7")
    world.settle()
    value = world.topics[Partition(outbox("H01"), 1)][1].value
    assert value is not None

    sent, (line, receipt) = await exported(world, tmp_path / "H01")
    received, (other,) = await exported(world, tmp_path / "H02", "H02")

    assert sent == Replayed(tmp_path / "H01", 1, 1, 0, 1, 0, 0, 0)
    assert received == Replayed(tmp_path / "H02", 0, 1, 0, 1, 0, 0, 0)
    assert sent.clean
    digest = sha256(b"%PDF-1.7").hexdigest()
    body = line.pop("body")
    assert body["subject"] == "Báo cáo"
    assert line == {
        "verified": True,
        "why": [],
        "direction": "sent",
        "lane": 1,
        "sequence": None,
        "position": 2,
        "source_offset": 1,
        "judged_at": time_text(world.now - 70),
        "verdict": "accepted",
        "reason": "",
        "detail": "",
        "void": "",
        "value_sha256": sha256(value).hexdigest(),
        "id": identity.hex(),
        "kind": "document",
        "sender": "H01",
        "recipients": ["H02"],
        "thread": line["thread"],
        "created": time_text(world.now - 80),
        "priority": 0,
        "seal": {
            "key_ids": [key_id_of(world.directory.keys()[0].public_key).hex()],
            "purpose": "exchange",
            "signed_at": time_text(world.now - 80),
            "tree_size": 1,
            "leaf_index": 0,
            "root_verified": True,
        },
        "attachments": [
            {
                "name": "báo cáo.pdf",
                "media_type": "application/pdf",
                "size": 8,
                "sha256": digest,
                "file": f"files/{digest}.pdf",
            }
        ],
        "carries": None,
    }
    assert other == {**line, "direction": "received", "sequence": 1, "body": body}
    assert (receipt["direction"], receipt["kind"], receipt["sequence"]) == ("received", "receipt", 1)
    assert receipt["body"]["entries"][0]["envelope_id"] == identity.hex()
    assert (tmp_path / "H01" / "files" / f"{digest}.pdf").read_bytes() == b"%PDF-1.7"


@pytest.mark.parametrize("crashes", [False, True])
async def test_everything_of_a_clean_history_is_verified(tmp_path: Path, crashes: bool) -> None:
    """Every record of out topic and inbox is one line, with what became of it."""
    world = history(crashes=crashes)
    for agency in ("H01", "H02", "H03", "LT"):
        done, lines = await exported(world, tmp_path / agency, agency)

        logs = {name: [world.topics[Partition(name(agency), lane)] for lane in (0, 1)] for name in (outbox, inbox)}
        assert done.clean
        assert all(line["verified"] for line in lines)
        assert [done.sent, done.received] == [sum(len(log) - 1 for log in logs[name]) for name in (outbox, inbox)]
    verdicts = {(line["verdict"], line["reason"], line["void"]) for line in lines}
    assert verdicts == {("accepted", "", "")}


class Growing(MemorySource):
    """While it is read an agency is connected, and sends under its new key."""

    def __init__(self, world: World) -> None:
        super().__init__(world.topics, world.generations)
        self._world = world

    async def spans(self, partitions: Collection[Partition]) -> dict[Partition, Span]:
        """What each partition holds once that has happened, of the ledger's last lane."""
        if LANE in partitions and outbox("H77") not in self._world.generations:
            self._world.connect("H77")
            self._world.send("H77", "H01")
            self._world.send("H01", "H77")
            self._world.settle()
        return await super().spans(partitions)


async def test_what_was_judged_by_facts_recorded_meanwhile_is_verified(tmp_path: Path) -> None:
    """The directory is read on once it is known where the topics end."""
    world = World()
    world.send("H01", "H02")
    world.settle()
    done = await replay(Growing(world), TRUST, "H01", tmp_path, clock=lambda: world.now)
    lines = [json.loads(line) for line in (tmp_path / LINES).read_text("utf-8").splitlines()]
    assert [] == [why for line in lines for why in line["why"]]
    assert (2, 0) == (done.sent, done.unverified)


async def test_rejected_duplicate_and_pending_records_say_so(tmp_path: Path) -> None:
    """Everything that was sent is there, whatever became of it."""
    world = World()
    world.send("H01", "H02")
    first = world.topics[Partition(outbox("H01"), 1)][1].value
    world.write("H01", 1, b"rubbish", first)
    world.settle()
    world.send("H01", "H02")

    done, lines = await exported(world, tmp_path / "out")

    sent = [line for line in lines if line["direction"] == "sent"]
    assert [(line["verdict"], line["reason"], line["void"]) for line in sent] == [
        ("accepted", "", ""),
        ("rejected", "malformed", ""),
        ("accepted", "", "duplicate"),
        ("pending", "", ""),
    ]
    assert all(line["verified"] for line in lines)
    assert sent[1]["id"] is None
    assert sent[1]["value_sha256"] == sha256(b"rubbish").hexdigest()
    assert sent[1]["seal"] is None
    assert done.clean


async def test_what_cannot_be_verified_is_exported_and_says_why(tmp_path: Path) -> None:
    """A changed record in each of the three topics."""
    for name, partition, offset in (
        ("out", Partition(outbox("H01"), 1), 4),
        ("ledger", LANE, 18),
        ("in", Partition(inbox("H01"), 1), 5),
    ):
        world = history()
        world.change(partition, offset)

        done, lines = await exported(world, tmp_path / name)

        bad = [line for line in lines if not line["verified"]]
        assert done.unverified == len(bad) == 1
        assert bad[0]["why"]
        assert not done.clean


async def test_what_was_taken_out_is_counted(tmp_path: Path) -> None:
    """A record missing in the out topic or the inbox leaves no line, but it does not pass in silence."""
    world = history()
    del world.topics[Partition(outbox("H01"), 1)][-1:]
    world.remove(Partition(inbox("H01"), 1), 5)

    done, _ = await exported(world, tmp_path / "out")

    assert (done.not_in_out, done.not_delivered, done.gaps, done.clean) == (1, 1, 1, False)


async def test_only_the_chosen_time_is_exported(tmp_path: Path) -> None:
    """Bounds are those of the ledger's entries."""
    world = history()
    times = [one.timestamp for one in world.topics[LANE]]

    _, everything = await exported(world, tmp_path / "all")
    done, lines = await exported(world, tmp_path / "some", since=times[30], until=times[50])

    assert done.clean
    expected = [line for line in everything if line["lane"] == 1 and times[30] <= world_time(world, line) < times[50]]
    assert lines == expected
    assert 0 < len(lines) < len(everything)


def world_time(world: World, line: dict[str, Any]) -> int:
    """When the entry of a line was appended."""
    position: int = line["position"]
    return world.topics[LANE][position].timestamp


async def test_names_from_the_wire_reach_no_path(tmp_path: Path) -> None:
    """Files are named by their content; of the sender's name an extension at most is left."""
    world = World()
    names = ["~", "absolute.PDF", "a.sh\n.txt", "CON.", "..", "x." + "y" * 60, "đơn.docx"]
    contents = [f"content {number}".encode() for number in range(len(names))]
    statement = world.statement("H01", "H02")._replace(
        attachments=[attachment_of(name, "text/plain", content) for name, content in zip(names, contents, strict=True)]
    )
    world.write("H01", 1, world.seal([statement], contents=contents)[0])
    world.settle()

    done, lines = await exported(world, tmp_path / "out")

    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    endings = ["", ".pdf", ".txt", "", "", "", ".docx"]
    wanted = [f"out/files/{sha256(one).hexdigest()}{end}" for one, end in zip(contents, endings, strict=True)]
    assert done.files == len(names)
    assert files == sorted([*wanted, f"out/{LINES}"])
    assert [one["name"] for one in lines[0]["attachments"]] == names


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "C:\\con.a/b", "a.b\x00", "x.\u202efdp", ".", ""])
def test_a_name_that_is_a_path_is_not_used(name: str) -> None:
    """Whatever the kernel lets pass, a file's name is a hash."""
    assert file_name(name, b"x") == sha256(b"x").hexdigest()


def test_a_file_is_named_by_its_content() -> None:
    """Equal contents are one file."""
    assert file_name("a.PDF", b"x") == file_name("b.pdf", b"x") == sha256(b"x").hexdigest() + ".pdf"


async def test_a_replay_is_not_written_over(tmp_path: Path) -> None:
    """Evidence stays as it was."""
    world = history()
    await exported(world, tmp_path)

    with pytest.raises(ValueError, match="name another folder"):
        await exported(world, tmp_path)


async def test_an_agency_without_topics_cannot_be_replayed(tmp_path: Path) -> None:
    """The sentence names it; nothing is written."""
    with pytest.raises(ValueError, match="H99 is not a connected agency"):
        await exported(history(), tmp_path / "out", "H99")
    assert not (tmp_path / "out").exists()


def test_times_that_no_calendar_holds_are_numbers() -> None:
    """A statement may say any 64-bit number."""
    assert time_text(2**62) == str(2**62)
    assert time_text(None) is None
