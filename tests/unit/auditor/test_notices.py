"""Notices under audit: a true one is counted, a false one is named where it stands."""

from typing import Any

import pytest

from lienthong.auditor.notices import NoticeCheck
from lienthong.kernel.ledger import read_entry
from lienthong.kernel.statement import Kind
from lienthong.kernel.topics import LEDGER, Partition
from unit.auditor.audit_world import World, history
from unit.auditor.damage import named, total

LANE = Partition(LEDGER, 1)
HOUR_MS = 3_600_000


def positions(world: World, kind: Kind) -> list[int]:
    """Where entries of a kind stand in lane 1."""
    return [one.offset for one in world.topics[LANE][1:] if read_entry(one).kind == kind]


class Case:
    """A history, and then one document for two recipients, of whom H02 acknowledges it."""

    def __init__(self) -> None:
        self.world = history()
        (self.document,) = self.world.send("H01", "H02", "H03")
        self.world.settle()
        self.position = positions(self.world, Kind.DOCUMENT)[-1]
        self.world.acknowledge("H02", "H01", [self.document])
        self.world.settle()
        self.world.now += HOUR_MS

    def line(self, **changes: Any) -> dict[str, Any]:
        """What is true."""
        return {
            "document": self.document, "position": self.position, "recipient": "H03",
            "expired_at": self.world.now - 1, **changes,
        }  # fmt: skip


async def test_a_true_notice_is_verified() -> None:
    """One of several lines too, and said twice: that harms nobody."""
    case = Case()
    world = case.world
    world.notice("H01", case.line())
    world.notice("H01", case.line())
    world.settle()
    world.acknowledge("H03", "H01", [case.document])
    world.settle()
    report = await world.audit()
    assert report.clean, named(report)
    assert 2 == total(report, "notice_lines")
    assert report.entries == report.verified


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"recipient": "H02"}, "H02 had acknowledged the document at ledger offset"),
        ({"recipient": "H01"}, "does not go to H01"),
        ({"recipient": "H09\x1b"}, "does not go to H09?"),
        ({"document": b"\x01" * 32}, f"no document {'01' * 32} of H01 stands at ledger offset"),
        ({"position": 10**6}, "before it there is no ledger offset 1000000"),
        ({"position": -1}, "before it there is no ledger offset -1"),
        ({"position": 1}, "of H01 stands at ledger offset 1"),
        ({"expired_at": 2**60}, "was not over when it says"),
        ({"expired_at": 0}, "was not over when it says"),
    ],
)
async def test_a_false_notice_is_named(changes: dict[str, Any], words: str) -> None:
    """By its lane and offset, once for all its lines."""
    case = Case()
    case.world.notice("H01", case.line(), case.line(**changes))
    case.world.settle()
    report = await case.world.audit()
    said_at = positions(case.world, Kind.NOTICE)[0]
    assert [(LEDGER, 1, said_at)] == named(report)
    what = report.damage()[0].what
    assert what.startswith("this notice for H01 is not true: ")
    assert words in what
    assert report.entries == report.verified + 1


async def test_a_notice_for_another_sender_or_lane_is_named() -> None:
    """The document is not that agency's; the lane is not the one it stands in."""
    case = Case()
    case.world.notice("H02", case.line())
    case.world.notice("H01", case.line(), spoken_of=0)
    case.world.settle()
    report = await case.world.audit()
    assert [(LEDGER, 1, said_at) for said_at in positions(case.world, Kind.NOTICE)] == named(report)
    assert ["no document", "it speaks of lane 0"] == [
        one.what.partition(": ")[2][:length] for one, length in zip(report.damage(), (11, 19), strict=True)
    ]


async def test_an_acknowledgement_that_crosses_the_notice_is_no_damage() -> None:
    """Neither knew of the other."""
    case = Case()
    line = case.line()
    case.world.acknowledge("H03", "H01", [case.document])
    case.world.settle()
    case.world.notice("H01", line)
    case.world.settle()
    report = await case.world.audit()
    assert report.clean, named(report)


async def test_an_acknowledgement_of_what_lies_far_back_is_known_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fold forgets ids in time; the newest of such acknowledgements are remembered."""
    case = Case()
    case.world.now += 30 * 24 * HOUR_MS
    for _ in range(2):  # ids are forgotten in two steps
        case.world.send("H01", "H02")
        case.world.settle()
        case.world.now += 10 * 24 * HOUR_MS
    case.world.acknowledge("H03", "H01", [case.document])
    case.world.settle()
    case.world.now += HOUR_MS
    case.world.notice("H01", case.line())
    case.world.settle()
    report = await case.world.audit()
    assert [(LEDGER, 1, positions(case.world, Kind.NOTICE)[0])] == named(report)
    assert "H03 had acknowledged" in report.damage()[0].what

    monkeypatch.setattr("lienthong.auditor.notices._MOST_LATE", 0)
    check = NoticeCheck.__new__(NoticeCheck)
    check._late = {(b"1", "H01"): 1}
    check.answered_late(b"2", "H01", 5)
    assert {(b"2", "H01"): 5} == check._late


async def test_what_lies_before_the_part_that_is_audited_is_not_checked() -> None:
    """It cannot be told; nothing is named."""
    case = Case()
    since = case.world.now
    case.world.notice("H01", case.line(recipient="H02"))
    case.world.settle()
    report = await case.world.audit(since=since)
    assert report.clean, named(report)
    assert total(report, "not_checked") >= 1
    assert 1 == total(report, "notice_lines")
