"""Damage that tests of the auditor do, and what a report says of it."""

from lienthong.auditor.report import Report
from lienthong.kernel.bus import Row
from lienthong.kernel.ledger import read_entry
from lienthong.kernel.topics import LEDGER, Partition, inbox, outbox
from unit.auditor.audit_world import World

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
