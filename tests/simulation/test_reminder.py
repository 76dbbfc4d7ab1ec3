"""Reminders that are killed at any await, or have a double, in a model of Kafka on virtual time."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lienthong.client import Document
from lienthong.directory.listing import ListedAgency
from lienthong.directory.operator import Operator, make_trust
from lienthong.intake.service import serve as intake
from lienthong.kernel.agency import agency_code
from lienthong.kernel.bus import Row
from lienthong.kernel.command import RELEASE, Original, make_command
from lienthong.kernel.envelope import decode_envelope, encode_envelope, envelope_id
from lienthong.kernel.fold import Count, LedgerFold
from lienthong.kernel.keys import SigningKey
from lienthong.kernel.lanes import thread_in_lane
from lienthong.kernel.ledger import Outcome, is_genesis, read_entry
from lienthong.kernel.seal import Purpose, seal_batch
from lienthong.kernel.statement import Kind, Statement, decode_statement, encode_statement, make_statement
from lienthong.kernel.topics import LEDGER, Partition, outbox
from lienthong.kernel.trust import Trust
from lienthong.reminder.service import serve as reminder
from lienthong.runtime.context import Context
from lienthong.runtime.metrics import KafkaMetrics
from lienthong.runtime.run import Service
from lienthong.runtime.settings import Settings
from simulation.bus import connector
from simulation.history import History
from simulation.kafka import Brokers
from simulation.loop import Process, VirtualLoop
from simulation.network import Network
from simulation.surroundings import key_named, surroundings

EPOCH_MS = 1_790_000_000_000
ORIGIN, BACKBONE, SENDER = "test", "LT", "H01"
RECIPIENTS = ("H02", "H03")
LANES, DOCUMENTS = 2, 12
DAY_MS = 86_400_000
WITHIN_SECONDS = 30


class World:
    """A backbone with intake and reminders; what agencies say is written to their out topics."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.loop = VirtualLoop(Random(f"scheduler {seed}"))
        self.chance = Random(f"world {seed}")
        self.brokers = Brokers()
        self.network = Network(self.brokers, Random(f"network {seed}"), self.now, History())
        self.connect = connector(self.network)
        file = folder / "deadlines.toml"
        file.write_text(f'[expiry]\nwithin = "PT{WITHIN_SECONDS}S"\n', "utf-8")
        key_named("operator").save(folder / "keys" / "operator.pem")
        key_named("notary").save(folder / "keys" / "notary.pem")
        self.settings = Settings(home=folder, bootstrap="model:1", deadlines_file=file, timeout_seconds=2.0)
        self.trust: Trust
        self.trust, self.operator = make_trust(folder, ORIGIN)
        self.sent: list[bytes] = []

    def now(self) -> int:
        """By everybody's clock."""
        return EPOCH_MS + int(self.loop.time() * 1000)

    async def provision(self) -> None:
        """Agencies and their keys."""
        async with Operator.open(
            self.settings.kafka(), self.trust, self.operator, lambda: self.now() - 1_000, self.connect
        ) as operator:
            await operator.provision(lanes=LANES)
            codes = (BACKBONE, SENDER, *RECIPIENTS)
            await operator.add_agencies([ListedAgency(agency_code(code), "", code, None, True) for code in codes])
            await operator.add_key(agency_code(BACKBONE), key_named("notary").public_key, purpose=Purpose.RECEIPT)
            await operator.add_keys([(code, key_named(code).public_key) for code in (SENDER, *RECIPIENTS)])

    def start(self, service: Service) -> Process:
        """Run a service in a process of its own."""
        process = Process(service.__module__)
        context = Context(self.settings, self.trust, clock=self.now, connect=self.connect)
        metrics = KafkaMetrics.register(context.registry)

        async def main() -> None:
            await service(context, metrics, asyncio.Event())

        self.loop.spawn(process, main())
        return process

    def kill_soon(self, process: Process) -> None:
        """Before one of its next steps."""
        process.fatal_step = process.steps + self.chance.randrange(120)

    async def write(
        self, agency: str, lane: int, kind: Kind, recipients: Sequence[str], body: dict[str, Any], *, ago_ms: int = 0
    ) -> bytes:
        """Write a statement to an agency's out topic that was made some time ago."""
        statement = encode_statement(
            make_statement(
                sender=agency, recipients=list(recipients), thread=thread_in_lane(lane, LANES),
                created=self.now() - ago_ms,
                priority=3 if lane == 0 and kind is Kind.DOCUMENT else 0, kind=kind, body=body,
            )
        )  # fmt: skip
        key: SigningKey = key_named(agency)
        (seal,) = seal_batch(
            [envelope_id(statement)], key=key, origin=ORIGIN, sender=agency, purpose=Purpose.EXCHANGE,
            signed_at=self.now(),
        )  # fmt: skip
        async with self.connect(self.settings.kafka(), "test") as bus, bus.publisher() as publisher:
            await publisher.append({Partition(outbox(agency), lane): [Row(encode_envelope(statement, (), seal))]})
        return envelope_id(statement)

    async def release(self, document: bytes) -> None:
        """The operator releases a document, whatever intake said of it."""
        for lane in range(LANES):
            for record in self.brokers.fetch(Partition(LEDGER, lane), 0, 10_000):
                if is_genesis(record) or (entry := read_entry(record)).id != document:
                    continue
                out = self.brokers.fetch(Partition(outbox(SENDER), lane), entry.source.offset, 1)
                value = out[0].value or b""
                original = Original(value, entry.position, entry.judged_at, entry.known_at)
                to = [*RECIPIENTS, SENDER]
                made = make_command(RELEASE, original, to, "chờ lâu", backbone=BACKBONE, now=self.now())
                statement = encode_statement(made)
                (seal,) = seal_batch(
                    [envelope_id(statement)], key=self.operator, origin=ORIGIN, sender=BACKBONE,
                    purpose=Purpose.COMMAND, signed_at=self.now(),
                )  # fmt: skip
                row = Row(encode_envelope(statement, [value], seal))
                async with self.connect(self.settings.kafka(), "test") as bus, bus.publisher() as publisher:
                    await publisher.append({Partition(outbox(BACKBONE), lane): [row]})

    async def exchange(self) -> None:
        """Documents for both recipients, of which the first acknowledges every second one."""
        for number in range(DOCUMENTS):
            lane = number % LANES
            body = Document(recipients=RECIPIENTS, subject=f"V/v {number}").to_body()
            sent = await self.write(SENDER, lane, Kind.DOCUMENT, RECIPIENTS, body)
            self.sent.append(sent)
            if number % 4 < 2:
                says = {"documents": [sent], "status": "01", "reason": ""}
                await self.write(RECIPIENTS[0], lane, Kind.ACKNOWLEDGEMENT, [SENDER], says)
            await asyncio.sleep(1.0)

    def unread(self) -> set[tuple[bytes, str]]:
        """What is to be told."""
        return {
            (document, code)
            for number, document in enumerate(self.sent)
            for code in (RECIPIENTS if number % 4 >= 2 else RECIPIENTS[1:])
        }

    def notices(self) -> list[Statement]:
        """All notices of the ledger that count."""
        found = []
        for lane in range(LANES):
            fold = LedgerFold(complete=True)
            for record in self.brokers.fetch(Partition(LEDGER, lane), 0, 10_000):
                if is_genesis(record):
                    continue
                entry = read_entry(record)
                if fold.take(entry) is not Count.COUNTS or entry.kind != Kind.NOTICE:
                    continue
                assert (Outcome.ACCEPTED, (SENDER,)) == (entry.outcome, entry.routes)
                found.append(decode_statement(decode_envelope(record.value or b"").statement))
        return found

    def lines(self) -> Counter[tuple[bytes, str]]:
        """How often each document and recipient is named."""
        return Counter((line["document"], line["recipient"]) for one in self.notices() for line in one.body["entries"])


