"""Journals survive kills, and tell ok, failed and unknown apart."""

from pathlib import Path

from chaos.history import (
    Acknowledged,
    Began,
    Delivered,
    Event,
    History,
    Journal,
    Outcome,
    Sending,
    Sent,
    read_journal,
)

EVENTS: list[Event] = [
    Began("G22", "r1"),
    Sending("G22", "r1", 0, ("H26", "G09"), True),
    Sent("G22", "r1", 0, Outcome.OK, "aa"),
    Delivered("G22", "r1", "bb", "H26", 1, 7, False, "văn bản/3"),
    Acknowledged("G22", "r1", "bb", "03"),
]


def write(file: Path) -> None:
    """All kinds of events."""
    journal = Journal(file)
    journal.write(*EVENTS[:2])
    journal.write(*EVENTS[2:])
    journal.close()


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Every kind of event comes back as it was, in order."""
    write(tmp_path / "journal")
    assert EVENTS == list(read_journal(tmp_path / "journal"))


def test_a_line_that_a_killed_process_left_is_passed_over(tmp_path: Path) -> None:
    """Wherever the end was cut off, what stands before it counts, and what a successor wrote after it."""
    file = tmp_path / "journal"
    write(file)
    whole = file.read_bytes()
    for cut in range(0, len(whole), 7):
        file.write_bytes(whole[:cut])
        journal = Journal(file)
        journal.write(Began("G22", "r2"))
        journal.close()
        found = list(read_journal(file))
        assert Began("G22", "r2") == found[-1]
        assert EVENTS[: len(found) - 1] == found[:-1]


def test_a_send_without_an_end_is_unknown() -> None:
    """Nobody can say whether what was being handed over at a kill was stored."""
    events: list[Event] = [
        Sending("G22", "r1", 0, ("H26",), False),
        Sending("G22", "r1", 1, ("H26",), False),
        Sending("G22", "r1", 2, ("H26",), False),
        Sent("G22", "r1", 1, Outcome.OK, "aa"),
        Sent("G22", "r1", 2, Outcome.FAILED, ""),
    ]
    sends = History.of_clients(events).sends
    assert [Outcome.UNKNOWN, Outcome.OK, Outcome.FAILED] == [one.outcome for one in sends]
    assert ["r1/0", "r1/1", "r1/2"] == [one.subject for one in sends]
