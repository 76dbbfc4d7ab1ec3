"""What the operator may order, what is refused and in which words, and where a document is found."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lienthong.cli.app import app
from lienthong.cli.output import Exit
from lienthong.kernel.command import RELEASE, RESEND, Original, make_command, read_command
from lienthong.kernel.directory import Agency, Group, Key
from lienthong.kernel.envelope import decode_envelope, envelope_id
from lienthong.kernel.errors import RejectedError
from lienthong.kernel.judge import Judge, Verdict
from lienthong.kernel.lanes import lane_of
from lienthong.kernel.ledger import GENESIS_HEADERS, Source, read_entry, write_entry
from lienthong.kernel.reasons import Reason
from lienthong.kernel.seal import Purpose
from lienthong.kernel.statement import Kind, decode_statement
from lienthong.kernel.topics import LEDGER
from lienthong.ops.known import known
from lienthong.ops.ordering import Found, check_about, named_at
from lienthong.ops.orders import (
    Order,
    check_release,
    check_resend,
    newest_rejected,
    release_order,
    resend_order,
    sign,
)
from lienthong.ops.traces import Place, Trace, Traces, read_place
from lienthong.tracker.database import Database
from lienthong.tracker.migration import migrate
from unit.intake.test_rounds import Rec
from unit.kernel.world import (
    BACKBONE,
    BENEATH,
    DAY_MS,
    EPOCH,
    LANES,
    NOW,
    OPERATOR_KEY,
    RECIPIENT,
    RECIPIENT_KEY,
    SENDER,
    SENDER_KEY,
    THREAD,
    acknowledgement,
    agency,
    document,
    judge_of,
    key_of,
    seal,
)
from unit.tracker.ledger_script import Script, store_all
from unit.tracker.test_orders import statement

LANE = lane_of(THREAD, LANES)
(GOOD,) = seal([document(recipients=[BENEATH, BACKBONE])])
(LATE,) = seal([document(created=NOW - 8 * DAY_MS)], signed_at=NOW - 8 * DAY_MS)


def id_of(value: bytes) -> bytes:
    """The id of an envelope."""
    return envelope_id(decode_envelope(value).statement)


def entry_record(
    value: bytes, offset: int = 7, *, agency: str = SENDER, facts: tuple[Any, ...] = (), lane: int = LANE
) -> Rec:
    """The ledger's entry for a record, as intake writes it."""
    verdict = judge_of(*facts).verdict(value, agency=agency, lane=lane, at=NOW)
    headers = write_entry(Source(agency, offset, "0" * 32), verdict, value, at=NOW, known=EPOCH)
    return Rec(LEDGER, lane, offset, value if verdict.reason is None else None, headers)


def command_record(value: bytes, action: str, offset: int = 9) -> Rec:
    """The ledger's entry for a command."""
    to = [RECIPIENT] if action == RESEND else [RECIPIENT, SENDER]
    made = make_command(action, Original(value, 7, NOW, EPOCH), to, "x", backbone=BACKBONE, now=NOW)
    (sealed,) = seal([made], signer=OPERATOR_KEY, purpose=Purpose.COMMAND, contents=[value])
    return entry_record(sealed, offset, agency=BACKBONE)


def resend_of(record: Rec, *to: str) -> Order:
    """An order to hand it over once more."""
    return resend_order(record, read_entry(record), to)


def release_of(record: Rec, value: bytes, *facts: Agency | Group | Key) -> Order:
    """An order to deliver it all the same."""
    return release_order(record, value, read_entry(record), judge_of(*facts).directory, NOW)


# -- which document


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1:42", Place(1, 42)), ("0:0", Place(0, 0)), ("ABCDEF01", "abcdef01"), ("12" * 32, "12" * 32)],
)
def test_a_document_is_named_by_its_place_or_its_id(text: str, expected: Place | str) -> None:
    """In hex, whole or how it begins."""
    assert expected == read_place(text)


@pytest.mark.parametrize("text", ["", "abcde", "1:", ":1", "1:2:3", "xyzxyz", "-1:4", "1:-4", "12" * 32 + "1", "1 :4"])
def test_what_names_nothing_is_said(text: str) -> None:
    """In a sentence with both forms."""
    with pytest.raises(ValueError, match="neither LANE:OFFSET in the ledger nor an envelope id"):
        read_place(text)


