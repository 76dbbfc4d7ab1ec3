"""One world: a backbone with its agencies is set up, loaded, hurt, healed, and looked at."""

import asyncio
import atexit
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

from lienthong.client.store import Store
from lienthong.directory.listing import ListedAgency
from lienthong.directory.operator import Operator, make_trust
from lienthong.dispatch.service import serve as dispatch
from lienthong.intake.service import serve as intake
from lienthong.kernel.agency import agency_code
from lienthong.kernel.bus import Row
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.seal import Purpose
from lienthong.kernel.topics import Partition, outbox
from lienthong.notary.service import serve as notary
from lienthong.runtime.context import Context
from lienthong.runtime.metrics import KafkaMetrics
from lienthong.runtime.run import Service, _run_one
from lienthong.runtime.settings import Settings
from memory import folder_in_memory
from simulation.agency import Agency
from simulation.bus import connector
from simulation.checks import check, is_answered, is_finished, seen_wrong
from simulation.history import History
from simulation.kafka import BatchId, Brokers
from simulation.loop import Process, StandstillError, VirtualLoop
from simulation.network import CALM, Network, Weather
from simulation.plan import CHILD, LATE, PARENT, SERVICES, Fault, Plan, draw_plan
from simulation.surroundings import key_named, surroundings

__all__ = ["Outcome", "run_world"]

ORIGIN = "simulation.lienthong"
BACKBONE = "LT"
_EPOCH_MS = 1_790_000_000_000
"""Where wall clocks stand when the loop's time is 0."""
_SKEW_MS = 2_000
_TIMEOUT_SECONDS = 2.0
_PATIENCE_SECONDS = 90.0
"""How long after healing everything must have come to its end."""
_STOP_SECONDS = 30.0
_NODES = 3
_HEALED = Weather(latency_seconds=0.005, slow=0.05, slow_seconds=0.05, retried=0.02)
_SERVE: dict[str, Service] = {"intake": intake, "dispatch": dispatch, "notary": notary}


@dataclass(slots=True)
class Outcome:
    """What became of a world."""

    seed: int
    violations: list[str]
    digest: str
    documents: int
    tail: list[str]
    virtual_seconds: float
    handles: int
    counts: dict[str, int] = field(default_factory=dict)
    """How many times each fault was done."""


@dataclass(slots=True)
class _Instance:
    process: Process
    task: "asyncio.Task[None]"
    stopping: asyncio.Event


@cache
def _home() -> Path:
    """Trust anchor and keys, the same for all worlds of this process."""
    home = Path(tempfile.mkdtemp(prefix="simulation-", dir=folder_in_memory()))
    atexit.register(shutil.rmtree, home)
    key_named("operator").save(home / "keys" / "operator.pem")
    key_named("notary").save(home / "keys" / "notary.pem")
    make_trust(home, ORIGIN)
    return home


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="world-", dir=folder_in_memory()))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def run_world(seed: int, *, tail: int = 200) -> Outcome:
    """Run the world of a seed to its end and check it.

    Args:
        seed: decides everything.
        tail: how many of the history's last lines are returned.
    """
    plan = draw_plan(seed)
    history = History()
    loop = VirtualLoop(Random(f"scheduler {seed}"))
    with _folder() as folder, surroundings(Random(f"machine {seed}"), history):
        world = _World(plan, folder, loop, history)
        try:
            try:
                loop.run_until_complete(world.run())
            except StandstillError:
                world.violations.append("everything waits and nothing will ever happen")
            world.violations += loop.failures
        finally:
            world.close()
            loop.discard()
    return Outcome(
        seed, world.violations, history.digest, len(plan.documents), history.tail(tail), loop.time(), loop.handles,
        {**world.counts, **world.network.counts},
    )  # fmt: skip


