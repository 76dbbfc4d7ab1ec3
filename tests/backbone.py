"""A backbone for tests: home folder, directory, services as processes, clients, and raw access to topics."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lienthong.client import Client, Document, File, connect
from lienthong.demo.pattern import sample_files
from lienthong.demo.stage import ServiceProcess, provision
from lienthong.directory.listing import ListedAgency
from lienthong.embedded import EmbeddedKafka
from lienthong.kernel.agency import agency_code
from lienthong.kernel.bus import Bus, Row
from lienthong.kernel.clock import now_ms
from lienthong.kernel.envelope import encode_envelope, envelope_id
from lienthong.kernel.keys import SigningKey
from lienthong.kernel.lanes import new_thread
from lienthong.kernel.ledger import Entry, Record, is_genesis, read_entry
from lienthong.kernel.seal import Purpose, seal_batch
from lienthong.kernel.statement import Kind, encode_statement, make_statement
from lienthong.kernel.topics import LEDGER, Partition
from lienthong.kernel.trust import Trust
from lienthong.runtime.settings import Settings

AGENCIES = ("G22", "G09", "H26", "H29", "H37", "H53")
CHILD = "H37.DN.001"
LANES = 2
ORIGIN = "test.lienthong"


def samples() -> list[File]:
    """Real documents: of LIENTHONG_SAMPLES or of a folder beside the checkout; where it is not, those of the demo."""
    given = os.environ.get("LIENTHONG_SAMPLES")
    folder = Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "samples" / "documents"
    return [File.read(path) for path in sorted(folder.iterdir())] if folder.is_dir() else sample_files()


@dataclass
class Backbone:
    """One backbone under test."""

    settings: Settings
    trust: Trust
    services: dict[str, ServiceProcess] = field(default_factory=dict)
    node: EmbeddedKafka | None = None

    async def start(self, name: str, *options: str) -> ServiceProcess:
        """Start a service and wait until it is ready."""
        service = ServiceProcess(name, self.settings, self.settings.home / "log" / f"{name}.log", options)
        self.services[name] = service
        await service.start()
        return service

    def client(self, agency: str) -> AbstractAsyncContextManager[Client]:
        """A client of an agency."""
        return connect(agency, self.settings)

    def key(self, agency: str) -> SigningKey:
        """An agency's signing key."""
        return SigningKey.load(self.settings.home / "agencies" / agency / "signing.pem")

    def bus(self, name: str = "test") -> AbstractAsyncContextManager[Bus]:
        """A connection to its Kafka."""
        return Bus.connect(self.settings.kafka(), name)

    def sealed(self, sender: str, recipient: str, count: int, *, express: bool = False) -> list[Row]:
        """Envelopes with a document each, all of lane 1 or all express, sealed together."""
        now = now_ms()
        encoded = [
            encode_statement(
                make_statement(
                    sender=sender, recipients=[recipient], thread=new_thread(express=express), created=now,
                    priority=3 if express else 0, kind=Kind.DOCUMENT,
                    body=Document(recipients=(recipient,), subject=f"V/v {number}").to_body(),
                )
            )
            for number in range(count)
        ]  # fmt: skip
        seals = seal_batch(
            [envelope_id(data) for data in encoded], key=self.key(sender), origin=ORIGIN, sender=sender,
            purpose=Purpose.EXCHANGE, signed_at=now,
        )  # fmt: skip
        return [Row(encode_envelope(data, (), seal)) for data, seal in zip(encoded, seals, strict=True)]

    async def read(self, topic: str) -> list[Record]:
        """Everything in a topic but its genesis records, partition by partition."""
        async with self.bus() as bus:
            lanes = await bus.lanes(topic)
            partitions = [Partition(topic, number) for number in range(lanes)]
            async with bus.reader() as reader:
                ends = await reader.ends(partitions)
            records = [
                record async for some in bus.scan({one: (0, ends[one]) for one in partitions}) for record in some
            ]
        return sorted(
            (record for record in records if not is_genesis(record)),
            key=lambda record: (record.partition, record.offset),
        )

    async def ledger(self) -> list[tuple[Record, Entry]]:
        """All ledger entries, lane by lane."""
        return [(record, read_entry(record)) for record in await self.read(LEDGER)]


@asynccontextmanager
async def open_backbone(
    home: Path, bootstrap: str, agencies: Sequence[str] = AGENCIES, lanes: int = LANES
) -> AsyncIterator[Backbone]:
    """Provision a backbone; at the end its services are stopped."""
    settings = Settings(home=home, bootstrap=bootstrap)
    listed = [ListedAgency(agency_code(code), "", f"Cơ quan {code}", None, True) for code in agencies]
    if "H37" in agencies:
        listed.append(ListedAgency(agency_code(CHILD), "", "Đơn vị trực thuộc", agency_code("H37"), False))
    trust = await provision(home, settings.kafka(), listed, lanes=lanes, origin=ORIGIN)
    backbone = Backbone(settings, trust)
    try:
        yield backbone
    finally:
        for service in backbone.services.values():
            await service.stop()
