"""An agency under chaos: sends to its peers and acknowledges what it gets, and journals both.

``python -m chaos.agent CODE --peers A,B --folder DIR --rate N``: everything it does goes to ``DIR/CODE.journal``.
It may be killed at any moment and started again. When ``DIR/finish`` appears it sends nothing more, and says
in ``DIR/CODE.finished`` when everything it sent has come to an end; when ``DIR/end`` appears it closes.
"""

import argparse
import asyncio
import logging
import os
import random
import secrets
import time
from collections.abc import Sequence
from pathlib import Path

from chaos.history import Acknowledged, Began, Delivered, Journal, Outcome, Sending, Sent
from lienthong.client import Client, Document, File, RejectedError, Status, UnavailableError
from lienthong.kernel.clock import now_ms
from lienthong.kernel.keys import SigningKey
from lienthong.runtime.settings import Settings

__all__ = ["Agent"]

_BATCH_SECONDS = 0.2
_LOOK_SECONDS = 0.2
_EXPRESS = 3
_RETRY_SECONDS = 0.5
_STILL_SECONDS = 90.0
"""An operator may have to lift a halt, and a service to start on a machine that has much to do."""


class Agent:
    """One run of an agency's process."""

    def __init__(self, code: str, peers: Sequence[str], folder: Path, rate: float) -> None:
        self._code = code
        self._peers = peers
        self._folder = folder
        self._rate = rate
        self._run = f"{code}-{os.getpid()}-{secrets.token_hex(4)}"
        self._journal = Journal(folder / f"{code}.journal")
        self._chance = random.Random()
        self._number = 0

    async def live(self, clock_ahead_ms: int) -> None:
        """Send, receive and acknowledge until the end."""
        self._journal.write(Began(self._code, self._run))
        settings = Settings()
        home = settings.home / "agencies" / self._code
        while not self._told("end"):
            try:
                async with (
                    Client.open(
                        self._code,
                        SigningKey.load(home / "signing.pem"),
                        settings.trust(),
                        settings.kafka(),
                        home / "store.sqlite",
                        clock=lambda: now_ms() + clock_ahead_ms,
                    ) as client,
                    asyncio.TaskGroup() as tasks,
                ):
                    receiving = tasks.create_task(self._receive(client))
                    await self._send(client)
                    await self._finish(client)
                    receiving.cancel()
            except (UnavailableError, RejectedError) as error:
                # As a real agency would: what cannot be reached now is tried again.
                logging.getLogger(__name__).warning("begins again: %s", error)
                await asyncio.sleep(_RETRY_SECONDS)

    def _told(self, what: str) -> bool:
        return (self._folder / what).exists()

    async def _send(self, client: Client) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not self._told("finish"):
            await self._send_batch(client, max(1, round(self._rate * _BATCH_SECONDS)))
            # What could not be sent in time is not made up for: that would be a flood after every fault.
            due = max(due + _BATCH_SECONDS, loop.time())
            await asyncio.sleep(due - loop.time())

    async def _send_batch(self, client: Client, size: int) -> None:
        batch: list[tuple[Document, list[File]]] = []
        sending = []
        for _ in range(size):
            recipients = tuple(self._chance.sample(self._peers, self._chance.choice((1, 1, 1, 2, len(self._peers)))))
            express = self._chance.random() < 0.1
            subject = f"{self._run}/{self._number}"
            files = [File("a.bin", self._chance.randbytes(self._chance.randrange(4_096)))]
            batch.append((Document(recipients=recipients, subject=subject, priority=_EXPRESS if express else 0), files))
            sending.append(Sending(self._code, self._run, self._number, recipients, express))
            self._number += 1
        self._journal.write(*sending)
        try:
            ids = [identity.hex() for identity in await client.send_many(batch)]
            outcome = Outcome.OK
        except RejectedError:
            ids, outcome = [""] * size, Outcome.FAILED
        except UnavailableError:
            ids, outcome = [""] * size, Outcome.UNKNOWN
        self._journal.write(
            *(
                Sent(self._code, self._run, one.number, outcome, identity, now_ms())
                for one, identity in zip(sending, ids, strict=True)
            )
        )

    async def _receive(self, client: Client) -> None:
        async for delivery in client.receive():
            identity = delivery.id.hex()
            self._journal.write(
                Delivered(
                    self._code,
                    self._run,
                    identity,
                    delivery.sender,
                    delivery.lane,
                    delivery.sequence,
                    delivery.redelivered,
                    delivery.document.subject,
                    now_ms(),
                )
            )
            self._journal.write(Acknowledged(self._code, self._run, identity, Status.ACCEPTED.value, now_ms()))
            await delivery.acknowledge(Status.ACCEPTED)

    async def _finish(self, client: Client) -> None:
        """Say when everything has come to an end, or nothing has changed for long: the checker tells them apart."""
        last: object = None
        since = time.monotonic()
        while not self._told("end"):
            summary = await client.summary()
            if summary != last:
                last, since = summary, time.monotonic()
            ended = summary.acknowledged + summary.rejected >= summary.documents
            if ended or time.monotonic() - since > _STILL_SECONDS:
                (self._folder / f"{self._code}.finished").write_text(f"{summary}\n")
            await asyncio.sleep(_LOOK_SECONDS)


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("code")
    parser.add_argument("--peers", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rate", type=float, default=10.0, help="documents a second")
    parser.add_argument("--clock-ahead-ms", type=int, default=0)
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    agent = Agent(options.code, options.peers.split(","), options.folder, options.rate)
    asyncio.run(agent.live(options.clock_ahead_ms))


if __name__ == "__main__":
    _main()
