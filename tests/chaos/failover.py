"""How long documents stand still when one broker of three is killed: ``python -m chaos.failover --json FILE``.

Documents are handed over every few milliseconds, by turns in the express lane and in an ordinary one, while
one node after the other is killed with SIGKILL. The silence of a lane is the longest time without a delivery
from the kill on; the figure of a kill is the longer one of its two lanes.

How a busy disk bears on it: ``--flushing 3`` lets three programs write 200 MB and flush it without a pause from before
the nodes start, ``--property NAME=VALUE`` gives all nodes other settings, and ``--rounds 0`` measures the start alone.
"""

import argparse
import asyncio
import json
import logging
import multiprocessing
import os
import secrets
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from backbone import Backbone, open_backbone
from lienthong.client import Document
from lienthong.embedded import EmbeddedCluster
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.topics import LEDGER

__all__ = ["Kill", "Stream", "all_in_sync", "healed", "kill_each", "stream"]

_EVERY_SECONDS = 0.02
_WATCH_SECONDS = 8.0
_HEAL_SECONDS = 40.0
_CALM_SECONDS = 2.0
_EXPRESS = 3
_START_SECONDS = 120.0
_PIECE_BYTES = 1 << 20
_PIECES = 200


class Kill(NamedTuple):
    """What the kill of one node did."""

    node: int
    led_controllers: bool
    """Whether its controller led the others."""
    led_lanes: int
    """How many lanes of the ledger it led."""
    silence_seconds: float
    """Longest time without a delivery in a lane, from the kill on."""


class Stream:
    """Documents that flow from one agency to another, and when each arrived."""

    def __init__(self) -> None:
        self.name = secrets.token_hex(4)
        """Part of every subject: what was sent before is not sent again."""
        self.handed = 0
        """Documents handed over."""
        self.arrived: dict[int, list[float]] = defaultdict(list)
        """When documents were delivered, monotonic seconds, by lane."""

    @property
    def delivered(self) -> int:
        """Documents delivered so far."""
        return sum(map(len, self.arrived.values()))

    def silence(self, since: float, until: float) -> float:
        """Longest time without a delivery in any lane, s; both times monotonic."""
        longest = 0.0
        for moments in self.arrived.values():
            marks = [since, *(one for one in moments if since < one < until), until]
            longest = max(longest, *(after - before for before, after in pairwise(marks)))
        return longest


@asynccontextmanager
async def stream(backbone: Backbone, sender: str, recipient: str) -> AsyncIterator[Stream]:
    """Let documents flow for the time of a context; at its end all that were handed over have arrived."""
    found = Stream()
    stopping = asyncio.Event()

    async def send() -> None:
        async with backbone.client(sender) as client:
            while not stopping.is_set():
                priority = _EXPRESS if found.handed % 2 else 0
                await client.send(
                    Document(recipients=(recipient,), subject=f"văn bản {found.name}/{found.handed}", priority=priority)
                )
                found.handed += 1
                await asyncio.sleep(_EVERY_SECONDS)

    async def receive() -> None:
        async with backbone.client(recipient) as client:
            async for delivery in client.receive():
                found.arrived[delivery.lane].append(time.monotonic())

    async with asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(send())
        receiving = tasks.create_task(receive())
        yield found
        stopping.set()
        async with asyncio.timeout(_HEAL_SECONDS):
            await sending
            while found.delivered < found.handed:
                await asyncio.sleep(_EVERY_SECONDS)
        receiving.cancel()


async def healed(cluster: EmbeddedCluster) -> None:
    """Wait until every copy of the ledger is in sync again.

    Raises:
        TimeoutError: it is not in time.
    """
    async with asyncio.timeout(_HEAL_SECONDS):
        while True:
            if await asyncio.to_thread(all_in_sync, cluster, [LEDGER]):
                return
            await asyncio.sleep(0.1)


