"""Whatever is changed, removed, reordered or forged in any topic is named: topic, lane and offset."""

from hashlib import sha256
from typing import Any

import pytest

from lienthong.kernel.bus import Row
from lienthong.kernel.envelope import envelope_id
from lienthong.kernel.ledger import Delivery, Source, read_delivery, read_entry, write_delivery, write_opened
from lienthong.kernel.statement import Kind, encode_statement, make_statement
from lienthong.kernel.topics import DIRECTORY, LEDGER, Partition, inbox
from unit.auditor.audit_world import BACKBONE, World, history
from unit.auditor.damage import IN, LANE, LATER_MS, OUT, forge, header, named, position_of
from unit.kernel.world import agency, key_named, key_of, record

# -- the twelve kinds of damage


@pytest.mark.parametrize(
    ("partition", "offset"),
    [(OUT, 4), (OUT, 1), (LANE, 40), (IN, 5), (IN, 1)],
    ids=["out", "out's first", "ledger", "inbox", "inbox's first"],
)
@pytest.mark.parametrize("damage", ["changed", "removed", "reordered", "injected"])
async def test_damage_is_named_with_topic_lane_and_offset(damage: str, partition: Partition, offset: int) -> None:
    """One record changed, taken out, moved or put in: exactly one finding, where it was done."""
    world = history()
    if partition is LANE:
        offset = position_of(world, "H01", 4)
    if damage == "changed":
        world.change(partition, offset)
    elif damage == "removed":
        world.remove(partition, offset)
    elif damage == "reordered":
        world.swap(partition, offset)
    else:
        world.inject(partition, offset, forge(world, partition))

    report = await world.audit()

    assert named(report) == [(partition.topic, 1, offset)]
    assert not report.clean


@pytest.mark.parametrize("damage", ["changed", "removed", "reordered", "injected"])
async def test_wherever_the_ledger_is_damaged_it_is_named(damage: str) -> None:
    """At every position of an agency's entry: no damage passes, and inboxes and out topics are not blamed."""
    for position in range(5, len(history().topics[LANE]) - 1):
        world = history()
        source = read_entry(world.topics[LANE][position]).source
        if source.agency == BACKBONE or (source.agency == "H02" and source.offset == 9):
            continue  # no receipt says where these stand
        if damage == "changed":
            if world.topics[LANE][position].value is None:
                continue
            world.change(LANE, position)
        elif damage == "removed":
            world.remove(LANE, position)
        elif damage == "reordered":
            world.swap(LANE, position)
        else:
            world.inject(LANE, position, forge(world, LANE))

        report = await world.audit()

        assert {topic for topic, _, _ in named(report)} == {LEDGER}
        assert len(named(report)) == 1


# -- further damage


async def test_a_cut_off_ledger_is_named_by_what_was_delivered_from_it() -> None:
    """The inboxes were looked up before the ledger, so what they hold was in it."""
    world = history()
    del world.topics[LANE][-3:]

    report = await world.audit()

    assert named(report) == [(LEDGER, 1, len(world.topics[LANE]))]
    assert "cut off" in report.damage()[0].what


async def test_a_cut_off_out_topic_is_named() -> None:
    """The ledger knows what it held."""
    world = history()
    del world.topics[OUT][-2:]

    assert named(await world.audit()) == [(OUT.topic, 1, len(world.topics[OUT]))]


async def test_a_cut_off_inbox_is_named_when_it_is_late() -> None:
    """Until then it cannot be told from deliveries that are on their way."""
    world = history()
    del world.topics[IN][-2:]

    assert (await world.audit()).clean
    assert named(await world.audit(later_ms=LATER_MS)) == [(IN.topic, 1, len(world.topics[IN]))]