def test_the_ledger_tells_where_a_document_stands() -> None:
    """The first acceptance, every rejection, the first release; of other documents nothing."""
    (other,) = seal([document(created=NOW - 1)])
    late = id_of(LATE).hex()
    traces = Traces(late[:12])
    for record in (
        Rec(LEDGER, LANE, 0, None, GENESIS_HEADERS),
        entry_record(LATE, 1),
        entry_record(other, 2),
        entry_record(LATE, 3),
        entry_record(b"rubbish", 4),
        command_record(LATE, RELEASE, 5),
        command_record(LATE, RELEASE, 6),
        command_record(LATE, RESEND, 7),
    ):
        traces.take(record)
    rejected = {Place(LANE, 1): "expired", Place(LANE, 3): "expired"}
    assert Trace(id_of(LATE), None, Place(LANE, 5), rejected) == traces.one()
    good = Traces(id_of(GOOD).hex())
    for offset in (3, 8):
        good.take(entry_record(GOOD, offset))
    assert Trace(id_of(GOOD), Place(LANE, 3)) == good.one()


def test_copies_in_other_lanes_are_told_apart_from_the_document() -> None:
    """Anybody may put somebody else's envelope into any lane, before its sender does; it stands where it counts."""
    copy, accepted = entry_record(GOOD, 5, agency="H99", lane=0), entry_record(GOOD, 7)
    traces = Traces(id_of(GOOD).hex())
    for record in (copy, accepted):
        traces.take(record)
    assert Trace(id_of(GOOD), Place(LANE, 7), None, {Place(0, 5): "wrong_sender"}) == traces.one()
    with pytest.raises(ValueError, match=r"the entry at 0:7 repeats document \w+, which was accepted at 3:7"):
        check_resend(traces.one(), Place(0, 7))

    late = Traces(id_of(LATE).hex())
    for record in (entry_record(LATE, 9, agency="H99", lane=0), entry_record(LATE, 2)):
        late.take(record)
    assert Place(LANE, 2) == newest_rejected(late.one())


def test_an_entry_about_another_document_is_not_acted_on() -> None:
    """Whoever says that the document stands there."""
    record = entry_record(GOOD)
    check_about(Found(record, read_entry(record)), id_of(GOOD))
    with pytest.raises(ValueError, match=r"the entry at 3:7 is about document \w+, not about \w+: is the tracker's"):
        check_about(Found(record, read_entry(record)), id_of(LATE))


def test_none_or_several_are_said() -> None:
    """With what to do."""
    with pytest.raises(ValueError, match="the ledger holds no document abcdef"):
        Traces("abcdef").one()
    traces = Traces("ab")
    for number in (1, 2):
        traces.of(b"\xab" + bytes([number]) * 31)
    with pytest.raises(ValueError, match=r"2 documents begin with ab: ab0101\w+, ab0202\w+; give more digits"):
        traces.one()


def test_an_entry_names_its_document() -> None:
    """Of a command the one it carries; of rubbish there is none."""
    for record, expected in (
        (entry_record(GOOD), GOOD),
        (entry_record(LATE), LATE),
        (command_record(LATE, RELEASE), LATE),
    ):
        assert id_of(expected) == named_at(Found(record, read_entry(record)))
    rubbish = entry_record(b"rubbish")
    with pytest.raises(ValueError, match="the entry at 3:7 names no document: malformed"):
        named_at(Found(rubbish, read_entry(rubbish)))


def test_what_the_tracker_has_read_need_not_be_read_again() -> None:
    """It tells the same of a document, and where it stopped."""
    database = Database("sqlite://")
    migrate(database)
    script = Script()
    script.reject()
    accepted = script.document("G22", "H26")
    released = script.order(RELEASE, statement("H26"), "H26", "G22")
    store_all(database, script)
    with database.reading() as connection:
        for identity, expected in (
            (accepted, Trace(accepted, Place(1, 2))),
            (released, Trace(released, None, Place(1, 3))),
        ):
            traces = Traces(identity.hex()[:11])
            assert {1: 4} == known(connection, identity.hex()[:11], traces)
            assert expected == traces.one()
        nothing = Traces("ff" * 32)
        known(connection, "ff" * 32, nothing)
        assert not nothing.found
    database.close()