class _World:
    def __init__(self, plan: Plan, folder: Path, loop: VirtualLoop, history: History) -> None:
        self.plan = plan
        self.violations: list[str] = []
        self.counts: dict[str, int] = {}
        self._loop = loop
        self._history = history
        self._chance = Random(f"world {plan.seed}")
        self.network = Network(Brokers(), Random(f"network {plan.seed}"), self._now, history)
        self._connect = connector(self.network, batch_bytes=plan.batch_bytes)
        self._settings = Settings(home=_home(), bootstrap="model:9092", timeout_seconds=_TIMEOUT_SECONDS)
        self._trust = self._settings.trust()
        self._instances: dict[str, list[_Instance]] = {}
        self._started = 0
        self._healing = False
        self._agencies: dict[str, Agency] = {}
        self._stores: dict[str, Store] = {}
        self._dying: list[asyncio.Task[None]] = []
        self._folder = folder

    def _now(self) -> int:
        return _EPOCH_MS + int(self._loop.time() * 1000)

    def close(self) -> None:
        """Close the files that the checks opened."""
        for store in self._stores.values():
            store.close()

    # -- the course of it

    async def run(self) -> None:
        """From an empty Kafka to the verdict."""
        plan = self.plan
        await self._provision(plan.agencies)
        self._loop.disk_seconds = plan.disk_seconds
        for code in plan.agencies:
            self._add_agency(code)
        self.network.weather = plan.weather
        for name in (*SERVICES, *plan.agencies):
            self._start(name)
        began = self._loop.time()
        late = [Fault(plan.load_seconds / 3, "connect", LATE, 0.0, 0.0)] if plan.late else []
        for fault in sorted([*plan.faults, *late]):
            await asyncio.sleep(max(0.0, began + fault.at - self._loop.time()))
            self._history.note("world", f"{fault.kind} {fault.victim} {fault.seconds:.3f}")
            self.counts[fault.kind] = self.counts.get(fault.kind, 0) + 1
            await self._do(fault)
        await asyncio.sleep(max(0.0, began + plan.load_seconds - self._loop.time()))
        await self._heal()
        await self._finish()
        if self.violations:
            return
        self.violations += await check(
            plan,
            self.network.brokers,
            self._agencies,
            self._stores,
            self._connect,
            self._settings,
            self._trust,
            self._now,
        )

    async def _provision(self, codes: tuple[str, ...]) -> None:
        operator_key = key_named("operator")

        def clock() -> int:
            # Behind all others: what the operator says now is true for everybody at once.
            return self._now() - _SKEW_MS

        async with Operator.open(self._settings.kafka(), self._trust, operator_key, clock, self._connect) as operator:
            await operator.provision(lanes=self.plan.lanes)
            listed = [ListedAgency(agency_code(code), "", f"Cơ quan {code}", None, True) for code in codes]
            owner = agency_code(BACKBONE)
            if operator.directory.agency(owner) is None:
                listed.insert(0, ListedAgency(owner, "", "Trục liên thông", None, True))
            if PARENT in codes:
                listed.append(ListedAgency(agency_code(CHILD), "", "Đơn vị", agency_code(PARENT), False))
            await operator.add_agencies(listed)
            known = {key.agency for key in operator.directory.keys()}
            if owner not in known:
                await operator.add_key(owner, key_named("notary").public_key, purpose=Purpose.RECEIPT)
            await operator.add_keys([(code, key_named(code).public_key) for code in codes if code not in known])

    def _add_agency(self, code: str) -> None:
        documents = [one for one in self.plan.documents if one.sender == code]
        path = self._folder / code / "store.sqlite"
        self._stores[code] = Store(path)
        self._agencies[code] = Agency(
            code, key_named(code), self._trust, self._settings.kafka(), path, self._connect, documents,
            self.plan.statuses, self._chance, self._history,
        )  # fmt: skip

    # -- processes

    def _start(self, name: str) -> _Instance:
        self._started += 1
        process = Process(f"{name}#{self._started}")
        skew = self._chance.randint(-_SKEW_MS, _SKEW_MS)

        def clock() -> int:
            return self._now() + skew

        stopping = asyncio.Event()
        main: Callable[[], Coroutine[Any, Any, None]]
        if name in _SERVE:
            context = Context(self._settings, self._trust, clock=clock, connect=self._connect)
            metrics = KafkaMetrics.register(context.registry)
            main = partial(_run_one, name, _SERVE[name], context, metrics, stopping)
        else:
            main = partial(self._agencies[name].serve, clock, stopping)
        instance = _Instance(process, self._loop.spawn(process, main()), stopping)
        instance.task.add_done_callback(partial(self._ended, name, instance))
        self._instances.setdefault(name, []).append(instance)
        process.on_death.append(partial(self._died, name, instance))
        self._history.note("world", f"started {process.name}")
        return instance

    def _ended(self, name: str, instance: _Instance, task: "asyncio.Task[None]") -> None:
        if instance in self._instances[name]:
            self._instances[name].remove(instance)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.violations.append(f"{instance.process.name} ended: {_plain(error)}")
        elif not instance.stopping.is_set():
            self.violations.append(f"{instance.process.name} ended without a reason")

    def _died(self, name: str, instance: _Instance) -> None:
        self._history.note("world", f"died {instance.process.name}")
        self._instances[name].remove(instance)

    async def _kill(self, instance: _Instance, steps: int) -> None:
        """Kill a process before its next step but so many, or after a moment if it does nothing."""
        process = instance.process
        process.fatal_step = process.steps + steps
        for _ in range(10):
            if not process.alive or instance.task.done():
                return
            await asyncio.sleep(0.05)
        if process.alive and not instance.task.done():
            self._loop.kill(process)

    # -- faults

    async def _do(self, fault: Fault) -> None:
        match fault.kind:
            case "broker":
                nodes = [node for node in range(_NODES) if fault.drawn < 0.4 or self._chance.random() < 0.4]
                self.network.stop(nodes)
                self._later(self._return_brokers(fault.seconds))
            case "connect":
                self._later(self._connect_late())
            case "poison" | "replay":
                self._write_into_outbox(fault)
            case _:
                instances = self._instances.get(fault.victim)
                if instances:
                    chosen = instances[int(fault.drawn * len(instances))]
                    self._later(self._hurt(fault, chosen))

    def _later(self, action: Coroutine[Any, Any, None]) -> None:
        self._dying.append(self._loop.create_task(action))

    async def _return_brokers(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.network.start()

    async def _connect_late(self) -> None:
        while True:
            try:
                await self._provision((LATE,))
                break
            except UnavailableError:
                await asyncio.sleep(0.2)
        self._add_agency(LATE)
        self._start(LATE)

    async def _hurt(self, fault: Fault, instance: _Instance) -> None:
        name = fault.victim
        match fault.kind:
            case "kill":
                await self._kill(instance, int(fault.drawn * 80))
                await asyncio.sleep(fault.seconds)
                self._ensure(name)
            case "forget":
                await self._kill(instance, int(fault.drawn * 80))
                self.network.brokers.forget_group(f"lt.{name}")
                self._ensure(name)
            case "stop":
                await self._stop(instance)
                self._ensure(name)
            case "pause":
                self._loop.pause(instance.process)
                if fault.drawn < 0.7:
                    self._start(name)
                await asyncio.sleep(fault.seconds)
                self._loop.resume(instance.process)
            case "twin":
                twin = self._start(name)
                await asyncio.sleep(fault.seconds)
                await self._kill(twin if fault.drawn < 0.5 else instance, int(fault.drawn * 80))
                self._ensure(name)
            case other:
                raise AssertionError(other)

    def _ensure(self, name: str) -> None:
        if not self._instances.get(name):
            self._start(name)

    async def _stop(self, instance: _Instance) -> None:
        """SIGTERM, and SIGKILL when it takes too long."""
        instance.stopping.set()
        await asyncio.wait([instance.task], timeout=_STOP_SECONDS)
        if not instance.task.done() and instance.process.alive:
            self._loop.kill(instance.process)

    def _write_into_outbox(self, fault: Fault) -> None:
        """What somebody with the right to write to an out topic may put there: rubbish, or an envelope again."""
        brokers = self.network.brokers
        partition = Partition(outbox(fault.victim), int(fault.drawn * self.plan.lanes))
        records = brokers.fetch(partition, 0, 1_000)
        if fault.kind == "poison":
            value = self._chance.choice((None, b"", b"rubbish", self._chance.randbytes(200)))
        else:
            value = self._chance.choice(records).value
        batch = BatchId(self.network.new_producer(), 0)
        brokers.append(partition, batch, [Row(value, (), b"x")], at=self._now())
        self.network.tell(partition)

    # -- the end

    async def _heal(self) -> None:
        """Everything works from here on; of some services two go on running."""
        self._history.note("world", "heal")
        self.network.weather = CALM if self._chance.random() < 0.5 else _HEALED
        for action in self._dying:
            await action
        self.network.start()
        for name, instances in self._instances.items():
            for instance in instances[1:]:
                if name not in _SERVE or self._chance.random() < 0.5:
                    await self._kill(instance, 0)
            if name not in _SERVE:
                # What one process leaves in the outbox when it dies beside another goes out when the next one starts.
                for instance in list(instances):
                    await self._stop(instance)
            self._ensure(name)

    async def _until_nothing(self, waits: Callable[[], str | None]) -> None:
        """Wait until something is over; that it takes too long is a violation."""
        until = self._loop.time() + _PATIENCE_SECONDS
        while not self.violations and (what := waits()):
            if self._loop.time() > until:
                self.violations.append(f"{_PATIENCE_SECONDS:.0f} s after healing: {what}")
                self.violations += seen_wrong(self.plan, self._agencies)
                return
            await asyncio.sleep(0.5)

    async def _finish(self) -> None:
        """Everything comes to its end, agencies stop, what they said last is answered, services stop."""
        plan, brokers, agencies = self.plan, self.network.brokers, self._agencies
        # What somebody wrote who has given up long ago may still arrive.
        await asyncio.sleep(_TIMEOUT_SECONDS + plan.weather.late_seconds)
        await self._until_nothing(lambda: is_finished(plan, brokers, agencies, self._stores))
        await self._stop_all(tuple(agencies))
        await self._until_nothing(lambda: is_answered(plan, brokers, agencies))
        await self._stop_all(SERVICES)
        self._history.note("world", "finished")

    async def _stop_all(self, names: tuple[str, ...]) -> None:
        for name in names:
            for instance in list(self._instances.get(name, ())):
                instance.stopping.set()
                await asyncio.wait([instance.task], timeout=_STOP_SECONDS)
                if not instance.task.done():
                    self.violations.append(f"{instance.process.name} does not stop")


def _plain(error: BaseException) -> str:
    """An error and those within it, in a line."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(map(_plain, error.exceptions))
    return f"{type(error).__name__}: {error}"
