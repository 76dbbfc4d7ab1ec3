"""The exchange itself: every agency sends its share, receives, acknowledges; everything is counted."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from lienthong.client import Client, Status, connect
from lienthong.demo.pattern import Planned
from lienthong.kernel.clock import now_ms
from lienthong.kernel.errors import UnavailableError
from lienthong.runtime.settings import Settings

__all__ = ["Result", "exchange"]

_SEND_AT_ONCE = 100
_STALLED_SECONDS = 60.0


@dataclass(slots=True)
class Result:
    """What came of it. Times in seconds; a latency is from hand-over to the recipient's hands."""

    documents: int = 0
    expected: int = 0
    """Deliveries that the plan asks for."""
    handed_over: int = 0
    deliveries: int = 0
    repeated: int = 0
    refused: int = 0
    acknowledged: int = 0
    """Documents of which the sender holds verified acknowledgements of every recipient."""
    rejected: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    express_latencies: list[float] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """Deliveries asked for that never came."""
        return self.expected - (self.deliveries - self.repeated)

    @staticmethod
    def percentile(latencies: Sequence[float], share: float) -> float:
        """The latency, in milliseconds, that this share of deliveries did not exceed."""
        ordered = sorted(latencies)
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 1) if ordered else 0.0


async def exchange(
    planned: Sequence[Planned], agencies: Sequence[str], settings: Settings, report: Callable[[Result], None]
) -> Result:
    """Let agencies exchange documents until every one of them is acknowledged.

    Args:
        planned: what is sent.
        agencies: who takes part.
        settings: home folder with their keys, and Kafka.
        report: called again and again with the counts so far.

    Raises:
        UnavailableError: nothing went on for a minute.
    """
    result = Result(documents=len(planned), expected=sum(len(one.document.recipients) for one in planned))
    shares: dict[str, list[Planned]] = defaultdict(list)
    for one in planned:
        shares[one.sender].append(one)
    async with AsyncExitStack() as stack:
        clients = {code: await stack.enter_async_context(connect(code, settings)) for code in agencies}
        before = await _outboxes(list(clients.values()))
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as tasks:
            receiving = [tasks.create_task(_receive(client, result)) for client in clients.values()]
            for code, share in shares.items():
                tasks.create_task(_send(clients[code], share, result))
            await _finish(list(clients.values()), before, result, report)
            result.seconds = loop.time() - began
            for task in receiving:
                task.cancel()
        result.refused = sum(client.refused for client in clients.values())
    return result


async def _send(client: Client, share: Sequence[Planned], result: Result) -> None:
    for at in range(0, len(share), _SEND_AT_ONCE):
        some = share[at : at + _SEND_AT_ONCE]
        await client.send_many([(one.document, one.files) for one in some])
        result.handed_over += len(some)


async def _receive(client: Client, result: Result) -> None:
    seen: Counter[bytes] = Counter()
    async for delivery in client.receive():
        seen[delivery.id] += 1
        result.deliveries += 1
        result.repeated += seen[delivery.id] > 1
        seconds = (now_ms() - delivery.statement.created) / 1000
        result.latencies.append(seconds)
        if delivery.lane == 0:
            result.express_latencies.append(seconds)
        await delivery.acknowledge(Status.ACCEPTED)


async def _outboxes(clients: Sequence[Client]) -> tuple[int, int]:
    """Documents acknowledged and rejected so far, over all outboxes."""
    summaries = [await client.summary() for client in clients]
    return sum(one.acknowledged for one in summaries), sum(one.rejected for one in summaries)


async def _finish(
    clients: Sequence[Client], before: tuple[int, int], result: Result, report: Callable[[Result], None]
) -> None:
    loop = asyncio.get_running_loop()
    last, changed_at = (-1, -1), loop.time()
    while result.acknowledged + result.rejected < result.documents:
        await asyncio.sleep(0.05)
        if result.deliveries >= result.expected:
            acknowledged, rejected = await _outboxes(clients)
            result.acknowledged, result.rejected = acknowledged - before[0], rejected - before[1]
        report(result)
        now = (result.deliveries, result.acknowledged)
        if now != last:
            last, changed_at = now, loop.time()
        elif loop.time() - changed_at > _STALLED_SECONDS:
            raise UnavailableError(
                f"nothing went on for {_STALLED_SECONDS:.0f} s: {result.deliveries} of {result.expected} deliveries,"
                f" {result.acknowledged} of {result.documents} documents acknowledged"
            )
