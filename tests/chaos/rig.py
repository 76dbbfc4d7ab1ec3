"""What chaos is let loose on: three brokers, services and agencies, each a process that is replaced when it dies."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp

from backbone import Backbone, open_backbone
from chaos.network import AGENTS, SERVICES_SIDE, Network
from chaos.processes import Managed, supervise, together
from lienthong.demo.stage import free_port
from lienthong.directory.operator import Operator
from lienthong.embedded import EmbeddedCluster
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.keys import SigningKey

__all__ = ["AGENCIES", "REMADE", "SERVICES", "SMALL_NODE", "Rig", "small_disk"]

AGENCIES = ("G09", "G22", "H26", "H29")
SILENT = tuple(f"K{number:02}" for number in range(1, 31))
"""Agencies that are connected and send nothing: with so many, intake fetches in sessions (ADR 0029)."""
REMADE = "H53"
"""The agency whose topics are deleted and made again; it is there only where that happens."""
_REMADE_SHARE = 0.2
"""How much of the others' rate it sends."""
SERVICES = ("intake", "dispatch", "notary")
SMALL_NODE = 3
"""The node whose disk can be filled."""
_SMALL_DISK_MIB = 6_144
_READY_SECONDS = 90.0
_HEAL_SECONDS = 600.0
"""A service whose offsets were lost reads the whole ledger again before it is ready."""
_PAUSE_SECONDS = 0.5
_PROBE = aiohttp.ClientTimeout(total=5)


