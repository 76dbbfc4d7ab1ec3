"""The client's memory: every change is one transaction, whoever else uses the file and whatever dies."""

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.client import State
from lienthong.client.rows import Arrival, Heard, Outgoing, ReceiptLine, Round, Summary, place_of
from lienthong.client.store import Store
from lienthong.kernel.errors import InvariantError, UnavailableError
from unit.kernel.world import quick

NOW = 1_790_000_000_000
TABLES = ("outbox", "answer", "heard", "remark", "spoken", "inbox", "cursor")


def identity(number: int) -> bytes:
    """An envelope id."""
    return sha256(b"%d" % number).digest()


def outgoing(number: int, **changes: Any) -> Outgoing:
    """A document in the outbox for two agencies."""
    return Outgoing(
        identity(number),
        b"content %d" % number,
        "document",
        1,
        b"statement %d" % number,
        [b"file", b""],
        NOW + number,
        ["H26", "H37"],
    )._replace(**changes)


def arrival(sequence: int, lane: int = 1, **changes: Any) -> Arrival:
    """A document in the inbox."""
    return Arrival(
        lane, sequence, identity(1_000 * lane + sequence), "G22", bytes(16), 0, f"văn bản {sequence}", 10 + sequence,
        NOW + sequence, False, b"value %d" % sequence, ["H26"],
    )._replace(**changes)  # fmt: skip


def arrivals(first: int, last: int, lane: int = 1) -> Round:
    """A round that brought documents of one lane."""
    some = [arrival(sequence, lane) for sequence in range(first, last + 1)]
    return Round({lane: first}, {lane: (last, last + 1)}, some, [], [], [], [])


class Answer(NamedTuple):
    """What another agency says of one document."""

    document: bytes
    agency: str
    status: str
    reason: str = ""


def acknowledgement(number: int, says: str, **changes: Any) -> Outgoing:
    """An acknowledgement in the outbox."""
    return outgoing(number, kind="acknowledgement", content_key=None, contents=[], routes=[], says=says)._replace(
        **changes
    )


def heard(sequence: int, *said: Answer | ReceiptLine) -> Round:
    """A round of one record of lane 1 that brought acknowledgements or receipts."""
    answers = [
        Heard(
            place_of(1, 100 * sequence + number), identity(100_000 + 100 * sequence + number), one.agency, one.status,
            one.reason, NOW, NOW + 1, [one.document],
        )
        for number, one in enumerate(one for one in said if isinstance(one, Answer))
    ]  # fmt: skip
    receipts = [one for one in said if isinstance(one, ReceiptLine)]
    return Round({1: sequence}, {1: (sequence, sequence + 1)}, [], answers, receipts, [], [])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file lies; its folder does not exist yet."""
    return tmp_path / "agencies" / "H37" / "store.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """A fresh store."""
    opened = Store(path)
    yield opened
    opened.close()


def pending(store: Store) -> list[Outgoing]:
    """What has no receipt yet, in order."""
    return [one for _, one in store.pending()]


def contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Everything in the file."""
    with sqlite3.connect(path) as sql:
        found = {name: sql.execute(f"SELECT * FROM {name}").fetchall() for name in TABLES}  # noqa: S608 - fixed names
    sql.close()
    return found


# -- the outbox


def test_what_is_handed_over_is_pending_in_order_until_its_receipt(store: Store, path: Path) -> None:
    """Whole, with its contents, in this process and in the next."""
    three = [outgoing(1), outgoing(2, contents=[]), outgoing(3, contents=[bytes(range(256)) * 300])]
    assert [one.id for one in three] == store.add(three)
    assert three == pending(store)
    assert store.take(heard(1, ReceiptLine(identity(2), "", 40)))

    again = Store(path)
    assert [three[0], three[2]] == pending(again)
    again.close()


def test_the_same_content_is_known_under_its_first_id(store: Store) -> None:
    """Even when it was accepted long ago, and within one hand-over; without a content key never."""
    same = outgoing(2, content_key=outgoing(1).content_key)
    assert [identity(1), identity(1)] == store.add([outgoing(1), same])
    assert store.take(heard(1, ReceiptLine(identity(1), "", 40)))
    assert [identity(1)] == store.add([same])
    assert [] == pending(store)
    keyless = [outgoing(number, content_key=None) for number in (5, 6)]
    assert [identity(5), identity(6)] == store.add(keyless)
    assert [identity(5)] == store.add(keyless[:1])
    assert keyless == pending(store)