def run(folder: Path, seed: int, course: Callable[[World], Any]) -> World:
    """Run a world through its course."""
    world = World(folder, seed)
    with surroundings(Random(f"machine {seed}"), History()):
        try:
            world.loop.run_until_complete(course(world))
            assert [] == world.loop.failures
        finally:
            world.loop.discard()
    return world


@pytest.mark.parametrize("seed", range(12))
def test_a_reminder_killed_at_any_await_says_everything_once(tmp_path: Path, seed: int) -> None:
    """It is killed again and again while documents expire, and intake is killed too."""

    async def course(world: World) -> None:
        await world.provision()
        judging, reminding = world.start(intake), world.start(reminder)
        await world.exchange()
        for _ in range(10):
            await asyncio.sleep(world.chance.uniform(1.0, 8.0))
            world.kill_soon(reminding)
            if world.chance.random() < 0.3:
                world.kill_soon(judging)
            await asyncio.sleep(2.0)
            if not judging.alive:
                judging = world.start(intake)
            if not reminding.alive:
                reminding = world.start(reminder)
        await asyncio.sleep(60.0)

    world = run(tmp_path, seed, course)
    assert dict.fromkeys(world.unread(), 1) == world.lines()


@pytest.mark.parametrize("seed", range(4))
def test_a_double_leaves_nothing_out_and_invents_nothing(tmp_path: Path, seed: int) -> None:
    """Two reminders, and brokers that go away: some may be said twice, in the end nobody says anything more."""

    async def course(world: World) -> None:
        await world.provision()
        world.start(intake)
        world.start(reminder)
        await world.exchange()
        world.start(reminder)
        await asyncio.sleep(WITHIN_SECONDS - 6.0)
        for _ in range(3):
            world.network.stop([world.chance.randrange(3)])
            await asyncio.sleep(world.chance.uniform(1.0, 6.0))
            world.network.start()
            await asyncio.sleep(world.chance.uniform(1.0, 10.0))
        await asyncio.sleep(90.0)
        said = world.lines().total()
        await asyncio.sleep(120.0)
        assert said == world.lines().total()

    world = run(tmp_path, seed, course)
    assert world.unread() == world.lines().keys()


