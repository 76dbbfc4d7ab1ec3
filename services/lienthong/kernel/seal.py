"""The batch seal: one signature over the root of a Merkle tree of envelope ids.

What is signed is ``PAE("application/vnd.lienthong.seal.v1", body)`` where the body is six lines of
UTF-8 text: origin, sender, purpose, tree size, signing time in milliseconds, root in hex; each line
ends with a newline and no field holds one. PAE is DSSE's pre-authentication encoding. The size of
the tree stands inside the signature, without which an inner node could pass for a leaf.
"""

from collections import OrderedDict
from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from lienthong.kernel.errors import RejectedError
from lienthong.kernel.keys import SigningKey, verify_signature
from lienthong.kernel.limits import MAX_SIGNATURES, MAX_TREE_SIZE
from lienthong.kernel.merkle import inclusion_path, path_length, root_from_path, tree_levels
from lienthong.kernel.reasons import Reason

__all__ = ["SEAL_TYPE", "Purpose", "Seal", "Signature", "VerifiedRoots", "check_limits", "pae", "seal_batch"]

SEAL_TYPE = "application/vnd.lienthong.seal.v1"
_HASH_BYTES = 32
_SIGNATURE_BYTES = 64
_LEVEL = 1 << 16
"""Places of nodes are numbers: level above, index within the level below this bit."""


class Purpose:
    """What a key may sign. A seal made for one purpose is worth nothing for another."""

    EXCHANGE = "exchange"
    RECEIPT = "receipt"
    DIRECTORY = "directory"
    COMMAND = "command"


class Signature(NamedTuple):
    """A signature over a root and the id (16 bytes) of the key that made it."""

    key_id: bytes
    signature: bytes


class Seal(NamedTuple):
    """Inclusion of one envelope id under a signed root; fields as in ``schemas/seal.avsc``."""

    origin: str
    purpose: str
    signed_at: int
    tree_size: int
    leaf_index: int
    path: bytes
    signatures: Sequence[Signature]


