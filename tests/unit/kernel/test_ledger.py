"""Headers of ledger and inbox: what is written is what is read, and foreign headers stop the reader."""

from hashlib import sha256
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.kernel.envelope import EnvelopeId
from lienthong.kernel.errors import InvariantError
from lienthong.kernel.judge import Verdict
from lienthong.kernel.ledger import (
    GENESIS_HEADERS,
    Delivery,
    Entry,
    Headers,
    Outcome,
    Source,
    is_genesis,
    read_delivery,
    read_entry,
    read_in_brief,
    write_delivery,
    write_entry,
    write_opened,
)
from lienthong.kernel.reasons import Reason
from lienthong.kernel.statement import Kind
from unit.kernel.world import NOW, quick

ID = EnvelopeId(sha256(b"envelope").digest())
SOURCE = Source("G22", 41, "AbCdEf_-123")
ACCEPTED = Verdict(None, "", ID, Kind.DOCUMENT, ("H37", "G09"))
REJECTED = Verdict(Reason.EXPIRED, "created is 200 h ago", ID, Kind.DOCUMENT, ())
MALFORMED = Verdict(Reason.MALFORMED, "not an envelope", None, None, ())


class Record(NamedTuple):
    """A record as a reader meets it."""

    headers: Headers
    value: bytes | None = None
    offset: int = 7
    topic: str = "lt.ledger"
    partition: int = 2
    timestamp: int = NOW + 5


def changed(headers: Headers, name: str, value: bytes | None) -> Headers:
    """Headers with one replaced, or left out if there is no value."""
    rest = [header for header in headers if header[0] != name]
    return rest if value is None else [*rest, (name, value)]


def test_an_accepted_entry() -> None:
    """An accepted entry tells source, times, id, kind and routes."""
    headers = write_entry(SOURCE, ACCEPTED, b"value", at=NOW, known=NOW - 1)
    assert [
        ("verdict", b"accepted"),
        ("source", b"G22/41/AbCdEf_-123"),
        ("judged", b"%d/%d" % (NOW, NOW - 1)),
        ("id", ID),
        ("kind", b"document"),
        ("routes", b"H37,G09"),
    ] == list(headers)
    expected = Entry(
        7, NOW + 5, Outcome.ACCEPTED, SOURCE, NOW, NOW - 1, ID, "document", ("H37", "G09"), "", "", b""
    )  # fmt: skip
    assert expected == read_entry(Record(headers, b"value"))


def test_a_rejected_entry() -> None:
    """A rejected entry tells reason, detail and the digest of the value, besides what could be told of it."""
    headers = write_entry(SOURCE, REJECTED, b"value", at=NOW, known=0)
    digest = sha256(b"value").digest()
    assert [("reason", b"expired"), ("detail", b"created is 200 h ago"), ("digest", digest)] == list(headers)[-3:]
    expected = Entry(
        7, NOW + 5, Outcome.REJECTED, SOURCE, NOW, 0, ID, "document", (), "expired", "created is 200 h ago", digest
    )  # fmt: skip
    assert expected == read_entry(Record(headers))


def test_a_rejected_entry_of_which_nothing_could_be_told() -> None:
    """Of bytes that are no envelope the entry has neither id nor kind; no value has the digest of nothing."""
    entry = read_entry(Record(write_entry(SOURCE, MALFORMED, None, at=NOW, known=NOW)))
    assert (None, None, "malformed") == (entry.id, entry.kind, entry.reason)
    assert sha256(b"").digest() == entry.digest


def test_an_opened_entry() -> None:
    """The entry for an out partition's genesis tells its source and times, and nothing else."""
    headers = write_opened(Source("G22", 0, "gen"), at=NOW, known=3)
    assert [("verdict", b"opened"), ("source", b"G22/0/gen"), ("judged", b"%d/3" % NOW)] == list(headers)
    entry = read_entry(Record(headers))
    assert (Outcome.OPENED, Source("G22", 0, "gen"), NOW, 3) == (
        entry.outcome,
        entry.source,
        entry.judged_at,
        entry.known_at,
    )
    assert (None, None, (), "", "", b"", ()) == entry[6:]


VERDICTS = st.one_of(
    st.builds(
        Verdict,
        st.none(),
        st.just(""),
        st.binary(min_size=32, max_size=32).map(EnvelopeId),
        st.sampled_from(Kind),
        st.lists(st.from_regex(r"[A-Z0-9]{1,6}", fullmatch=True), max_size=5).map(tuple),
    ),
    st.builds(
        Verdict,
        st.sampled_from(Reason),
        st.text("aZ09 '.,/-", max_size=20),
        st.one_of(st.none(), st.binary(min_size=32, max_size=32).map(EnvelopeId)),
        st.one_of(st.none(), st.sampled_from(Kind)),
        st.just(()),
    ),
)
SOURCES = st.builds(
    Source,
    st.from_regex(r"[A-Z0-9.]{1,35}", fullmatch=True),
    st.integers(0, 2**63 - 1),
    st.from_regex(r"[A-Za-z0-9_-]{22}", fullmatch=True),
)


