"""An agency in a process of its own, for tests that kill it: ``python agency_process.py send|receive …``.

``send AGENCY RECIPIENTS COUNT``: hands over documents 0 … COUNT-1; whatever was handed over before a
kill is recognised by its content. Ends when all are acknowledged.

``receive AGENCY JOURNAL``: writes a line to the journal for each document it is handed, then
acknowledges it. Runs until it is stopped.
"""

import asyncio
import os
import sys
from pathlib import Path

from lienthong.client import Document, Status, connect

_AT_ONCE = 50


def document(number: int, recipients: tuple[str, ...]) -> Document:
    """The document of a number: always the same content."""
    return Document(recipients=recipients, subject=f"văn bản {number}", priority=3 if number % 10 == 0 else 0)


async def send(agency: str, recipients: tuple[str, ...], count: int) -> None:
    """Hand over all documents, wait until all are acknowledged."""
    async with connect(agency) as client:
        for at in range(0, count, _AT_ONCE):
            numbers = range(at, min(count, at + _AT_ONCE))
            await client.send_many([(document(number, recipients), ()) for number in numbers])
        while (await client.summary()).acknowledged < count:
            await asyncio.sleep(0.2)


async def receive(agency: str, journal: Path) -> None:
    """Write down and acknowledge each document."""
    with journal.open("ab", buffering=0) as lines:
        async with connect(agency) as client:
            async for delivery in client.receive():
                words = (
                    os.getpid(), delivery.lane, delivery.sequence, delivery.id.hex(), int(delivery.redelivered),
                    delivery.document.subject.rpartition(" ")[2],
                )  # fmt: skip
                lines.write(" ".join(map(str, words)).encode() + b"\n")
                await delivery.acknowledge(Status.ACCEPTED)


if __name__ == "__main__":
    role, code, *rest = sys.argv[1:]
    if role == "send":
        asyncio.run(send(code, tuple(rest[0].split(",")), int(rest[1])))
    else:
        asyncio.run(receive(code, Path(rest[0])))
