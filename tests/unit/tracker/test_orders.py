"""What the operator orders: kept, and a released document has the rows of an accepted one, once."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import select

from lienthong.client import Document
from lienthong.kernel.command import RELEASE, RESEND, Original, make_command
from lienthong.kernel.envelope import decode_envelope, envelope_id
from lienthong.kernel.fold import Count
from lienthong.kernel.ledger import Entry, Outcome, Source
from lienthong.kernel.seal import Purpose
from lienthong.kernel.statement import Kind, Statement, encode_statement, make_statement
from lienthong.tracker import queries, tables
from lienthong.tracker.database import Database
from lienthong.tracker.digest import digest
from lienthong.tracker.migration import migrate
from lienthong.tracker.reading import read_item
from unit.kernel.world import BACKBONE, EPOCH, OPERATOR_KEY, RECIPIENT, SENDER, document, seal
from unit.kernel.world import NOW as JUDGED
from unit.tracker.ledger_script import NOW, SECOND, Script, store_all
from unit.tracker.test_projection import flags, rows, states
from unit.tracker.test_reading import Rec


def statement(*recipients: str, sender: str = "G22", **body: object) -> Statement:
    """A document that nobody has sent yet."""
    made = Document(recipients=recipients, subject="V/v báo cáo").to_body()
    return make_statement(
        sender=sender, recipients=list(recipients), thread=bytes(16), created=NOW, kind=Kind.DOCUMENT,
        body={**made, **body},
    )  # fmt: skip


def orders(database: Database) -> Sequence[Any]:
    """What was ordered, newest first."""
    with database.reading() as connection:
        return queries.commands(connection)


def documents(database: Database) -> int:
    """How many there are, by the numbers that are kept."""
    with database.reading() as connection:
        return queries.overview(connection).documents


@pytest.mark.parametrize("at_once", [1, 1_000])
def test_a_released_document_is_one_that_was_accepted(database: Database, at_once: int) -> None:
    """At the command's place and time; what is then said of it finds it, and it counts as a document."""
    script = Script()
    script.reject()
    sent = script.order(RELEASE, statement("H26", "H37.DN.001"), "H26", "H37", "G22")
    script.says("H26", "G22", "03", sent)
    script.says("G22", "G22", "03", sent)
    store_all(database, script, at_once=at_once)
    assert {"H26": ("accepted", "none"), "H37.DN.001": ("sent", "none")} == states(database, sent)
    assert ["", "not_his_to_say"] == flags(database, sent)
    with database.reading() as connection:
        row = queries.state_of(connection, sent)[0]
    assert (1, 2, NOW + 2 * SECOND) == (row.lane, row.position, row.accepted_at)
    assert 1 == documents(database)
    (order,) = orders(database)
    assert (1, 2, RELEASE, sent, 1, "H26,H37,G22", "vì � vậy", b"k" * 16, NOW, NOW + 2 * SECOND) == (
        order.lane, order.position, order.action, order.document, order.target, order.recipients, order.reason,
        order.operator, order.created, order.judged_at,
    )  # fmt: skip


@pytest.mark.parametrize("at_once", [1, 1_000])
def test_a_notice_about_what_was_released_finds_its_delivery(database: Database, at_once: int) -> None:
    """It names the place of the command; one that names the place where it was rejected is about nothing."""
    script = Script()
    script.reject()
    sent = script.order(RELEASE, statement("H26", "H29"), "H26", "H29", "G22")
    script.notices("G22", (sent, 1, "H26"), (sent, 2, "H29"), (sent, 2, "G22"))
    store_all(database, script, at_once=at_once)
    told = {row.route: (row.expired_at, row.told_at) for row in rows(database, tables.deliveries)}
    assert {"H26": (0, 0), "H29": (NOW - SECOND, NOW + 3 * SECOND)} == told