@pytest.mark.parametrize(
    ("name", "value"),
    [("id", bytes(32)), ("kind", b"receipt"), ("routes", b"H03"), ("verdict", b"accepted?"), ("verdict", b"opened")],
)
async def test_a_forged_header_of_the_ledger_is_named(name: str, value: bytes) -> None:
    """What the value says is computed again; headers must agree."""
    world = history()
    position = position_of(world, "H01", 4)
    header(world, LANE, position, name, value)

    assert named(await world.audit(later_ms=LATER_MS)) == [(LEDGER, 1, position)]


@pytest.mark.parametrize(
    ("name", "value"),
    [("sequence", b"17"), ("position", b"17"), ("judged", b"17"), ("id", bytes(32)), ("kind", b"agency"), ("id", b"")],
)
async def test_a_forged_header_of_an_inbox_is_named(name: str, value: bytes) -> None:
    """Each must be that of the entry."""
    world = history()
    header(world, IN, 5, name, value)

    assert named(await world.audit(later_ms=LATER_MS)) == [(IN.topic, 1, 5)]


async def test_a_shift_that_no_receipt_tells_yet_is_told_by_inboxes() -> None:
    """Several inboxes that agree against the ledger are believed."""
    world = World()
    world.send("H01", "H02", "H03", count=3)
    world.intake()
    world.write("H02", 1, b"rubbish")
    world.intake()
    world.send("H01", "H02", "H03", count=3)
    world.intake()
    world.dispatch()
    rubbish = position_of(world, "H02", 1)
    world.remove(LANE, rubbish)

    assert named(await world.audit()) == [(LEDGER, 1, rubbish)]


async def test_a_swallowed_document_is_named() -> None:
    """An entry says that there was no record, or rejects what is right, but the out topic holds it."""
    world = history()
    position = position_of(world, "H01", 4)
    log = world.topics[LANE]
    entry = read_entry(log[position])
    headers = write_opened(entry.source, at=entry.judged_at, known=entry.known_at)
    reason = (("verdict", b"rejected"), *headers[1:], ("reason", b"no_record"), ("detail", b""), ("digest", bytes(32)))
    log[position] = log[position]._replace(value=None, headers=reason)

    report = await world.audit()

    assert (LEDGER, 1, position) in named(report)
    assert any("has no record at offset 4" in one.what for one in report.damage())


async def test_a_wrong_rejection_is_named() -> None:
    """A verdict is computed again from the record in the out topic."""
    world = history()
    position = position_of(world, "H03", 3)
    header(world, LANE, position, "reason", b"expired")

    report = await world.audit()

    assert named(report)[0] == (LEDGER, 1, position)
    assert "rejected as expired, but judged again it is malformed" in report.damage()[0].what


async def test_an_accepted_entry_that_should_be_rejected_is_named() -> None:
    """An intake that lets in what no key signed is found out, though out, ledger and inbox agree."""
    world = history()
    value = world.seal([world.statement("H01", "H02")], key="H02")[0]
    world.write("H01", 1, value)
    offset = world.topics[OUT][-1].offset
    source = Source("H01", offset, world.generations[OUT.topic])
    headers = (
        ("verdict", b"accepted"),
        ("source", f"H01/{offset}/{source.generation}".encode()),
        ("judged", b"%d/%d" % (world.now, world.directory.known_at)),
        ("id", bytes(32)),
        ("kind", b"document"),
        ("routes", b"H02"),
    )
    world.append(LANE, Row(value, headers))
    world.dispatch()

    report = await world.audit()

    assert named(report) == [(LEDGER, 1, len(world.topics[LANE]) - 1)]
    assert "unknown_key" in report.damage()[0].what


async def test_a_judgement_far_from_its_append_is_named() -> None:
    """Otherwise a key revoked since could be made to seem valid."""
    world = history()
    world.topics[LANE] = [one._replace(timestamp=one.timestamp + 601_000) for one in world.topics[LANE]]

    report = await world.audit()

    assert len(named(report)) == len(world.topics[LANE]) - 1
    assert "judged 600 s away" in report.damage()[0].what or "judged 601 s away" in report.damage()[0].what