def test_a_number_that_was_used_before_is_told_of_the_later_one(store: Store) -> None:
    """Unless the earlier one went nowhere, or the later one is what it was signed anew as."""
    key, other = "2026/07/BC-VPCP", "2027/07/BC-VPCP"
    store.add([outgoing(number, natural_key=key) for number in (1, 2)])
    store.add([outgoing(3, natural_key=other), outgoing(4, natural_key=key), outgoing(5)])
    told = {number: progress.repeats for number in range(1, 6) if (progress := store.progress(identity(number)))}
    assert {1: (), 2: (identity(1),), 3: (), 4: (identity(1), identity(2)), 5: ()} == told
    assert key == pending(store)[0].natural_key
    store.renew(identity(1), pending(store)[0]._replace(id=identity(6)))
    renewed = store.progress(identity(6))
    assert renewed is not None
    assert (identity(2), identity(4)) == renewed.repeats
    store.take(heard(1, ReceiptLine(identity(2), "unknown_recipient", 40)))
    later = store.progress(identity(4))
    assert later is not None
    assert () == later.repeats


def test_content_that_was_rejected_is_sent_when_it_is_handed_over_again(store: Store) -> None:
    """Its cause may be mended: a known id would promise what nobody does. The first one stays what it was."""
    refers = [identity(9)]
    store.add([outgoing(1)._replace(refers=refers), outgoing(2)])
    store.take(heard(1, ReceiptLine(identity(1), "unknown_key", 40), ReceiptLine(identity(2), "", 41)))
    again = outgoing(3, content_key=outgoing(1).content_key)._replace(refers=refers)
    same = outgoing(4, content_key=outgoing(2).content_key)
    assert [identity(3), identity(2)] == store.add([again, same])
    assert [identity(3)] == [one.id for one in pending(store)]
    assert [identity(3)] == store.add([outgoing(5, content_key=again.content_key)])
    first = store.progress(identity(1))
    assert first is not None
    assert (State.REJECTED, "unknown_key") == (first.state, first.reason)


def test_what_is_pending_can_be_taken_in_pages(store: Store) -> None:
    """So many bytes at a time, at least one statement, none twice."""
    store.add([outgoing(number, contents=[bytes(1_000)]) for number in range(1, 8)])
    store.take(heard(1, ReceiptLine(identity(2), "", 40)))
    pages: list[list[int]] = []
    after = 0
    while page := store.pending(after, until=6, most_bytes=2_500 if pages else 10):
        pages.append([number for number, _ in page])
        after = pages[-1][-1]
    assert [[1], [3, 4], [5, 6]] == pages


def test_hand_over_is_all_or_nothing(store: Store, path: Path) -> None:
    """When one cannot be stored, none is."""
    with pytest.raises(sqlite3.IntegrityError):
        store.add([outgoing(1), outgoing(2, kind=None)])
    assert [] == pending(store)
    assert [identity(1)] == store.add([outgoing(1)])


def test_a_renewed_statement_takes_the_place_of_the_old_one(store: Store) -> None:
    """The old one says what it became; the content is known under the new id, and only that is pending."""
    store.add([outgoing(1)])
    new = outgoing(9, content_key=outgoing(1).content_key)
    store.renew(identity(1), new)

    assert [new] == pending(store)
    old = store.progress(identity(1))
    assert old is not None
    assert (State.RENEWED, identity(9)) == (old.state, old.renewed_as)
    assert [identity(9)] == store.add([outgoing(1, id=identity(77))])


def test_a_statement_with_a_receipt_is_not_renewed(store: Store) -> None:
    """It may have been accepted: said anew it would be delivered twice. Nor is one that another process renewed."""
    store.add([outgoing(1), outgoing(2)])
    store.take(heard(1, ReceiptLine(identity(1), "", 40)))
    new = [outgoing(number, content_key=outgoing(number - 10).content_key) for number in (11, 12)]
    assert [False, True] == [store.renew(identity(number), one) for number, one in zip((1, 2), new, strict=True)]
    assert not store.renew(identity(2), outgoing(22, content_key=outgoing(2).content_key))
    assert [new[1]] == pending(store)
    accepted, renewed = store.progress(identity(1)), store.progress(identity(2))
    assert accepted is not None
    assert renewed is not None
    assert (State.ACCEPTED, identity(12)) == (accepted.state, renewed.renewed_as)


