"""Commands of the operator under audit: about what they say, for a reason that may be released, and verified within."""

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from lienthong.auditor.export import LINES, replay
from lienthong.kernel.agency import agency_code
from lienthong.kernel.bus import Row
from lienthong.kernel.command import RELEASE, RESEND, Original, make_command
from lienthong.kernel.envelope import encode_envelope, envelope_id
from lienthong.kernel.ledger import Entry, read_entry
from lienthong.kernel.seal import Purpose, seal_batch
from lienthong.kernel.statement import encode_statement
from lienthong.kernel.topics import LEDGER, Partition, outbox
from unit.auditor.audit_world import BACKBONE, World
from unit.kernel.world import OPERATOR_KEY, TRUST

LANE = 1
LEDGER_LANE = Partition(LEDGER, LANE)
DAY_MS = 86_400_000


def entry_of(world: World, identity: bytes) -> Entry:
    """The first entry of an envelope."""
    entries = [read_entry(record) for record in world.topics[LEDGER_LANE][1:]]
    return next(entry for entry in entries if entry.id == identity)


def order(world: World, action: str, value: bytes, entry: Entry, *to: str, **changes: Any) -> bytes:
    """Write a command, and let the services take it; returns its id."""
    original = Original(value, entry.position, entry.judged_at, entry.known_at)._replace(**changes)
    statement = make_command(action, original, to, "mất đĩa", backbone=BACKBONE, now=world.now)
    data = encode_statement(statement)
    (seal,) = seal_batch(
        [envelope_id(data)], key=OPERATOR_KEY, origin=TRUST.origin, sender=BACKBONE, purpose=Purpose.COMMAND,
        signed_at=world.now,
    )  # fmt: skip
    world.append(Partition(outbox(BACKBONE), LANE), Row(encode_envelope(data, [value], seal)))
    world.settle()
    assert entry_of(world, envelope_id(data)).reason == ""
    return envelope_id(data)


def sent(world: World, content: bytes = b"") -> tuple[bytes, bytes, Entry]:
    """An accepted document from H01 to H02 and H03: id, value, entry."""
    (identity,) = world.send("H01", "H02", "H03", content=content)
    value = world.topics[Partition(outbox("H01"), LANE)][-1].value
    world.settle()
    return identity, value or b"", entry_of(world, identity)


def rejected(world: World, *, days: int = 8, to: Sequence[str] = ("H02",)) -> tuple[bytes, bytes, Entry]:
    """A document from H01 that was rejected: expired, or to somebody unknown."""
    statement = world.statement("H01", *to)._replace(created=world.now - days * DAY_MS)
    (value,) = world.seal([statement])
    world.write("H01", LANE, value)
    world.settle()
    identity = envelope_id(encode_statement(statement))
    return identity, value, entry_of(world, identity)


async def test_true_commands_are_verified() -> None:
    """Resend, release, a resend of what was released, and acknowledgements of all of them: nothing to say."""
    world = World()
    identity, value, entry = sent(world)
    order(world, RESEND, value, entry, "H03")
    late, late_value, late_entry = rejected(world)
    command = order(world, RELEASE, late_value, late_entry, "H02", "H01")
    order(world, RESEND, late_value, entry_of(world, command), "H02")
    world.acknowledge("H02", "H01", [late, identity])
    world.settle()
    report = await world.audit()
    assert report.clean, report.damage()
    assert not report.notes()
    assert report.entries == report.verified
    assert 0 == sum(lane.not_checked for lane in report.lanes)