@quick
@given(SOURCES, VERDICTS, st.binary(max_size=50), st.integers(0, 2**53), st.integers(0, 2**53))
def test_every_entry_comes_back(source: Source, verdict: Verdict, value: bytes, at: int, known: int) -> None:
    """Every verdict comes back from the headers as it was given."""
    entry = read_entry(Record(write_entry(source, verdict, value, at=at, known=known), value))
    assert (source, at, known) == (entry.source, entry.judged_at, entry.known_at)
    assert (verdict.id, verdict.kind, verdict.routes) == (entry.id, entry.kind, entry.routes)
    assert (verdict.reason or "", verdict.detail) == (entry.reason, entry.detail)
    assert (entry.outcome is Outcome.ACCEPTED) == (verdict.reason is None)
    assert (b"" if verdict.reason is None else sha256(value).digest()) == entry.digest


def test_headers_are_ascii() -> None:
    """Text headers are ASCII even when the detail is not, so that any tool shows them and none is fooled by them."""
    verdict = REJECTED._replace(detail="sender 'Ủy ban\u202e'")
    headers = dict(write_entry(SOURCE, verdict, b"", at=NOW, known=NOW))
    for name in ("verdict", "source", "judged", "kind", "reason", "detail"):
        assert headers[name].isascii()


ENTRIES = {
    "accepted": write_entry(SOURCE, ACCEPTED, b"value", at=NOW, known=NOW),
    "rejected": write_entry(SOURCE, REJECTED, b"value", at=NOW, known=NOW),
}


@pytest.mark.parametrize(
    ("entry", "name", "value"),
    [
        ("accepted", "verdict", None),
        ("accepted", "verdict", b""),
        ("accepted", "verdict", b"Accepted"),
        ("accepted", "verdict", b"maybe"),
        ("accepted", "verdict", b"\xff"),
        ("accepted", "source", None),
        ("accepted", "source", b""),
        ("accepted", "source", b"G22/41"),
        ("accepted", "source", b"G22/41/a/b"),
        ("accepted", "source", b"G22/x/a"),
        ("accepted", "source", b"G22//a"),
        ("accepted", "source", b"\xff/1/a"),
        ("accepted", "judged", None),
        ("accepted", "judged", b""),
        ("accepted", "judged", b"1"),
        ("accepted", "judged", b"1/2/3"),
        ("accepted", "judged", b"1/x"),
        ("accepted", "id", None),
        ("accepted", "id", b""),
        ("accepted", "id", b"\x00" * 31),
        ("accepted", "kind", None),
        ("accepted", "kind", b"\xff"),
        ("accepted", "routes", None),
        ("accepted", "routes", b"\xff"),
        ("rejected", "reason", None),
        ("rejected", "reason", b"\xff"),
        ("rejected", "detail", b"\xff"),
        ("rejected", "digest", None),
        ("rejected", "digest", b"\x00" * 31),
        ("rejected", "id", b"\x00" * 33),
    ],
)
def test_foreign_headers_stop_the_reader(entry: str, name: str, value: bytes | None) -> None:
    """An entry whose headers are not what intake writes is an invariant that broke, named by its place."""
    headers = changed(ENTRIES[entry], name, value)
    with pytest.raises(InvariantError, match=r"lt.ledger lane 2 offset 7 is not a ledger entry"):
        read_entry(Record(headers, b"value"))


@pytest.mark.parametrize("name", ["verdict", "source", "judged", "kind", "routes", "id"])
def test_a_header_without_a_value_stops_the_reader(name: str) -> None:
    """Kafka allows a header without a value; no header of ours is one, so it is an invariant that broke."""
    headers = [header if header[0] != name else (name, None) for header in ENTRIES["accepted"]]
    with pytest.raises(InvariantError):
        read_entry(Record(headers, b"value"))  # type: ignore[arg-type]


def test_no_headers_stop_the_reader() -> None:
    """A record without headers, or a genesis read as an entry, is no ledger entry."""
    for headers in ((), GENESIS_HEADERS):
        with pytest.raises(InvariantError):
            read_entry(Record(headers))


@pytest.mark.parametrize(
    "headers", [*ENTRIES.values(), write_opened(SOURCE, at=NOW, known=NOW), ENTRIES["rejected"][:-1]]
)
def test_in_brief_it_says_the_same(headers: Headers) -> None:
    """Source, and of an accepted entry id and routes; what else is missing was noticed when it was read whole."""
    agency, offset, generation = SOURCE
    accepted = headers is ENTRIES["accepted"]
    expected = (agency, generation, offset, *((ID, b"H37,G09") if accepted else (None, b"")))
    assert expected == read_in_brief(Record(headers, b"value"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("verdict", None), ("verdict", b"Accepted"), ("verdict", b""), ("source", None), ("source", b"G22/41"),
        ("source", b"G22/x/a"), ("source", b"\xff/1/a"), ("id", None), ("id", bytes(31)), ("routes", None),
    ],
)  # fmt: skip
def test_foreign_headers_stop_the_brief_reader(name: str, value: bytes | None) -> None:
    """As far as it reads them."""
    with pytest.raises(InvariantError, match=r"lt.ledger lane 2 offset 7 is not a ledger entry"):
        read_in_brief(Record(changed(ENTRIES["accepted"], name, value), b"value"))


