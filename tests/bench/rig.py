"""What is measured: a broker and a backbone of their own, for the time of the benchmark."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from lienthong.demo.play import example_agencies
from lienthong.demo.stage import ServiceProcess, provision
from lienthong.embedded import EmbeddedKafka
from lienthong.kernel.bus import Bus
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.topics import TopicSettings
from lienthong.runtime.settings import Settings

__all__ = ["LANES", "SERVICES", "Rig", "cpu_seconds"]

LANES = 2
SERVICES = ("intake", "dispatch", "notary")
_AGENCIES = 2
_ORIGIN = "bench.lienthong"


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used so far; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Rig:
    """A running broker and backbone.

    Attributes:
        settings: home folder and address of Kafka.
        sender: an agency's code.
        recipient: another one's.
        pids: processes by name: kafka and the services.
    """

    settings: Settings
    sender: str
    recipient: str
    pids: dict[str, int]

    @property
    def bootstrap(self) -> str:
        """Address of Kafka."""
        return self.settings.bootstrap

    def watch(self, names: Iterable[str] | None = None) -> dict[str, float]:
        """CPU seconds used so far by Kafka and services, all or some of them."""
        return {name: cpu_seconds(self.pids[name]) for name in names or self.pids}

    def watch_kafka(self) -> dict[str, float]:
        """CPU seconds used so far by Kafka."""
        return self.watch(("kafka",))

    async def make_topics(self, *names: str) -> None:
        """Make topics of one partition for the contestants; what is old may be dropped, to spare the disk."""
        kept = {"retention.bytes": str(1 << 28), "segment.bytes": str(1 << 26)}
        async with Bus.connect(self.settings.kafka(), "bench") as bus:
            await bus.create_topics([TopicSettings(name, 1, kept) for name in names], replication=1)

    @classmethod
    @asynccontextmanager
    async def running(cls, say: Callable[[str], None]) -> "AsyncIterator[Rig]":
        """Start everything; at the end stop it and remove the folder.

        Args:
            say: told in a few words what is going on.

        Raises:
            UnavailableError: something does not start.
        """
        home = Path(tempfile.mkdtemp(prefix="lienthong-bench-"))
        async with AsyncExitStack() as stack:
            stack.callback(shutil.rmtree, home, ignore_errors=True)
            kafka = EmbeddedKafka(home / "kafka", report=say)
            stack.push_async_callback(asyncio.to_thread, kafka.down)
            bootstrap = await asyncio.to_thread(kafka.up)
            settings = Settings(home=home, bootstrap=bootstrap)
            listed = [one for one in example_agencies(_AGENCIES) if one.connected]
            say("provisioning two agencies")
            await provision(home, settings.kafka(), listed, lanes=LANES, origin=_ORIGIN)
            say(f"starting {', '.join(SERVICES)}")
            pids = {"kafka": kafka.status().pid}
            for name in SERVICES:
                service = ServiceProcess(name, settings, home / "log" / f"{name}.log")
                stack.push_async_callback(service.stop)
                await service.start()
                pids[name] = service.pid
            running = {name: pid for name, pid in pids.items() if pid is not None}
            if len(running) < len(pids):
                raise UnavailableError("a service ended as soon as it had started")
            yield cls(settings, listed[0].code, listed[1].code, running)
