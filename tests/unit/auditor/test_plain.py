"""What is taken quickly and what is taken one by one must come to the same report, whatever was done to the topics."""

import random
from collections.abc import Callable, Sequence

import pytest

from lienthong.auditor.in_lane import InLane
from lienthong.auditor.out_lane import OutLane
from lienthong.auditor.plain import PlainEntries
from lienthong.kernel.bus import Row
from lienthong.kernel.ledger import Record
from lienthong.kernel.topics import LEDGER, Partition, inbox, outbox
from unit.auditor.audit_world import AGENCIES, BACKBONE, LANES, World, history
from unit.kernel.world import agency, key_named, key_of

PARTITIONS = [
    Partition(topic, lane)
    for lane in range(LANES)
    for topic in (LEDGER, LEDGER, *(name(code) for name in (outbox, inbox) for code in (*AGENCIES, BACKBONE)))
]
HEADERS: list[bytes | None] = [None, b"", b"0", b"-1", b"9" * 30, b"\xff", b"H02", b"document", b"receipt", bytes(32)]


def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switch off what takes several records quickly."""
    monkeypatch.setattr(PlainEntries, "take", lambda *_: 0)
    monkeypatch.setattr(OutLane, "_agreeing", lambda *_: 0)
    monkeypatch.setattr(InLane, "_next_ones", lambda *_: 0)


def damage(world: World, plan: random.Random) -> None:
    """Do something to a record, or to a few."""
    partition = plan.choice([one for one in PARTITIONS if len(world.topics[one]) > 3])
    log = world.topics[partition]
    offset = plan.randrange(1, len(log) - 1)
    record = log[offset]
    kind = plan.randrange(9)
    if kind == 0:
        if record.value:
            world.change(partition, offset)
    elif kind == 1:
        world.remove(partition, offset)
    elif kind == 2:
        world.swap(partition, offset)
    elif kind == 3:
        other = plan.choice(world.topics[plan.choice(PARTITIONS)])
        world.inject(partition, offset, Row(other.value, plan.choice([other.headers, record.headers])))
    elif kind == 4:
        headers = list(record.headers)
        if headers:
            at = plan.randrange(len(headers))
            other = plan.choice(log)
            text = plan.choice([*HEADERS, *(value for name, value in other.headers if name == headers[at][0])])
            headers[at] = (headers[at][0], text)  # type: ignore[assignment] # Kafka allows it
        log[offset] = record._replace(headers=tuple(headers))
    elif kind == 5:
        log[offset] = record._replace(headers=plan.choice(log).headers)
    elif kind == 6:
        log[offset] = record._replace(timestamp=record.timestamp + plan.choice([-700_000, 700_000, 5]))
    elif kind == 7:
        log[offset] = record._replace(value=plan.choice([None, b"", plan.choice(log).value]))
    else:
        del log[offset : offset + plan.randrange(1, 4)]


async def reports(world: World, monkeypatch: pytest.MonkeyPatch, **options: int) -> tuple[object, object]:
    """The same audit, quick and one by one."""
    quick = await world.audit(**options)
    with monkeypatch.context() as patch:
        one_by_one(patch)
        slow = await world.audit(**options)
    return quick.as_json(), slow.as_json()


@pytest.mark.parametrize("seed", range(8))
async def test_damage_is_named_alike_quickly_and_one_by_one(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Findings, notes and every number, after up to three acts of damage, also within a span of time."""
    plan = random.Random(seed)
    clean = 0
    for number in range(24):
        world = history(crashes=number % 2 == 0)
        times = [one.timestamp for one in world.topics[Partition(LEDGER, 1)]]
        for _ in range(plan.randrange(1, 4)):
            damage(world, plan)
        options = {"later_ms": plan.choice([0, 100_000])}
        if number % 3 == 0:
            options |= {"since": times[plan.randrange(30)], "until": times[-plan.randrange(1, 20)]}

        quick, slow = await reports(world, monkeypatch, **options)

        assert quick == slow
        clean += bool(quick["clean"])  # type: ignore[index]
    assert clean < 12


@pytest.mark.parametrize(
    "change",
    [
        lambda world: world.fact(agency("H04", known_from=world.now, connected_from=None, parent="H02"), seen=False),
        lambda world: world.fact(
            key_of("H01", key_named("H01"), version=2, revoked_from=world.now - 1, revocation_known_from=world.now)
        ),
    ],
    ids=["a fact that intake had not read", "a key that was revoked"],
)
async def test_a_directory_that_changed_is_told_alike(
    change: Callable[[World], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verdicts that another state of the directory explains are counted once."""
    world = history()
    world.now += 1_000
    change(world)
    world.send("H01", "H02", "H04", count=3)
    world.send("H02", "H03", count=2)
    world.settle()

    quick, slow = await reports(world, monkeypatch, later_ms=100_000)

    assert quick == slow


async def test_nearly_every_entry_is_taken_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the quick way would be there for nothing: only the first of each source and what is rejected is not."""
    world = World()
    world.settle()
    for _ in range(3):
        world.send("H01", "H02", "H03", count=50)
        world.settle()
    taken: list[int] = []
    take = PlainEntries.take

    def counted(entries: PlainEntries, records: Sequence[Record], start: int, position: int) -> int:
        taken.append(take(entries, records, start, position))
        return taken[-1]

    with monkeypatch.context() as patch:
        patch.setattr(PlainEntries, "take", counted)

        report = await world.audit()

    assert report.clean
    assert report.entries - sum(taken) == 2 * (len(AGENCIES) + 1)
