"""Verdicts computed again agree with what intake could know, also while the directory was being changed."""

from lienthong.kernel.lanes import new_thread
from lienthong.kernel.topics import LEDGER, Partition, outbox
from unit.auditor.audit_world import World
from unit.kernel.world import agency, key_named, key_of

LANE = Partition(LEDGER, 1)


async def test_a_key_revoked_later_leaves_old_verdicts_alone() -> None:
    """Facts recorded after the judgement are not used."""
    world = World()
    world.send("H01", "H02")
    world.settle()
    key = key_of("H01", key_named("H01"), known_from=world.now - 10_000, valid_from=world.now - 10_000)
    world.now += 1
    world.fact(key._replace(version=2, revoked_from=world.now - 5_000, revocation_known_from=world.now))
    world.send("H01", "H02")
    world.settle()

    report = await world.audit()

    assert report.clean
    assert sum(lane.reconsidered for lane in report.lanes) == 0
    assert sum(lane.rejected for lane in report.lanes) == 1


async def test_a_directory_change_that_intake_had_read_half_of_is_no_damage() -> None:
    """Facts recorded together carry one moment; intake judged when it had the first of them only."""
    world = World()
    world.now += 1_000
    moment = world.now
    world.fact(agency("H04", known_from=moment, connected_from=None, parent="H02"))
    world.fact(agency("H05", known_from=moment, connected_from=None, parent="H02"), created=moment, seen=False)
    world.send("H01", "H04")
    world.send("H01", "H05")
    world.intake()
    world.settle()

    report = await world.audit()

    assert report.damage() == []
    assert sum(lane.rejected for lane in report.lanes) == 1
    assert sum(lane.reconsidered for lane in report.lanes) == 1


async def test_an_agency_that_moved_beneath_another_leaves_old_routes_alone() -> None:
    """The newest version has another parent; the directory gives what intake knew, nothing is tried again."""
    world = World()
    child = agency("H04", known_from=world.now, connected_from=None, parent="H02")
    world.fact(child)
    world.send("H01", "H04", count=3)
    world.settle()
    world.now += 100_000
    world.fact(child._replace(version=2, parent="H03"))
    world.send("H01", "H04")
    world.settle()

    report = await world.audit()

    assert report.damage() == []
    assert sum(lane.reconsidered for lane in report.lanes) == 0


async def test_no_state_of_the_directory_excuses_a_false_acceptance() -> None:
    """A sender that was never known is not believed, whatever is tried."""
    world = World()
    statement = world.statement("H01", "H02")._replace(sender="H09", thread=new_thread(express=True))
    world.write("H01", 0, world.seal([statement])[0])
    world.settle()
    lane = Partition(LEDGER, 0)
    position = len(world.topics[lane]) - 2
    rejected = world.topics[lane][position]
    headers = (("verdict", b"accepted"), *rejected.headers[1:3], ("routes", b"H02"))
    value = world.topics[Partition(outbox("H01"), 0)][-1].value
    world.topics[lane][position] = rejected._replace(value=value, headers=headers)

    report = await world.audit()

    assert [(one.topic, one.lane, one.offset) for one in report.damage()] == [(LEDGER, 0, position)]
