"""The operator at work: holds the operator's key, reads the directory, appends to it, creates topics."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from lienthong.directory.listing import ListedAgency
from lienthong.directory.provisioning import provision, usual_copies
from lienthong.directory.records import agencies_of, group_of, key_of, retired, revoked, sign_lift, sign_records
from lienthong.kernel.agency import AgencyCode
from lienthong.kernel.bus import Bus, Connect, KafkaSettings, Row
from lienthong.kernel.clock import Clock, now_ms
from lienthong.kernel.directory import Agency, Directory, Group, Key
from lienthong.kernel.directory_reader import DirectoryReader
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.keys import SigningKey
from lienthong.kernel.seal import Purpose
from lienthong.kernel.topics import DIRECTORY, LEDGER, Partition
from lienthong.kernel.trust import Trust

__all__ = ["DEFAULT_ORIGIN", "Operator", "load_key", "make_trust"]

DEFAULT_ORIGIN = "lienthong.local"
"""Name of a backbone to which nobody has given one."""

_PARTITION = Partition(DIRECTORY, 0)


def make_trust(home: Path, origin: str | None = None) -> tuple[Trust, SigningKey]:
    """The operator's key and the trust anchor under ``home``; made if there are none.

    Args:
        home: folder of both.
        origin: name of the backbone; that of the trust anchor that is there, or `DEFAULT_ORIGIN`.

    Raises:
        ValueError: they are there and do not belong together, or name another backbone.
    """
    key_file, trust_file = home / "keys" / "operator.pem", home / "trust.json"
    if not key_file.exists() and not trust_file.exists():
        SigningKey.generate().save(key_file)
    key = SigningKey.load(key_file)
    there = Trust.load(trust_file) if trust_file.exists() else None
    origin = origin or (there.origin if there else DEFAULT_ORIGIN)
    trust = Trust(origin=origin, operator_key=key.public_key.hex())
    if there is None:
        trust.save(trust_file)
    elif there != trust:
        raise ValueError(f"{trust_file} names another backbone or another operator's key than {key_file}")
    return trust, key


def load_key(home: Path, trust: Trust) -> SigningKey:
    """The operator's key under ``home``.

    Raises:
        ValueError: there is none, or it is not the one that the trust anchor names.
    """
    key = SigningKey.load(home / "keys" / "operator.pem")
    if key.public_key.hex() != trust.operator_key:
        raise ValueError(f"the operator's key in {home / 'keys'} is not the one the trust anchor names")
    return key


class Operator:
    """A connection with the operator's key. Use `open`."""

    def __init__(self, bus: Bus, trust: Trust, key: SigningKey, clock: Clock) -> None:
        self._bus = bus
        self._trust = trust
        self._key = key
        self._clock = clock
        self.directory = Directory(trust)
        self._known = False
        """Whether the directory was read: a broker that has just started may not know yet that there is one."""

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        kafka: KafkaSettings,
        trust: Trust,
        key: SigningKey,
        clock: Clock = now_ms,
        connect: Connect = Bus.connect,
    ) -> AsyncIterator[Self]:
        """Connect for the time of a context.

        Raises:
            UnavailableError: Kafka does not answer.
        """
        async with connect(kafka, "lt-operator") as bus:
            operator = cls(bus, trust, key, clock)
            if await bus.lanes(DIRECTORY):
                await operator._read()
            yield operator

    async def _read(self) -> None:
        self.directory = await DirectoryReader(self._bus, self._trust).load()
        self._known = True

    def _check_known(self) -> None:
        """Refuse to say what depends on a directory that was not read."""
        if not self._known:
            raise UnavailableError(
                f"there is no directory on Kafka at {self._bus.settings.bootstrap}, or its brokers have just started:"
                " try again, or run `lienthong directory init` for a new backbone"
            )

    async def provision(self, *, lanes: int | None = None, replication: int | None = None) -> list[str]:
        """Create the topics that are missing; the number of lanes is fixed by the first time.

        Args:
            lanes: number of lanes; what the backbone has, or 2.
            replication: copies of each partition; as many as the ledger has, or as suits the brokers.

        Raises:
            ValueError: another number of lanes is asked for than the backbone has, or it is not clear how
                many copies there should be.
        """
        existing = await self._bus.lanes(LEDGER)
        if existing and lanes is not None and lanes != existing:
            raise ValueError(f"the backbone has {existing} lanes; their number cannot be changed to {lanes}")
        lanes = existing or lanes or 2
        copies = replication or await self._copies()
        made = await provision(self._bus, lanes=lanes, replication=copies, connected=self.directory.connected())
        if not self._known:
            await self._read()
            # It may have been there, and agencies in it, when nobody seemed to know it.
            if connected := self.directory.connected():
                made += await provision(self._bus, lanes=lanes, replication=copies, connected=connected)
        return made

    async def _copies(self) -> int:
        """How many copies new topics get: as many as the ledger has, else one on one broker, three from three on."""
        return await self._bus.replication(LEDGER) or usual_copies(await self._bus.brokers())

    async def add_agencies(self, listed: Sequence[ListedAgency], *, replication: int | None = None) -> list[Agency]:
        """Add or change agencies, and create the topics of those that are connected.

        Topics come first: whoever reads of an agency in the directory finds them there.

        Returns:
            The agencies that are new or changed.

        Raises:
            UnavailableError: Kafka does not answer, or the directory could not be read.
        """
        self._check_known()
        changed = agencies_of(listed, self.directory, self._clock())
        lanes = await self._bus.lanes(LEDGER)
        connected = [*self.directory.connected(), *(one.code for one in changed if one.connected_from is not None)]
        copies = replication or await self._copies()
        await provision(self._bus, lanes=lanes or 2, replication=copies, connected=dict.fromkeys(connected))
        await self._record(changed)
        return changed

    async def retire(self, code: str, successors: Sequence[str], valid_until: int | None = None) -> Agency:
        """Let an agency retire, from now or a later time on; its mail then goes to its successors.

        Raises:
            ValueError: as `records.retired`.
        """
        self._check_known()
        now = self._clock()
        agency = retired(self.directory, code, successors, now if valid_until is None else valid_until, now)
        await self._record([agency])
        return agency

    async def add_group(self, code: str, name: str, members: Sequence[str]) -> Group:
        """Add or change a group of agencies that can be written to under one code.

        Raises:
            ValueError: as `records.group_of`.
        """
        self._check_known()
        group = group_of(self.directory, code, name, members, self._clock())
        await self._record([group])
        return group

    async def add_key(self, agency: AgencyCode, public_key: bytes, *, purpose: str = Purpose.EXCHANGE) -> Key:
        """Make a public key (32 bytes) known as an agency's, from now on.

        Raises:
            ValueError: the agency is not in the directory.
        """
        self._check_known()
        if self.directory.agency(agency) is None:
            raise ValueError(f"agency {agency} is not in the directory: add it first")
        key = key_of(agency, public_key, purpose, self._clock())
        await self._record([key])
        return key

    async def add_keys(self, keys: Sequence[tuple[str, bytes]]) -> None:
        """Make public keys of several agencies known at once."""
        now = self._clock()
        await self._record([key_of(agency, public_key, Purpose.EXCHANGE, now) for agency, public_key in keys])

    async def revoke_key(self, key_id: bytes, revoked_from: int | None = None) -> Key:
        """Withdraw trust in a key from a time on, by default from now.

        Raises:
            RejectedError: the key is not known, or revoked already.
        """
        self._check_known()
        now = self._clock()
        key = revoked(self.directory.key(key_id), now if revoked_from is None else revoked_from, now)
        await self._record([key])
        return key

    async def lift(self, halts: Sequence[bytes], why: str, backbone: str, *, rejections_stand: bool = False) -> None:
        """Say that halts of a service (ids of 32 bytes) are over, and why; kept in the directory for ever.

        Args:
            halts: their ids.
            why: what a person has found, at most 500 characters.
            backbone: the backbone's own code.
            rejections_stand: what was rejected is rejected rightly; otherwise the cause is mended.

        Raises:
            ValueError: none is named, or the reason is too long.
        """
        origin, now = self._trust.origin, self._clock()
        await self._append([sign_lift(halts, why, backbone, self._key, origin, now, rejections_stand=rejections_stand)])

    async def _record(self, facts: Sequence[Agency | Group | Key]) -> None:
        for rows in sign_records(facts, self._key, self._trust.origin, self._clock()):
            await self._append(rows)

    async def _append(self, rows: Sequence[Row]) -> None:
        for row in rows:
            if row.value is not None:
                self.directory.apply(row.value)
        async with self._bus.publisher() as publisher:
            await publisher.append({_PARTITION: rows})
