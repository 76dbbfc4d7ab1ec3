"""What is done to bytes in order to break those who read them."""

from collections.abc import Callable
from random import Random

from unit.kernel.wire import number, padded

__all__ = ["mutated"]

NUMBERS = (
    0,
    1,
    -1,
    2,
    63,
    64,
    -64,
    -65,
    127,
    128,
    500,
    4_096,
    2**31 - 1,
    2**31,
    -(2**31),
    2**40,
    2**62,
    2**63,
    -(2**63),
)
BYTES = (0x00, 0x01, 0x02, 0x03, 0x7F, 0x80, 0x81, 0xC0, 0xED, 0xFF)


def flip_a_bit(data: bytearray, random: Random, _: bytes) -> None:
    """Turn one bit over."""
    data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def set_a_byte(data: bytearray, random: Random, _: bytes) -> None:
    """Put a byte that means something to Avro or UTF-8 in another's place."""
    data[random.randrange(len(data))] = random.choice(BYTES)


def cut(data: bytearray, random: Random, _: bytes) -> None:
    """Cut off the end."""
    del data[random.randrange(len(data)) :]


def leave_out(data: bytearray, random: Random, _: bytes) -> None:
    """Leave a few bytes out."""
    place = random.randrange(len(data))
    del data[place : place + random.choice((1, 1, 2, 16, 32))]


def insert(data: bytearray, random: Random, _: bytes) -> None:
    """Put a few bytes in between."""
    place = random.randrange(len(data) + 1)
    data[place:place] = random.randbytes(random.choice((1, 1, 2, 16, 32)))


def repeat(data: bytearray, random: Random, _: bytes) -> None:
    """Say a part twice, or a hundred times."""
    place = random.randrange(len(data))
    data[place:place] = data[place : place + random.choice((1, 4, 33, 100))] * random.choice((1, 1, 1, 100))


def write_a_number(data: bytearray, random: Random, _: bytes) -> None:
    """Write a number over a byte: a bound, a huge one, or one that is padded."""
    place = random.randrange(len(data))
    value = random.choice(NUMBERS)
    written = number(value) if random.random() < 0.7 else padded(value, random.choice((1, 1, 2, 8, 200)))
    data[place : place + random.choice((0, 1, 1, len(written)))] = written


def nudge_a_number(data: bytearray, random: Random, _: bytes) -> None:
    """Make what may be a length one more or less, which keeps it a length."""
    place = random.randrange(len(data))
    data[place] = (data[place] + random.choice((2, -2))) % 256


def splice(data: bytearray, random: Random, other: bytes) -> None:
    """Go on with another envelope's end, from anywhere or from the same place."""
    place = random.randrange(len(data))
    data[place:] = other[random.choice((place, random.randrange(len(other)))) :]


def transplant(data: bytearray, random: Random, other: bytes) -> None:
    """Put a part of another envelope over the same place."""
    place = random.randrange(len(data))
    length = random.choice((1, 16, 32, 64, 200))
    data[place : place + length] = other[place : place + length]


MUTATIONS: tuple[Callable[[bytearray, Random, bytes], None], ...] = (
    flip_a_bit, flip_a_bit, set_a_byte, cut, leave_out, insert, repeat, write_a_number, nudge_a_number, splice,
    transplant,
)  # fmt: skip


def mutated(data: bytes, random: Random, other: bytes) -> bytes:
    """The bytes after one to three mutations."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        if changed:
            random.choice(MUTATIONS)(changed, random, other)
    return bytes(changed)
