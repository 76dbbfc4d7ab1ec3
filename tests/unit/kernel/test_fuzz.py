"""Mutated envelopes of every kind through everything that reads them: a verdict or a RejectedError, never more.

Run 200,000 cases with

    LIENTHONG_FUZZ_CASES=200000 python -m pytest tests/unit/kernel/test_fuzz.py -s

which took 21 seconds of processor time, and 33 seconds on a machine of 2 cores that was busy with
other work; the slowest case took 42 ms. A seed other than 1, in LIENTHONG_FUZZ_SEED, gives other
cases. A failure names seed, kind and case, and shows the bytes. With -s the verdicts on each kind and
the slowest case are printed.
"""

import os
import time
from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from lienthong.kernel.directory import Directory
from lienthong.kernel.envelope import decode_envelope, encode_envelope, envelope_id
from lienthong.kernel.errors import RejectedError
from lienthong.kernel.judge import Judge
from lienthong.kernel.lanes import lane_of
from lienthong.kernel.ledger import Source, write_entry
from lienthong.kernel.limits import MAX_ENVELOPE_BYTES
from lienthong.kernel.reasons import Reason
from lienthong.kernel.seal import Purpose
from lienthong.kernel.statement import Kind, Statement, attachment_of, decode_statement, encode_statement
from unit.kernel.wire import number, padded
from unit.kernel.world import (
    CONTENT,
    EXPRESS_THREAD,
    LANES,
    NOW,
    document,
    judge_of,
    one_of_each_kind,
    seal,
)

CASES = int(os.environ.get("LIENTHONG_FUZZ_CASES", "20000"))
SEED = int(os.environ.get("LIENTHONG_FUZZ_SEED", "1"))
SLOWEST_SECONDS = 1.0
MOST_HEADER_BYTES = 32_768
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


def variants(kind: Kind) -> list[Statement]:
    """A few valid statements of a kind, different in shape."""
    plain, _, _ = one_of_each_kind()[kind]
    found = [plain, plain._replace(created=NOW - 3_600_000, salt=bytes(16))]
    if kind is Kind.DOCUMENT:
        found.append(document(thread=EXPRESS_THREAD, priority=4, recipients=["H37.DN.001", "BACKBONE"]))
        found.append(document(attachments=[attachment_of("", "", CONTENT)] * 5, body={**plain.body, "signer": None}))
        found.append(document(body={**plain.body, "business_type": 2, "refers_to": [bytes(32), CONTENT[:1] * 32]}))
    return found


def check(value: bytes, judge: Judge, directory: Directory, agency: str, random: Random) -> Reason | None:
    """Read a value in every way it is ever read; returns the verdict's reason.

    Raises:
        AssertionError: two ways contradict each other, or what was decoded encodes to other bytes.
    """
    lane = random.randrange(LANES)
    refused: Reason | None = None
    try:
        sealed = decode_envelope(value)
        assert value == encode_envelope(sealed.statement, sealed.contents, sealed.seal)
        statement = decode_statement(sealed.statement)
        assert sealed.statement == encode_statement(statement)
        if random.random() < 0.9:
            lane = lane_of(statement.thread, LANES)
    except RejectedError as rejected:
        refused = rejected.reason
    verdict = judge.verdict(value, agency=agency, lane=lane, at=NOW)
    if refused is not None:
        assert refused is verdict.reason
    if verdict.reason is None:
        opened = judge.open(value, at=NOW)
        assert (verdict.id, verdict.kind) == (opened.id, opened.statement.kind)
        assert verdict.id == envelope_id(sealed.statement)
        assert verdict.routes
    else:
        assert verdict.detail
        assert not verdict.routes
    headers = write_entry(Source(agency, 1, "g"), verdict, value, at=NOW, known=NOW)
    assert MOST_HEADER_BYTES > sum(len(name) + len(content) for name, content in headers)
    try:
        directory.apply(value)
    except RejectedError:
        pass
    else:
        assert statement.kind in (Kind.AGENCY, Kind.KEY)
    return verdict.reason


@pytest.mark.parametrize("kind", Kind)
def test_mutated_envelopes(kind: Kind) -> None:
    """Whatever is done to an envelope, or to a statement before it is signed, it is judged and nothing breaks."""
    _, signer, purpose = one_of_each_kind()[kind]
    statements = variants(kind)
    encoded = [encode_statement(statement) for statement in statements]
    values = seal(statements, signer=signer, purpose=purpose) + seal(statements[:1], signer=signer, purpose=purpose)
    others = [
        value
        for statement, other_signer, other_purpose in one_of_each_kind().values()
        for value in seal([statement] * 2, signer=other_signer, purpose=other_purpose)
    ]
    agency = statements[0].sender
    judge = judge_of()
    random = Random(f"{SEED} {kind}")
    verdicts: Counter[Reason | None] = Counter()
    slowest = 0.0
    begun = time.perf_counter()
    for case in range(CASES // len(Kind)):
        other = random.choice(others)
        if random.random() < 0.6:
            value = mutated(random.choice(values), random, other)
        else:
            statement = mutated(random.choice(encoded), random, other)
            contents = [CONTENT] * random.choice((0, 1, 1, 5))
            value = seal([statement], signer=signer, purpose=purpose, sender=agency, contents=contents)[0]
        value = value[: MAX_ENVELOPE_BYTES + 1]
        before = time.process_time()
        try:
            verdicts[check(value, judge, judge.directory, agency, random)] += 1
        except Exception as error:
            raise AssertionError(f"seed {SEED}, kind {kind}, case {case}: {value.hex()}") from error
        slowest = max(slowest, time.process_time() - before)
    print(
        f"\n{kind}: {verdicts.total()} cases in {time.perf_counter() - begun:.1f} s, slowest {slowest * 1000:.1f} ms: "
        + ", ".join(f"{count} {reason or 'accepted'}" for reason, count in verdicts.most_common())
    )
    assert SLOWEST_SECONDS > slowest
    if CASES >= 20_000:
        deep = Reason.WRONG_PURPOSE if purpose == Purpose.DIRECTORY else Reason.BAD_SEAL
        assert {Reason.MALFORMED, Reason.WRONG_SENDER, Reason.WRONG_LANE, deep} <= set(verdicts)
        assert (purpose == Purpose.DIRECTORY) == (verdicts[None] == 0)
