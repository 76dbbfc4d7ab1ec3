"""Receipts that intake rejects: the sender is told all the same, as soon as clock or key are right."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lienthong.client import Client, Document, State
from lienthong.directory.listing import ListedAgency
from lienthong.directory.operator import Operator, make_trust
from lienthong.dispatch.service import serve as dispatch
from lienthong.intake.service import serve as intake
from lienthong.kernel.agency import agency_code
from lienthong.kernel.ledger import Outcome, is_genesis, read_entry
from lienthong.kernel.reasons import Reason
from lienthong.kernel.seal import Purpose
from lienthong.kernel.topics import LEDGER, Partition
from lienthong.notary.service import serve as notary
from lienthong.runtime.context import Context
from lienthong.runtime.metrics import KafkaMetrics
from lienthong.runtime.settings import Settings
from simulation.bus import connector
from simulation.history import History
from simulation.kafka import Brokers
from simulation.loop import VirtualLoop
from simulation.network import Network
from simulation.surroundings import key_named

NOW = 1_790_000_000_000
MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS
SERVICES: dict[str, Callable[[Context, KafkaMetrics, asyncio.Event], Coroutine[Any, Any, None]]] = {
    "intake": intake,
    "dispatch": dispatch,
    "notary": notary,
}


class Backbone:
    """A backbone with two agencies whose services are started and stopped one by one, each with its clock."""

    def __init__(self, folder: Path) -> None:
        self.brokers = Brokers()
        self.passed_ms = 0
        """How much later it is than the virtual time says."""
        self.ahead_ms = 0
        """How far the notary's clock is ahead."""
        self._loop = VirtualLoop(Random(1))
        self._began = self._loop.time()
        self._connect = connector(Network(self.brokers, Random(2), self.now, History()))
        for name in ("operator", "notary"):
            key_named(name).save(folder / "keys" / f"{name}.pem")
        self._folder = folder
        self._trust, self._key = make_trust(folder, "test")
        self._settings = Settings(home=folder, bootstrap="model:1")

    def now(self) -> int:
        """The right time."""
        return NOW + self.passed_ms + int(1000 * (self._loop.time() - self._began))

    def run(self, action: Callable[[], Awaitable[None]]) -> None:
        """Provision, then do something."""

        async def both() -> None:
            await self._provision()
            await action()

        try:
            self._loop.run_until_complete(both())
        finally:
            self._loop.discard()

    async def _provision(self) -> None:
        async with self.operator() as operator:
            await operator.provision(lanes=2)
            codes = ["H01", "H02", "LT"]
            await operator.add_agencies([ListedAgency(agency_code(code), "", "Cơ quan", None, True) for code in codes])
            await operator.add_key(agency_code("LT"), key_named("notary").public_key, purpose=Purpose.RECEIPT)
            await operator.add_keys([(code, key_named(code).public_key) for code in codes[:2]])

    @asynccontextmanager
    async def operator(self) -> AsyncIterator[Operator]:
        """The operator at work."""
        async with Operator.open(self._settings.kafka(), self._trust, self._key, self.now, self._connect) as operator:
            yield operator

    @asynccontextmanager
    async def running(self, *names: str) -> AsyncIterator[None]:
        """Services that run meanwhile."""
        stopping = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for name in names:
                context = Context(self._settings, self._trust, clock=self._clock_of(name), connect=self._connect)
                tasks.create_task(SERVICES[name](context, KafkaMetrics.register(context.registry), stopping))
            await asyncio.sleep(1.0)
            try:
                yield
            finally:
                stopping.set()

    def _clock_of(self, name: str) -> Callable[[], int]:
        return (lambda: self.now() + self.ahead_ms) if name == "notary" else self.now

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        """The sender."""
        async with Client.open(
            "H01", key_named("H01"), self._trust, self._settings.kafka(), self._folder / "store", self.now,
            self._connect,
        ) as client:  # fmt: skip
            yield client

    def verdicts(self) -> list[str]:
        """Of receipts, in the order of the ledger: empty, or why they were rejected."""
        entries = [
            read_entry(one) for one in self.brokers.fetch(Partition(LEDGER, 1), 0, 10_000) if not is_genesis(one)
        ]
        return [one.reason for one in entries if one.source.agency == "LT" and one.outcome is not Outcome.OPENED]


