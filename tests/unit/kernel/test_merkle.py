"""RFC 9162 trees: published vectors, every path of every small tree, and the RFC's own definition."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lienthong.kernel.merkle import (
    HASH_BYTES,
    inclusion_path,
    leaf_hash,
    path_length,
    root_from_path,
    tree_levels,
    tree_root,
)
from unit.kernel.world import quick

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "rfc9162.json").read_text("utf-8"))
LARGEST = 130
LEAVES = [leaf_hash(b"%d" % number) for number in range(LARGEST)]


def node(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def largest_power_below(size: int) -> int:
    """The k of RFC 9162, 2.1.1: the largest power of two smaller than the size."""
    power = 1
    while power * 2 < size:
        power *= 2
    return power


def defined_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1, word for word, over leaf hashes."""
    if len(leaves) == 1:
        return leaves[0]
    k = largest_power_below(len(leaves))
    return node(defined_root(leaves[:k]), defined_root(leaves[k:]))


def defined_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 9162, 2.1.3.1, word for word, over leaf hashes."""
    if len(leaves) == 1:
        return []
    k = largest_power_below(len(leaves))
    if index < k:
        return [*defined_path(index, leaves[:k]), defined_root(leaves[k:])]
    return [*defined_path(index - k, leaves[k:]), defined_root(leaves[:k])]


@pytest.mark.parametrize("size", range(1, 9))
def test_published_roots(size: int) -> None:
    """The roots over the first leaves of Certificate Transparency's example are the published ones."""
    leaves = [leaf_hash(bytes.fromhex(data)) for data in VECTORS["leaves"][:size]]
    assert VECTORS["roots"][size - 1] == tree_root(leaves).hex()


@pytest.mark.parametrize("vector", VECTORS["inclusion_paths"], ids=lambda v: f"{v['leaf_index']} of {v['tree_size']}")
def test_published_inclusion_paths(vector: dict[str, object]) -> None:
    """The inclusion paths of Certificate Transparency's example are the published ones and lead to the root."""
    index, size = vector["leaf_index"], vector["tree_size"]
    assert isinstance(index, int)
    assert isinstance(size, int)
    leaves = [leaf_hash(bytes.fromhex(data)) for data in VECTORS["leaves"][:size]]
    path = inclusion_path(tree_levels(leaves), index)
    assert vector["path"] == [path[at : at + HASH_BYTES].hex() for at in range(0, len(path), HASH_BYTES)]
    assert VECTORS["roots"][size - 1] == (root_from_path(leaves[index], index, size, path) or b"").hex()


def test_every_path_of_every_small_tree_leads_to_its_root() -> None:
    """In each tree of 1 to 130 leaves, each leaf's path has the dictated length and leads to the root."""
    for size in range(1, LARGEST + 1):
        levels = tree_levels(LEAVES[:size])
        root = defined_root(LEAVES[:size])
        assert root == levels[-1][0]
        for index in range(size):
            path = inclusion_path(levels, index)
            assert HASH_BYTES * path_length(index, size) == len(path)
            assert root == root_from_path(LEAVES[index], index, size, path)


def test_a_path_leads_elsewhere_from_every_other_index() -> None:
    """No leaf's path leads to the root from any index but its own, nor from one outside the tree."""
    for size in [*range(1, 34), 63, 64, 65, LARGEST]:
        levels = tree_levels(LEAVES[:size])
        root = levels[-1][0]
        for index in range(size):
            path = inclusion_path(levels, index)
            for wrong in range(-2, size + 2):
                if wrong != index:
                    assert root != root_from_path(LEAVES[index], wrong, size, path)


def test_an_index_outside_the_tree_has_no_root() -> None:
    """An index below 0 or not below the size is refused, whatever the path."""
    for size in range(LARGEST + 1):
        for index in (-(2**31), -1, size, size + 1, 2**31 - 1):
            for hashes in range(9):
                assert root_from_path(LEAVES[0], index, size, bytes(HASH_BYTES * hashes)) is None


def test_a_path_of_another_length_has_no_root() -> None:
    """A path that is short or long by a byte or by a hash is refused."""
    for size in range(1, LARGEST + 1):
        levels = tree_levels(LEAVES[:size])
        for index in range(size):
            path = inclusion_path(levels, index)
            for wrong in (path[:-1], path[:-HASH_BYTES], path + b"\x00", path + path[:32], path + bytes(HASH_BYTES)):
                if wrong != path:
                    assert root_from_path(LEAVES[index], index, size, wrong) is None


def test_a_flipped_bit_leads_elsewhere() -> None:
    """One bit changed, anywhere in the path or in the leaf, never leads to the root."""
    for size in (*range(1, 10), 33):
        levels = tree_levels(LEAVES[:size])
        root = levels[-1][0]
        for index in range(size):
            path = inclusion_path(levels, index)
            carried = LEAVES[index] + path
            for bit in range(0, 8 * len(carried), 5):
                flipped = bytearray(carried)
                flipped[bit // 8] ^= 1 << bit % 8
                leaf, changed = bytes(flipped[:HASH_BYTES]), bytes(flipped[HASH_BYTES:])
                assert root != root_from_path(leaf, index, size, changed)


def test_an_odd_node_is_promoted_and_never_doubled() -> None:
    """Leaves 1, 2, 3 and leaves 1, 2, 3, 3 have different roots (CVE-2012-2459)."""
    one, two, three = (leaf_hash(bytes([number])) for number in (1, 2, 3))
    assert node(node(one, two), three) == tree_root([one, two, three])
    assert node(node(one, two), node(three, three)) == tree_root([one, two, three, three])
    assert tree_root([one, two, three]) != tree_root([one, two, three, three])


def test_the_root_alone_does_not_fix_the_size() -> None:
    """With an unsigned size an inner node passes for a leaf; this is why seals sign the size."""
    levels = tree_levels(LEAVES[:4])
    inner = levels[1][0]
    assert levels[-1][0] == root_from_path(inner, 0, 2, levels[1][1])


def test_leaf_and_node_hashes_are_apart() -> None:
    """A leaf whose data is two hashes does not have the hash of the node over them."""
    assert node(LEAVES[0], LEAVES[1]) != leaf_hash(LEAVES[0] + LEAVES[1])
    assert sha256(b"\x00").digest() == leaf_hash(b"")


def test_no_tree_without_leaves() -> None:
    """There is no tree over nothing."""
    with pytest.raises(ValueError, match="at least one leaf"):
        tree_levels([])


@quick
@given(st.lists(st.binary(max_size=4), min_size=1, max_size=300), st.data())
def test_the_tree_is_the_one_the_rfc_defines(data: list[bytes], draw: st.DataObject) -> None:
    """Root and path equal those of the RFC's recursive definition, for any leaves, equal ones included."""
    leaves = [leaf_hash(one) for one in data]
    index = draw.draw(st.integers(0, len(leaves) - 1))
    assert defined_root(leaves) == tree_root(leaves)
    path = inclusion_path(tree_levels(leaves), index)
    assert b"".join(defined_path(index, leaves)) == path
    assert defined_root(leaves) == root_from_path(leaves[index], index, len(leaves), path)


@quick
@given(st.integers(1, 2**31 - 1), st.data())
def test_path_length_needs_no_tree(size: int, draw: st.DataObject) -> None:
    """The dictated length is known, and at most 31 hashes, for any size an Avro int can name."""
    index = draw.draw(st.integers(0, size - 1))
    assert 0 <= path_length(index, size) <= (size - 1).bit_length()
