"""What was taken before is taken again: a fold knows then what it knew when each entry was read whole."""

from hashlib import sha256
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.kernel.envelope import EnvelopeId
from lienthong.kernel.errors import InvariantError
from lienthong.kernel.fold import Count, LedgerFold
from lienthong.kernel.judge import Verdict
from lienthong.kernel.ledger import GENESIS_HEADERS, Headers, Outcome, Source, read_entry, write_entry, write_opened
from lienthong.kernel.reasons import Reason
from lienthong.kernel.statement import Kind
from lienthong.kernel.topics import LEDGER
from lienthong.runtime.last_routed import LastRouted
from lienthong.runtime.taken_before import TakenBefore
from unit.intake.test_rounds import Rec
from unit.kernel.world import NOW, quick

AGENCIES = ("G22", "H26", "H37")


class Said(NamedTuple):
    """What intake says of the next record of an agency's out topic."""

    agency: str
    name: int
    """Of the envelope: the same one may come again."""
    repeats: bool
    """Whether intake has begun anew, and says the last one again."""
    outcome: Outcome
    routes: tuple[str, ...]
    shuffled: bool
    """Whether the headers stand in another order than intake's."""


SAID = st.lists(
    st.builds(
        Said,
        st.sampled_from(AGENCIES),
        st.integers(0, 20),
        st.booleans(),
        st.sampled_from([*Outcome, Outcome.ACCEPTED, Outcome.ACCEPTED]),
        st.lists(st.sampled_from(AGENCIES), max_size=2, unique=True).map(tuple),
        st.booleans(),
    ),
    max_size=40,
)


def headers_of(said: Said, offset: int) -> Headers:
    """Headers of the entry."""
    source = Source(said.agency, offset, "0" * 32)
    identity = EnvelopeId(sha256(b"%d" % said.name).digest())
    match said.outcome:
        case Outcome.OPENED:
            headers = write_opened(source, at=NOW, known=NOW)
        case Outcome.REJECTED:
            verdict = Verdict(Reason.BAD_SEAL, "", identity, Kind.DOCUMENT, ())
            headers = write_entry(source, verdict, b"", at=NOW, known=NOW)
        case _:
            verdict = Verdict(None, "", identity, Kind.DOCUMENT, said.routes)
            headers = write_entry(source, verdict, b"", at=NOW, known=NOW)
    return list(reversed(headers)) if said.shuffled else headers


def ledger(said: list[Said]) -> list[Rec]:
    """A lane that begins with its genesis."""
    records = [Rec(LEDGER, 1, 0, None, GENESIS_HEADERS)]
    ends = dict.fromkeys(AGENCIES, 0)
    for one in said:
        if not (one.repeats and ends[one.agency]):
            ends[one.agency] += 1
        records.append(Rec(LEDGER, 1, len(records), b"", headers_of(one, ends[one.agency] - 1)))
    return records


@given(SAID, st.integers(1, 7))
@quick
def test_the_fold_knows_what_it_knew(said: list[Said], piece: int) -> None:
    """Last offsets, positions of ids, and the last entry that counts of each agency, however the records are cut."""
    records = ledger(said)
    expected, last = LedgerFold(complete=True), dict[str, int]()
    for record in records[1:]:
        entry = read_entry(record)
        if expected.take(entry) is Count.COUNTS and entry.outcome is Outcome.ACCEPTED:
            last.update(dict.fromkeys(entry.routes, entry.position))

    fold, routed = LedgerFold(complete=True), LastRouted()
    before = TakenBefore(fold, routed)
    for first in range(0, len(records), piece):
        before.take(records[first : first + piece])

    for agency in AGENCIES:
        assert expected.last_offset(agency, "0" * 32) == fold.last_offset(agency, "0" * 32)
        assert last.get(agency) == routed.of(agency)
    for name in range(21):
        identity = sha256(b"%d" % name).digest()
        assert expected.position_of(identity) == fold.position_of(identity)


def plain(offset: int, **changed: bytes | None) -> Rec:
    """An accepted entry, some headers of which have other values."""
    headers = headers_of(Said("G22", offset, False, Outcome.ACCEPTED, ("H26",), False), offset)
    return Rec(LEDGER, 1, offset, b"", [(name, changed.get(name, value)) for name, value in headers])  # type: ignore[misc]


def test_a_missing_source_offset_is_an_alarm() -> None:
    """As it was when it was taken first, also among plain entries."""
    before = TakenBefore(LedgerFold(complete=True), None)
    before.take([plain(0), plain(1)])
    with pytest.raises(InvariantError, match="source G22 goes from offset 1 to 3; 1 records are missing"):
        before.take([plain(3)])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("verdict", None), ("verdict", b"Accepted"), ("source", None), ("source", b"G22/2"), ("source", b"G22/x/a"),
        ("source", b"\xff/0/a"), ("id", None), ("id", bytes(31)), ("id", bytes(33)),
    ],
)  # fmt: skip
def test_a_record_that_is_no_entry_is_an_alarm(name: str, value: bytes | None) -> None:
    """Wherever it stands."""
    before = TakenBefore(LedgerFold(complete=True), LastRouted())
    before.take([plain(0), plain(1)])
    with pytest.raises(InvariantError, match="offset 2 is not a ledger entry"):
        before.take([plain(2, **{name: value})])
