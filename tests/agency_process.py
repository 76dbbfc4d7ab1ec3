"""An agency in a process of its own, for tests that kill it: ``python agency_process.py send|receive …``.

``send AGENCY RECIPIENTS COUNT``: hands over documents 0 … COUNT-1; whatever was handed over before a
kill is recognised by its content. Ends when all are acknowledged.

``trickle AGENCY RECIPIENTS JOURNAL STOP``: hands over one document after the other and writes its number
to the journal; goes on after the last one in it. Ends when the file STOP exists and all are acknowledged.

``receive AGENCY JOURNAL``: writes a line to the journal for each document it is handed, then
acknowledges it. Runs until it is stopped.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from lienthong.client import Document, Status, connect

_AT_ONCE = 50
_TRICKLE_SECONDS = 0.02


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


async def trickle(agency: str, recipients: tuple[str, ...], journal: Path, stop: Path) -> None:
    """Hand over documents until told to stop, wait until all are acknowledged."""
    numbers = journal.read_text("ascii").split() if journal.exists() else []
    number = int(numbers[-1]) if numbers else 0
    with journal.open("ab", buffering=0) as lines:
        async with connect(agency) as client:
            while not stop.exists():
                await client.send(document(number, recipients))
                number += 1
                lines.write(b"%d\n" % number)
                await asyncio.sleep(_TRICKLE_SECONDS)
            while (await client.summary()).acknowledged < number:
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


def run(words: Sequence[str]) -> None:
    """Play a role."""
    role, code, *rest = words
    if role == "send":
        asyncio.run(send(code, tuple(rest[0].split(",")), int(rest[1])))
    elif role == "trickle":
        asyncio.run(trickle(code, tuple(rest[0].split(",")), Path(rest[1]), Path(rest[2])))
    else:
        asyncio.run(receive(code, Path(rest[0])))


if __name__ == "__main__":
    run(sys.argv[1:])