@pytest.mark.parametrize(
    ("reason", "state", "said"),
    [("", State.ACCEPTED, ""), ("duplicate", State.ACCEPTED, ""), ("expired", State.REJECTED, "expired")],
)
def test_a_receipt_decides_what_became_of_it(store: Store, reason: str, state: State, said: str) -> None:
    """A duplicate was accepted before; the first receipt counts."""
    store.add([outgoing(1)])
    store.take(heard(1, ReceiptLine(identity(1), reason, 40)))
    store.take(heard(2, ReceiptLine(identity(1), "malformed", 99)))
    progress = store.progress(identity(1))
    assert progress is not None
    assert (state, said, 40, 1, NOW + 1) == (
        progress.state, progress.reason, progress.position, progress.lane, progress.handed_over_at,
    )  # fmt: skip


@pytest.mark.parametrize("reason", ["key_revoked", "key_not_valid", "unknown_key", "expired", "future"])
def test_an_acknowledgement_that_was_rejected_for_its_time_or_key_is_said_again(store: Store, reason: str) -> None:
    """Nobody else would say it: it stays to be sent at the next start. One that was wrong in itself does not."""
    store.add([outgoing(1, kind="acknowledgement"), outgoing(2, kind="acknowledgement"), outgoing(3)])
    store.take(heard(1, *(ReceiptLine(identity(number), reason, number) for number in (1, 3))))
    store.take(heard(2, ReceiptLine(identity(2), "malformed", 2)))
    assert [identity(1)] == [one.id for one in pending(store)]
    store.take(heard(3, ReceiptLine(identity(1), "", 9)))
    assert [] == pending(store)


def test_progress_follows_the_acknowledgements_of_all_recipients(store: Store) -> None:
    """Arrived when every recipient has it, acknowledged when every one said more; the newest status is told."""
    store.add([outgoing(1)])

    def progress() -> tuple[State, dict[str, str]]:
        found = store.progress(identity(1))
        assert found is not None
        return found.state, dict(found.recipients)

    assert (State.HANDED_OVER, {}) == progress()
    store.take(heard(1, ReceiptLine(identity(1), "", 40), Answer(identity(1), "H26", "01")))
    assert (State.ACCEPTED, {"H26": "01"}) == progress()
    store.take(heard(2, Answer(identity(1), "H37", "03")))
    assert (State.ARRIVED, {"H26": "01", "H37": "03"}) == progress()
    store.take(heard(3, Answer(identity(1), "H26", "02", "sai nơi nhận"), Answer(identity(1), "H26", "01")))
    assert (State.ACKNOWLEDGED, {"H26": "02", "H37": "03"}) == progress()
    assert Summary(documents=1, accepted=1, rejected=0, acknowledged=1) == store.summary()
    assert store.progress(identity(2)) is None


def test_what_others_say_of_a_document_counts_for_nothing(store: Store) -> None:
    """Only agencies it was delivered to can say that it arrived or was dealt with."""
    store.add([outgoing(1)])
    strangers = [Answer(identity(1), agency, "03") for agency in ("H2", "H266", "G22")]
    store.take(heard(1, ReceiptLine(identity(1), "", 40), *strangers, Answer(identity(1), "H26", "03")))
    progress = store.progress(identity(1))
    assert progress is not None
    assert (State.ACCEPTED, {"H26": "03"}) == (progress.state, progress.recipients)
    assert 0 == store.summary().acknowledged
    store.take(heard(2, Answer(identity(1), "H37", "02")))
    assert 1 == store.summary().acknowledged


def test_what_is_said_of_a_document_that_is_not_ours_is_kept_apart(store: Store) -> None:
    """It makes no document and disturbs nothing of the same round."""
    store.add([outgoing(1)])
    store.take(heard(1, Answer(identity(9), "H26", "03"), Answer(identity(1), "H26", "03")))
    progress = store.progress(identity(1))
    assert progress is not None
    assert {"H26": "03"} == progress.recipients
    assert store.progress(identity(9)) is None


def test_the_summary_counts_documents_only(store: Store) -> None:
    """Acknowledgements in the outbox are not counted; an empty outbox is all zeros."""
    assert Summary(0, 0, 0, 0) == store.summary()
    store.add([outgoing(1), outgoing(2), outgoing(3, kind="acknowledgement", content_key=None, routes=[])])
    store.take(heard(1, ReceiptLine(identity(1), "", 1), ReceiptLine(identity(2), "expired", 2)))
    assert Summary(documents=2, accepted=1, rejected=1, acknowledged=0) == store.summary()


