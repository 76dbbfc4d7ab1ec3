"""An audit of a clean history verifies it; of a damaged one it names what was done, where, and nothing else."""

import random
from hashlib import sha256
from typing import Any

import pytest

from lienthong.auditor.options import Options
from lienthong.auditor.report import Report
from lienthong.auditor.verify import verify
from lienthong.kernel.bus import Row
from lienthong.kernel.envelope import envelope_id
from lienthong.kernel.ledger import Delivery, Source, read_delivery, read_entry, write_delivery, write_opened
from lienthong.kernel.statement import Kind, encode_statement, make_statement
from lienthong.kernel.topics import DIRECTORY, LEDGER, Partition, inbox, outbox
from unit.auditor.audit_world import AGENCIES, BACKBONE, World, history
from unit.kernel.world import TRUST, agency, key_named, key_of, record

OUT = Partition(outbox("H01"), 1)
LANE = Partition(LEDGER, 1)
IN = Partition(inbox("H01"), 1)
LATER_MS = 100_000
"""Longer than anything may be on its way."""


def named(report: Report) -> list[tuple[str, int, int]]:
    """Where damage was found."""
    return [(one.topic, one.lane, one.offset) for one in report.damage()]


def total(report: Report, counter: str) -> int:
    """Sum of a counter over the lanes."""
    return sum(getattr(lane, counter) for lane in report.lanes)


def position_of(world: World, agency_: str, source_offset: int, lane: int = 1) -> int:
    """Ledger offset of the entry of a record."""
    for one in world.topics[Partition(LEDGER, lane)][1:]:
        source = read_entry(one).source
        if (source.agency, source.offset) == (agency_, source_offset):
            return one.offset
    raise AssertionError("there is no such entry")


def header(world: World, partition: Partition, offset: int, name: str, value: bytes) -> None:
    """Change one header of a record."""
    log = world.topics[partition]
    headers = tuple((key, value if key == name else old) for key, old in log[offset].headers)
    log[offset] = log[offset]._replace(headers=headers)


def forge(world: World, partition: Partition) -> Row:
    """A record that is none of this topic's: signed with another's key, with headers of a true one."""
    value = world.seal([world.statement("H01", "H02")], key="H02")[0]
    headers = world.topics[partition][5].headers
    if partition is LANE:
        headers = world.topics[partition][position_of(world, "H01", 5)].headers
    return Row(value, headers)


# -- clean histories


@pytest.mark.parametrize("crashes", [False, True])
async def test_a_clean_history_verifies(crashes: bool) -> None:
    """Every entry, delivery and receipt, in both lanes, also when intake judged records twice."""
    report = await history(crashes=crashes).audit(later_ms=LATER_MS)

    assert named(report) == []
    assert report.clean
    assert report.entries == report.verified > 100
    assert total(report, "deliveries") == total(report, "deliveries_verified") > 50
    assert total(report, "receipt_lines") == 73
    assert total(report, "acknowledged") == 40
    assert (total(report, "repeats") > 0) is crashes
    assert total(report, "duplicates") == 1
    assert {name: total(report, name) for name in ("not_checked", "consequences", "reconsidered")} == {
        "not_checked": 0,
        "consequences": 0,
        "reconsidered": 0,
    }


async def test_what_is_on_its_way_is_counted_and_missed_only_later() -> None:
    """Records not judged, entries not delivered, receipts not said: pending at first, damage when they are late."""
    world = history()
    world.send("H01", "H02")
    world.intake()
    world.send("H01", "H02", count=2)

    early = await world.audit()
    late = await world.audit(later_ms=LATER_MS)

    position = len(world.topics[LANE]) - 1
    assert early.clean
    pending = ("not_judged_yet", "not_delivered_yet", "receipts_not_said_yet")
    assert [total(early, name) for name in pending] == [2, 1, 1]
    assert named(late) == [
        (inbox("H02"), 1, len(world.topics[Partition(inbox("H02"), 1)])),
        (LEDGER, 1, position),
        (outbox("H01"), 1, len(world.topics[OUT]) - 2),
    ]