DELIVERY = Delivery(3, 7, NOW, NOW - 1, ID, "document")


def test_a_delivery() -> None:
    """A delivery tells its number, the ledger position, when it was judged, id and kind."""
    headers = write_delivery(DELIVERY)
    assert [
        ("sequence", b"3"),
        ("position", b"7"),
        ("judged", b"%d/%d" % (NOW, NOW - 1)),
        ("id", ID),
        ("kind", b"document"),
    ] == list(headers)
    assert DELIVERY == read_delivery(Record(headers))


@quick
@given(
    st.builds(
        Delivery, st.integers(1, 2**62), st.integers(0, 2**62), st.integers(0, 2**53), st.integers(0, 2**53),
        st.binary(min_size=32, max_size=32), st.sampled_from([str(kind) for kind in Kind]),
    )
)  # fmt: skip
def test_every_delivery_comes_back(delivery: Delivery) -> None:
    """Every delivery comes back from its headers as it was."""
    assert delivery == read_delivery(Record(write_delivery(delivery)))


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name in ("sequence", "position", "judged") for value in (None, b"", b"x", b"1.0", b"\xff")]
    + [("id", None), ("id", b""), ("id", bytes(31)), ("kind", None), ("kind", b"\xff")],
)
def test_foreign_headers_stop_the_readers_of_an_inbox(name: str, value: bytes | None) -> None:
    """An inbox record whose headers are not what dispatch writes is an invariant that broke, named by its place."""
    record = Record(changed(write_delivery(DELIVERY), name, value), topic="lt.in.G22")
    with pytest.raises(InvariantError, match=r"lt.in.G22 lane 2 offset 7 is not a delivery"):
        read_delivery(record)


@pytest.mark.parametrize("name", ["sequence", "position", "judged", "id", "kind"])
def test_a_delivery_header_without_a_value_stops_the_reader(name: str) -> None:
    """A header without a value is none that dispatch writes."""
    headers = [header if header[0] != name else (name, None) for header in write_delivery(DELIVERY)]
    with pytest.raises(InvariantError):
        read_delivery(Record(headers))  # type: ignore[arg-type]


def test_genesis() -> None:
    """Genesis is a record without a value, with the one header genesis; nothing else is."""
    assert (("genesis", b"1"),) == tuple(GENESIS_HEADERS)
    assert is_genesis(Record(GENESIS_HEADERS, None, 0))
    assert is_genesis(Record([("genesis", b"1")], None, 0))
    assert not is_genesis(Record(GENESIS_HEADERS, b"", 0))
    assert not is_genesis(Record((), None, 0))
    assert not is_genesis(Record((("genesis", b"2"),), None, 0))
    assert not is_genesis(Record((*GENESIS_HEADERS, ("id", ID)), None, 0))


def test_a_genesis_may_stand_again_where_only_the_backbone_writes() -> None:
    """Two operators who provision at once leave two; in an out topic, where its owner writes, the second is judged."""
    assert is_genesis(Record(GENESIS_HEADERS, None, 1))
    assert is_genesis(Record(GENESIS_HEADERS, None, 9, "lt.in.H26"))
    assert is_genesis(Record(GENESIS_HEADERS, None, 0, "lt.out.H26"))
    assert not is_genesis(Record(GENESIS_HEADERS, None, 1, "lt.out.H26"))


NO_NUMBERS = (b"-1", b"+1", b"1_0", b" 1", b"1 ", "١".encode(), b"%d" % 2**63, b"9" * 5_000)


@pytest.mark.parametrize("number", NO_NUMBERS)
def test_what_python_takes_for_a_number_and_no_offset_is_stops_the_reader(number: bytes) -> None:
    """A reader stores these numbers, and a database holds 63 bits: a larger one must be an alarm and no crash."""
    for name in ("sequence", "position", "judged"):
        with pytest.raises(InvariantError):
            read_delivery(Record(changed(write_delivery(DELIVERY), name, number)))
    for name, value in (("source", b"G22/%b/a" % number), ("judged", b"%b/1" % number), ("judged", b"1/%b" % number)):
        with pytest.raises(InvariantError):
            read_entry(Record(changed(ENTRIES["accepted"], name, value), b"value"))


def test_the_largest_number_is_read() -> None:
    """63 bits, as offsets and moments have."""
    delivery = DELIVERY._replace(sequence=2**63 - 1, position=2**63 - 1, judged_at=2**63 - 1, known_at=2**63 - 1)
    assert delivery == read_delivery(Record(write_delivery(delivery)))
