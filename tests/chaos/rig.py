"""What chaos is let loose on: three brokers, services and agencies, each a process that is replaced when it dies."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from backbone import Backbone, open_backbone
from chaos.processes import Managed, supervise
from lienthong.demo.stage import free_port
from lienthong.embedded import EmbeddedCluster
from lienthong.kernel.errors import UnavailableError

__all__ = ["AGENCIES", "SERVICES", "SMALL_NODE", "Rig"]

AGENCIES = ("G09", "G22", "H26", "H29")
SERVICES = ("intake", "dispatch", "notary")
SMALL_NODE = 3
"""The node whose disk can be filled."""
_SMALL_DISK_MIB = 6_144
_READY_SECONDS = 90.0
_PAUSE_SECONDS = 0.5


class Rig:
    """Everything that runs.

    Args:
        folder: where everything is kept, journals and logs too.
        cluster: the brokers, up.
        backbone: provisioned.
        rate: documents a second of each agency.
    """

    def __init__(self, folder: Path, cluster: EmbeddedCluster, backbone: Backbone, rate: float) -> None:
        self.folder = folder
        self.cluster = cluster
        self.backbone = backbone
        self.brokers = asyncio.Lock()
        """Held by faults of brokers that must not come together."""
        self.small_disk: Path | None = None
        """Where the third node's folder is a small file system of its own."""
        self._ports = {name: free_port() for name in SERVICES}
        (folder / "log").mkdir()
        self.services = {name: self.service(name, self._ports[name]) for name in SERVICES}
        self.agents = {code: self.agent(code, rate) for code in AGENCIES}
        self.extra: list[Managed] = []
        """Second processes beside the first ones, for as long as a fault wants them."""

    def _environment(self) -> dict[str, str]:
        settings = self.backbone.settings
        return {"LIENTHONG_HOME": str(settings.home), "LIENTHONG_BOOTSTRAP": settings.bootstrap}

    def service(self, name: str, port: int = 0) -> Managed:
        """A process of a service, not started."""
        return Managed(
            name,
            ["-m", "lienthong", "run", name, "--http-port", str(port)],
            self.folder / "log" / f"{name}.log",
            self._environment(),
        )

    def agent(self, code: str, rate: float) -> Managed:
        """A process of an agency, not started.

        Args:
            code: which agency.
            rate: documents a second.
        """
        peers = ",".join(one for one in AGENCIES if one != code)
        words = ["-m", "chaos.agent", code, "--peers", peers, "--folder", str(self.folder), "--rate", str(rate)]
        return Managed(code, words, self.folder / "log" / f"{code}.log", self._environment())

    def managed(self) -> list[Managed]:
        """Every process but the brokers'."""
        return [*self.services.values(), *self.agents.values(), *self.extra]

    @classmethod
    @asynccontextmanager
    async def running(cls, folder: Path, rate: float, say: Callable[[str], None]) -> "AsyncIterator[Rig]":
        """Start everything; at the end stop it. The folder stays."""
        cluster = EmbeddedCluster(folder / "kafka")
        small_disk = _mount_small(cluster.folder(SMALL_NODE).root)
        try:
            say("starting three brokers")
            bootstrap = await asyncio.to_thread(cluster.up)
            async with open_backbone(folder / "home", bootstrap, AGENCIES) as backbone:
                rig = cls(folder, cluster, backbone, rate)
                rig.small_disk = small_disk
                supervising = asyncio.create_task(supervise(rig.managed))
                try:
                    say("starting services and agencies")
                    for one in rig.managed():
                        await one.start()
                    await rig.ready()
                    yield rig
                finally:
                    supervising.cancel()
                    await asyncio.wait([supervising])
                    for one in [*rig.agents.values(), *rig.extra, *rig.services.values()]:
                        await one.stop()
        finally:
            await asyncio.to_thread(cluster.down)
            if small_disk is not None:
                _command("umount", "--lazy", str(small_disk))

    async def ready(self) -> None:
        """Wait until all services say that they are ready.

        Raises:
            UnavailableError: one is not in time; says what it waits for.
        """
        waiting: dict[str, object] = {}
        try:
            async with asyncio.timeout(_READY_SECONDS), aiohttp.ClientSession() as http:
                while True:
                    waiting = {}
                    for name, port in self._ports.items():
                        try:
                            async with http.get(f"http://127.0.0.1:{port}/ready") as answer:
                                waiting |= (await answer.json())["waiting"]
                        except aiohttp.ClientError as error:
                            waiting[name] = str(error)
                    if not waiting:
                        return
                    await asyncio.sleep(_PAUSE_SECONDS)
        except TimeoutError as error:
            raise UnavailableError(f"after {_READY_SECONDS:.0f} s there still waits: {waiting}") from error

    async def start_brokers(self, numbers: Sequence[int]) -> None:
        """Start brokers without waiting until they serve; another fault may be at work on them meanwhile.

        Raises:
            UnavailableError: one cannot be started for a long time.
        """
        until = asyncio.get_running_loop().time() + _READY_SECONDS
        left = list(numbers)
        while left:
            try:
                await asyncio.to_thread(self.cluster.start, left[0], timeout_seconds=0)
                left.pop(0)
            except UnavailableError:
                if asyncio.get_running_loop().time() > until:
                    raise
                await asyncio.sleep(_PAUSE_SECONDS)

    async def heal(self, say: Callable[[str], None]) -> None:
        """Start and resume everything, and wait until it works.

        Raises:
            UnavailableError: it does not work in time.
        """
        for number in (1, 2, 3):
            self.cluster.resume(number)
        say("healing: brokers")
        await asyncio.to_thread(self.cluster.up)
        for one in self.extra:
            await one.stop()
        self.extra.clear()
        say("healing: services")
        await self.ready()


def _mount_small(folder: Path) -> Path | None:
    """Make a folder a file system of its own in memory; `None` where we have no right to."""
    folder.mkdir(mode=0o700, parents=True)
    size = f"size={_SMALL_DISK_MIB}m,mode=0700"
    return folder if _command("mount", "-t", "tmpfs", "-o", size, "lienthong-chaos", str(folder)) else None


def _command(*words: str) -> bool:
    try:
        return subprocess.run(words, capture_output=True, check=False, timeout=10).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