# -- what may be ordered


def test_a_document_is_sent_again_to_those_who_got_it() -> None:
    """By its entry; one that was released, by the entry of the release."""
    order = resend_of(entry_record(GOOD), RECIPIENT, RECIPIENT)
    assert (RESEND, Place(LANE, 7), GOOD, NOW, EPOCH, id_of(GOOD), SENDER, (RECIPIENT,)) == (
        order.action, order.place, order.original.value, order.original.judged_at, order.original.known_at,
        order.document, order.sender, order.recipients,
    )  # fmt: skip
    released = resend_of(command_record(LATE, RELEASE), RECIPIENT)
    assert (Place(LANE, 9), LATE, id_of(LATE)) == (released.place, released.original.value, released.document)


@pytest.mark.parametrize(
    ("record", "to", "sentence"),
    [
        (entry_record(LATE), (RECIPIENT,), "was rejected (expired): release it"),
        (entry_record(GOOD), (), "say to whom: --to AGENCY"),
        (entry_record(GOOD), (RECIPIENT, "H99"), "was not delivered to H99; it went to H37, BACKBONE"),
        (command_record(LATE, RELEASE), ("H99",), "was not delivered to H99; it went to H37"),
        (command_record(GOOD, RESEND), (RECIPIENT,), "is itself a resend: name the document, at 3:7"),
    ],
)
def test_what_is_not_sent_again(record: Rec, to: tuple[str, ...], sentence: str) -> None:
    """Each in a sentence that says what to do."""
    with pytest.raises(ValueError) as caught:
        resend_of(record, *to)
    assert sentence in str(caught.value)


def test_only_documents_are_sent_again() -> None:
    """An acknowledgement is said again by whoever said it."""
    record = entry_record(seal([acknowledgement()], signer=RECIPIENT_KEY)[0], agency=RECIPIENT)
    with pytest.raises(ValueError, match="is no document"):
        resend_of(record, SENDER)


def test_a_void_entry_is_not_the_one_to_name() -> None:
    """The first one counts."""
    trace = Trace(id_of(GOOD), accepted=Place(LANE, 3))
    check_resend(trace, Place(LANE, 3))
    with pytest.raises(ValueError, match=r"the entry at 3:8 repeats document \w+, which was accepted at 3:3"):
        check_resend(trace, Place(LANE, 8))


def test_a_release_goes_to_all_it_is_addressed_to_now_and_to_its_sender() -> None:
    """By the directory of today."""
    (value,) = seal([document(recipients=["NEW", BENEATH])])
    new = agency("NEW")
    order = release_of(entry_record(value), value, new)
    assert (RELEASE, Place(LANE, 7), ("NEW", RECIPIENT, SENDER)) == (order.action, order.place, order.recipients)
    with pytest.raises(RejectedError, match="it still cannot be delivered: recipient 'NEW'"):
        release_of(entry_record(value), value)
    (own,) = seal([document(recipients=[SENDER], created=NOW - 8 * DAY_MS)])
    assert (SENDER,) == release_of(entry_record(own), own).recipients


@pytest.mark.parametrize(
    ("record", "value", "sentence"),
    [
        (entry_record(GOOD), GOOD, "is accepted: there is nothing to release"),
        (
            entry_record(seal([document()], signer=SENDER_KEY, origin="x")[0]),
            GOOD,
            "was rejected as wrong_origin: only",
        ),
        (entry_record(b"rubbish"), b"rubbish", "was rejected as malformed: only what time or the directory mends"),
    ],
)
def test_what_is_not_released(record: Rec, value: bytes, sentence: str) -> None:
    """Whatever time does not mend."""
    with pytest.raises(ValueError) as caught:
        release_of(record, value)
    assert sentence in str(caught.value)


