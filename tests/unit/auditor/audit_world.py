"""A backbone in memory: the services' own pure cores write the topics, tests damage them, the auditor reads them."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from copy import deepcopy
from functools import cache
from hashlib import sha256
from typing import NamedTuple

from lienthong.auditor.options import Options
from lienthong.auditor.report import Report
from lienthong.auditor.source import Span
from lienthong.auditor.verify import verify
from lienthong.dispatch.inboxes import Inbox, Inboxes
from lienthong.intake.rounds import judge_round
from lienthong.kernel.bus import Row
from lienthong.kernel.directory import Agency, Directory, Key
from lienthong.kernel.envelope import encode_envelope, envelope_id
from lienthong.kernel.fold import LedgerFold
from lienthong.kernel.judge import Judge
from lienthong.kernel.lanes import lane_of, new_thread, thread_in_lane
from lienthong.kernel.ledger import GENESIS_HEADERS, Headers, Record, is_genesis, read_entry
from lienthong.kernel.seal import Purpose, seal_batch
from lienthong.kernel.statement import (
    Kind,
    Statement,
    attachment_of,
    encode_statement,
    make_statement,
)
from lienthong.kernel.topics import DIRECTORY, LEDGER, Partition, inbox, outbox
from lienthong.notary.receipts import PendingReceipts
from lienthong.runtime.ledger_follower import Taken
from unit.kernel.world import (
    NOW,
    TRUST,
    agency,
    document_body,
    key_named,
    key_of,
    record,
)

LANES = 2
BACKBONE = "LT"
AGENCIES = ("H01", "H02", "H03")
STEP_MS = 10
"""How much time passes with every round."""


class Rec(NamedTuple):
    """A record in memory."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    value: bytes | None
    headers: Headers