async def test_a_directory_that_was_mended() -> None:
    """What was rejected because nobody knew its recipient is released when somebody does."""
    world = World()
    _, value, entry = rejected(world, days=0, to=["H09"])
    assert "unknown_recipient" == entry.reason
    world.connect("H09")
    order(world, RELEASE, value, entry, "H09", "H01")
    assert (await world.audit()).clean


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("a later offset", "which does not stand before it"),
        ("another document", "is not the document that it names"),
        ("a receipt", "is not the document that it names"),
        ("other times", "names other times of judgement"),
        ("what was rejected", "sends ledger offset {} again, which is rejected (expired)"),
        ("what was accepted", "releases ledger offset {}, which is accepted"),
        ("a duplicate", "sends ledger offset {} again, which is a duplicate"),
        ("sealed anew", "it carries another envelope than ledger offset {}"),
    ],
)
async def test_a_command_that_is_not_about_what_it_says_is_named(name: str, what: str) -> None:
    """With lane and offset of the command; all else is verified."""
    world = World()
    identity, value, entry = sent(world)
    _, late_value, late_entry = rejected(world)
    other, _, other_entry = sent(world)
    arguments: dict[str, tuple[str, bytes, Entry, tuple[str, ...], dict[str, int]]] = {
        "a later offset": (RESEND, value, entry, ("H02",), {"position": 1_000}),
        "another document": (RESEND, value, other_entry, ("H02",), {}),
        "a receipt": (RESEND, value, entry, ("H02",), {"position": _receipt(world)}),
        "other times": (RESEND, value, entry, ("H02",), {"judged_at": entry.judged_at + 1}),
        "what was rejected": (RESEND, late_value, late_entry, ("H02",), {}),
        "what was accepted": (RELEASE, value, entry, ("H02", "H03", "H01"), {}),
    }
    position = entry.position
    if name == "a duplicate":
        world.write("H01", LANE, value)
        world.settle()
        entries = [read_entry(record) for record in world.topics[LEDGER_LANE][1:]]
        again = [one for one in entries if one.id == identity][1]
        arguments[name] = (RESEND, value, again, ("H02",), {})
        position = again.position
    if name == "sealed anew":
        statement = world.statement("H01", "H02")
        first, second = world.seal([statement]), world.seal([statement, world.statement("H01", "H02")])
        world.write("H01", LANE, first[0])
        world.settle()
        anew = entry_of(world, envelope_id(encode_statement(statement)))
        arguments[name] = (RESEND, second[0], anew, ("H02",), {})
        position = anew.position
    if name == "what was rejected":
        position = late_entry.position
    action, carried, about, to, changes = arguments[name]
    command = order(world, action, carried, about, *to, **changes)
    report = await world.audit()
    (finding,) = report.damage()
    assert (LEDGER, LANE, entry_of(world, command).position) == (
        finding.topic, finding.lane, finding.offset,
    )  # fmt: skip
    assert "this command of the operator and the ledger disagree" in str(finding)
    assert what.format(position) in str(finding)
    assert report.entries == report.verified + 1
    assert other != identity


def _receipt(world: World) -> int:
    return next(
        entry.position
        for entry in map(read_entry, world.topics[LEDGER_LANE][1:])
        if entry.kind == "receipt"
    )  # fmt: skip


async def test_what_was_accepted_meanwhile_is_a_note() -> None:
    """The operator could not know."""
    world = World()
    statement = world.statement("H01", "H09")
    (value,) = world.seal([statement])
    identity = envelope_id(encode_statement(statement))
    world.write("H01", LANE, value)
    world.settle()
    entry = entry_of(world, identity)
    world.connect("H09")
    world.write("H01", LANE, value)
    world.settle()
    order(world, RELEASE, value, entry, "H09", "H01")
    report = await world.audit()
    assert report.clean, report.damage()
    (note,) = report.notes()
    assert "it releases what had been accepted at offset" in str(note)


async def test_a_command_that_intake_should_not_have_accepted_is_damage() -> None:
    """The document in it is verified by the auditor as well."""
    world = World()
    _, value, entry = sent(world, content=b"noi dung")
    command = order(world, RESEND, value, entry, "H02")
    position = entry_of(world, command).position
    log = world.topics[LEDGER_LANE]
    spoiled = (log[position].value or b"").replace(b"noi dung", b"Noi dung")
    log[position] = log[position]._replace(value=spoiled)
    report = await world.audit()
    assert any(f"offset {position}" in str(one) and "bad_attachment" in str(one) for one in report.damage())


async def test_damage_before_a_command_is_named_once() -> None:
    """An entry that was taken out shifts what the command names: that follows from it."""
    world = World()
    sent(world)
    _, value, entry = sent(world)
    order(world, RESEND, value, entry, "H02")
    world.remove(LEDGER_LANE, 2)
    report = await world.audit()
    assert report.damage()
    assert not [one for one in report.damage() if "command" in str(one)]


class ReleasedCase:
    """An expired document from H01 for H02 and H03 that was released, an hour ago, and that H02 has acknowledged."""

    def __init__(self, *recipients: str) -> None:
        self.world = World()
        named = recipients or ("H02", "H03")
        self.document, value, entry = rejected(self.world, to=named)
        command = order(self.world, RELEASE, value, entry, *dict.fromkeys((*named, "H01")))
        self.rejected_at, self.position = entry.position, entry_of(self.world, command).position
        self.world.acknowledge("H02", "H01", [self.document])
        self.world.settle()
        self.world.now += 3_600_000

    async def told(self, **changes: Any) -> list[str]:
        """What an audit names after a notice for H01 about it, by default a true one."""
        said = {"document": self.document, "position": self.position, "recipient": "H03"}
        self.world.notice("H01", {**said, "expired_at": self.world.now - 1, **changes})
        self.world.settle()
        report = await self.world.audit()
        assert not report.notes()
        assert report.entries == report.verified + len(report.damage())
        return [one.what.removeprefix("this notice for H01 is not true: ") for one in report.damage()]