def test_nothing_is_said_while_intake_has_not_taken_what_is_written(tmp_path: Path) -> None:
    """One notice for all that expired meanwhile, in each lane; and none while it is on its way."""

    async def course(world: World) -> None:
        await world.provision()
        judging, reminding = world.start(intake), world.start(reminder)
        await world.exchange()
        world.loop.kill(judging)
        await asyncio.sleep(2 * WITHIN_SECONDS)
        written = [world.brokers.end(Partition(outbox(BACKBONE), lane)) for lane in range(LANES)]
        world.loop.kill(reminding)
        world.start(reminder)
        await asyncio.sleep(2 * WITHIN_SECONDS)
        assert written == [world.brokers.end(Partition(outbox(BACKBONE), lane)) for lane in range(LANES)]
        assert [] == world.notices()
        world.start(intake)
        await asyncio.sleep(WITHIN_SECONDS)

    world = run(tmp_path, 1, course)
    assert dict.fromkeys(world.unread(), 1) == world.lines()


def test_what_the_operator_releases_is_told_unless_it_was_accepted_before(tmp_path: Path) -> None:
    """Also when the reminder begins anew after it; one that was accepted and acknowledged is not opened again."""

    async def course(world: World) -> None:
        await world.provision()
        world.start(intake)
        reminding = world.start(reminder)
        body = Document(recipients=RECIPIENTS, subject="V/v").to_body()
        late, accepted = [
            await world.write(SENDER, 1, Kind.DOCUMENT, RECIPIENTS, body, ago_ms=ago) for ago in (8 * DAY_MS, 0)
        ]
        for code in RECIPIENTS:
            says = {"documents": [accepted], "status": "01", "reason": ""}
            await world.write(code, 1, Kind.ACKNOWLEDGEMENT, [SENDER], says)
        await asyncio.sleep(2.0)
        for document in (late, accepted, late):
            await world.release(document)
        await asyncio.sleep(WITHIN_SECONDS / 2)
        world.loop.kill(reminding)
        world.start(reminder)
        await asyncio.sleep(2 * WITHIN_SECONDS)
        world.sent = [late]

    world = run(tmp_path, 1, course)
    assert {(world.sent[0], code): 1 for code in RECIPIENTS} == world.lines()
