"""What the tracker makes of a ledger, on both databases."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from lienthong.client import Document
from lienthong.tracker import queries, tables
from lienthong.tracker.database import Database
from lienthong.tracker.digest import digest
from lienthong.tracker.measures import waiting
from unit.tracker.ledger_script import NOW, SECOND, Script, store_all


def states(database: Database, identity: bytes) -> dict[str, tuple[str, str]]:
    """Stage and request of a document at each recipient."""
    with database.reading() as connection:
        return {row.recipient: (row.stage, row.request) for row in queries.state_of(connection, identity)}


def flags(database: Database, identity: bytes) -> list[str]:
    """Flags of what was said of a document, in order."""
    with database.reading() as connection:
        return [one.flag for one in queries.history(connection, identity)]


def times(database: Database, identity: bytes) -> dict[str, tuple[str, int]]:
    """Stage of a document in each inbox, and in which second of the script it arrived; 0: it did not."""
    with database.reading() as connection:
        return {
            row.route: (row.stage, row.arrived_at and (row.arrived_at - NOW) // SECOND)
            for row in queries.state_of(connection, identity)
        }


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


@pytest.mark.parametrize(
    ("recipients", "for_information", "informed"),
    [
        (["@TINH"], ["@TINH"], {"H26", "H37"}),
        (["H29", "@TINH"], ["@TINH"], {"H26", "H37"}),
        (["H29", "@TINH"], ["H29"], {"H29"}),
        (["H29", "@TINH"], ["H29", "@TINH"], {"H29", "H26", "H37"}),
        # Nobody knows here which of the groups brought whom.
        (["@BO", "@TINH"], ["@TINH"], set()),
    ],
)
def test_who_is_brought_by_a_group_has_it_for_information_as_the_group_has(
    database: Database, recipients: list[str], for_information: list[str], informed: set[str]
) -> None:
    """All that groups brought, if all groups are informed; who is named himself has it as he is named."""
    script = Script()
    routes = [*(code for code in recipients if code[0] != "@"), "H26", "H37"]
    sent = script.document("G22", *recipients, routes=routes, for_information=for_information)
    store_all(database, script)
    with database.reading() as connection:
        found = {row.recipient: row.for_information for row in queries.state_of(connection, sent)}
    assert {code: code in informed for code in routes} == found


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


@pytest.mark.parametrize("recipients", [("H37.DN.001",), ("H37",), ("H37", "H37.DN.001"), ("H37.DN.001", "H37")])
def test_what_is_asked_of_one_code_is_asked_once_of_all_in_its_inbox(
    database: Database, recipients: tuple[str, ...]
) -> None:
    """Whichever of them is named, for the inbox has one document and gives one answer; other inboxes are not asked."""
    script = Script()
    sent = script.document("G22", "H26", "H37", "H37.DN.001", routes=("H26", "H37"))
    update = script.document("G22", *recipients, routes=("H37",), business_type=2, refers_to=[sent])
    script.says("H37", "G22", "15", update)
    recall = script.document("G22", *recipients, routes=("H37",), business_type=1, refers_to=[sent])
    script.says("H37", "G22", "15", recall)
    store_all(database, script)
    gone = ("taken back", "none")
    assert {"H26": ("sent", "none"), "H37": gone, "H37.DN.001": gone} == states(database, sent)
    assert [""] * 8 == flags(database, sent)


def test_status_13_asks_all_codes_of_an_inbox_too(database: Database) -> None:
    """As a document of kind 1 does."""
    script = Script()
    sent = script.document("G22", "H37", "H37.DN.001", routes=("H37",))
    script.says("H37", "G22", "03", sent)
    script.says("G22", "H37.DN.001", "13", sent)
    script.says("H37", "G22", "15", sent)
    store_all(database, script)
    gone = ("taken back", "none")
    assert {"H37": gone, "H37.DN.001": gone} == states(database, sent)
    assert [""] * 6 == flags(database, sent)


def test_all_parts_of_a_divided_agency_are_asked_by_its_code_and_one_by_its_own(database: Database) -> None:
    """H29 was divided into H26 and H27."""
    script = Script()
    both, one = (script.document("G22", "H29", routes=("H26", "H27")) for _ in range(2))
    script.document("G22", "H29", routes=("H26", "H27"), business_type=1, refers_to=[both])
    script.document("G22", "H27", business_type=1, refers_to=[one])
    store_all(database, script)
    with database.reading() as connection:
        found = [{row.route: row.stage for row in queries.state_of(connection, named)} for named in (both, one)]
    assert [{"H26": "taken back", "H27": "taken back"}, {"H26": "sent", "H27": "taken back"}] == found


@pytest.mark.parametrize("at_once", [1, 1_000])
def test_a_request_that_also_names_a_document_as_replaced_is_answered_in_any_round(
    database: Database, at_once: int
) -> None:
    """What a recall is about is its targets, whatever else it says of them."""
    script = Script()
    sent = script.document("G22", "H26")
    script.says("H26", "G22", "03", sent)
    replaces = [{"document": sent, "agencies": []}]
    recall = script.document("G22", "H26", business_type=1, refers_to=[sent], replaces=replaces)
    script.says("H26", "G22", "15", recall)
    store_all(database, script, at_once=at_once)
    assert {"H26": ("taken back", "none")} == states(database, sent)
    assert ["", "", ""] == flags(database, sent)
    assert {"recalls", "replaces"} == {row.relation for row in rows(database, tables.mentions)}


@pytest.mark.parametrize("at_once", [1, 1_000])
@pytest.mark.parametrize("names", ["request", "document"])
@pytest.mark.parametrize("status", ["15", "16"])
@pytest.mark.parametrize("kind", [1, 2])
def test_who_answers_a_request_has_read_it(
    database: Database, kind: int, status: str, names: str, at_once: int
) -> None:
    """A recall or an update arrives by its answer, which names it or the document, where nobody says 01."""
    script = Script()
    sent = script.document("G22", "H26", "H29")
    script.says("H26", "G22", "03", sent)
    script.says("H29", "G22", "03", sent)
    asking = script.document("G22", "H26", "H29", business_type=kind, refers_to=[sent], reason="vì")
    script.notices("G22", (asking, 4, "H26"), (asking, 4, "H29"))
    script.says("H26", "G22", status, asking if names == "request" else sent)
    script.says("H26", "G22", "01", asking)
    store_all(database, script, at_once=at_once)
    assert {"H26": ("arrived", 6), "H29": ("sent", 0)} == times(database, asking)
    with database.reading() as connection:
        assert [("H29", asking)] == [
            (row.route, bytes(row.id)) for row in queries.undelivered(connection, NOW + 60 * SECOND)
        ]
        assert {"H29": 1} == {agency: count for agency, (_, count) in waiting(connection).oldest.items()}
        assert [(status, "arrived"), ("01", "arrived")] == [
            (one.event, one.stage) for one in queries.history(connection, asking)
        ]
    tallies = {(row.name, row.value): row.count for row in rows(database, tables.tallies)}
    assert (1, 1) == (tallies["expired", "unread"], tallies["expired", "settled"])
    assert (1, 1) == (tallies["stage", "sent"], tallies["stage", "arrived"])


def test_an_answer_that_is_impossible_tells_that_the_request_it_names_was_read(database: Database) -> None:
    """It answers nothing, but whoever names a recall has it: also one of a document that is not here."""
    script = Script()
    sent = script.document("G22", "H26")
    script.says("H26", "G22", "02", sent)
    recalls = [script.document("G22", "H26", business_type=1, refers_to=[named]) for named in (sent, bytes(32))]
    recalls.append(script.document("G22", "H26", business_type=1))
    script.says("H26", "G22", "15", *recalls)
    store_all(database, script)
    assert [{"H26": ("arrived", 6)}] * 3 == [times(database, one) for one in recalls]
    assert ["", "after_refusal", "after_refusal"] == flags(database, sent)


@pytest.mark.parametrize("at_once", [1, 1_000])
def test_an_answer_tells_nothing_of_requests_that_it_does_not_answer(database: Database, at_once: int) -> None:
    """Of what was asked later, by a stranger or in another lane, or of an answer that is impossible or not heard."""
    script, other = Script(1), Script(2)
    sent, kept = script.document("G22", "H26", "H29"), script.document("G22", "H26")
    asked = script.document("G22", "H26", "H29", business_type=2, refers_to=[sent])
    others = [script.document("G09", "H26", business_type=2, refers_to=[sent])]
    others.append(other.document("G22", "H26", business_type=2, refers_to=[sent]))
    script.says("H29", "G09", "15", asked, sent)
    script.says("H53", "G22", "15", asked, sent)
    script.says("H26", "G22", "15", kept)
    script.says("H26", "G22", "16", sent)
    script.says("H26", "G22", "16", sent)
    others.append(script.document("G22", "H26", business_type=1, refers_to=[kept]))
    others.append(script.document("G22", "H26", business_type=2, refers_to=[kept]))
    script.says("H26", "G22", "16", kept)
    others.append(script.document("G22", "H26", business_type=2, refers_to=[sent]))
    store_all(database, script, other, at_once=at_once)
    assert {"H26": ("arrived", 8), "H29": ("sent", 0)} == times(database, asked)
    assert [{"H26": ("sent", 0)}] * len(others) == [times(database, one) for one in others]


def test_who_answers_a_document_has_read_all_that_was_asked_of_it(database: Database) -> None:
    """Also an update that a newer request displaced; at the one inbox, for all codes behind it."""
    script = Script()
    sent = script.document("G22", "H37", "H37.DN.001", "H26", routes=("H37", "H26"))
    asked = [
        script.document("G22", "H37", "H37.DN.001", routes=("H37",), business_type=kind, refers_to=[sent])
        for kind in (2, 2, 1)
    ]
    script.says("H37", "G22", "15", sent)
    store_all(database, script)
    with database.reading() as connection:
        found = [[row.stage for row in queries.state_of(connection, one)] for one in asked]
    assert [["arrived", "arrived"]] * 3 == found


@pytest.mark.parametrize("kind", [1, 2])
@pytest.mark.parametrize("addressed", ["@TINH", "H37"])
@pytest.mark.parametrize("asked", ["H37.DN.001", "H37.DN.009", "@BO"])
def test_a_request_is_about_the_inboxes_that_it_is_delivered_to(
    database: Database, addressed: str, asked: str, kind: int
) -> None:
    """By whatever code: that of a unit, which the document does not name, or of a group."""
    script = Script()
    sent = script.document("G22", addressed, "H26", routes=("H37", "H26"))
    script.says("H37", "G22", "03", sent)
    asking = script.document("G22", asked, routes=("H37",), business_type=kind, refers_to=[sent])
    store_all(database, script)
    wanted = "take back" if kind == 1 else "update"
    assert {"H37": ("accepted", wanted), "H26": ("sent", "none")} == states(database, sent)
    assert ["", ""] == flags(database, sent)
    assert ["H37" if asked == "@BO" else asked] == list(states(database, asking))


def test_status_13_is_about_the_inboxes_that_it_is_delivered_to(database: Database) -> None:
    """As a document of kind 1 is."""
    script = Script()
    sent = script.document("G22", "H37", "H26")
    script.says("G22", "H37.DN.001", "13", sent, routes=("H37",))
    store_all(database, script)
    assert {"H37": ("taken back", "none"), "H26": ("sent", "none")} == states(database, sent)
    assert [""] == flags(database, sent)


def test_a_request_to_somebody_who_has_not_got_the_document_is_flagged(database: Database) -> None:
    """Once for each code, however many inboxes it has; an update may name new recipients."""
    script = Script()
    sent = script.document("G22", "H26")
    script.document("G22", "H26", "H29", routes=("H26", "H27", "H28"), business_type=1, refers_to=[sent])
    script.document("G22", "H26", "H53", business_type=2, changes=2, refers_to=[sent])
    store_all(database, script)
    assert ["", "no_such_document", "after_take_back"] == flags(database, sent)


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
            replaces = [{"document": named, "agencies": []}] if number % 2 else []
            asked = list(dict.fromkeys([named, known[0]])) if known else [named]
            known.append(script.document(who, "H26", "H29", business_type=kind, refers_to=asked, replaces=replaces))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_WORDS, _WORDS, st.integers(1, 7), st.integers(1, 40))
# A recall that names its target as replaced too, answered in its own round and in a later one.
@example([("document", "G22", "01", 0), ("recall", "G22", "01", 1), ("ack", "H26", "15", 1)], [], 1, 40)
# Updates and a recall that are answered by naming the document, likewise.
@example(
    [
        ("document", "G22", "01", 0), ("update", "G22", "01", 0), ("update", "G22", "01", 1), ("ack", "H26", "16", 0),
        ("recall", "G22", "01", 0), ("notice", "H29", "01", 3), ("ack", "H29", "15", 0), ("ack", "H26", "15", 0),
    ],
    [("document", "G22", "01", 0), ("recall", "G22", "01", 0), ("ack", "H26", "15", 0)],
    1,
    40,
)  # fmt: skip
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
