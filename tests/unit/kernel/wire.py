"""Avro bytes made by hand, so that tests can make what no encoder of ours makes.

Every function returns the encoding of one value. `statement_bytes` and `envelope_bytes` put whole
records together from the bytes of their fields and let a test replace the bytes of any of them.
"""

from hashlib import sha256

from unit.kernel.world import CONTENT, NOW, RECIPIENT, SALT, SENDER, THREAD

__all__ = [
    "array", "boolean", "document_bytes", "envelope_bytes", "number", "octets", "padded", "seal_bytes",
    "statement_bytes", "text",
]  # fmt: skip


def number(value: int) -> bytes:
    """An int or a long: zigzag, then groups of seven bits, lowest first; any size, even beyond 64 bits."""
    zigzag = value * 2 if value >= 0 else -value * 2 - 1
    groups = []
    while zigzag > 0x7F:
        groups.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    return bytes([*groups, zigzag])


def padded(value: int, extra: int = 1) -> bytes:
    """A number with groups of zero bits after its last one."""
    plain = number(value)
    return plain[:-1] + bytes([plain[-1] | 0x80]) + b"\x80" * (extra - 1) + b"\x00"


def octets(value: bytes) -> bytes:
    """Bytes: length and content."""
    return number(len(value)) + value


def text(value: str) -> bytes:
    """A string: length in bytes and UTF-8."""
    return octets(value.encode())


def boolean(value: bool) -> bytes:
    """A boolean: one byte."""
    return b"\x01" if value else b"\x00"


def array(*items: bytes) -> bytes:
    """An array in one block."""
    return number(len(items)) + b"".join(items) + b"\x00" if items else b"\x00"


def document_bytes(**replaced: bytes) -> bytes:
    """The branch and the fields of the body that `world.document_body` gives."""
    fields = {
        "branch": number(0),
        "business_type": number(0),
        "code_number": text("17"),
        "code_notation": text("BC-VPCP"),
        "document_type": text("Báo cáo"),
        "promulgation_date": text("2026-08-31"),
        "promulgation_place": text("Hà Nội"),
        "subject": text("Về việc liên thông văn bản"),
        "signer": number(1) + text("TM.") + text("Bộ trưởng") + text("Nguyễn Văn A"),
        "steering_type": number(0),
        "sphere": text(""),
        "page_amount": number(3),
        "issued_amount": number(0),
        "due_date": text(""),
        "paper": boolean(False),
        "for_information": array(),
        "replaces": array(),
        "in_reply_to": array(),
        "reason": text(""),
        "refers_to": array(),
        "changes": number(0),
    }
    assert replaced.keys() <= fields.keys()
    return b"".join((fields | replaced).values())


def statement_bytes(**replaced: bytes) -> bytes:
    """The statement that `world.document` gives, with the bytes of some fields replaced."""
    fields = {
        "sender": text(SENDER),
        "recipients": array(text(RECIPIENT)),
        "thread": THREAD,
        "created": number(NOW),
        "priority": number(0),
        "salt": SALT,
        "attachments": array(
            text("công văn.pdf") + text("application/pdf") + number(len(CONTENT)) + sha256(CONTENT).digest()
        ),
        "body": document_bytes(),
    }
    assert replaced.keys() <= fields.keys()
    return b"".join((fields | replaced).values())


def seal_bytes(**replaced: bytes) -> bytes:
    """A seal of the right form that verifies under no key."""
    fields = {
        "origin": text("lienthong.test"),
        "purpose": text("exchange"),
        "signed_at": number(NOW),
        "tree_size": number(1),
        "leaf_index": number(0),
        "path": octets(b""),
        "signatures": array(bytes(16) + octets(bytes(64))),
    }
    assert replaced.keys() <= fields.keys()
    return b"".join((fields | replaced).values())


def envelope_bytes(**replaced: bytes) -> bytes:
    """The value of a record, frame and envelope, with the bytes of some fields replaced."""
    fields = {
        "frame": b"\x00\x00\x00\x00\x01",
        "payload_type": text("application/vnd.lienthong.statement.v1+avro"),
        "statement": octets(statement_bytes()),
        "contents": array(octets(CONTENT)),
        "seal": seal_bytes(),
    }
    assert replaced.keys() <= fields.keys()
    return b"".join((fields | replaced).values())
