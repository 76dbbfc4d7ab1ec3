"""What the tracker makes of a ledger, on both databases."""

from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from lienthong.client import Document
from lienthong.tracker import queries, tables
from lienthong.tracker.database import Database
from lienthong.tracker.digest import digest
from unit.tracker.ledger_script import NOW, SECOND, Script, store_all


def states(database: Database, identity: bytes) -> dict[str, tuple[str, str]]:
    """Stage and request of a document at each recipient."""
    with database.reading() as connection:
        return {row.recipient: (row.stage, row.request) for row in queries.state_of(connection, identity)}


def flags(database: Database, identity: bytes) -> list[str]:
    """Flags of what was said of a document, in order."""
    with database.reading() as connection:
        return [one.flag for one in queries.history(connection, identity)]


def rows(database: Database, table: Any) -> Sequence[Any]:
    """All rows of a table."""
    with database.reading() as connection:
        return connection.execute(select(table).order_by(*table.primary_key.columns)).all()


def test_each_recipient_has_a_life_of_its_own(database: Database) -> None:
    """One accepts, one refuses, one says nothing; times are those of the ledger."""
    script = Script()
    sent = script.document("G22", "H26", "H29", "H37")
    script.says("H26", "G22", "01", sent)
    script.says("H29", "G22", "02", sent)
    script.says("H26", "G22", "03", sent)
    store_all(database, script)
    assert {"H26": ("accepted", "none"), "H29": ("refused", "none"), "H37": ("sent", "none")} == states(database, sent)
    with database.reading() as connection:
        row = queries.state_of(connection, sent)[0]
    assert (NOW + SECOND, NOW + 2 * SECOND, NOW + 4 * SECOND, 0) == (
        row.sent_at, row.arrived_at, row.registered_at, row.done_at,
    )  # fmt: skip


def test_a_document_keeps_its_official_data(database: Database) -> None:
    """All that registers are made of; a zero character, which PostgreSQL refuses, is replaced in both databases."""
    script = Script()
    document = Document(
        recipients=("H26",), subject="V/v \0 mật", code_number="12", code_notation="BC-VPCP",
        promulgation_date="2026-11-20", due_date="2026-11-30",
    )  # fmt: skip
    sent = script.document("G22", "H26", document=document, priority=0)
    store_all(database, script)
    with database.reading() as connection:
        found = queries.document(connection, sent)
    assert found is not None
    assert ("V/v � mật", "12", "BC-VPCP", 2026, "2026-11-30", 1, 1) == tuple(
        found[name] for name in ("subject", "code_number", "code_notation", "year", "due_date", "lane", "position")
    )


def test_an_agency_speaks_for_all_codes_behind_it(database: Database) -> None:
    """What H37 says of a document to itself and to a unit behind it holds for both; a stranger's word for none."""
    script = Script()
    sent = script.document("G22", "H37", "H37.DN.001", "H26", routes=("H37", "H26"))
    script.says("H37", "G22", "03", sent)
    script.says("H29", "G22", "06", sent)
    store_all(database, script)
    assert {"H37": "accepted", "H37.DN.001": "accepted", "H26": "sent"} == {
        code: stage for code, (stage, _) in states(database, sent).items()
    }
    assert ["", "", "not_his_to_say"] == flags(database, sent)


def test_an_unknown_document_is_named_and_nothing_is_lost(database: Database) -> None:
    """An acknowledgement of what is not there is recorded with its flag, and one to another than its sender too."""
    script = Script()
    sent = script.document("G22", "H26")
    said = script.says("H26", "G22", "03", bytes(32), sent)
    script.says("H26", "G09", "06", sent)
    store_all(database, script)
    assert ["no_such_document", "", "no_such_document"] == [row.flag for row in rows(database, tables.events)]
    assert said == bytes(rows(database, tables.statements)[0].id)
    assert {"H26": ("accepted", "none")} == states(database, sent)