@quick
@given(st.data())
def test_the_summary_counts_what_there_is(draw: st.DataObject) -> None:
    """Whatever happened since it was asked for last, it says what a store that was just opened says."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store.sqlite")
        number = sequence = 0
        for step in draw.draw(st.lists(st.sampled_from(["add", "receipt", "answer", "renew", "ask"]), max_size=25)):
            if step == "add" or number == 0:
                number += 1
                store.add([outgoing(number, routes=draw.draw(st.sampled_from([["H26"], ["H26", "H37"]])))])
                continue
            one = identity(draw.draw(st.integers(1, number)))
            sequence += 1
            if step == "receipt":
                store.take(heard(sequence, ReceiptLine(one, draw.draw(st.sampled_from(["", "expired"])), 1)))
            elif step == "answer":
                agency, status = draw.draw(st.sampled_from(["H26", "H37"])), draw.draw(st.sampled_from(["01", "03"]))
                store.take(heard(sequence, Answer(one, agency, status)))
            else:
                sequence -= 1
                if step == "renew" and one in {waiting.id for waiting in pending(store)}:
                    number += 1
                    store.renew(one, outgoing(number, content_key=None))
                else:
                    store.summary()
        fresh = Store(Path(folder) / "store.sqlite")
        assert fresh.summary() == store.summary() == store.summary()
        fresh.close()
        store.close()


# -- the inbox


def test_documents_wait_lane_by_lane_until_they_are_settled(store: Store) -> None:
    """In sequence; asked for again they say that they were handed over before."""
    assert store.take(arrivals(1, 3))
    assert store.take(arrivals(1, 2, lane=0))
    assert {0: (2, 3), 1: (3, 4)} == store.cursors()

    first = store.waiting(2, {})[0]
    assert [(0, 1, False), (0, 2, False), (1, 1, False), (1, 2, False)] == [
        (one.lane, one.sequence, one.handed) for one in first
    ]
    assert arrival(1) == first[2]
    assert [(1, 3, False)] == [(one.lane, one.sequence, one.handed) for one in store.waiting(9, {0: 2, 1: 2})[0]]
    store.settle([(0, 0, 1), (0, 1, 2)], [])
    assert [(0, 2, True), (1, 1, True), (1, 3, True)] == [
        (one.lane, one.sequence, one.handed) for one in store.waiting(9, {})[0]
    ]


def test_settling_and_what_is_said_of_it_go_together(store: Store, path: Path) -> None:
    """The acknowledgement is in the outbox if and only if the document is settled; the value is let go."""
    store.take(arrivals(1, 2))
    said = acknowledgement(5, "03")
    before = contents(path)
    with pytest.raises(sqlite3.IntegrityError):
        store.settle([(1, 1, 1)], [said, outgoing(6, kind=None)])
    assert before == contents(path)

    store.settle([(1, 1, 1)], [said])
    assert [said] == pending(store)
    assert [2] == [one.sequence for one in store.waiting(9, {})[0]]
    assert [(2, None), (1, "03")] == [(one.sequence, status) for one, status in store.listing(9)]
    settled = store.arrived(arrival(1).id)
    assert settled is not None
    assert (b"", "văn bản 1") == (settled.value, settled.subject)
    assert store.arrived(identity(9)) is None


@pytest.mark.parametrize("together", [True, False])
def test_of_several_lines_about_one_envelope_an_acceptance_counts_and_else_the_first(
    store: Store, *, together: bool
) -> None:
    """A rejection may be followed by an acceptance of the same bytes, in one round or later; it is what happened."""
    store.add([outgoing(number) for number in (1, 2, 3)])
    said = (("", "expired", "future"), ("expired", "", "malformed"))
    rounds = [
        [ReceiptLine(identity(number), reason, place) for number, reason in enumerate(reasons, start=1)]
        for place, reasons in enumerate(said, start=40)
    ]
    for place, lines in enumerate([[*rounds[0], *rounds[1]]] if together else rounds, start=1):
        store.take(heard(place, *lines))
    progress = [store.progress(identity(number)) for number in (1, 2, 3)]
    assert [(State.ACCEPTED, "", 40), (State.ACCEPTED, "", 41), (State.REJECTED, "future", 40)] == [
        (one.state, one.reason, one.position) for one in progress if one is not None
    ]


def test_of_several_words_about_one_document_the_last_counts(store: Store) -> None:
    """Also when they are settled together."""
    store.take(arrivals(1, 2))
    said = [acknowledgement(number, f"0{number}") for number in (1, 6, 3, 5)]
    store.settle([(1, 1, 1), (2, 1, 2), (3, 1, 1), (4, 1, 2)], said)
    assert {1: "03", 2: "05"} == {arrival.sequence: status for arrival, status in store.listing(10)}


def test_a_gap_is_an_alarm_and_stores_nothing(store: Store, path: Path) -> None:
    """Nor does the rest of the round."""
    store.take(arrivals(1, 2))
    before = contents(path)
    late = arrivals(4, 5)._replace(receipts=[ReceiptLine(identity(1), "", 1)])
    with pytest.raises(InvariantError, match="lane 1 of the inbox goes from sequence 2 to 4: 1 are missing"):
        store.take(late)
    assert before == contents(path)


def test_what_another_process_has_taken_is_not_stored_again(path: Path, store: Store) -> None:
    """The slower one is told, stores nothing of its round, and reads on from the cursors."""
    other = Store(path)
    assert store.take(arrivals(1, 3))
    before = contents(path)
    for repeated in (arrivals(1, 3), arrivals(2, 7)):
        assert not other.take(repeated)
        assert before == contents(path)
    assert {1: (3, 4)} == other.cursors()
    assert other.take(arrivals(4, 7))
    assert not store.take(arrivals(4, 4))
    assert list(range(1, 8)) == [one.sequence for one in store.waiting(99, {})[0]]
    other.close()


def test_two_processes_that_hand_over_the_same_content_send_it_once(path: Path, store: Store) -> None:
    """The second is told the first one's id."""
    other = Store(path)
    assert [identity(1)] == store.add([outgoing(1)])
    assert [identity(1)] == other.add([outgoing(2, content_key=outgoing(1).content_key)])
    assert [outgoing(1)] == pending(other)
    other.close()