class World:
    """Three agencies, two lanes, and what the services make of what the agencies say."""

    def __init__(self) -> None:
        self.now = NOW
        self.topics: dict[Partition, list[Rec]] = {}
        self.generations: dict[str, str] = {}
        self.directory = Directory(TRUST)
        self._judge = Judge(self.directory, LANES)
        self._judged: dict[Partition, int] = {}
        self._dispatched = [0] * LANES
        self._noted = [0] * LANES
        self._folds = [LedgerFold(complete=True) for _ in range(LANES)]
        self._notary_folds = [LedgerFold(complete=True) for _ in range(LANES)]
        self._inboxes = Inboxes()
        self.append(Partition(DIRECTORY, 0), Row(None, GENESIS_HEADERS))
        for lane in range(LANES):
            self.append(Partition(LEDGER, lane), Row(None, GENESIS_HEADERS))
        for code in (*AGENCIES, BACKBONE):
            self.connect(code)

    def append(self, partition: Partition, *rows: Row) -> None:
        """Append to a topic, now."""
        log = self.topics.setdefault(partition, [])
        for row in rows:
            log.append(Rec(*partition, len(log), self.now, row.value, tuple(row.headers)))

    def fact(self, fact: Agency | Key, *, created: int | None = None, seen: bool = True) -> None:
        """Record a fact in the directory; intake knows it at once, or not yet."""
        value = record(fact, created=self.now if created is None else created)
        self.append(Partition(DIRECTORY, 0), Row(value))
        if seen:
            self.directory.apply(value)

    def connect(self, code: str) -> None:
        """An agency with topics and a key."""
        self.fact(agency(code, known_from=self.now, connected_from=self.now, valid_from=self.now))
        purpose = Purpose.RECEIPT if code == BACKBONE else Purpose.EXCHANGE
        self.fact(key_of(code, key_named(code), known_from=self.now, valid_from=self.now, purpose=purpose))
        for topic in (outbox(code), inbox(code)):
            self.generations[topic] = sha256(topic.encode()).hexdigest()[:32]
            for lane in range(LANES):
                self.append(Partition(topic, lane), Row(None, GENESIS_HEADERS))

    def statement(
        self, sender: str, *recipients: str, lane: int = 1, content: bytes = b"", subject: str = "Báo cáo"
    ) -> Statement:
        """A document."""
        return make_statement(
            sender=sender,
            recipients=list(recipients),
            thread=new_thread(express=True) if lane == 0 else thread_in_lane(lane, LANES),
            created=self.now,
            priority=3 if lane == 0 else 0,
            kind=Kind.DOCUMENT,
            body=document_body(subject=subject),
            attachments=[attachment_of("báo cáo.pdf", "application/pdf", content)] if content else [],
        )

    def seal(self, statements: Sequence[Statement], *, contents: Sequence[bytes] = (), key: str = "") -> list[bytes]:
        """Envelopes of statements, sealed together."""
        sender = statements[0].sender
        encoded = [encode_statement(statement) for statement in statements]
        seals = seal_batch(
            [envelope_id(data) for data in encoded],
            key=key_named(key or sender),
            origin=TRUST.origin,
            sender=sender,
            purpose=Purpose.RECEIPT if statements[0].kind in (Kind.RECEIPT, Kind.NOTICE) else Purpose.EXCHANGE,
            signed_at=self.now,
        )
        return [
            encode_envelope(data, contents if statement.attachments else (), seal)
            for statement, data, seal in zip(statements, encoded, seals, strict=True)
        ]

    def send(self, sender: str, *recipients: str, lane: int = 1, count: int = 1, content: bytes = b"") -> list[bytes]:
        """Write documents to the out topic; returns their ids."""
        statements = [self.statement(sender, *recipients, lane=lane, content=content) for _ in range(count)]
        values = self.seal(statements, contents=(content,))
        self.append(Partition(outbox(sender), lane), *map(Row, values))
        return [envelope_id(encode_statement(statement)) for statement in statements]

    def write(self, sender: str, lane: int, *values: bytes | None) -> None:
        """Write anything to an out topic."""
        self.append(Partition(outbox(sender), lane), *map(Row, values))

    def acknowledge(
        self, recipient: str, sender: str, documents: Sequence[bytes], lane: int = 1, status: str = "01"
    ) -> None:
        """Write an acknowledgement to the recipient's out topic."""
        statement = make_statement(
            sender=recipient,
            recipients=[sender],
            thread=new_thread(express=True) if lane == 0 else thread_in_lane(lane, LANES),
            created=self.now,
            kind=Kind.ACKNOWLEDGEMENT,
            body={"documents": list(documents), "status": status, "reason": ""},
        )
        assert lane_of(statement.thread, LANES) == lane
        self.append(Partition(outbox(recipient), lane), *map(Row, self.seal([statement])))

    def notice(self, sender: str, *lines: dict[str, object], lane: int = 1, spoken_of: int | None = None) -> None:
        """Write a notice about documents of a sender to the backbone's out topic."""
        statement = make_statement(
            sender=BACKBONE,
            recipients=[sender],
            thread=new_thread(express=True) if lane == 0 else thread_in_lane(lane, LANES),
            created=self.now,
            kind=Kind.NOTICE,
            body={"lane": lane if spoken_of is None else spoken_of, "entries": list(lines)},
        )
        self.append(Partition(outbox(BACKBONE), lane), *map(Row, self.seal([statement])))

    def intake(self, *, again: int = 0) -> None:
        """Judge what is new, and the last few records `again`, as after a crash."""
        self.now += STEP_MS
        for partition, log in list(self.topics.items()):
            if not partition.topic.startswith(outbox("")):
                continue
            first = max(0, self._judged.get(partition, 0) - again)
            new: list[Record] = [one for one in log if one.offset >= first]
            if new:
                done = judge_round(
                    {partition: new},
                    positions={partition: first},
                    generations=self.generations,
                    judge=self._judge,
                    at=self.now,
                )
                for ledger, rows in done.ledger.items():
                    self.append(ledger, *rows)
                self._judged[partition] = done.positions[partition]

    def dispatch(self) -> None:
        """Deliver what is new."""
        self.now += STEP_MS
        for lane in range(LANES):
            log = self.topics[Partition(LEDGER, lane)]
            taken = []
            for one in log[self._dispatched[lane] :]:
                if is_genesis(one):
                    continue
                entry = read_entry(one)
                count = self._folds[lane].take(entry)
                if count.name == "COUNTS" and entry.routes:
                    taken.append(Taken(lane, one, entry, count))
                    new = {Partition(inbox(code), lane) for code in entry.routes}
                    self._inboxes.set({part: Inbox(end=1) for part in new if part not in self._inboxes})
            for partition, rows in self._inboxes.number(taken).items():
                self.append(partition, *rows)
            self._dispatched[lane] = len(log)

    def notary(self) -> None:
        """Say what is new."""
        self.now += STEP_MS
        pending = PendingReceipts(BACKBONE, LANES)
        for lane in range(LANES):
            log = self.topics[Partition(LEDGER, lane)]
            fold = self._notary_folds[lane]
            for one in log[self._noted[lane] :]:
                if not is_genesis(one):
                    entry = read_entry(one)
                    count = fold.take(entry)
                    first = fold.position_of(entry.id) if entry.id is not None else None
                    pending.take(lane, entry, count, one.value, first)
            self._noted[lane] = len(log)
        for receipt in pending.say(self.now):
            self.append(Partition(outbox(BACKBONE), receipt.lane), *map(Row, self.seal([receipt.statement])))

    def settle(self) -> None:
        """Run the services until nothing is new."""
        for _ in range(3):
            self.intake()
            self.notary()
        self.intake()
        self.dispatch()

    def source(self) -> "MemorySource":
        """What the auditor reads from."""
        return MemorySource(self.topics, self.generations)

    async def audit(self, *, later_ms: int = 0, **options: int) -> Report:
        """Verify, some time later."""
        return await verify(self.source(), TRUST, Options(**options), clock=lambda: self.now + later_ms)

    def make_again(self, code: str) -> None:
        """Delete an agency's out topic and make it again: another generation, which begins at offset 0."""
        topic = outbox(code)
        self.generations[topic] = sha256(self.generations[topic].encode()).hexdigest()[:32]
        for lane in range(LANES):
            partition = Partition(topic, lane)
            self.topics[partition] = []
            self._judged.pop(partition, None)
            self.append(partition, Row(None, GENESIS_HEADERS))

    def say_again(self) -> None:
        """The notary forgets what it has said, and says it again."""
        self._noted = [0] * LANES
        self._notary_folds = [LedgerFold(complete=True) for _ in range(LANES)]
        self.notary()

    # -- damage

    def change(self, partition: Partition, offset: int) -> None:
        """Flip one bit in the middle of a value."""
        log = self.topics[partition]
        value = bytearray(log[offset].value or b"")
        value[len(value) // 2] ^= 1
        log[offset] = log[offset]._replace(value=bytes(value))

    def remove(self, partition: Partition, offset: int) -> None:
        """Take a record out; those behind it move up."""
        self._rewrite(partition, [one for one in self.topics[partition] if one.offset != offset])

    def swap(self, partition: Partition, offset: int) -> None:
        """Exchange a record and the next one."""
        log = self.topics[partition]
        log[offset], log[offset + 1] = log[offset + 1], log[offset]
        self._rewrite(partition, log)

    def inject(self, partition: Partition, offset: int, row: Row) -> None:
        """Put a record in; those behind it move down."""
        log = self.topics[partition]
        forged = log[offset]._replace(value=row.value, headers=tuple(row.headers))
        self._rewrite(partition, [*log[:offset], forged, *log[offset:]])

    def _rewrite(self, partition: Partition, log: list[Rec]) -> None:
        self.topics[partition] = [one._replace(offset=offset) for offset, one in enumerate(log)]


class MemorySource:
    """Reads topics in memory, a few records a time."""

    def __init__(self, topics: Mapping[Partition, list[Rec]], generations: Mapping[str, str]) -> None:
        self._topics = topics
        self._generations = generations

    async def partition_counts(self, topics: Collection[str]) -> dict[str, int]:
        """Number of partitions of each of the topics that exist."""
        counts: dict[str, int] = {}
        for topic, _ in self._topics:
            if topic in topics:
                counts[topic] = counts.get(topic, 0) + 1
        return counts

    async def generations(self, topics: Collection[str]) -> dict[str, str]:
        """Id of each of the topics that exist."""
        return {topic: self._generations[topic] for topic in topics if topic in self._generations}

    async def spans(self, partitions: Collection[Partition]) -> dict[Partition, Span]:
        """What each partition holds."""
        return {one: (log[0].offset, log[-1].offset + 1) for one in partitions if (log := self._topics[one])}

    async def offsets_at(self, partitions: Collection[Partition], moment: int) -> dict[Partition, int | None]:
        """First offset appended at or after a time."""
        return {
            one: next((record.offset for record in self._topics[one] if record.timestamp >= moment), None)
            for one in partitions
        }

    async def read(self, spans: Mapping[Partition, Span]) -> AsyncIterator[tuple[Partition, Sequence[Record]]]:
        """Records of these spans."""
        for partition, (first, end) in spans.items():
            log = [one for one in self._topics[partition] if first <= one.offset < end]
            for at in range(0, len(log), 7):
                yield partition, log[at : at + 7]


def history(*, crashes: bool = False) -> World:
    """Documents, acknowledgements, receipts and rubbish in both lanes; each caller gets its own.

    Args:
        crashes: intake judges some records a second time, as after a crash.
    """
    return deepcopy(_history(crashes=crashes))


@cache
def _history(*, crashes: bool) -> World:
    world = World()
    for lane in range(LANES):
        for _ in range(4):
            both = world.send("H01", "H02", "H03", lane=lane, count=2)
            back = world.send("H02", "H01", lane=lane, content=b"%PDF-1.7")
            world.send("H03", "H01", lane=lane)
            world.intake()
            world.dispatch()
            world.notary()
            world.acknowledge("H02", "H01", both, lane=lane)
            world.acknowledge("H03", "H01", both, lane=lane)
            world.acknowledge("H01", "H02", back, lane=lane)
            world.write("H03", lane, b"rubbish", None)
            world.intake(again=2 if crashes else 0)
            world.dispatch()
            world.notary()
    world.write("H02", 1, world.topics[Partition(outbox("H02"), 1)][1].value)
    world.settle()
    return world