def test_what_was_delivered_is_not_released() -> None:
    """Accepted in the meantime, or released before: the sentence says where, and what to do instead."""
    first, later, last = Place(1, 5), Place(1, 9), Place(1, 11)
    check_release(Trace(bytes(32), rejected={first: "expired"}))
    with pytest.raises(ValueError, match=r"was accepted at 1:7 and needs no release.*ops resend"):
        check_release(Trace(bytes(32), accepted=Place(1, 7), rejected={first: "expired"}))
    with pytest.raises(ValueError, match=r"was released at 1:8.*ops resend"):
        check_release(Trace(bytes(32), released=Place(1, 8), rejected={first: "expired"}))
    fit = Trace(bytes(32), rejected={first: "expired", later: "future", last: "wrong_sender"})
    assert later == newest_rejected(fit)
    assert last == newest_rejected(Trace(bytes(32), rejected={first: "bad_seal", last: "wrong_sender"}))
    with pytest.raises(ValueError, match="no entry of document 0000000000000000 was rejected"):
        newest_rejected(Trace(bytes(32)))


# -- signing


def test_what_is_signed_is_what_intake_accepts() -> None:
    """A command under the operator's key, in the backbone's name, about that very record."""
    judge = judge_of()
    signed = sign(release_of(entry_record(LATE), LATE), "chờ lâu", judge, OPERATOR_KEY, backbone=BACKBONE, now=NOW)
    verdict = judge.verdict(signed.value, agency=BACKBONE, lane=LANE, at=NOW)
    assert Verdict(None, "", verdict.id, Kind.COMMAND, (RECIPIENT, SENDER)) == verdict
    assert signed.id == verdict.id
    envelope = decode_envelope(signed.value)
    command = read_command(decode_statement(envelope.statement), envelope.contents)
    assert (RELEASE, LATE, "chờ lâu", 7, NOW, EPOCH) == (
        command.action, command.value, command.reason, command.position, command.judged_at, command.known_at,
    )  # fmt: skip


def test_what_intake_would_reject_is_not_written() -> None:
    """A key that was revoked since, or that is not the operator's: told before anything is written."""
    revoked = key_of(SENDER, SENDER_KEY, version=2, revoked_from=EPOCH, revocation_known_from=EPOCH)
    order = release_of(entry_record(LATE), LATE)
    for judge, key, reason in (
        (judge_of(revoked), OPERATOR_KEY, Reason.KEY_REVOKED),
        (judge_of(), SENDER_KEY, Reason.UNKNOWN_KEY),
    ):
        _rejected(order, judge, key, reason)


def _rejected(order: Order, judge: Judge, key: Any, reason: Reason) -> None:
    with pytest.raises(RejectedError) as caught:
        sign(order, "x", judge, key, backbone=BACKBONE, now=NOW)
    assert reason is caught.value.reason


# -- the command line


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("resend", "nonsense", "--to", "H37", "--reason", "x"), Exit.FAILED, "is neither LANE:OFFSET"),
        (("release", "1:5", "--reason", "  "), Exit.FAILED, "say why: --reason TEXT"),
        (("release", "1:5", "--reason", "x", "--bootstrap", "127.0.0.1:1"), Exit.FAILED, "trust.json"),
        (("resend", "1:5", "--reason", "x"), Exit.USAGE, "--to"),
        (("release", "1:5"), Exit.USAGE, "--reason"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_done(
    words: tuple[str, ...], code: Exit, sentence: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence and the exit code of its kind."""
    monkeypatch.setenv("LIENTHONG_HOME", str(tmp_path))
    done = CliRunner().invoke(app, ["ops", *words])
    assert (code, sentence in done.stderr) == (done.exit_code, True), done.stderr


def test_what_was_ordered_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For people as a table, for programs with every field; of nothing it says so."""
    monkeypatch.setenv("LIENTHONG_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    database = Database(f"sqlite:///{tmp_path / 'tracker.db'}")
    migrate(database)
    assert "Nothing was ordered." in CliRunner().invoke(app, ["ops", "commands"]).stdout
    script = Script()
    sent = script.order(RELEASE, statement("H26"), "H26", "G22", position=5)
    store_all(database, script)
    database.close()
    shown = CliRunner().invoke(app, ["ops", "commands"]).stdout
    assert all(one in shown for one in (RELEASE, sent.hex()[:8], "1:5", "1:1", "H26, G22", "vì"))
    (row,) = json.loads(CliRunner().invoke(app, ["ops", "commands", "--json"]).stdout)["rows"]
    assert (RELEASE, 1, 1, 5, sent.hex(), ["H26", "G22"], b"k".hex() * 16) == tuple(
        row[name] for name in ("action", "lane", "position", "about", "document", "recipients", "key")
    )
