"""What the backbone adds to a record travels in headers; the value stays as the sender made it.

Text headers are ASCII, numbers decimal. A partition's first record may be its *genesis*: no value,
the header `genesis`; provisioning writes it so that no document pays for a partition's first use.

    ledger       verdict  accepted | rejected | opened
                 source   <agency>/<offset>/<generation>  in the out topic, same partition
                 judged   <when>/<newest fact of the directory used>  in milliseconds since 1970 UTC
                 id       32 bytes, raw; envelope id, when it could be told
                 kind     document | acknowledgement | receipt | notice | …, when it could be told
                 routes   codes with commas between; accepted only
                 groups   <code>/<version> of the groups written to, commas between; accepted only, where there are any
                 reason, detail, digest (32 bytes, raw; SHA-256 of the value)  rejected only
    in           sequence  1, 2, 3 … within the partition
                 position  offset of the entry in the ledger, same partition
                 judged, id, kind  as in the ledger
"""

from collections.abc import Sequence
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple, Protocol, TypeAlias

from lienthong.kernel.errors import InvariantError
from lienthong.kernel.judge import Verdict
from lienthong.kernel.merkle import HASH_BYTES
from lienthong.kernel.topics import is_outbox

__all__ = [
    "GENESIS_HEADERS", "Delivery", "Entry", "Headers", "Outcome", "Record", "Source", "header_number", "is_genesis",
    "read_delivery", "read_entry", "read_in_brief", "read_plain", "write_delivery", "write_entry", "write_opened",
]  # fmt: skip

Headers: TypeAlias = Sequence[tuple[str, bytes]]
GENESIS_HEADERS: Headers = (("genesis", b"1"),)


class Record(Protocol):
    """What this module needs of a Kafka record."""

    @property
    def topic(self) -> str:
        """Name of its topic."""

    @property
    def partition(self) -> int:
        """Number of its partition: the lane."""

    @property
    def offset(self) -> int:
        """Its place in the partition."""

    @property
    def timestamp(self) -> int:
        """When it was appended, milliseconds since 1970 UTC."""

    @property
    def value(self) -> bytes | None:
        """The envelope's bytes, or none."""

    @property
    def headers(self) -> Headers:
        """Names and values, in order."""


class Source(NamedTuple):
    """Where a ledger entry came from: owner of the out topic, offset, the topic's generation (its id)."""

    agency: str
    offset: int
    generation: str


class Outcome(StrEnum):
    """What intake says of a record."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    OPENED = "opened"
    """The source's first record, its genesis; carries nothing."""


_OUTCOMES = {
    b"accepted": (Outcome.ACCEPTED, {"id", "kind", "routes"}),
    b"rejected": (Outcome.REJECTED, {"reason", "detail", "digest"}),
    b"opened": (Outcome.OPENED, set[str]()),
}
"""By the header `verdict`: what it says, and the headers it needs beside it."""
_PLAIN = ("verdict", "source", "judged", "id", "kind", "routes", b"accepted")
"""Names of an accepted entry's headers as intake writes them, and the value of the first."""
_NONE = bytes(HASH_BYTES)
_MOST_DIGITS = 19
_LARGEST = 2**63 - 1


class Entry(NamedTuple):
    """One ledger entry, from its headers. `digest` is empty unless it was rejected."""

    position: int
    appended_at: int
    outcome: Outcome
    source: Source
    judged_at: int
    known_at: int
    id: bytes | None
    kind: str | None
    routes: tuple[str, ...]
    reason: str
    detail: str
    digest: bytes
    groups: tuple[str, ...] = ()


class Delivery(NamedTuple):
    """The headers of one inbox record."""

    sequence: int
    position: int
    judged_at: int
    known_at: int
    id: bytes
    kind: str


def is_genesis(record: Record) -> bool:
    """Whether a record is a genesis: it carries nothing and nobody needs it.

    As a rule it is its partition's first record. Provisioning that was repeated because nobody knew
    whether it had written, or that two operators did at once, leaves another one further on. In an out
    topic, where its owner writes, only the first record can be one.
    """
    return (
        record.value is None
        and tuple(record.headers) == GENESIS_HEADERS
        and (record.offset == 0 or not is_outbox(record.topic))
    )


def header_number(text: bytes) -> int:
    """A decimal number of at most 63 bits: what offsets and moments are, and what SQLite and Avro hold.

    Raises:
        ValueError: it is not one.
    """
    if text.isdigit() and len(text) <= _MOST_DIGITS and (number := int(text)) <= _LARGEST:
        return number
    raise ValueError(f"{text[:40]!r} is not a number")


def _source(source: Source) -> bytes:
    return f"{source.agency}/{source.offset}/{source.generation}".encode()


def write_opened(source: Source, *, at: int, known: int) -> Headers:
    """Headers of the entry for an out partition's genesis."""
    return (("verdict", b"opened"), ("source", _source(source)), ("judged", b"%d/%d" % (at, known)))