def test_a_round_of_repeats_does_not_move_the_cursor_back(path: Path, store: Store) -> None:
    """A process that read nothing but repeats, while another went on, is told so; otherwise 4 would be stored twice."""
    store.take(arrivals(1, 3))
    other = Store(path)
    other.take(arrivals(4, 6))
    other.close()

    assert not store.take(Round({}, {1: (3, 9)}, [], [], [], [], []))
    assert {1: (6, 7)} == store.cursors()
    assert store.take(Round({}, {1: (6, 9)}, [], [], [], [], []))
    assert {1: (6, 9)} == store.cursors()


def test_a_round_without_records_for_us_moves_the_cursor(store: Store) -> None:
    """A genesis, for instance, or records that were not believed."""
    assert store.take(Round({}, {1: (0, 1)}, [], [], [], [], []))
    assert {1: (0, 1)} == store.cursors()
    assert store.take(Round({1: 1}, {1: (4, 5)}, [], [], [], [], []))
    assert store.take(arrivals(5, 5))


def test_documents_are_found_by_how_their_ids_begin(store: Store) -> None:
    """Sent and received ones; acknowledgements are no documents."""
    store.add([outgoing(1), outgoing(2, kind="acknowledgement", content_key=None)])
    store.take(arrivals(1, 1))
    received = arrival(1).id
    assert [identity(1)] == store.find(identity(1)[:4])
    assert [identity(1)] == store.find(identity(1))
    assert [received] == store.find(received[:5])
    assert [] == store.find(identity(2)[:4])
    assert {identity(1), received} == set(store.find(b""))


# -- what dies, and what cannot be opened

_CRASH = """
import os, signal, sys
from pathlib import Path
from lienthong.client.store import Store
from unit.client.test_store import arrivals, outgoing
store = Store(Path(sys.argv[1]))
store.add([outgoing(1)])
store.take(arrivals(1, 2))
store._sql.execute("BEGIN IMMEDIATE")
store._add([outgoing(2)])
store._sql.execute("UPDATE inbox SET said = 3")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_what_it_was_told_and_nothing_else(path: Path) -> None:
    """What a method returned from is on disk; half a transaction is not."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run([sys.executable, "-c", _CRASH, str(path)], env=environment, check=False, timeout=60)
    assert -signal.SIGKILL == killed.returncode

    store = Store(path)
    assert [outgoing(1)] == pending(store)
    assert [1, 2] == [one.sequence for one in store.waiting(9, {})[0]]
    assert {1: (2, 3)} == store.cursors()
    store.close()


def test_a_store_of_another_form_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    """Its tables are not what this version writes; the text names the file and what is missing."""
    path = tmp_path / "old.sqlite"
    with closing(sqlite3.connect(path)) as sql:
        sql.execute("CREATE TABLE answer (document BLOB, agency TEXT, status TEXT, reason TEXT, created INTEGER)")
    with pytest.raises(UnavailableError, match=r"old\.sqlite: no such column: place"):
        Store(path)


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    """With its name and the reason."""
    (tmp_path / "store.sqlite").write_bytes(b"no database, but longer than the header of one" * 10)
    with pytest.raises(
        UnavailableError, match=r"cannot open the client's store .*store.sqlite: file is not a database"
    ):
        Store(tmp_path / "store.sqlite")
