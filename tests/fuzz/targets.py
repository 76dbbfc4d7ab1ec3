"""What is fuzzed: for each reader good examples, and a function that raises only if the reader is wrong.

A reader may refuse with the errors its docstring names. Anything else, and anything decoded that does
not encode to the same bytes again, is a defect.
"""

import atexit
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from lienthong.directory.listing import read_listing
from lienthong.intake.halt import Halt, generation_of, read_note, write_note
from lienthong.kernel import codec
from lienthong.kernel.agency import agency_code, from_qcvn102, to_qcvn102
from lienthong.kernel.directory import Directory
from lienthong.kernel.envelope import decode_envelope, encode_envelope
from lienthong.kernel.errors import InvariantError, RejectedError
from lienthong.kernel.keys import SigningKey
from lienthong.kernel.lanes import lane_of
from lienthong.kernel.ledger import (
    Delivery,
    Headers,
    Source,
    is_genesis,
    read_delivery,
    read_entry,
    write_delivery,
    write_entry,
    write_opened,
)
from lienthong.kernel.seal import Purpose
from lienthong.kernel.statement import Kind, decode_statement, encode_statement
from lienthong.kernel.trust import OPERATOR, Trust
from memory import folder_in_memory
from unit.kernel.world import LANES, NOW, OPERATOR_KEY, SENDER, SENDER_KEY, TRUST, judge_of, one_of_each_kind, seal

__all__ = ["TARGETS", "Target"]

_FOLDER = Path(tempfile.gettempdir())


class Target(NamedTuple):
    """One reader: what it is called, good examples, and what reads a case."""

    name: str
    seeds: Sequence[bytes]
    read: Callable[[bytes], None]


class _Rec(NamedTuple):
    topic: str
    partition: int
    offset: int
    value: bytes | None
    headers: Headers
    timestamp: int = NOW


def _envelope(data: bytes) -> None:
    with suppress(RejectedError):
        sealed = decode_envelope(data)
        assert data == encode_envelope(sealed.statement, sealed.contents, sealed.seal)
        decode_statement(sealed.statement)
    verdict = _JUDGE.verdict(data, agency=SENDER, lane=1, at=NOW)
    write_entry(Source(SENDER, 1, "g"), verdict, data, at=NOW, known=NOW)


def _statement(data: bytes) -> None:
    with suppress(RejectedError):
        assert data == encode_statement(decode_statement(data))


def _verdict(data: bytes) -> None:
    """As a statement that its sender has signed: everything behind the seal is reached."""
    value = seal([data], signer=SENDER_KEY, sender=SENDER, contents=())[0]
    lane = 1
    with suppress(RejectedError):
        lane = lane_of(decode_statement(data).thread, LANES)
    verdict = _JUDGE.verdict(value, agency=SENDER, lane=lane, at=NOW)
    write_entry(Source(SENDER, 1, "g"), verdict, value, at=NOW, known=NOW)


def _directory(data: bytes) -> None:
    """As a record that the operator has signed, and what the directory answers afterwards."""
    value = seal([data], signer=OPERATOR_KEY, sender=OPERATOR, purpose=Purpose.DIRECTORY, contents=())[0]
    directory = Directory(TRUST)
    with suppress(RejectedError):
        directory.apply(value)
    for agency in list(directory.agencies()):
        directory.routes(agency.code, NOW, directory.known_at)
        directory.is_valid(agency.code, NOW, directory.known_at)
    for key in list(directory.keys()):
        with suppress(RejectedError):
            key.check(NOW, directory.known_at)


def _schema(data: bytes) -> None:
    """The first byte chooses one of the records."""
    if data:
        record = codec.RECORDS[data[0] % len(codec.RECORDS)]
        name = "".join(part.title() for part in record.split("_"))
        with suppress(RejectedError):
            assert data[1:] == codec.encode(name, codec.decode(name, data[1:]))


def _headers(data: bytes) -> list[tuple[str, bytes]]:
    """Lines ``name=value``; a backslash and n stand for a line's end in a value."""
    found = []
    for line in data.split(b"\n"):
        name, _, value = line.partition(b"=")
        found.append((name.decode("utf-8", "replace"), value.replace(b"\\n", b"\n")))
    return found


