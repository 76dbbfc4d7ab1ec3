"""Records that must never stop the road: every hostile kind that an agency can write into its own out topic."""

import random
from collections.abc import Sequence

from lienthong.kernel.bus import Row

__all__ = ["poison"]

_LARGE_BYTES = 900_000


def poison(chance: random.Random, own: Sequence[bytes], others: Sequence[bytes]) -> list[Row]:
    """Rows of every kind, in a random order.

    Args:
        chance: decides the bytes and the order.
        own: envelopes that the agency sent before.
        others: envelopes of another agency.
    """
    rows = [
        Row(None),
        Row(None, (("genesis", b"1"),)),
        Row(b""),
        Row(b"\x00"),
        Row(chance.randbytes(200)),
        Row(b"\x00\x00\x00\x00\x01" + chance.randbytes(400)),
        Row(chance.randbytes(_LARGE_BYTES)),
        Row(chance.randbytes(50), (("verdict", b"accepted"), ("sequence", b"1"), ("id", b"x" * 32))),
        Row(chance.randbytes(50), (("source", b"X/1/y"),) * 40, b"key"),
    ]
    for value in own:
        flipped = bytearray(value)
        flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
        rows += [
            Row(value),
            Row(value[: chance.randrange(1, len(value))]),
            Row(value + b"\x00"),
            Row(bytes(flipped)),
        ]
    rows += [Row(value) for value in others]
    chance.shuffle(rows)
    return rows
