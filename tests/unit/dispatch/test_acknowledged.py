"""How long documents waited for their first acknowledgement."""

from hashlib import sha256

from lienthong.dispatch.acknowledged import AcceptanceTimes
from lienthong.kernel.ledger import Entry, Outcome, Source
from lienthong.kernel.statement import Kind
from unit.kernel.world import NOW, RECIPIENT_KEY, acknowledgement, seal


def accepted(at: int, identity: bytes | None, kind: Kind = Kind.DOCUMENT) -> Entry:
    """An accepted entry."""
    source = Source("G22", 0, "a" * 32)
    return Entry(0, at, Outcome.ACCEPTED, source, at, at, identity, kind, ("H37",), "", "", b"")


def identity(number: int) -> bytes:
    """A document's id."""
    return sha256(b"%d" % number).digest()


def answer(*documents: bytes) -> bytes:
    """An acknowledgement of these documents."""
    body = {"documents": list(documents), "status": "01", "reason": ""}
    return seal([acknowledgement(body=body)], signer=RECIPIENT_KEY)[0]


ANSWER = identity(999)


def test_each_document_is_measured_at_its_first_acknowledgement() -> None:
    """Seconds from acceptance to acceptance; further acknowledgements and unknown documents give nothing."""
    times = AcceptanceTimes()
    for number in range(3):
        assert [] == list(times.take(accepted(NOW + number * 1_000, identity(number)), b""))
    acknowledged = accepted(NOW + 5_000, ANSWER, Kind.ACKNOWLEDGEMENT)

    assert [5.0, 3.0] == list(times.take(acknowledged, answer(identity(0), identity(2), identity(77))))
    assert [4.0] == list(times.take(acknowledged, answer(identity(0), identity(1))))


def test_a_clock_that_went_back_gives_no_negative_times() -> None:
    """Less than nothing is nothing."""
    times = AcceptanceTimes()
    list(times.take(accepted(NOW, identity(0)), b""))
    assert [0.0] == list(times.take(accepted(NOW - 500, ANSWER, Kind.ACKNOWLEDGEMENT), answer(identity(0))))


def test_memory_is_bounded() -> None:
    """The oldest are forgotten first and are not measured."""
    times = AcceptanceTimes(capacity=2)
    for number in range(3):
        list(times.take(accepted(NOW, identity(number)), b""))
    found = times.take(accepted(NOW + 1_000, ANSWER, Kind.ACKNOWLEDGEMENT), answer(*map(identity, range(3))))
    assert [1.0, 1.0] == list(found)


def test_what_cannot_be_read_or_is_of_another_kind_stops_nothing() -> None:
    """A metric must not stop deliveries."""
    times = AcceptanceTimes()
    list(times.take(accepted(NOW, identity(0)), b""))
    for value in (None, b"", b"\x00\x00\x00\x00\x01garbage"):
        assert [] == list(times.take(accepted(NOW, ANSWER, Kind.ACKNOWLEDGEMENT), value))
    assert [] == list(times.take(accepted(NOW, ANSWER, Kind.RECEIPT), b""))
    assert [] == list(times.take(accepted(NOW, None), b""))