def all_in_sync(cluster: EmbeddedCluster, topics: Iterable[str]) -> bool:
    """Whether every copy of these topics is in sync; no when nobody answers or one is not there."""
    try:
        return all(
            one.leader and len(one.in_sync) == len(one.replicas)
            for topic in topics
            for one in cluster.partitions(topic).values()
        )
    except UnavailableError:
        return False


async def kill_each(cluster: EmbeddedCluster, flowing: Stream, nodes: Sequence[int]) -> list[Kill]:
    """Kill one node after the other while documents flow, starting each again before the next."""
    kills = []
    for node in nodes:
        await healed(cluster)
        await asyncio.sleep(_CALM_SECONDS)
        controller = await asyncio.to_thread(cluster.controller)
        partitions = await asyncio.to_thread(cluster.partitions, LEDGER)
        since = time.monotonic()
        await asyncio.to_thread(cluster.kill, node)
        await asyncio.sleep(_WATCH_SECONDS)
        silence = flowing.silence(since, time.monotonic())
        led = sum(one.leader == node for one in partitions.values())
        kills.append(Kill(node, controller == node, led, silence))
        await asyncio.to_thread(cluster.up)
    return kills


def _flush_without_pause(file: Path) -> None:
    """Write and flush for ever; a process of its own that is ended from outside."""
    piece = secrets.token_bytes(_PIECE_BYTES)
    while True:
        with file.open("wb") as written:
            for _ in range(_PIECES):
                written.write(piece)
            written.flush()
            os.fsync(written.fileno())


@contextmanager
def _busy_disk(folder: Path, programs: int) -> Iterator[None]:
    flushing = [
        multiprocessing.Process(target=_flush_without_pause, args=(folder / f"flushed-{number}",), daemon=True)
        for number in range(programs)
    ]
    for one in flushing:
        one.start()
    try:
        yield
    finally:
        for one in flushing:
            one.kill()
            one.join()


async def _measure(rounds: int, properties: Mapping[str, str], flushing: int) -> list[Kill]:
    with tempfile.TemporaryDirectory(prefix="lienthong-failover-") as folder, _busy_disk(Path(folder), flushing):
        cluster = EmbeddedCluster(Path(folder) / "kafka", properties=properties)
        since = time.monotonic()
        try:
            bootstrap = await asyncio.to_thread(cluster.up, timeout_seconds=_START_SECONDS)
            print(f"three nodes up after {time.monotonic() - since:.1f} s\n")
            if not rounds:
                return []
            async with open_backbone(Path(folder) / "home", bootstrap, ("G22", "H26")) as backbone:
                for name in ("intake", "dispatch", "notary"):
                    await backbone.start(name)
                async with stream(backbone, "G22", "H26") as flowing:
                    return await kill_each(cluster, flowing, [1, 2, 3] * rounds)
        finally:
            await asyncio.to_thread(cluster.down)


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=2, help="how often each node is killed")
    parser.add_argument("--flushing", type=int, default=0, help="how many programs keep the disk busy")
    parser.add_argument("--property", action="append", default=[], metavar="NAME=VALUE", help="of Kafka, for all nodes")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    options = parser.parse_args()
    # What aiokafka says while a broker is gone is no news here.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    properties = {name: value for name, _, value in (one.partition("=") for one in options.property)}
    try:
        kills = asyncio.run(_measure(options.rounds, properties, options.flushing))
    except UnavailableError as error:
        sys.exit(str(error))
    if not kills:
        return
    print("| node killed | led the controllers | lanes of the ledger it led | longest silence, s |")
    print("|---|---|---|---|")
    for one in kills:
        print(
            f"| {one.node} | {'yes' if one.led_controllers else 'no'} | {one.led_lanes} | {one.silence_seconds:.2f} |"
        )
    silences = [one.silence_seconds for one in kills]
    print(f"\nmedian {statistics.median(silences):.2f} s, longest {max(silences):.2f} s")
    if options.json:
        options.json.write_text(json.dumps([one._asdict() for one in kills], indent=2) + "\n")


if __name__ == "__main__":
    _main()
