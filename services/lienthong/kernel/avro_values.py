"""Avro's numbers, lengths and fixed values, in the one form of each that is read and written here.

An encoding is a zigzag number in groups of seven bits, the lowest first, without padding.
"""

from functools import lru_cache
from typing import Final

__all__ = [
    "INT_RANGE", "MalformedError", "read_length", "read_long", "write_fixed", "write_int", "write_number",
]  # fmt: skip

INT_RANGE: Final = (-(2**31), 2**31 - 1)
"""Smallest and largest int."""
_LONG = (-(2**63), 2**63 - 1)


class MalformedError(ValueError):
    """The bytes are not the one encoding of a value."""


def read_long(data: bytes, at: int) -> tuple[int, int]:
    """A zigzag number of up to 64 bits without padding, and the place after it."""
    # Nearly every number of six bytes is a time, and envelopes of one batch were signed at the same.
    six = data[at : at + 6]
    if len(six) == 6 and six[2] > 0x7F and six[3] > 0x7F and six[4] > 0x7F and 0 < six[5] <= 0x7F:  # noqa: PLR2004
        number = _read_six(six)
        if number is not None:
            return number, at + 6
    return _read_any_long(data, at)


@lru_cache(maxsize=1_024)
def _read_six(six: bytes) -> int | None:
    """The number that six bytes encode, all of them; None if they begin with a shorter one."""
    number, end = _read_any_long(six, 0)
    return number if end == 6 else None  # noqa: PLR2004


def _read_any_long(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the last byte of a number
            break
        shift += 7
        if shift > 63:  # noqa: PLR2004 - ten bytes hold 64 bits
            raise MalformedError("a number is longer than 64 bits")
    if (byte == 0 and shift) or number >> 64:
        raise MalformedError("a number is padded or too large")
    return (number >> 1) ^ -(number & 1), at


def read_length(data: bytes, at: int) -> tuple[int, int]:
    """A length or count that what is left of the bytes can hold, and the place after it."""
    number, at = read_long(data, at)
    if not 0 <= number <= len(data) - at:
        raise MalformedError("a length is negative or larger than the data")
    return number, at


@lru_cache(maxsize=1_024)
def _number_bytes(number: int) -> bytes:
    if not _LONG[0] <= number <= _LONG[1]:
        raise ValueError(f"{number} does not fit into 64 bits")
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number > 0x7F:  # noqa: PLR2004
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


_SMALL: Final = tuple(_number_bytes(number) for number in range(4_096))


def write_number(number: int) -> bytes:
    """A number of up to 64 bits; ValueError if it is larger."""
    return _SMALL[number] if 0 <= number < 4_096 else _number_bytes(number)  # noqa: PLR2004


def write_int(number: int) -> bytes:
    """A number of up to 32 bits; ValueError if it is larger."""
    if not INT_RANGE[0] <= number <= INT_RANGE[1]:
        raise ValueError(f"{number} does not fit into 32 bits")
    return write_number(number)


def write_fixed(value: bytes, size: int, name: str) -> bytes:
    """The value as it is; ValueError, naming its type, if its size is another."""
    if len(value) != size:
        raise ValueError(f"{name}: {len(value)} bytes, not {size}")
    return value
