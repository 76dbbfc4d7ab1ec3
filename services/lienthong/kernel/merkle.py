"""RFC 9162 Merkle trees over leaf hashes: root, inclusion path, and the root a path leads to.

Leaves and inner nodes are hashed with different first bytes, an odd node is promoted and never
doubled, and a path must have exactly the length that index and size dictate. The size of the tree
is not part of the root, so whoever signs a root MUST sign the size with it.
"""

from collections.abc import Sequence
from hashlib import sha256

__all__ = ["HASH_BYTES", "inclusion_path", "leaf_hash", "path_length", "root_from_path", "tree_levels", "tree_root"]

HASH_BYTES = 32


def leaf_hash(data: bytes) -> bytes:
    """Hash of a leaf (RFC 9162, 2.1.1): SHA-256 of 0x00 and the data; 32 bytes."""
    return sha256(b"\x00" + data).digest()


def tree_levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """All levels of the tree, the leaves first and the root, alone, last.

    Args:
        leaves: leaf hashes of 32 bytes each, at least one, in order.
    """
    if not leaves:
        raise ValueError("a tree needs at least one leaf")
    level = list(leaves)
    levels = [level]
    while len(level) > 1:
        above = [sha256(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
        if len(level) % 2:
            above.append(level[-1])
        levels.append(above)
        level = above
    return levels


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """Root of the tree over these leaf hashes (RFC 9162, 2.1.1); 32 bytes."""
    return tree_levels(leaves)[-1][0]


def inclusion_path(levels: Sequence[Sequence[bytes]], index: int) -> bytes:
    """Inclusion path of one leaf (RFC 9162, 2.1.3.1): hashes from the leaf up, concatenated.

    Args:
        levels: what `tree_levels` returned.
        index: the leaf's place, from 0.
    """
    path = []
    for level in levels[:-1]:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        index >>= 1
    return b"".join(path)


def path_length(index: int, size: int) -> int:
    """Number of hashes in the inclusion path of leaf `index` in a tree of `size` leaves."""
    # Up to where the leaf and the last one part, every node has a sibling; above, along the right edge, only
    # right children have one.
    shared = (index ^ (size - 1)).bit_length()
    return shared + (index >> shared).bit_count()


def root_from_path(leaf: bytes, index: int, size: int, path: bytes) -> bytes | None:
    """Root that a leaf hash and its path lead to (RFC 9162, 2.1.3.2).

    Args:
        leaf: leaf hash, 32 bytes, computed from the data and never taken from the wire.
        index: the leaf's place, from 0.
        size: number of leaves.
        path: hashes of 32 bytes each, concatenated, from the leaf up.

    Returns:
        The root, 32 bytes, or None when the path's length is not the one that index and size dictate.
    """
    if not 0 <= index < size or len(path) != HASH_BYTES * path_length(index, size):
        return None
    node = leaf
    last = size - 1
    at = 0
    while last:
        if index & 1:
            node = sha256(b"\x01" + path[at : at + 32] + node).digest()
            at += 32
        elif index < last:
            node = sha256(b"\x01" + node + path[at : at + 32]).digest()
            at += 32
        index >>= 1
        last >>= 1
    return node