async def hand_over(client: Client, subject: str = "V/v") -> bytes:
    """A document."""
    return await client.send(Document(recipients=("H02",), subject=subject))


async def state(client: Client, identity: bytes) -> State:
    """How far the sender knows it to have come."""
    progress = await client.progress(identity)
    assert progress is not None
    return progress.state


def test_receipts_of_a_notary_whose_clock_was_ahead_are_said_again(tmp_path: Path) -> None:
    """While it is ahead they are said more and more seldom; when it is right everybody is told."""
    backbone = Backbone(tmp_path)
    backbone.ahead_ms = 10 * MINUTE_MS

    async def play() -> None:
        async with backbone.running("intake", "dispatch", "notary"), backbone.client() as client:
            first = await hand_over(client)
            await asyncio.sleep(120)
            assert State.HANDED_OVER is await state(client, first)
            told = backbone.verdicts()
            assert {Reason.FUTURE} == set(told)
            assert 5 <= len(told) <= 12
            backbone.ahead_ms = 0
            await asyncio.sleep(35)
            assert State.ACCEPTED is await state(client, first)
            second = await hand_over(client, "V/v 2")
            await asyncio.sleep(1)
            assert State.ACCEPTED is await state(client, second)

    backbone.run(play)
    assert ["", ""] == backbone.verdicts()[-2:]
    assert 2 == backbone.verdicts().count("")


@pytest.mark.parametrize("between", [False, True])
def test_receipts_that_expired_while_intake_stood_still_are_said_again(tmp_path: Path, between: bool) -> None:
    """Also when the notary that said them has ended meanwhile: it did not commit what the ledger does not hold.

    Otherwise the sender would take its document for unsent, and sign it anew.
    """
    backbone = Backbone(tmp_path)

    async def play() -> None:
        async with backbone.running("intake"), backbone.client() as client:
            identity = await hand_over(client)
            await asyncio.sleep(1)
        async with backbone.running("notary"):
            await asyncio.sleep(10)
            backbone.passed_ms += 8 * DAY_MS
            if not between:
                async with backbone.running("intake"):
                    await asyncio.sleep(10)
        async with backbone.running("intake", "dispatch", "notary"):
            await asyncio.sleep(10)
            assert {"", Reason.EXPIRED} == set(backbone.verdicts())
            async with backbone.client() as client:
                await client.caught_up()
                assert State.ACCEPTED is await state(client, identity)
                await asyncio.sleep(10)
                summary = await client.summary()
                assert (1, 1, 0) == (summary.documents, summary.accepted, summary.rejected)

    backbone.run(play)


def test_receipts_under_a_key_that_is_registered_too_late_are_said_again(tmp_path: Path) -> None:
    """Nobody has to begin anything anew."""
    backbone = Backbone(tmp_path)
    (tmp_path / "keys" / "notary.pem").unlink()
    key_named("another").save(tmp_path / "keys" / "notary.pem")

    async def play() -> None:
        async with backbone.running("intake", "dispatch", "notary"), backbone.client() as client:
            identity = await hand_over(client)
            await asyncio.sleep(30)
            assert {Reason.UNKNOWN_KEY} == set(backbone.verdicts())
            async with backbone.operator() as operator:
                await operator.add_key(agency_code("LT"), key_named("another").public_key, purpose=Purpose.RECEIPT)
            await asyncio.sleep(35)
            assert State.ACCEPTED is await state(client, identity)

    backbone.run(play)


def test_a_receipt_for_somebody_who_is_gone_holds_nobody_up(tmp_path: Path) -> None:
    """An agency that sends and retires at once, without a successor, cannot be told any more; others are."""
    backbone = Backbone(tmp_path)

    async def play() -> None:
        async with backbone.running("intake"), backbone.client() as client:
            await hand_over(client)
            await asyncio.sleep(1)
        async with backbone.operator() as operator:
            await operator.retire("H01", [])
        async with backbone.running("intake", "dispatch", "notary"):
            await asyncio.sleep(10)
            assert [Reason.UNKNOWN_RECIPIENT] == backbone.verdicts()
            committed = backbone.brokers.committed("lt.notary", Partition(LEDGER, 1))
            assert backbone.brokers.end(Partition(LEDGER, 1)) == committed

    backbone.run(play)
