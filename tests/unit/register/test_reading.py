"""Facts for registers out of the tracker's tables."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Connection, Table, create_engine, insert

from lienthong.kernel.lifecycle import Request, Stage
from lienthong.kernel.vietnam_time import end_of_day, start_of_day
from lienthong.register.facts import Delivered
from lienthong.register.reading import delivered_to, issued_by
from lienthong.tracker.tables import deliveries, document_number, documents, events, mentions, metadata, statements
from unit.register.register_world import at

FIRST, LAST = start_of_day(date(2023, 1, 1)), end_of_day(date(2023, 12, 31))
_EMPTY: dict[type, Any] = {int: 0, str: "", bytes: b"", bool: False}


@pytest.fixture
def connection() -> Iterator[Connection]:
    """An empty tracker's database in memory."""
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.connect() as opened:
        yield opened
    engine.dispose()


def put(connection: Connection, table: Table, **values: Any) -> None:
    """A row; what is not given is nothing."""
    empty = {column.name: _EMPTY[column.type.python_type] for column in table.columns}
    connection.execute(insert(table).values(**{**empty, **values}))


def document(connection: Connection, position: int, *, to: tuple[str, ...] = ("G22.NN",), **values: Any) -> int:
    """A document of G10 that nobody has said anything about, at some recipients."""
    number = document_number(1, position)
    given = {
        "number": number, "id": bytes([position]) * 32, "lane": 1, "position": position, "sender": "G10",
        "accepted_at": at(9), "year": 2023, "promulgation_date": "2023-03-06", "subject": f"Subject {position}",
    } | values  # fmt: skip
    put(connection, documents, **given)
    for recipient in to:
        put(
            connection, deliveries, document=number, route=recipient.split(".")[0], recipient=recipient,
            sent_at=given["accepted_at"], stage="sent", request="none",
        )  # fmt: skip
    return number


def change(connection: Connection, number: int, **values: Any) -> None:
    """What became of a document at its recipients."""
    connection.execute(deliveries.update().where(deliveries.c.document == number).values(**values))


def say(
    connection: Connection, number: int, position: int, stage: Stage, when: int, *, route: str = "G22",
    recipient: str = "G22.NN",
) -> None:  # fmt: skip
    """An event that left a delivery, by default that to the department, in a stage."""
    put(connection, statements, lane=1, position=position, judged_at=when)
    put(
        connection, events, lane=1, position=position, document=number, route=route, recipient=recipient,
        stage=stage.value,
    )  # fmt: skip


def one(connection: Connection) -> Delivered:
    """The only document of the department."""
    (found,) = delivered_to(connection, "G22.NN", 2023)
    return found


def test_all_that_is_known(connection: Connection) -> None:
    """Each column arrives where it belongs; what was not said is None."""
    number = document(connection, 7, priority=2, code_number="12", code_notation="BC-BNN", due_date="2023-03-20")
    change(connection, number, stage="assigned", request="update", arrived_at=at(10), assigned_at=at(11), flags=3)
    found = one(connection)
    assert (bytes([7]) * 32, 1, 7, "G10", 0, 2, at(9), "12/BC-BNN", "2023-03-20", "Subject 7") == (
        found.paper.id, found.paper.lane, found.paper.position, found.paper.sender, found.paper.kind,
        found.paper.priority, found.paper.accepted_at, found.paper.code, found.paper.due_date, found.paper.subject,
    )  # fmt: skip
    assert (Stage.ASSIGNED, Request.UPDATE, at(10), at(11), 3) == (
        found.stage, found.request, found.arrived_at, found.assigned_at, found.flags,
    )  # fmt: skip
    assert (None,) * 6 == (
        found.refused_at, found.registered_at, found.processing_at, found.done_at, found.taken_back_at,
        found.replaced_at,
    )  # fmt: skip


def test_a_year_is_that_of_vietnam_to_the_millisecond(connection: Connection) -> None:
    """The first and the last millisecond belong to it, those before and after do not."""
    for position, when in enumerate((FIRST - 1, FIRST, LAST, LAST + 1)):
        document(connection, position, accepted_at=when)
    assert {FIRST, LAST} == {found.paper.accepted_at for found in delivered_to(connection, "G22.NN", 2023)}


def test_only_what_is_addressed_to_the_agency(connection: Connection) -> None:
    """Its own code, with an inbox of its own or behind another's; not what is for another code in that inbox."""
    document(connection, 1, to=("G22.NN", "G22", "H37"))
    document(connection, 2, to=("G22",))
    assert [1] == [found.paper.position for found in delivered_to(connection, "G22.NN", 2023)]
    assert {1, 2} == {found.paper.position for found in delivered_to(connection, "G22", 2023)}


