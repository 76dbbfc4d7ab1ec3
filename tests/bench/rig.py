"""What is measured: a broker and a backbone of their own, for the time of some workloads."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from lienthong.demo.play import example_agencies
from lienthong.demo.stage import ServiceProcess, provision
from lienthong.embedded import EmbeddedKafka
from lienthong.kernel.bus import Bus
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.topics import TopicSettings
from lienthong.runtime.settings import Settings

__all__ = ["SERVICES", "Rig", "Stage", "cpu_seconds", "held", "resident_mib"]

SERVICES = ("intake", "dispatch", "notary")
_ORIGIN = "bench.lienthong"
_MIB = 2**20


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used so far; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    """Memory of a process that is in RAM now, MiB; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text("utf-8").split()
    except OSError:
        return 0.0
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / _MIB


@contextmanager
def held(pids: Sequence[int]) -> Iterator[Callable[[], None]]:
    """Processes that stand still meanwhile, or until what this yields is called. At the end all go on."""

    def go_on() -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield go_on
    finally:
        go_on()


@dataclass(frozen=True, slots=True)
class Stage:
    """How a rig is set up.

    Attributes:
        name: what it is for, for people.
        agencies: connected agencies at the beginning.
        lanes: of the backbone, the express lane among them.
        heap_mib: memory for the broker's objects.
        services: which are started at the beginning.
    """

    name: str
    agencies: int
    lanes: int = 2
    heap_mib: int = 1024
    services: Sequence[str] = SERVICES


@dataclass(slots=True)
class Rig:
    """A running broker and backbone.

    Attributes:
        stage: how it was set up.
        settings: home folder and address of Kafka.
        kafka_pid: process of the broker.
        agencies: codes of the connected agencies.
        services: processes by name.
    """

    stage: Stage
    settings: Settings
    kafka_pid: int
    agencies: list[str] = field(default_factory=list)
    services: dict[str, ServiceProcess] = field(default_factory=dict)

    @property
    def bootstrap(self) -> str:
        """Address of Kafka."""
        return self.settings.bootstrap

    @property
    def sender(self) -> str:
        """The agency that sends where two are enough."""
        return self.agencies[0]

    @property
    def recipient(self) -> str:
        """The agency that receives where two are enough."""
        return self.agencies[1]

    @property
    def pids(self) -> dict[str, int]:
        """Running processes by name: kafka and the services."""
        services = {name: one.pid for name, one in self.services.items()}
        return {"kafka": self.kafka_pid, **{name: pid for name, pid in services.items() if pid is not None}}

    def watch(self, names: Iterable[str] | None = None) -> dict[str, float]:
        """CPU seconds used so far by Kafka and services, all or some of them."""
        pids = self.pids
        return {name: cpu_seconds(pids[name]) for name in names or pids}

    def watch_kafka(self) -> dict[str, float]:
        """CPU seconds used so far by Kafka."""
        return self.watch(("kafka",))

    def memory(self) -> dict[str, float]:
        """Memory in RAM of Kafka and services, MiB."""
        return {name: resident_mib(pid) for name, pid in self.pids.items()}

    def disk_bytes(self) -> int:
        """What Kafka's records take up on disk."""
        return sum(one.stat().st_size for one in (self.settings.home / "kafka" / "data").rglob("*.log"))

    async def make_topics(self, *names: str) -> None:
        """Make topics of one partition for the contestants; what is old may be dropped, to spare the disk."""
        kept = {"retention.bytes": str(1 << 28), "segment.bytes": str(1 << 26)}
        async with Bus.connect(self.settings.kafka(), "bench") as bus:
            await bus.create_topics([TopicSettings(name, 1, kept) for name in names], replication=1)

    async def grow(self, agencies: int) -> None:
        """Connect more agencies until there are so many; the services that run notice by themselves.

        Raises:
            UnavailableError: Kafka does not answer.
        """
        if agencies <= len(self.agencies):
            return
        listed = [one for one in example_agencies(agencies) if one.connected]
        await provision(self.settings.home, self.settings.kafka(), listed, lanes=self.stage.lanes, origin=_ORIGIN)
        self.agencies = [one.code for one in listed]

    async def start(self, name: str, *, lanes: str = "", alias: str = "") -> None:
        """Start a service and wait until it is ready.

        Args:
            name: which one.
            lanes: those it serves, as `--lanes` takes them; empty: all.
            alias: what its process is called here; its own name by default.

        Raises:
            UnavailableError: it is not ready in time.
        """
        alias = alias or name
        log = self.settings.home / "log" / f"{alias}.log"
        service = ServiceProcess(name, self.settings, log, ("--lanes", lanes) if lanes else ())
        self.services[alias] = service
        await service.start()
        if service.pid is None:
            raise UnavailableError(f"{alias} ended as soon as it had started; its log is {log}")

    async def stop(self, *names: str) -> None:
        """Stop services, by default all, in an orderly way."""
        for name in names or tuple(self.services):
            service = self.services.pop(name, None)
            if service is not None:
                await service.stop()

    @classmethod
    @asynccontextmanager
    async def running(cls, stage: Stage, say: Callable[[str], None]) -> "AsyncIterator[Rig]":
        """Start everything; at the end stop it and remove the folder.

        Args:
            stage: the set-up.
            say: told in a few words what is going on.

        Raises:
            UnavailableError: something does not start.
        """
        home = Path(tempfile.mkdtemp(prefix="lienthong-bench-"))
        async with AsyncExitStack() as stack:
            stack.callback(shutil.rmtree, home, ignore_errors=True)
            kafka = EmbeddedKafka(home / "kafka", heap_mib=stage.heap_mib, report=say)
            stack.push_async_callback(asyncio.to_thread, kafka.down)
            bootstrap = await asyncio.to_thread(kafka.up)
            pid = kafka.status().pid
            if pid is None:
                raise UnavailableError("Kafka ended as soon as it had started")
            rig = cls(stage, Settings(home=home, bootstrap=bootstrap), pid)
            say(f"{stage.name}: provisioning {stage.agencies} agencies")
            await rig.grow(stage.agencies)
            stack.push_async_callback(rig.stop)
            for name in stage.services:
                say(f"starting {name}")
                await rig.start(name)
            yield rig
