"""Batches as a broker sends them become the records that were asked for, or an error."""

import pytest

from lienthong.kernel.bus.batches import unpack
from lienthong.kernel.topics import Partition

PARTITION = Partition("lt.out.H01", 1)


def varint(number: int) -> bytes:
    """Zigzag, seven bits a byte, as in records of Kafka."""
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def crc32c(data: bytes) -> int:
    """Castagnoli's check sum, bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def batch(first: int, *values: bytes | None, attributes: int = 8, last: int | None = None) -> bytes:
    """A batch of records with one header each, as Kafka writes it where it sets the time itself.

    Args:
        first: offset of the first record.
        values: of the records.
        attributes: of the batch: 8 for Kafka's own time, 32 for a control batch.
        last: offset of the last record, if some behind those given are gone.
    """
    records = b""
    for delta, value in enumerate(values):
        record = b"\x00" + varint(0) + varint(delta) + varint(-1)
        record += varint(-1) if value is None else varint(len(value)) + value
        record += varint(1) + varint(4) + b"name" + varint(3) + b"\x00\x01\x02"
        records += varint(len(record)) + record
    delta = len(values) - 1 if last is None else last - first
    body = b"".join(
        [
            attributes.to_bytes(2, "big"), delta.to_bytes(4, "big"), (1_000).to_bytes(8, "big"),
            (2_000).to_bytes(8, "big"), b"\xff" * 8, b"\xff" * 2, b"\xff" * 4, len(values).to_bytes(4, "big"), records,
        ]
    )  # fmt: skip
    rest = b"\x00" * 4 + b"\x02" + crc32c(body).to_bytes(4, "big") + body
    return first.to_bytes(8, "big") + len(rest).to_bytes(4, "big") + rest


def test_records_of_several_batches_come_in_order_with_all_they_have() -> None:
    """Topic, lane, offset, Kafka's time, value and headers; and the offset to go on from."""
    found, after = unpack(batch(5, b"five", None) + batch(7, b"seven"), PARTITION, 5, 100)

    assert [tuple(one) for one in found] == [
        ("lt.out.H01", 1, 5, 2_000, b"five", [("name", b"\x00\x01\x02")]),
        ("lt.out.H01", 1, 6, 2_000, None, [("name", b"\x00\x01\x02")]),
        ("lt.out.H01", 1, 7, 2_000, b"seven", [("name", b"\x00\x01\x02")]),
    ]
    assert after == 8


@pytest.mark.parametrize(
    ("first", "end", "offsets"), [(2, 5, [2, 3, 4]), (0, 3, [0, 1, 2]), (4, 6, [4, 5]), (5, 6, [5])]
)
def test_nothing_comes_from_before_or_behind_the_range(first: int, end: int, offsets: list[int]) -> None:
    """A broker sends whole batches, which may begin before the range and end behind it."""
    data = batch(0, b"0", b"1", b"2") + batch(3, b"3", b"4", b"5") + batch(6, b"6")

    found, after = unpack(data, PARTITION, first, end)

    assert [one.offset for one in found] == offsets
    assert after >= end


def test_a_batch_that_is_cut_off_is_left_for_the_next_answer() -> None:
    """Answers end at a number of bytes, not at the end of a batch."""
    data = batch(0, b"0") + batch(1, b"1")

    found, after = unpack(data[:-3], PARTITION, 0, 10)

    assert ([one.offset for one in found], after) == ([0], 1)
    assert unpack(data[:20], PARTITION, 0, 10) == ([], 0)


def test_offsets_without_a_record_are_passed_over() -> None:
    """Markers of transactions, and what compaction took away, take offsets."""
    data = batch(0, b"0") + batch(1, b"marker", attributes=32 + 16 + 8) + batch(2, b"2", last=9)

    found, after = unpack(data, PARTITION, 0, 20)

    assert ([one.offset for one in found], after) == ([0, 2], 10)


def test_another_check_sum_is_refused() -> None:
    """A bit that the network or a disk turned over is not taken for damage of the topic."""
    data = bytearray(batch(0, b"0") + batch(1, b"one"))
    data[-20] ^= 1

    with pytest.raises(Exception, match=r"lt\.out\.H01 lane 1: the batch of offset 1 has another check sum"):
        unpack(bytes(data), PARTITION, 0, 10)