async def test_a_judgement_by_an_old_directory_is_named() -> None:
    """Intake may not go on with what it knew before a key was revoked."""
    world = World()
    world.now += 1_000
    world.fact(
        key_of("H01", key_named("H01"), version=2, revoked_from=world.now, revocation_known_from=world.now), seen=False
    )
    world.now += 599_000
    world.send("H01", "H02")
    world.intake()
    assert (await world.audit()).clean

    world.now += 10_000
    world.send("H01", "H02")
    world.intake()
    report = await world.audit()

    assert named(report) == [(LEDGER, 1, len(world.topics[LANE]) - 1)]
    assert "out of date" in report.damage()[0].what


async def test_a_judgement_by_a_fact_that_the_directory_lacks_is_named() -> None:
    """A directory that was cut off shows in what intake knew."""
    world = World()
    world.now += 1_000
    world.fact(agency("H09", connected_from=None))
    world.send("H01", "H02")
    world.intake()
    del world.topics[Partition(DIRECTORY, 0)][-1:]

    report = await world.audit()

    assert "newer than all that the directory holds" in report.damage()[0].what
    assert report.damage()[0].topic == LEDGER


async def test_a_source_offset_far_beyond_is_named() -> None:
    """What is remembered grows with it, so it is bounded, and nothing passes because of the bound."""
    world = history()
    position = position_of(world, "H01", 4)
    generation = world.generations[OUT.topic]
    header(world, LANE, position, "source", f"H01/{10**9}/{generation}".encode())

    report = await world.audit()

    assert (LEDGER, 1, position) in named(report)
    assert any("far beyond" in one.what for one in report.damage())


async def test_receipts_said_again_speak_of_the_out_topic_that_was_before() -> None:
    """They name source offsets that the topic made anew does not have yet, or has with other records."""
    world = history()
    world.make_again("H01")
    world.send("H01", "H02", count=2)
    world.settle()
    world.say_again()
    world.settle()

    report = await world.audit(later_ms=LATER_MS)

    assert {(LEDGER, 0), (LEDGER, 1)} == {one[:2] for one in named(report)}
    assert 2 == len(named(report))
    assert all("another generation of the out topic of H01" in one.what for one in report.damage())


async def test_an_out_topic_made_anew_is_named_once_a_lane() -> None:
    """Its generation is not the one that the entries name."""
    world = history()
    world.generations[OUT.topic] = "0" * 32

    report = await world.audit(later_ms=LATER_MS)

    assert [one[:2] for one in named(report)] == [(LEDGER, 0), (LEDGER, 1)]
    assert "made anew" in report.damage()[0].what
    assert report.verified < report.entries


async def test_two_entries_of_one_record_with_different_contents_are_named() -> None:
    """A repeat must repeat; the first that the out topic knows is the true one."""
    world = history()
    position = position_of(world, "H01", 4)
    statement = world.statement("H01", "H02", "H03")
    (other,) = world.seal([statement])
    identity = envelope_id(encode_statement(statement))
    headers = tuple((name, identity if name == "id" else old) for name, old in world.topics[LANE][position].headers)
    world.topics[LANE].append(
        world.topics[LANE][-1]._replace(offset=len(world.topics[LANE]), value=other, headers=headers)
    )

    report = await world.audit()

    assert named(report) == [(LEDGER, 1, len(world.topics[LANE]) - 1)]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"digest": bytes(32)}, "another digest for source offset 4"),
        ({"envelope_id": None}, "another id for source offset 4"),
        ({"reason": "expired"}, "expired instead of accepted for source offset 4"),
        ({"judged_at": 5}, "another time of judgement for source offset 4"),
        ({"source_offset": -1}, "there is no source offset -1"),
        ({"source_offset": 99, "position": 66}, "source offset 99, which stood here"),
        ({"position": 3}, "stood at 3, says lt.ledger"),
    ],
)
async def test_a_receipt_that_lies_is_named(change: dict[str, Any], what: str) -> None:
    """The backbone's own key does not make a false statement true."""
    world = history()
    entry = read_entry(world.topics[LANE][position_of(world, "H01", 4)])
    line = {
        "envelope_id": entry.id,
        "digest": sha256(world.topics[OUT][4].value or b"").digest(),
        "source_offset": 4,
        "reason": "",
        "position": entry.position,
        "judged_at": entry.judged_at,
    }
    statement = make_statement(
        sender=BACKBONE,
        recipients=["H01"],
        thread=world.statement("H01").thread,
        created=world.now,
        kind=Kind.RECEIPT,
        body={"lane": 1, "entries": [line | change]},
    )
    world.write(BACKBONE, 1, world.seal([statement])[0])
    world.intake()
    world.dispatch()

    report = await world.audit()

    assert [(one.topic, one.lane) for one in report.damage()] == [(LEDGER, 1)]
    assert what in report.damage()[0].what


