"""W1: documents that are signed, judged, entered, delivered, acknowledged, and whose sender knows it."""

from bench.crew import Beside, Gate, Outcome, Role, run_crew
from bench.rig import Rig
from bench.sizes import VALUE_BYTES
from lienthong.client import Document, File, InvariantError, Status, connect
from lienthong.runtime.settings import Settings

__all__ = ["bench_document", "receive", "round_trip", "text_of"]

_TOGETHER = 250
"""Documents handed over in one call."""
_LINE = "Kính gửi các cơ quan. ".encode()


def text_of(size: int) -> bytes:
    """So many bytes of text."""
    return (_LINE * (size // len(_LINE) + 1))[:size]


_CONTENT = text_of(VALUE_BYTES)


def bench_document(
    number: int, recipient: str, mark: str, content: bytes = _CONTENT
) -> tuple[Document, tuple[File, ...]]:
    """One of the documents that travel: its subject is its own, as equal documents are sent once."""
    document = Document(recipients=(recipient,), subject=f"Văn bản {number}/{mark}", code_notation="CV")
    return document, (File(f"{number}.txt", content, "text/plain"),)


async def _send(
    gate: Gate, settings: Settings, agency: str, to: str, count: int, mark: str, size: int, timeout: float
) -> None:
    file = text_of(size)
    async with connect(agency, settings) as client:
        before = (await client.summary()).acknowledged
        await gate.enter()
        ids: list[bytes] = []
        for at in range(0, count, _TOGETHER):
            some = [bench_document(number, to, mark, file) for number in range(at, min(count, at + _TOGETHER))]
            ids += await client.send_many(some)
        await client.wait(ids[-1], "acknowledged", timeout_seconds=timeout)
        done = (await client.summary()).acknowledged - before
        if done < count:
            # Lanes overtake one another, so the last document need not be the last one acknowledged. Those that
            # are done cost one look each.
            for one in reversed(ids):
                await client.wait(one, "acknowledged", timeout_seconds=timeout)
            done = (await client.summary()).acknowledged - before
        if done != count:
            raise InvariantError(f"{count} documents were sent, and {done} are acknowledged")
        gate.report()


async def receive(gate: Gate, settings: Settings, agency: str, count: int) -> None:
    """A role: receive and accept so many documents, and stay until the round is over."""
    async with connect(agency, settings) as client:
        await gate.enter()
        got = 0
        async for delivery in client.receive():
            await delivery.acknowledge(Status.ACCEPTED)
            got += 1
            if got == count:
                break
        await gate.closing()
        gate.report()


async def round_trip(
    rig: Rig,
    mark: str,
    count: int,
    *,
    timeout_seconds: float,
    size: int = VALUE_BYTES,
    beside: Beside | None = None,
) -> Outcome:
    """One round: a sender and a receiver, one process each, and the three services.

    It ends when the sender has verified the acknowledgements of all documents; the sender's `seconds` count.

    Args:
        rig: the backbone.
        mark: tells the documents of this round from others.
        count: documents.
        timeout_seconds: the longest it may take.
        size: bytes of a document's file.
        beside: what is done meanwhile.

    Raises:
        UnavailableError: it failed, or took too long.
    """
    roles = [
        Role("sender", _send, (rig.settings, rig.sender, rig.recipient, count, mark, size, timeout_seconds)),
        Role("receiver", receive, (rig.settings, rig.recipient, count)),
    ]
    return await run_crew(roles, counting=("sender",), timeout_seconds=timeout_seconds, watch=rig.watch, beside=beside)