@pytest.mark.parametrize("at_once", [1, 1_000])
@pytest.mark.parametrize("released_first", [True, False])
def test_released_and_accepted_is_one_document(database: Database, at_once: int, released_first: bool) -> None:
    """The first of the two has the rows; what was said in between stays."""
    script = Script()
    both = statement("H26")
    if released_first:
        sent = script.order(RELEASE, both, "H26", "G22")
        script.says("H26", "G22", "03", sent)
        script.say(both, ["H26"])
    else:
        sent = script.say(both, ["H26"])
        script.says("H26", "G22", "03", sent)
        script.order(RELEASE, both, "H26", "G22")
    script.order(RELEASE, both, "H26", "G22")
    store_all(database, script, at_once=at_once)
    assert {"H26": ("accepted", "none")} == states(database, sent)
    assert [1] == [row.position for row in rows(database, tables.documents)]
    assert 1 == documents(database)
    assert 2 == len(orders(database))


def test_a_resend_is_kept_and_changes_nothing(database: Database) -> None:
    """The second acknowledgement is an event as any."""
    script = Script()
    sent = script.document("G22", "H26")
    script.says("H26", "G22", "03", sent)
    resent = script.items[0].statement
    assert resent is not None
    script.order(RESEND, resent, "H26")
    script.says("H26", "G22", "01", sent)
    store_all(database, script)
    assert {"H26": ("accepted", "none")} == states(database, sent)
    assert [(RESEND, 1, "H26")] == [(one.action, one.target, one.recipients) for one in orders(database)]
    assert 1 == documents(database)


@pytest.mark.parametrize("at_once", [1, 1_000])
def test_a_released_recall_takes_back(database: Database, at_once: int) -> None:
    """It is said when it is released, in the order of the lane; an answer to it finds what it asked."""
    script = Script()
    sent = script.document("G22", "H26")
    script.says("H26", "G22", "03", sent)
    recall = script.order(RELEASE, statement("H26", business_type=1, refers_to=[sent], reason="x"), "H26", "G22")
    store_all(database, script, at_once=at_once)
    assert {"H26": ("accepted", "take back")} == states(database, sent)
    script.says("H26", "G22", "15", recall)
    other = Database("sqlite://")
    migrate(other)
    store_all(other, script, at_once=at_once)
    assert {"H26": ("taken back", "none")} == states(other, sent)
    other.close()


def test_rounds_of_any_size_make_the_same(database: Database) -> None:
    """Released, accepted again, resent and answered, one by one or all at once."""
    script = Script()
    both = statement("H26", "H29")
    sent = script.order(RELEASE, both, "H26", "H29", "G22")
    script.say(both, ["H26", "H29"])
    script.says("H29", "G22", "02", sent)
    script.order(RESEND, both, "H26")
    script.order(RELEASE, both, "H26", "H29", "G22")
    script.says("H26", "G22", "03", sent)
    store_all(database, script, at_once=1)
    other = Database("sqlite://")
    migrate(other)
    store_all(other, script, at_once=2)
    assert digest(database) == digest(other)
    with database.reading() as connection:
        assert 3 == len(connection.execute(select(tables.commands)).all())
    other.close()


def test_a_command_is_read_from_its_envelope() -> None:
    """With the document in it and the key that signed it; one that cannot be read says why."""
    (value,) = seal([document()])
    made = make_command(
        RELEASE, Original(value, 7, JUDGED, EPOCH), [RECIPIENT, SENDER], "x", backbone=BACKBONE, now=NOW
    )
    (sealed,) = seal([made], signer=OPERATOR_KEY, purpose=Purpose.COMMAND, contents=[value])
    entry = Entry(
        7, NOW, Outcome.ACCEPTED, Source("LT", 7, "0" * 32), NOW, NOW, envelope_id(encode_statement(made)), "command",
        (RECIPIENT, SENDER), "", "", b"",
    )  # fmt: skip
    item = read_item(1, Rec(sealed), entry, Count.COUNTS)
    assert item.order is not None
    assert (OPERATOR_KEY.key_id, envelope_id(decode_envelope(value).statement)) == (
        item.order.by, item.order.command.document,
    )  # fmt: skip
    assert item.document == item.order.command.statement
    (wrong,) = seal([made], signer=OPERATOR_KEY, purpose=Purpose.COMMAND, contents=[b""])
    broken = read_item(1, Rec(wrong), entry, Count.COUNTS)
    assert (None, None) == (broken.statement, broken.order)
    assert broken.why