async def test_an_acknowledgement_of_what_was_not_delivered_is_a_note() -> None:
    """An agency may say what it likes: that is no damage."""
    world = World()
    (document,) = world.send("H01", "H02")
    world.intake()
    world.acknowledge("H03", "H01", [document])
    world.acknowledge("H02", "H01", [document])
    world.acknowledge("H01", "H02", [document], status="13")
    world.settle()

    report = await world.audit()

    assert report.clean
    assert [(one.topic, one.lane) for one in report.notes()] == [(LEDGER, 1)]
    assert "H03 acknowledges 1 document not delivered to it" in report.notes()[0].what


async def test_a_directory_record_that_the_operator_did_not_sign_is_named() -> None:
    """It is believed by nobody, and somebody wrote it."""
    world = history()
    forged = record(agency("H99"), signer=key_named("H01"))
    world.append(Partition(DIRECTORY, 0), Row(forged), Row(None))

    offset = len(world.topics[Partition(DIRECTORY, 0)])
    assert named(await world.audit()) == [(DIRECTORY, 0, offset - 2), (DIRECTORY, 0, offset - 1)]


async def test_a_missing_topic_is_named() -> None:
    """An agency without an inbox is told about, and the rest is verified."""
    world = history()
    for lane in (0, 1):
        del world.topics[Partition(inbox("H03"), lane)]

    report = await world.audit(later_ms=LATER_MS)

    assert named(report) == [(inbox("H03"), 0, 0)]
    assert report.entries == report.verified


async def test_foreign_records_in_an_inbox_are_named_and_readers_numbers_go_on() -> None:
    """A record with the next number and another content is forged; the true one still counts."""
    world = history()
    log = world.topics[IN]
    true = read_delivery(log[5])
    forged = Delivery(true.sequence, true.position, true.judged_at, true.known_at, true.id, true.kind)
    world.inject(IN, 5, Row(b"forged", write_delivery(forged)))
    world.inject(IN, 9, Row(b"forged", ()))

    assert named(await world.audit()) == [(IN.topic, 1, 5), (IN.topic, 1, 9)]


@pytest.mark.parametrize("since", [0, 30])
@pytest.mark.parametrize("position", [b"-1", b"1", b"999999"])
async def test_a_forged_position_hides_no_record(position: bytes, since: int) -> None:
    """Neither before nor behind what is judged: the number says that the record belongs to it."""
    world = history()
    header(world, IN, 16, "position", position)
    world.change(IN, 16)
    times = [one.timestamp for one in world.topics[LANE]]
    options = {"since": times[since], "until": times[-3]} if since else {}

    report = await world.audit(**options)

    assert len(named(report)) == 1
    assert named(report)[0] in {(IN.topic, 1, 16), (LEDGER, 1, len(world.topics[LANE]))}