def write_entry(source: Source, verdict: Verdict, value: bytes | None, *, at: int, known: int) -> Headers:
    """Headers of the entry for a judged record."""
    headers = [
        ("verdict", b"accepted" if verdict.reason is None else b"rejected"),
        ("source", _source(source)),
        ("judged", b"%d/%d" % (at, known)),
    ]
    if verdict.id is not None:
        headers.append(("id", verdict.id))
    if verdict.kind is not None:
        headers.append(("kind", verdict.kind.encode()))
    if verdict.reason is None:
        headers.append(("routes", ",".join(verdict.routes).encode()))
        if verdict.groups:
            headers.append(("groups", ",".join(verdict.groups).encode()))
    else:
        headers.append(("reason", verdict.reason.encode()))
        headers.append(("detail", verdict.detail.encode("ascii", "backslashreplace")))
        headers.append(("digest", sha256(value or b"").digest()))
    return headers


def read_entry(record: Record) -> Entry:
    """Read a ledger record's headers.

    Raises:
        InvariantError: they are not what intake writes: somebody else wrote to the ledger.
    """
    headers = dict(record.headers)
    try:
        outcome, required = _OUTCOMES[headers["verdict"]]
        agency, offset, generation = headers["source"].split(b"/")
        judged_at, known_at = headers["judged"].split(b"/")
        if not required <= headers.keys() or None in headers.values():
            raise ValueError(f"{outcome}, but without one of {sorted(required)}")
        if len(headers.get("id", _NONE)) != HASH_BYTES or len(headers.get("digest", _NONE)) != HASH_BYTES:
            raise ValueError(f"id or digest has not {HASH_BYTES} bytes")
        routes = headers.get("routes", b"")
        return Entry(
            record.offset,
            record.timestamp,
            outcome,
            Source(agency.decode(), header_number(offset), generation.decode()),
            header_number(judged_at),
            header_number(known_at),
            headers.get("id"),
            kind.decode() if (kind := headers.get("kind")) is not None else None,
            tuple(routes.decode().split(",")) if routes else (),
            headers.get("reason", b"").decode(),
            headers.get("detail", b"").decode(),
            headers.get("digest", b""),
            tuple(groups.decode().split(",")) if (groups := headers.get("groups", b"")) else (),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _no_entry(record, error) from error


def read_in_brief(record: Record) -> tuple[str, str, int, bytes | None, bytes]:
    """Read of a ledger record what a fold that is built again needs: a third of the work of `read_entry`.

    For entries that were taken before: then the rest was read as well, and was found right.

    Returns:
        The source's agency, generation and offset; then, of an accepted entry, its id and its routes as they stand
        in the header, otherwise None and nothing.

    Raises:
        InvariantError: these headers are not what intake writes: somebody else wrote to the ledger.
    """
    headers = dict(record.headers)
    try:
        agency_bytes, offset, generation_bytes = headers["source"].split(b"/")
        agency, generation = agency_bytes.decode(), generation_bytes.decode()
        if headers["verdict"] != b"accepted":
            _OUTCOMES[headers["verdict"]]  # an unknown one is an alarm
            return agency, generation, header_number(offset), None, b""
        identity, routes = headers["id"], headers["routes"]
        if len(identity) != HASH_BYTES:
            raise ValueError(f"id has not {HASH_BYTES} bytes")
        return agency, generation, header_number(offset), identity, routes
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _no_entry(record, error) from error


def read_plain(headers: Headers) -> tuple[bytes, int, bytes, bytes, bytes, bytes, bytes] | None:
    """Take apart what nearly all headers in the ledger are: those of an accepted entry, in intake's own order.

    By their places, without a name being looked up: half of the work of `read_in_brief`.

    Returns:
        The source's agency, offset and generation, what judged says, the id with its 32 bytes, kind and routes, nothing
        decoded; None where the headers are any others: one of the other readers says what is to be said of them.
    """
    try:
        (n1, verdict), (n2, source), (n3, judged), (n4, identity), (n5, kind), (n6, routes) = headers
        agency, offset, generation = source.split(b"/")
        number = header_number(offset)
        if (n1, n2, n3, n4, n5, n6, verdict) != _PLAIN or len(identity) != HASH_BYTES:
            return None
    except (AttributeError, TypeError, ValueError):
        return None
    return agency, number, generation, judged, identity, kind, routes


def _no_entry(record: Record, error: Exception) -> InvariantError:
    return InvariantError(
        f"{record.topic} lane {record.partition} offset {record.offset} is not a ledger entry: {error!r}"
    )


def write_delivery(delivery: Delivery) -> Headers:
    """Headers of an inbox record."""
    return (
        ("sequence", b"%d" % delivery.sequence),
        ("position", b"%d" % delivery.position),
        ("judged", b"%d/%d" % (delivery.judged_at, delivery.known_at)),
        ("id", delivery.id),
        ("kind", delivery.kind.encode()),
    )


def read_delivery(record: Record) -> Delivery:
    """Read an inbox record's headers.

    Raises:
        InvariantError: they are not what dispatch writes: somebody else wrote to the inbox.
    """
    headers = dict(record.headers)
    try:
        if len(headers["id"]) != HASH_BYTES:
            raise ValueError(f"id has not {HASH_BYTES} bytes")
        judged_at, known_at = headers["judged"].split(b"/")
        return Delivery(
            header_number(headers["sequence"]),
            header_number(headers["position"]),
            header_number(judged_at),
            header_number(known_at),
            headers["id"],
            headers["kind"].decode(),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvariantError(
            f"{record.topic} lane {record.partition} offset {record.offset} is not a delivery: {error!r}"
        ) from error