def test_a_document_of_another_lane_is_unknown_however_lanes_are_read(database: Database) -> None:
    """The word of another lane never changes a state; in the history it stands with its flag."""
    one, other = Script(1), Script(2)
    sent = one.document("G22", "H26")
    other.says("H26", "G22", "03", sent)
    store_all(database, one, other)
    assert {"H26": ("sent", "none")} == states(database, sent)
    assert ["other_lane"] == flags(database, sent)


def test_an_update_is_asked_and_agreed(database: Database) -> None:
    """A document of kind 2 asks all its recipients; the answer may name it or the original."""
    script = Script()
    sent = script.document("G22", "H26", "H29")
    script.says("H26", "G22", "03", sent)
    update = script.document("G22", "H26", "H29", business_type=2, refers_to=[sent], reason="sửa")
    assert script.items[-1].statement is not None
    script.says("H26", "G22", "15", update)
    script.says("H29", "G22", "16", sent)
    script.says("H29", "G22", "15", sent)
    store_all(database, script)
    assert {"H26": ("accepted", "none"), "H29": ("sent", "none")} == states(database, sent)
    assert ["", "", "", "", "", "already_answered"] == flags(database, sent)


def test_a_recall_takes_back_at_once_or_with_consent(database: Database) -> None:
    """Both paths of a recall join; who has accepted is asked, who has not loses it; only its sender may ask."""
    script = Script()
    sent = script.document("G22", "H26", "H29")
    script.says("H26", "G22", "03", sent)
    script.document("G09", "H26", business_type=1, refers_to=[sent])
    script.document("G22", "H26", "H29", business_type=1, refers_to=[sent])
    script.says("G22", "H26", "13", sent)
    store_all(database, script)
    assert {"H26": ("accepted", "take back"), "H29": ("taken back", "none")} == states(database, sent)
    assert ["", "not_his_to_say", "", "", ""] == flags(database, sent)


def test_replaced_is_found_whatever_lane_is_read_first(database: Database) -> None:
    """A replacement holds for those it names, from the same sender alone."""
    first, second = Script(1), Script(2)
    sent = second.document("G22", "H26", "H29")
    first.document("G22", "H26", business_type=3, replaces=[{"document": sent, "agencies": ["H26"]}])
    first.document("G09", "H29", business_type=3, replaces=[{"document": sent, "agencies": []}])
    store_all(database, first, second)
    with database.reading() as connection:
        found = {row.recipient: bool(row.replaced) for row in queries.state_of(connection, sent)}
    assert {"H26": True, "H29": False} == found


def test_what_was_rejected_void_or_unreadable_is_counted(database: Database) -> None:
    """None of it stops the tracker."""
    script = Script()
    script.reject()
    script.void()
    script.unreadable()
    store_all(database, script)
    with database.reading() as connection:
        seen = queries.overview(connection)
        newest = queries.rejections(connection)
    assert ({"malformed": 1}, 1, 0, {1: 4}) == (seen.rejected, seen.unread, seen.documents, seen.positions)
    assert ["malformed"] == [row.reason for row in newest]


def test_the_counts_that_are_kept_are_those_of_the_rows(database: Database) -> None:
    """Overview by the tallies, agencies by the rows."""
    script = Script()
    for number in range(5):
        sent = script.document("G22", "H26", "H29")
        if number % 2:
            script.says("H26", "G22", "06", sent)
    store_all(database, script, at_once=2)
    with database.reading() as connection:
        seen = queries.overview(connection)
        agencies = queries.agencies(connection)
        waiting = list(queries.undelivered(connection, NOW + 60 * SECOND, "H26"))
    assert {"sent": 8, "done": 2} == {stage: count for stage, count in seen.stages.items() if count}
    assert [("H26", {"sent": 3, "done": 2}), ("H29", {"sent": 5})] == [(one.code, one.stages) for one in agencies]
    assert [NOW + SECOND] * 2 == [one.oldest_unacknowledged_at for one in agencies]
    assert 3 == len(waiting)


