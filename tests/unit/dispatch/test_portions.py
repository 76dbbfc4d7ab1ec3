"""Portions: nothing is lost, the order stays, and none is larger than what the broker takes."""

from pathlib import Path

from aiokafka.record.default_records import DefaultRecordBatchBuilder
from hypothesis import given
from hypothesis import strategies as st

from lienthong.dispatch.portions import PORTION_BYTES, parts, portions
from lienthong.embedded.properties import NodeSettings
from lienthong.kernel.bus import Row
from lienthong.kernel.ledger import Delivery, write_delivery
from lienthong.kernel.limits import MAX_ENVELOPE_BYTES
from lienthong.kernel.topics import Partition, inbox
from unit.dispatch.test_inboxes import ONE, Rec, taken
from unit.kernel.world import quick

WIDEST = write_delivery(Delivery(2**63 - 1, 2**63 - 1, 2**63 - 1, 2**63 - 1, bytes(32), "acknowledgement"))
ROWS = st.dictionaries(
    st.builds(Partition, st.sampled_from([inbox("H26"), inbox("H37"), inbox("H53")]), st.integers(0, 1)),
    st.lists(st.integers(0, 5_000).map(lambda size: Row(bytes(size), WIDEST)), min_size=1, max_size=20),
)


def test_what_is_small_is_appended_at_once() -> None:
    """As it is; and nothing is nothing."""
    rows = {Partition(inbox("H26"), 1): [Row(b"a"), Row(None)], Partition(inbox("H37"), 1): [Row(b"b")]}
    assert [rows] == list(portions(rows))
    assert [] == list(portions({}))


def test_a_row_larger_than_the_bound_goes_alone() -> None:
    """It cannot be divided; the ones beside it wait."""
    one, two = Partition(inbox("H26"), 1), Partition(inbox("H37"), 1)
    small, large = Row(bytes(10)), Row(bytes(2_000))
    assert [{one: [small]}, {one: [large]}, {two: [small]}] == list(
        portions({one: [small, large], two: [small]}, most_bytes=1_000)
    )


@given(rows=ROWS, most_bytes=st.integers(1, 20_000))
@quick
def test_portions_hold_everything_in_order(rows: dict[Partition, list[Row]], most_bytes: int) -> None:
    """Put together again they are the rows, and what Kafka makes of each is within the bound."""
    joined: dict[Partition, list[Row]] = {}
    for portion in portions(rows, most_bytes):
        assert all(portion.values())
        written = [kafka_bytes(row) for some in portion.values() for row in some]
        assert len(written) == 1 or sum(written) <= most_bytes
        for partition, some in portion.items():
            joined.setdefault(partition, []).extend(some)
    assert rows == joined


@given(
    entries=st.lists(st.tuples(st.integers(0, 5_000), st.lists(st.sampled_from(["H26", "H37"]), unique=True))),
    most_bytes=st.integers(1, 20_000),
)
@quick
def test_parts_of_a_round_are_bounded_by_what_they_become(
    entries: list[tuple[int, list[str]]], most_bytes: int
) -> None:
    """In their order; an entry counts once for each of its recipients, and one that is too large stands alone."""
    round_ = [
        one._replace(record=Rec(*ONE, position, bytes(size)))
        for position, one, size in (
            (position, taken(position, *routes), size) for position, (size, routes) in enumerate(entries)
        )
    ]
    found = list(parts(round_, most_bytes))
    assert round_ == [one for part in found for one in part]
    for part in found:
        assert part
        sizes = [len(one.record.value or b"") * len(one.entry.routes) for one in part]
        assert sum(sizes) <= most_bytes or sum(map(bool, sizes)) == 1


def test_the_bound_is_below_what_the_embedded_broker_takes(tmp_path: Path) -> None:
    """With every partition's own framing, and above the largest envelope."""
    rendered = NodeSettings(port=1, controller_port=2, data=tmp_path).render()
    (line,) = [line for line in rendered.splitlines() if line.startswith("socket.request.max.bytes=")]
    assert MAX_ENVELOPE_BYTES + 256 < PORTION_BYTES < int(line.partition("=")[2]) * 3 // 4


def kafka_bytes(row: Row) -> int:
    """Bytes of a row in a record batch of its own, without compression."""
    batch = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 2**30)
    batch.append(0, 0, None, row.value, list(row.headers))
    return len(batch.build())