def pae(payload_type: str, body: bytes) -> bytes:
    """DSSE v1 pre-authentication encoding: no two (type, body) pairs have the same."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(body), body)


def _signed_bytes(origin: str, sender: str, purpose: str, size: int, signed_at: int, root: bytes) -> bytes:
    return pae(SEAL_TYPE, f"{origin}\n{sender}\n{purpose}\n{size}\n{signed_at}\n{root.hex()}\n".encode())


def seal_batch(
    ids: Sequence[bytes], *, key: SigningKey, origin: str, sender: str, purpose: str, signed_at: int
) -> list[Seal]:
    """Seal envelope ids together: one tree, one signature, a seal for each in order.

    Args:
        ids: 1 to 4,096 envelope ids of 32 bytes.
        key: the sender's key.
        origin: name of the backbone.
        sender: the sender's code.
        purpose: one of `Purpose`.
        signed_at: milliseconds since 1970-01-01 UTC.
    """
    size = len(ids)
    if not 1 <= size <= MAX_TREE_SIZE:
        raise ValueError(f"a seal covers 1 to {MAX_TREE_SIZE} envelopes, not {size}")
    if "\n" in origin + sender + purpose:
        raise ValueError("origin, sender and purpose must not hold a newline")
    levels = tree_levels(ids)
    message = _signed_bytes(origin, sender, purpose, size, signed_at, levels[-1][0])
    signatures = (Signature(key.key_id, key.sign(message)),)
    return [
        Seal(origin, purpose, signed_at, size, index, inclusion_path(levels, index), signatures)
        for index in range(size)
    ]


def check_limits(seal: Seal) -> None:
    """Refuse a seal whose numbers are out of bounds, before anything is hashed.

    Raises:
        RejectedError: BAD_SEAL, naming the number.
    """
    if not 1 <= seal.tree_size <= MAX_TREE_SIZE:
        raise RejectedError(Reason.BAD_SEAL, f"tree_size {seal.tree_size} is not 1 to {MAX_TREE_SIZE}")
    if not 0 <= seal.leaf_index < seal.tree_size:
        raise RejectedError(Reason.BAD_SEAL, f"leaf_index {seal.leaf_index} is not below tree_size {seal.tree_size}")
    expected = _HASH_BYTES * path_length(seal.leaf_index, seal.tree_size)
    if len(seal.path) != expected:
        raise RejectedError(Reason.BAD_SEAL, f"the path has {len(seal.path)} bytes, not {expected}")
    if not 1 <= len(seal.signatures) <= MAX_SIGNATURES:
        raise RejectedError(Reason.BAD_SEAL, f"{len(seal.signatures)} signatures, not 1 to {MAX_SIGNATURES}")
    for signature in seal.signatures:
        if len(signature.signature) != _SIGNATURE_BYTES:
            raise RejectedError(Reason.BAD_SEAL, f"a signature has {len(signature.signature)} bytes, not 64")


class _Tree:
    """A root that verified, and the nodes of its tree met so far.

    A node is known with the rest of the path above it, so that the next leaf of the batch is checked
    by hashing up to the first known node and comparing bytes from there: about one hash a leaf.
    """

    __slots__ = ("nodes", "root")

    def __init__(self, root: bytes) -> None:
        self.root = root
        self.nodes: dict[int, tuple[bytes, bytes]] = {}

    def leads_to_root(self, leaf: bytes, index: int, size: int, path: bytes) -> bool:
        """Whether a leaf and its path, of the right length, lead to the root; as `root_from_path` would say."""
        nodes = self.nodes
        node, at, level, last = leaf, 0, 0, size - 1
        climbed = []
        while last:
            place = level | index
            known = nodes.get(place)
            if known is not None:
                if known[0] != node or known[1] != path[at:]:
                    return False
                break
            odd = index & 1
            paired = odd or index < last
            climbed.append((place, node, at, paired))
            if paired:
                sibling = path[at : at + _HASH_BYTES]
                node = sha256(b"\x01" + (sibling + node if odd else node + sibling)).digest()
                at += _HASH_BYTES
            index >>= 1
            last >>= 1
            level += _LEVEL
        else:
            if node != self.root:
                return False
        for place, one, start, paired in climbed:
            nodes[place] = (one, path[start:])
            if paired:
                after = start + _HASH_BYTES
                nodes[place ^ 1] = (path[start:after], one + path[after:])
        return True


class VerifiedRoots:
    """Verifies seals and remembers the roots that verified, so a batch costs one signature check.

    That a signature verifies under a public key is a fact for ever, so the memory needs no expiry;
    whether the key may be trusted at a time is asked of the directory for each envelope. Failures
    are never remembered, and what is remembered never changes a verdict, only its cost. Not safe for
    concurrent threads.

    Args:
        capacity: most roots remembered; the least recently used go first.
        node_capacity: most nodes of their trees remembered, of about 400 bytes each.
    """

    def __init__(self, capacity: int = 10_000, node_capacity: int = 50_000) -> None:
        self._trees: OrderedDict[tuple[object, ...], _Tree] = OrderedDict()
        self._with_nodes: OrderedDict[int, _Tree] = OrderedDict()
        self._nodes = 0
        self._capacity = capacity
        self._node_capacity = node_capacity
        self.hits = 0
        """Seals whose root had verified before."""
        self.misses = 0
        """Seals whose signatures had to be checked."""

    def __len__(self) -> int:
        return len(self._trees)

    def verify(self, envelope_id: bytes, sender: str, seal: Seal, public_keys: Sequence[bytes]) -> None:
        """Check that the seal's path leads to a root that every one of its signatures signs.

        Args:
            envelope_id: leaf hash computed from the bytes received, 32 bytes.
            sender: the statement's sender.
            seal: within its limits (`check_limits`).
            public_keys: raw public keys, one for each signature, in order.

        Raises:
            RejectedError: BAD_SEAL.
        """
        origin, purpose, signed_at, size, index, path, signatures = seal
        signed = (*signatures, *public_keys, origin, sender, purpose, size, signed_at)
        tree = self._trees.get(signed)
        if tree is None:
            self.misses += 1
            tree = self._check_signatures(envelope_id, sender, seal, public_keys)
            self._trees[signed] = tree
            if len(self._trees) > self._capacity:
                _, gone = self._trees.popitem(last=False)
                if self._with_nodes.pop(id(gone), None) is not None:
                    self._nodes -= len(gone.nodes)
        else:
            self.hits += 1
            self._trees.move_to_end(signed)
        before = len(tree.nodes)
        if not tree.leads_to_root(envelope_id, index, size, path):
            raise RejectedError(Reason.BAD_SEAL, "the path does not lead to the signed root")
        self._count_nodes(tree, len(tree.nodes) - before)

    def _check_signatures(self, envelope_id: bytes, sender: str, seal: Seal, public_keys: Sequence[bytes]) -> _Tree:
        root = root_from_path(envelope_id, seal.leaf_index, seal.tree_size, seal.path)
        if root is None:
            raise RejectedError(Reason.BAD_SEAL, "the path's length does not fit index and size")
        message = _signed_bytes(seal.origin, sender, seal.purpose, seal.tree_size, seal.signed_at, root)
        for public_key, signature in zip(public_keys, seal.signatures, strict=True):
            if not verify_signature(public_key, signature.signature, message):
                raise RejectedError(Reason.BAD_SEAL, "a signature does not verify over the root")
        return _Tree(root)

    def _count_nodes(self, tree: _Tree, more: int) -> None:
        if not more:
            return
        self._with_nodes[id(tree)] = tree
        self._nodes += more
        while self._nodes > self._node_capacity:
            _, oldest = self._with_nodes.popitem(last=False)
            self._nodes -= len(oldest.nodes)
            oldest.nodes = {}