async def test_two_dispatchers_that_write_the_same_numbers_are_no_damage() -> None:
    """Repeats are equal to what stood there before, so every reader drops them."""
    world = history()
    log = world.topics[IN]
    log.extend([one._replace(offset=len(log) + at) for at, one in enumerate(log[-3:])])

    report = await world.audit(later_ms=LATER_MS)

    assert report.clean
    assert total(report, "deliveries_repeated") == 3


async def test_an_offset_without_a_record_is_what_the_ledger_says() -> None:
    """A transaction marker of a foreign client takes an offset; the entry for it verifies."""
    world = World()
    world.send("H01", "H02", count=2)
    log = world.topics[OUT]
    log[2] = log[2]._replace(offset=3)
    world.intake()
    world.settle()

    report = await world.audit(later_ms=LATER_MS)

    assert named(report) == []
    assert total(report, "rejected") == 1


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


# -- spans of time


async def test_a_span_of_time_judges_only_its_entries() -> None:
    """What lies before serves as memory only, what lies behind tells of receipts only."""
    world = history(crashes=True)
    times = [one.timestamp for one in world.topics[LANE]]
    for since, until in ((times[40], None), (None, times[60]), (times[30], times[70])):
        report = await verify(
            world.source(), TRUST, Options(since=since, until=until), clock=lambda: world.now + LATER_MS
        )

        expected = [one for one in times[1:] if one >= (since or 0) and (until is None or one < until)]
        assert named(report) == []
        assert report.lanes[1].entries == report.lanes[1].verified == len(expected)
        assert report.lanes[1].deliveries == report.lanes[1].deliveries_verified > 5


async def test_damage_within_a_span_is_named() -> None:
    """Bounds take nothing away from the checks between them."""
    since = history().topics[LANE][15].timestamp
    for partition, offset in ((OUT, 5), (LANE, position_of(history(), "H01", 5)), (IN, 8)):
        for damage in (World.change, World.remove, World.swap):
            world = history()
            damage(world, partition, offset)

            report = await world.audit(since=since)

            assert named(report) == [(partition.topic, 1, offset)]


async def test_topics_that_begin_later_are_verified_from_where_they_begin() -> None:
    """Retention is no damage; it is told."""
    world = history()
    for partition in (OUT, LANE, IN):
        world.topics[partition] = world.topics[partition][5:]

    report = await world.audit(later_ms=LATER_MS)

    assert named(report) == []
    assert {(one.topic, one.lane, one.offset) for one in report.notes()} == {
        (partition.topic, 1, 5) for partition in (OUT, LANE)
    }


async def test_the_report_lists_a_hundred_and_counts_all() -> None:
    """Nobody reads more."""
    world = World()
    world.send("H01", "H02", count=150)
    world.settle()
    for offset in range(1, 151):
        world.change(OUT, offset)

    report = await world.audit()

    shown = report.as_json()
    assert (len(shown["findings"]), shown["findings_count"], shown["clean"]) == (100, 150, False)
    assert shown["findings"][0]["offset"] == 1
    assert report.agencies == len(AGENCIES) + 1


async def test_whatever_headers_say_the_audit_ends() -> None:
    """Headers of any bytes on any record: damage at worst, never an error."""
    plan = random.Random(1)
    for _ in range(60):
        world = history()
        partition = plan.choice([OUT, LANE, IN, Partition(DIRECTORY, 0)])
        offset = plan.randrange(1, len(world.topics[partition]))
        strange = [b"", b"-1", b"0", b"9" * 30, b"\xff\xfe", b"1/2/3", b"H01/-1/x", b"-5/-5", bytes(32)]
        headers = tuple((name, plan.choice(strange)) for name, _ in world.topics[partition][offset].headers)
        world.topics[partition][offset] = world.topics[partition][offset]._replace(headers=headers)

        report = await world.audit(later_ms=LATER_MS)

        assert report.clean is (partition in {OUT, Partition(DIRECTORY, 0)})
        assert report.verified <= report.entries
