"""A whole backbone on this machine for a while: Kafka, directory, services as processes of their own."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from lienthong.directory.listing import ListedAgency
from lienthong.directory.operator import Operator, make_trust
from lienthong.embedded.ports import first_free
from lienthong.embedded.properties import HOST
from lienthong.kernel.agency import agency_code
from lienthong.kernel.bus import KafkaSettings
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.keys import SigningKey
from lienthong.kernel.seal import Purpose
from lienthong.kernel.trust import Trust
from lienthong.runtime.settings import Settings

__all__ = ["ServiceProcess", "free_port", "merge", "provision"]

_READY_SECONDS = 60.0
_STOP_SECONDS = 20.0


def free_port() -> int:
    """A TCP port of the loopback address that nobody listens on now."""
    return first_free(HOST, ())


async def provision(
    home: Path, kafka: KafkaSettings, listed: Sequence[ListedAgency], *, lanes: int, origin: str, backbone: str = "LT"
) -> Trust:
    """Make keys, trust anchor, topics and directory under a home folder; every connected agency gets a key.

    Safe to repeat.

    Raises:
        UnavailableError: Kafka does not answer.
    """
    trust, key = make_trust(home, origin)
    async with Operator.open(kafka, trust, key) as operator:
        await operator.provision(lanes=lanes)
        owner = ListedAgency(agency_code(backbone), "", f"Trục liên thông {origin}", None, True)
        await operator.add_agencies([owner, *listed])
        known = {one.public_key for one in operator.directory.keys()}
        notary = _key(home / "keys" / "notary.pem")
        if notary.public_key not in known:
            await operator.add_key(owner.code, notary.public_key, purpose=Purpose.RECEIPT)
        keys = [
            (one.code, _key(home / "agencies" / one.code / "signing.pem").public_key) for one in listed if one.connected
        ]
        await operator.add_keys([(code, public_key) for code, public_key in keys if public_key not in known])
    return trust


async def merge(home: Path, kafka: KafkaSettings, code: str, successor: str, *, origin: str) -> None:
    """End an agency and name its successor.

    Raises:
        UnavailableError: Kafka does not answer.
        ValueError: the directory does not know one of them, or it has ended before.
    """
    trust, key = make_trust(home, origin)
    async with Operator.open(kafka, trust, key) as operator:
        await operator.retire(code, [successor])


def _key(path: Path) -> SigningKey:
    if not path.exists():
        SigningKey.generate().save(path)
    return SigningKey.load(path)


class ServiceProcess:
    """One ``lienthong run NAME`` in a process of its own.

    Args:
        name: intake, dispatch, notary, reminder, tracker or all.
        settings: its home folder and the address of Kafka.
        log: file its log goes to.
        options: further options of the command.
    """

    def __init__(self, name: str, settings: Settings, log: Path, options: Sequence[str] = ()) -> None:
        self.name = name
        self.port = free_port()
        self._settings = settings
        self._log = log
        self._options = options
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        """Start it and wait until it says that it is ready.

        Raises:
            UnavailableError: it ended, or is not ready in time; the text says why.
        """
        environment = {
            **os.environ,
            "LIENTHONG_HOME": str(self._settings.home),
            "LIENTHONG_BOOTSTRAP": self._settings.bootstrap,
        }
        if self._settings.tracker_database is not None:
            environment["LIENTHONG_TRACKER_DATABASE"] = self._settings.tracker_database
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "lienthong", "run", self.name, "--http-port", str(self.port), *self._options,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
            )  # fmt: skip
        await self._wait_until_ready()

    async def _wait_until_ready(self) -> None:
        why = "it does not answer"
        try:
            async with asyncio.timeout(_READY_SECONDS), aiohttp.ClientSession() as http:
                while self.pid is not None:
                    try:
                        async with http.get(f"http://127.0.0.1:{self.port}/ready") as answer:
                            if answer.status == 200:  # noqa: PLR2004 - HTTP OK
                                return
                            why = str((await answer.json())["waiting"])
                    except aiohttp.ClientError:
                        pass
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pass
        else:
            why = f"it ended: {self._last_line()}"
        raise UnavailableError(f"service {self.name} is not ready: {why}; its log is {self._log}")

    def _last_line(self) -> str:
        lines = self._log.read_text("utf-8", "replace").strip().splitlines()
        return lines[-1][:300] if lines else "without a word"

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL if that does not help in time."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """SIGKILL."""
        await self._end(signal.SIGKILL)

    async def _end(self, number: signal.Signals) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(number)
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
