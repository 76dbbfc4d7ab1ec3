"""The client's memory: every change is one transaction, whoever else uses the file and whatever dies."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from lienthong.client.rows import ReceiptLine, Round
from lienthong.client.store import Store
from lienthong.kernel.errors import InvariantError, UnavailableError
from unit.client.stored import acknowledgement, arrival, arrivals, contents, identity, outgoing, pending


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
from unit.client.stored import arrivals, outgoing
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
