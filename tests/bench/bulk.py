"""Many documents at little cost: statements sealed and appended with kernel and bus, without a client's store.

They are the same signed envelopes as a client's, in the same topics; what is left out is the outbox on disk.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Self

from bench.crew import Gate
from bench.round_trip import text_of
from bench.sizes import VALUE_BYTES
from lienthong.client import Document
from lienthong.kernel.bus import Bus, Row
from lienthong.kernel.clock import now_ms
from lienthong.kernel.envelope import encode_envelope, envelope_id
from lienthong.kernel.keys import SigningKey
from lienthong.kernel.lanes import lane_of, new_thread
from lienthong.kernel.seal import Purpose, seal_batch
from lienthong.kernel.statement import Kind, attachment_of, encode_statement, make_statement
from lienthong.kernel.topics import LEDGER, Partition, outbox
from lienthong.runtime.settings import Settings

__all__ = ["BATCH", "Author", "Share", "fill", "ring", "shares"]

BATCH = 250
"""Most documents under one seal, and handed to the bus together."""
_TOGETHER = 1_000
_CONTENT = text_of(VALUE_BYTES)


class Share(NamedTuple):
    """Documents that an agency sends at once to another."""

    sender: str
    recipient: str
    first: int
    documents: int


def ring(agencies: Sequence[str]) -> list[tuple[str, str]]:
    """Who writes to whom when each agency writes to the next one.

    Raises:
        ValueError: there are fewer than two agencies.
    """
    if len(agencies) < 2:
        raise ValueError("at least two agencies are needed")
    return list(zip(agencies, [*agencies[1:], agencies[0]], strict=True))


def shares(pairs: Sequence[tuple[str, str]], documents: int) -> Iterator[Share]:
    """Divide documents among senders and their recipients, in batches taken in turn.

    The first ones send one more where it does not come out even.
    """
    each, more = divmod(documents, len(pairs))
    for first in range(0, each + 1, BATCH):
        for place, (sender, recipient) in enumerate(pairs):
            count = min(BATCH, each + (place < more) - first)
            if count > 0:
                yield Share(sender, recipient, first, count)


class Author:
    """An agency's pen: signs and seals documents of 1 KiB.

    Args:
        agency: its code.
        key: one that the directory names.
        origin: name of the backbone.
        lanes: of the backbone.
    """

    def __init__(self, agency: str, key: SigningKey, origin: str, lanes: int) -> None:
        self._agency = agency
        self._key = key
        self._origin = origin
        self._lanes = lanes
        self._body = Document(recipients=(agency,), subject="X", code_notation="CV").to_body()
        self._attachment = attachment_of("van_ban.txt", "text/plain", _CONTENT)

    @classmethod
    def load(cls, agency: str, settings: Settings, lanes: int) -> Self:
        """The agency whose key lies where a client looks for it."""
        key = SigningKey.load(settings.home / "agencies" / agency / "signing.pem")
        return cls(agency, key, settings.trust().origin, lanes)

    def write(self, recipient: str, numbers: Iterable[int], mark: str, now: int) -> dict[Partition, list[Row]]:
        """Ordinary documents with these numbers to one recipient under one seal, as rows of the out topic."""
        threads, statements = [], []
        for number in numbers:
            thread = new_thread(express=False)
            threads.append(thread)
            statements.append(
                encode_statement(
                    make_statement(
                        sender=self._agency,
                        recipients=[recipient],
                        thread=thread,
                        created=now,
                        kind=Kind.DOCUMENT,
                        body={**self._body, "subject": f"Văn bản {number}/{mark}"},
                        attachments=[self._attachment],
                    )
                )
            )
        seals = seal_batch(
            [envelope_id(one) for one in statements],
            key=self._key,
            origin=self._origin,
            sender=self._agency,
            purpose=Purpose.EXCHANGE,
            signed_at=now,
        )
        rows: dict[Partition, list[Row]] = {}
        for thread, statement, seal in zip(threads, statements, seals, strict=True):
            partition = Partition(outbox(self._agency), lane_of(thread, self._lanes))
            rows.setdefault(partition, []).append(Row(encode_envelope(statement, (_CONTENT,), seal)))
        return rows


async def fill(gate: Gate, settings: Settings, pairs: Sequence[tuple[str, str]], count: int, mark: str) -> None:
    """A role: these senders send so many documents altogether to their recipients, as fast as it goes."""
    async with Bus.connect(settings.kafka(), "bench-senders") as bus, bus.publisher() as publisher:
        lanes = await bus.lanes(LEDGER)
        authors = {sender: Author.load(sender, settings, lanes) for sender, _ in pairs}
        await publisher.know(outbox(sender) for sender in authors)
        await gate.enter()
        rows: dict[Partition, list[Row]] = {}
        written = 0
        for share in shares(pairs, count):
            numbers = range(share.first, share.first + share.documents)
            for partition, some in authors[share.sender].write(share.recipient, numbers, mark, now_ms()).items():
                rows.setdefault(partition, []).extend(some)
            written += share.documents
            if written >= _TOGETHER:
                await publisher.append(rows)
                rows, written = {}, 0
        if rows:
            await publisher.append(rows)
        gate.report()