async def test_a_true_notice_about_what_was_released_is_verified() -> None:
    """It names the command's place; an acknowledgement after it changes nothing."""
    case = ReleasedCase()
    assert [] == await case.told()
    case.world.acknowledge("H03", "H01", [case.document])
    case.world.settle()
    report = await case.world.audit()
    assert report.clean, report.damage()
    assert 1 == sum(lane.notice_lines for lane in report.lanes)


async def test_the_sender_of_what_was_released_is_told_of_itself_only_where_it_is_a_recipient() -> None:
    """The command goes to it in any case."""
    assert [] == await ReleasedCase("H02", "H01").told(recipient="H01")
    case = ReleasedCase()
    assert [f"the document at ledger offset {case.position} does not go to H01"] == await case.told(recipient="H01")


async def test_a_false_notice_about_what_was_released_is_named() -> None:
    """It was acknowledged; it stands where it was released, and is its sender's; it was not over before that."""
    case = ReleasedCase()
    (what,) = await case.told(recipient="H02")
    assert what.startswith(f"H02 had acknowledged the document at ledger offset {case.position}, at ")
    case = ReleasedCase()
    assert [f"no document {case.document.hex()} of H01 stands at ledger offset 1"] == await case.told(position=1)
    case = ReleasedCase()
    assert [f"no document {'01' * 32} of H01 stands at ledger offset {case.position}"] == await case.told(
        document=b"\x01" * 32
    )
    case = ReleasedCase()
    assert [f"the time of the document at ledger offset {case.position} was not over when it says"] == await case.told(
        expired_at=case.world.now - 3 * 3_600_000
    )


async def test_an_answer_to_what_was_released_and_sent_again_answers_both() -> None:
    """A recipient has it once, and a notice about either place would be false."""
    world = World()
    statement = world.statement("H01", "H09")
    (value,) = world.seal([statement])
    identity = envelope_id(encode_statement(statement))
    world.write("H01", LANE, value)
    world.settle()
    world.connect("H09")
    released_at = entry_of(world, order(world, RELEASE, value, entry_of(world, identity), "H09", "H01")).position
    world.write("H01", LANE, value)
    world.settle()
    entries = [read_entry(record) for record in world.topics[LEDGER_LANE][1:]]
    accepted_at = [one for one in entries if one.id == identity][1].position
    world.acknowledge("H09", "H01", [identity])
    world.settle()
    world.now += 3_600_000
    for position in (released_at, accepted_at):
        world.notice(
            "H01", {"document": identity, "position": position, "recipient": "H09", "expired_at": world.now - 1}
        )
    world.settle()
    damage = [one.what.partition(": ")[2].partition(", at ")[0] for one in (await world.audit()).damage()]
    assert [f"H09 had acknowledged the document at ledger offset {at}" for at in (released_at, accepted_at)] == damage


async def test_commands_before_the_span_are_not_checked() -> None:
    """Their entries were not read."""
    world = World()
    _, value, entry = sent(world)
    world.now += 20 * DAY_MS
    since = world.now
    order(world, RESEND, value, entry, "H02")
    report = await world.audit(since=since)
    assert report.clean, report.damage()
    assert 1 == sum(lane.not_checked for lane in report.lanes)


async def test_a_replay_shows_what_a_command_carries(tmp_path: Path) -> None:
    """The document's own data and its files, for the recipient who gets it."""
    world = World()
    _, value, entry = sent(world, content=b"%PDF-1.7")
    command = order(world, RESEND, value, entry, "H02")
    folder = tmp_path / "out"
    done = await replay(world.source(), TRUST, agency_code("H02"), folder, clock=lambda: world.now)
    lines = [json.loads(line) for line in (folder / LINES).read_text("utf-8").splitlines()]
    (mine,) = [line for line in lines if line["id"] == command.hex()]
    assert done.clean
    assert (True, "command", RESEND, "mất đĩa") == (
        mine["verified"], mine["kind"], mine["body"]["action"], mine["body"]["reason"],
    )  # fmt: skip
    carried = mine["carries"]
    assert ("H01", ["H02", "H03"], "báo cáo.pdf") == (
        carried["sender"], carried["recipients"], carried["attachments"][0]["name"],
    )  # fmt: skip
    assert b"%PDF-1.7" == (folder / carried["attachments"][0]["file"]).read_bytes()
    assert sha256(value).digest() == sha256((folder / mine["attachments"][0]["file"]).read_bytes()).digest()