@pytest.mark.parametrize(("kind", "registered"), [(0, True), (1, False), (2, False), (3, True)])
def test_updates_and_recalls_have_no_line(connection: Connection, kind: int, registered: bool) -> None:
    """Neither incoming nor outgoing."""
    document(connection, 1, business_type=kind)
    assert registered == bool(delivered_to(connection, "G22.NN", 2023))
    assert registered == bool(issued_by(connection, "G10", 2023))


def test_when_it_was_taken_back(connection: Connection) -> None:
    """The first event that left it so: a later report changes nothing."""
    number = document(connection, 1)
    change(connection, number, stage="taken back", registered_at=at(10), take_back_asked_at=at(11), agreed_at=at(10))
    say(connection, number, 20, Stage.ACCEPTED, at(11))
    say(connection, number, 22, Stage.TAKEN_BACK, at(14))
    say(connection, number, 23, Stage.TAKEN_BACK, at(16))
    assert at(14) == one(connection).taken_back_at


@pytest.mark.parametrize(
    ("sender", "agency", "replaced"),
    [
        ("G10", "", True),
        ("G10", "G22.NN", True),
        ("G10", "G22", True),
        ("G10", "H37", False),
        ("H99", "", False),
    ],
)
def test_when_it_was_replaced(connection: Connection, sender: str, agency: str, replaced: bool) -> None:
    """By a document of the same sender, for all, for this recipient, or for the inbox it is behind."""
    document(connection, 1)
    newer = document(connection, 2, to=(), business_type=3, sender=sender, accepted_at=at(13))
    put(connection, mentions, document=newer, relation="replaces", named=bytes([1]) * 32, agency=agency)
    put(connection, mentions, document=newer, relation="answers", named=bytes([1]) * 32, agency="")
    assert (at(13) if replaced else None) == one(connection).replaced_at


def test_what_ended_at_one_part_of_a_divided_agency_goes_on_at_the_other(connection: Connection) -> None:
    """H29 was divided: both parts have the document under its code, and each has its own end of it."""
    number = document(connection, 1, to=())
    for route, stage in (("H26", Stage.TAKEN_BACK), ("H27", Stage.TAKEN_BACK), ("H28", Stage.ACCEPTED)):
        put(
            connection, deliveries, document=number, route=route, recipient="H29", sent_at=at(9), stage=stage.value,
            request="none",
        )  # fmt: skip
    for position, route in ((20, "H26"), (22, "H27")):
        say(connection, number, position, Stage.TAKEN_BACK, at(position - 8), route=route, recipient="H29")
    newer = document(connection, 2, to=(), business_type=3, accepted_at=at(15))
    put(connection, mentions, document=newer, relation="replaces", named=bytes([1]) * 32, agency="H26")
    assert {(Stage.TAKEN_BACK, at(12), at(15)), (Stage.TAKEN_BACK, at(14), None), (Stage.ACCEPTED, None, None)} == {
        (found.stage, found.taken_back_at, found.replaced_at) for found in delivered_to(connection, "H29", 2023)
    }


def test_outgoing_documents_belong_to_the_year_of_their_date(connection: Connection) -> None:
    """Sent in January with a date of December it is last year's; without a date it is of the year it was sent."""
    document(connection, 1, accepted_at=LAST + 1)
    document(connection, 2, accepted_at=FIRST, year=2022, promulgation_date="2022-12-30")
    document(connection, 3, accepted_at=LAST, year=0, promulgation_date="")
    document(connection, 4, accepted_at=LAST + 1, year=0, promulgation_date="")
    assert {1, 3} == {found.paper.position for found in issued_by(connection, "G10", 2023)}
    assert [] == issued_by(connection, "G22.NN", 2023)


def test_an_outgoing_document_has_its_recipients(connection: Connection) -> None:
    """In the order of their codes, each with its state; a document may have none."""
    number = document(connection, 1, to=("H37", "G22.NN"))
    change(connection, number, stage="arrived", arrived_at=at(10))
    document(connection, 2, to=())
    first, second = sorted(issued_by(connection, "G10", 2023), key=lambda found: found.paper.position)
    assert ["G22.NN", "H37"] == [delivery.recipient for delivery in first.deliveries]
    assert {Stage.ARRIVED} == {delivery.stage for delivery in first.deliveries}
    assert () == second.deliveries
