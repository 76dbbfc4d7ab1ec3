"""Lists as one value in a column of the client's store."""

from collections.abc import Sequence

__all__ = ["join", "pack", "split", "unpack"]


def join(codes: Sequence[str]) -> str:
    """Codes as one text, a comma before and after each, so that one is found with its commas."""
    return f",{','.join(codes)}," if codes else ""


def split(joined: str) -> list[str]:
    """The codes of a joined text."""
    return joined.strip(",").split(",") if joined else []


def pack(contents: Sequence[bytes]) -> bytes | None:
    """Contents as one value: each with its length before it, 4 bytes, big-endian."""
    return b"".join(len(one).to_bytes(4, "big") + one for one in contents) if contents else None


def unpack(packed: bytes | None) -> list[bytes]:
    """Contents of a packed value."""
    contents = []
    at = 0
    while packed and at < len(packed):
        end = at + 4 + int.from_bytes(packed[at : at + 4], "big")
        contents.append(packed[at + 4 : end])
        at = end
    return contents