class Rig:
    """Everything that runs.

    Args:
        folder: where everything is kept, journals and logs too.
        cluster: the brokers, up.
        network: between the brokers and all others.
        backbone: provisioned.
        rate: documents a second of each agency.
        remade: whether there is an agency whose topics are deleted and made again.
    """

    def __init__(
        self, folder: Path, cluster: EmbeddedCluster, network: Network, backbone: Backbone, rate: float, *, remade: bool
    ) -> None:
        self.folder = folder
        self.cluster = cluster
        self.network = network
        self.backbone = backbone
        self.codes = (*AGENCIES, REMADE) if remade else AGENCIES
        """All agencies."""
        self.topics = asyncio.Lock()
        """Held by faults of topics, offsets and clocks, each of which the operator mends before the next."""
        self.brokers = asyncio.Lock()
        """Held by faults of brokers that must not come together."""
        self.small_disk: Path | None = None
        """Where the third node's folder is a small file system of its own."""
        self._ports = {name: free_port() for name in SERVICES}
        (folder / "log").mkdir()
        self.services = {name: self.service(name, self._ports[name]) for name in SERVICES}
        self.agents = {code: self.agent(code, rate * (_REMADE_SHARE if code == REMADE else 1)) for code in self.codes}
        self.extra: list[Managed] = []
        """Second processes beside the first ones, for as long as a fault wants them."""

    def _environment(self, party: str) -> dict[str, str]:
        return {
            "LIENTHONG_HOME": str(self.backbone.settings.home),
            "LIENTHONG_BOOTSTRAP": self.network.bootstrap(party),
        }

    def service(self, name: str, port: int = 0) -> Managed:
        """A process of a service, not started."""
        return Managed(
            name,
            ["-m", "lienthong", "run", name, "--http-port", str(port)],
            self.folder / "log" / f"{name}.log",
            self._environment(SERVICES_SIDE),
        )

    def wrong_clock(self, name: str, ahead_ms: int) -> list[str]:
        """The words for a service's process whose clock is so much ahead; below 0: behind."""
        port = str(self._ports[name])
        return ["-m", "chaos.service", name, "--http-port", port, "--clock-ahead-ms", str(ahead_ms)]

    def agent(self, code: str, rate: float) -> Managed:
        """A process of an agency, not started.

        Args:
            code: which agency.
            rate: documents a second.
        """
        peers = ",".join(one for one in self.codes if one != code)
        words = ["-m", "chaos.agent", code, "--peers", peers, "--folder", str(self.folder), "--rate", str(rate)]
        return Managed(code, words, self.folder / "log" / f"{code}.log", self._environment(AGENTS))

    def managed(self) -> list[Managed]:
        """Every process but the brokers'."""
        return [*self.services.values(), *self.agents.values(), *self.extra]

    @classmethod
    @asynccontextmanager
    async def running(
        cls, folder: Path, rate: float, say: Callable[[str], None], *, seed: int = 0, remade: bool = False
    ) -> "AsyncIterator[Rig]":
        """Start everything; at the end stop it, also when it is interrupted. The folder stays.

        Args:
            folder: where everything is kept.
            rate: documents a second of each agency.
            say: is told what goes on.
            seed: decides what chance decides in the network.
            remade: whether there is an agency whose topics are deleted and made again.
        """
        network = Network(seed)
        cluster = EmbeddedCluster(folder / "kafka", listeners=network.listeners)
        with small_disk(cluster.folder(SMALL_NODE).root) as small:
            async with network.opened():
                try:
                    say("starting three brokers")
                    bootstrap = await asyncio.to_thread(cluster.up)
                    codes = (*AGENCIES, *SILENT, REMADE) if remade else (*AGENCIES, *SILENT)
                    async with open_backbone(folder / "home", bootstrap, codes) as backbone:
                        rig = cls(folder, cluster, network, backbone, rate, remade=remade)
                        rig.small_disk = small
                        async with rig._supervised(say):
                            yield rig
                finally:
                    await asyncio.to_thread(cluster.down)

    @asynccontextmanager
    async def _supervised(self, say: Callable[[str], None]) -> AsyncIterator[None]:
        supervising = asyncio.create_task(supervise(self.managed))
        try:
            say("starting services and agencies")
            for one in self.managed():
                await one.start()
            await self.ready()
            yield
        finally:
            supervising.cancel()
            await asyncio.wait([supervising])
            await together(one.stop() for one in self.managed())

    async def ready(self, seconds: float = _READY_SECONDS) -> None:
        """Wait until all services say that they are ready.

        Args:
            seconds: how long.

        Raises:
            UnavailableError: one is not in time; says what it waits for.
        """
        waiting: dict[str, object] = {}
        try:
            async with asyncio.timeout(seconds):
                while True:
                    waiting = {}
                    for name in self._ports:
                        waiting |= await self.waiting(name)
                    if not waiting:
                        return
                    await asyncio.sleep(_PAUSE_SECONDS)
        except TimeoutError as error:
            raise UnavailableError(f"after {seconds:.0f} s there still waits: {waiting}") from error

    async def waiting(self, name: str) -> dict[str, object]:
        """What a service waits for; nothing when it is ready."""
        try:
            async with (
                aiohttp.ClientSession(timeout=_PROBE) as http,
                http.get(f"http://127.0.0.1:{self._ports[name]}/ready") as answer,
            ):
                found: dict[str, object] = (await answer.json())["waiting"]
                return found
        except (aiohttp.ClientError, TimeoutError) as error:
            return {name: str(error) or "it does not answer"}

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
        await asyncio.to_thread(self.cluster.up, timeout_seconds=_HEAL_SECONDS)
        for one in self.extra:
            await one.stop()
        self.extra.clear()
        say("healing: topics")
        async with asyncio.timeout(_HEAL_SECONDS):
            await self.provision()
        say("healing: services")
        await self.ready(_HEAL_SECONDS)

    async def provision(self) -> None:
        """Make the topics that are missing, as the operator does; again and again until it works."""
        while True:
            try:
                async with self.operator() as operator:
                    await operator.provision()
            except UnavailableError:
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                return

    def operator(self) -> AbstractAsyncContextManager[Operator]:
        """The operator of this backbone, connected."""
        settings = self.backbone.settings
        key = SigningKey.load(settings.home / "keys" / "operator.pem")
        return Operator.open(settings.kafka(), self.backbone.trust, key)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """Make a folder a file system of its own in memory for the time of a context; `None` where we have no right to."""
    folder.mkdir(mode=0o700, parents=True)
    size = f"size={_SMALL_DISK_MIB}m,mode=0700"
    mounted = _command("mount", "-t", "tmpfs", "-o", size, "lienthong-chaos", str(folder))
    try:
        yield folder if mounted else None
    finally:
        if mounted:
            _command("umount", "--lazy", str(folder))


def _command(*words: str) -> bool:
    try:
        return subprocess.run(words, capture_output=True, check=False, timeout=10).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