def test_registers_hold_what_came_and_what_went(database: Database) -> None:
    """Incoming by inbox and by the code behind it, outgoing a row for each recipient, both by time."""
    script = Script()
    script.document("G22", "H37.DN.001", "H26", routes=("H37", "H26"))
    script.document("G22", "H37")
    store_all(database, script)
    with database.reading() as connection:
        assert ["H37.DN.001", "H37"] == [row.recipient for row in queries.incoming(connection, "H37")]
        assert ["H37.DN.001"] == [row.recipient for row in queries.incoming(connection, "H37.DN.001")]
        assert [1, 1, 2] == [row.position for row in queries.outgoing(connection, "G22")]
        assert 3 == len(list(queries.unfinished(connection)))


def test_who_was_told_of_what_is_unread_is_kept(database: Database) -> None:
    """At all codes behind the inbox; the first notice counts, and only one about this document and a recipient."""
    script = Script()
    sent = script.document("G22", "H37", "H37.DN.001", "H26", routes=("H37", "H26"))
    read = script.document("G22", "H26")
    script.says("H26", "G22", "01", read)
    script.notices("G22", (sent, 1, "H37"), (sent, 9, "H26"), (bytes(32), 1, "H26"), (read, 2, "H26"))
    script.notices("G22", (sent, 1, "H37"), (sent, 1, "H99"))
    script.says("H37", "G22", "01", sent)
    store_all(database, script)
    with database.reading() as connection:
        found = {
            (row.id, row.recipient): (row.expired_at, row.told_at)
            for one in (sent, read)
            for row in queries.state_of(connection, one)
        }
        counts = dict(
            connection.execute(
                select(tables.tallies.c.value, tables.tallies.c.count).where(tables.tallies.c.name == "expired")
            ).all()
        )
    told = (NOW - SECOND, NOW + 4 * SECOND)
    assert {
        (sent, "H37"): told, (sent, "H37.DN.001"): told, (sent, "H26"): (0, 0), (read, "H26"): told,
    } == found  # fmt: skip
    assert {"unread": 0, "settled": 3} == counts


_WORDS = st.lists(
    st.tuples(
        st.sampled_from(["document", "ack", "recall", "update", "replace", "notice", "reject", "void"]),
        st.sampled_from(["G22", "H26", "H29"]),
        st.sampled_from(["01", "02", "03", "06", "13", "15", "16"]),
        st.integers(0, 9),
    ),
    max_size=30,
)


def play(script: Script, words: Sequence[tuple[str, str, str, int]], known: list[bytes]) -> None:
    """Write a lane of anything about anything."""
    for what, who, status, number in words:
        named = known[number % len(known)] if known else bytes(32)
        if what == "reject":
            script.reject()
        elif what == "void":
            script.void()
        elif what == "ack":
            script.says(who, "G22", status, *dict.fromkeys([named, bytes(32)]))
        elif what == "notice":
            script.notices("G22", *((named, position, who) for position in range(1, 5)))
        elif what == "document":
            known.append(script.document(who, "H26", "H29"))
        elif what == "replace":
            known.append(script.document(who, "H26", business_type=3, replaces=[{"document": named, "agencies": []}]))
        else:
            kind = 1 if what == "recall" else 2
            asked = list(dict.fromkeys([named, known[0]])) if known else [named]
            known.append(script.document(who, "H26", "H29", business_type=kind, refers_to=asked))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_WORDS, _WORDS, st.integers(1, 7), st.integers(1, 40))
def test_content_depends_neither_on_rounds_nor_on_how_lanes_interleave(
    one: list[tuple[str, str, str, int]], other: list[tuple[str, str, str, int]], some: int, more: int
) -> None:
    """Two databases of the same entries are equal, whatever the sizes of rounds and the order of lanes."""
    scripts = (Script(1), Script(2))
    known: list[bytes] = []
    play(scripts[0], one, known)
    play(scripts[1], other, known)
    found = []
    for order, at_once in ((scripts, some), (scripts[::-1], more)):
        made = Database("sqlite://")
        with made.writing() as connection:
            tables.metadata.create_all(connection)
        store_all(made, *order, at_once=at_once)
        found.append(digest(made))
        made.close()
    assert found[0] == found[1]