def _lines(headers: Headers) -> bytes:
    return b"\n".join(name.encode() + b"=" + value.replace(b"\n", b"\\n") for name, value in headers)


def _entry(data: bytes) -> None:
    record = _Rec("lt.ledger", 1, 7, None, _headers(data))
    is_genesis(record)
    with suppress(InvariantError):
        entry = read_entry(record)
        assert 0 <= entry.source.offset < 2**63
        assert 0 <= entry.judged_at < 2**63


def _delivery(data: bytes) -> None:
    with suppress(InvariantError):
        delivery = read_delivery(_Rec("lt.in.G22", 1, 7, None, _headers(data)))
        for number in (delivery.sequence, delivery.position, delivery.judged_at):
            assert 0 <= number < 2**63


def _note(data: bytes) -> None:
    note = data.decode("utf-8", "replace")
    generation = generation_of(note)
    found = read_note(note)
    if found is not None:
        again = read_note(write_note(generation or "", found))
        assert again is not None
        assert found[:2] == again[:2]


def _code(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    with suppress(ValueError):
        to_qcvn102(from_qcvn102(text))
    with suppress(ValueError):
        assert text == agency_code(text)
        from_qcvn102(to_qcvn102(text))


def _file(read: Callable[[Path], object]) -> Callable[[bytes], None]:
    """A reader of files; it may raise ValueError."""
    with tempfile.NamedTemporaryFile(dir=folder_in_memory(), delete=False) as file:
        path = Path(file.name)
    atexit.register(path.unlink)

    def check(data: bytes) -> None:
        path.write_bytes(data)
        with suppress(ValueError):
            read(path)

    return check


_JUDGE = judge_of()
_KINDS = one_of_each_kind()
_STATEMENTS = [encode_statement(statement) for statement, _, _ in _KINDS.values()]
_ENVELOPES = [
    value
    for statement, signer, purpose in _KINDS.values()
    for value in seal([statement, statement._replace(created=NOW - 1)], signer=signer, purpose=purpose)
]
_CSV = (
    "code,code_qcvn102,name,parent,connected\nG22,000.00.00.G22,Văn phòng,,yes\n"
    'H37.DN,,"Sở, ban",H37,no\nH37,000.00.00.H37,Tỉnh,,yes\n'
).encode()


def _entry_seeds() -> list[bytes]:
    source = Source(SENDER, 12, "a" * 32)
    values = [*_ENVELOPES[:4], b"nonsense"]
    verdicts = [_JUDGE.verdict(value, agency=SENDER, lane=1, at=NOW) for value in values]
    entries = [write_entry(source, one, value, at=NOW, known=NOW) for one, value in zip(verdicts, values, strict=True)]
    return [_lines(headers) for headers in (*entries, write_opened(source, at=NOW, known=NOW))]


def _pem() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        SENDER_KEY.save(Path(folder) / "key.pem")
        return (Path(folder) / "key.pem").read_bytes()


TARGETS = {
    one.name: one
    for one in (
        Target("envelope", _ENVELOPES, _envelope),
        Target("statement", _STATEMENTS, _statement),
        Target("verdict", _STATEMENTS, _verdict),
        Target("directory", [encode_statement(_KINDS[kind][0]) for kind in (Kind.AGENCY, Kind.KEY)], _directory),
        Target("schema", [bytes([codec.RECORDS.index("statement")]) + one for one in _STATEMENTS], _schema),
        Target("entry", _entry_seeds(), _entry),
        Target(
            "delivery", [_lines(write_delivery(Delivery(5, 17, NOW, NOW, bytes(range(32)), "document")))], _delivery
        ),
        Target("note", [write_note("g1", Halt(bytes(32), NOW, "too much is rejected")).encode()], _note),
        Target("code", [b"H37.DN.001", b"000.00.13.H53", b"G22"], _code),
        Target("listing", [_CSV, b"\xef\xbb\xbf" + _CSV], _file(read_listing)),
        Target("trust", [TRUST.model_dump_json().encode()], _file(Trust.load)),
        Target("key", [_pem()], _file(SigningKey.load)),
    )
}
