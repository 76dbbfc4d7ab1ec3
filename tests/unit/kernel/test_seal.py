"""The batch seal: limits first, then root and signatures; what was verified is remembered, within bounds."""

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lienthong.kernel.errors import RejectedError
from lienthong.kernel.limits import MAX_PATH_HASHES, MAX_SIGNATURES, MAX_TREE_SIZE
from lienthong.kernel.merkle import path_length, tree_levels
from lienthong.kernel.reasons import Reason
from lienthong.kernel.seal import SEAL_TYPE, Purpose, Seal, Signature, VerifiedRoots, check_limits, pae, seal_batch
from unit.kernel.world import NOW, ORIGIN, SENDER, SENDER_KEY, key_named, quick, reason_of

PUBLIC_KEYS = (SENDER_KEY.public_key,)
SIGNATURE = Signature(SENDER_KEY.key_id, bytes(64))


def ids_of(size: int, salt: bytes = b"") -> list[bytes]:
    """As many ids as asked for."""
    return [sha256(b"%d" % number + salt).digest() for number in range(size)]


def seals_of(ids: list[bytes], **changes: Any) -> list[Seal]:
    """Seals of a batch of the sender; `changes` replace arguments of `seal_batch`."""
    given: dict[str, Any] = {
        "key": SENDER_KEY, "origin": ORIGIN, "sender": SENDER, "purpose": Purpose.EXCHANGE, "signed_at": NOW,
    }  # fmt: skip
    return seal_batch(ids, **(given | changes))


def seal_with(**changes: Any) -> Seal:
    """A seal of one statement that is within all limits; `changes` replace fields."""
    return Seal(ORIGIN, Purpose.EXCHANGE, NOW, 1, 0, b"", (SIGNATURE,))._replace(**changes)


def is_refused(envelope_id: bytes, seal: Seal, sender: str = SENDER) -> bool:
    """Whether a seal is refused with BAD_SEAL by a verifier that has seen nothing before."""
    try:
        check_limits(seal)
        VerifiedRoots().verify(envelope_id, sender, seal, PUBLIC_KEYS)
    except RejectedError as rejected:
        return rejected.reason is Reason.BAD_SEAL
    return False


def test_pae_is_dsse_version_1() -> None:
    """The encoding of the DSSE specification's own example comes out."""
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert pae("", b"") == b"DSSEv1 0  0 "
    assert pae("ẩ", b"\x00\xff") == b"DSSEv1 3 \xe1\xba\xa9 2 \x00\xff"


PAIRS = st.tuples(st.text("1 aẩ", max_size=4), st.binary(max_size=4).map(lambda data: data.replace(b"\x00", b" 1 ")))


@quick
@given(PAIRS, PAIRS)
def test_pae_tells_pairs_apart(one: tuple[str, bytes], other: tuple[str, bytes]) -> None:
    """Two pairs of type and body have the same encoding only if they are the same pair."""
    assert (one == other) == (pae(*one) == pae(*other))


def test_what_is_signed() -> None:
    """The signature is over the seal type's PAE of six lines: origin, sender, purpose, size, time, root."""
    ids = ids_of(3)
    root = tree_levels(ids)[-1][0].hex()
    lines = f"{ORIGIN}\n{SENDER}\nexchange\n3\n{NOW}\n{root}\n"
    expected = SENDER_KEY.sign(pae("application/vnd.lienthong.seal.v1", lines.encode()))
    assert SEAL_TYPE == "application/vnd.lienthong.seal.v1"
    for seal in seals_of(ids):
        assert (Signature(SENDER_KEY.key_id, expected),) == seal.signatures


@pytest.mark.parametrize("size", [1, 2, 3, 64, 65, 500, MAX_TREE_SIZE])
def test_every_seal_of_a_batch_stands_alone(size: int) -> None:
    """Each envelope's seal is within limits and verifies without the rest of its batch, at one signature check."""
    ids = ids_of(size)
    roots = VerifiedRoots()
    for index, (envelope_id, seal) in enumerate(zip(ids, seals_of(ids), strict=True)):
        assert (size, index) == (seal.tree_size, seal.leaf_index)
        check_limits(seal)
        roots.verify(envelope_id, SENDER, seal, PUBLIC_KEYS)
    assert (1, size - 1) == (roots.misses, roots.hits)


@pytest.mark.parametrize("size", [0, MAX_TREE_SIZE + 1])
def test_a_batch_of_no_or_too_many_envelopes_is_not_sealed(size: int) -> None:
    """A seal covers 1 to 4,096 envelopes."""
    with pytest.raises(ValueError, match="1 to 4096"):
        seals_of([bytes(32)] * size)


@pytest.mark.parametrize("field", ["origin", "sender", "purpose"])
def test_a_field_with_a_newline_is_not_sealed(field: str) -> None:
    """What is signed is lines of text, so no field may bring its own line."""
    with pytest.raises(ValueError, match="newline"):
        seals_of(ids_of(1), **{field: "a\nb"})


@pytest.mark.parametrize("size", [0, -1, -(2**31), MAX_TREE_SIZE + 1, 2**31 - 1])
def test_limit_of_tree_size(size: int) -> None:
    """A tree of no leaves, of less, or of more than 4,096 is refused."""
    seal = seal_with(tree_size=size)
    assert Reason.BAD_SEAL is reason_of(check_limits, seal)


@pytest.mark.parametrize(("index", "size"), [(-1, 1), (1, 1), (-(2**31), 7), (7, 7), (2**31 - 1, MAX_TREE_SIZE)])
def test_limit_of_leaf_index(index: int, size: int) -> None:
    """An index below 0 or not below the size is refused."""
    seal = seal_with(tree_size=size, leaf_index=index, path=bytes(32 * MAX_PATH_HASHES))
    assert Reason.BAD_SEAL is reason_of(check_limits, seal)


@pytest.mark.parametrize(
    ("index", "size"), [(0, 1), (0, 2), (2, 3), (4, 5), (0, MAX_TREE_SIZE), (4_095, MAX_TREE_SIZE)]
)
def test_limit_of_path_length(index: int, size: int) -> None:
    """The path has exactly the length that index and size dictate, to the byte, and at most 12 hashes."""
    hashes = path_length(index, size)
    assert hashes <= MAX_PATH_HASHES
    check_limits(seal_with(tree_size=size, leaf_index=index, path=bytes(32 * hashes)))
    for length in {0, 32 * hashes - 32, 32 * hashes - 1, 32 * hashes + 1, 32 * hashes + 32, 32 * 4_096}:
        if length != 32 * hashes and length >= 0:
            seal = seal_with(tree_size=size, leaf_index=index, path=bytes(length))
            assert Reason.BAD_SEAL is reason_of(check_limits, seal)


@pytest.mark.parametrize("count", [0, MAX_SIGNATURES + 1, 1_000])
def test_limit_of_the_number_of_signatures(count: int) -> None:
    """A seal has one to four signatures."""
    seal = seal_with(signatures=(SIGNATURE,) * count)
    assert Reason.BAD_SEAL is reason_of(check_limits, seal)


@pytest.mark.parametrize("length", [0, 63, 65, 2_420])
@pytest.mark.parametrize("place", range(MAX_SIGNATURES))
def test_limit_of_a_signatures_length(length: int, place: int) -> None:
    """Every signature has 64 bytes."""
    signatures = [SIGNATURE] * MAX_SIGNATURES
    check_limits(seal_with(signatures=tuple(signatures)))
    signatures[place] = Signature(SENDER_KEY.key_id, bytes(length))
    seal = seal_with(signatures=tuple(signatures))
    assert Reason.BAD_SEAL is reason_of(check_limits, seal)


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": "lienthong.other"},
        {"origin": ""},
        {"origin": f"{ORIGIN}\n{SENDER}"},
        {"purpose": Purpose.RECEIPT},
        {"purpose": Purpose.DIRECTORY},
        {"signed_at": NOW + 1},
        {"signed_at": NOW - 1},
        {"signed_at": -NOW},
    ],
    ids=str,
)
def test_every_signed_field_counts(changes: dict[str, Any]) -> None:
    """A seal with another origin, purpose or time than what was signed is refused."""
    ids = ids_of(5)
    seal = seals_of(ids)[2]
    assert not is_refused(ids[2], seal)
    assert is_refused(ids[2], seal._replace(**changes))


def test_the_sender_counts() -> None:
    """A seal is worth nothing under a statement of another sender."""
    (envelope_id,) = ids_of(1)
    (seal,) = seals_of([envelope_id])
    assert is_refused(envelope_id, seal, sender="H37")
    assert is_refused(envelope_id, seal, sender=f"{SENDER}\n")


def test_the_size_counts() -> None:
    """No seal verifies with another tree size, not even where the path would lead to the same root."""
    for size in range(1, 20):
        ids = ids_of(size)
        for index, seal in enumerate(seals_of(ids)):
            for wrong in range(1, 40):
                assert (wrong != size) == is_refused(ids[index], seal._replace(tree_size=wrong))


def test_the_size_counts_after_the_root_is_known() -> None:
    """A root that verified for one size is not believed for another with which the path would lead to it as well."""
    (seal, *_), ids = seals_of(ids_of(4)), ids_of(4)
    roots = VerifiedRoots()
    roots.verify(ids[0], SENDER, seal, PUBLIC_KEYS)
    smaller = seal._replace(tree_size=3)
    check_limits(smaller)
    assert Reason.BAD_SEAL is reason_of(roots.verify, ids[0], SENDER, smaller, PUBLIC_KEYS)


@pytest.mark.parametrize(
    "changes", [{"origin": "other"}, {"purpose": Purpose.RECEIPT}, {"signed_at": NOW + 1}], ids=str
)
def test_every_signed_field_counts_after_the_root_is_known(changes: dict[str, Any]) -> None:
    """A root that verified with what was signed is not believed with anything else, nor for another sender."""
    (envelope_id,) = ids_of(1)
    (seal,) = seals_of([envelope_id])
    roots = VerifiedRoots()
    roots.verify(envelope_id, SENDER, seal, PUBLIC_KEYS)
    changed = seal._replace(**changes)
    assert Reason.BAD_SEAL is reason_of(roots.verify, envelope_id, SENDER, changed, PUBLIC_KEYS)
    assert Reason.BAD_SEAL is reason_of(roots.verify, envelope_id, "H37", seal, PUBLIC_KEYS)


def test_an_inner_node_does_not_pass_for_a_leaf() -> None:
    """An inner node with the upper part of a path reaches the root, but only under a size that was not signed."""
    ids = ids_of(4)
    levels = tree_levels(ids)
    seal = seals_of(ids)[0]._replace(tree_size=2, leaf_index=0, path=levels[1][1])
    assert is_refused(levels[1][0], seal)
    assert is_refused(levels[1][0], seal._replace(tree_size=4))


def test_another_place_in_the_batch_is_refused() -> None:
    """An envelope is sealed at its own place only, and only with its own path."""
    ids = ids_of(7)
    seals = seals_of(ids)
    for index, envelope_id in enumerate(ids):
        for other in range(7):
            assert (index != other) == is_refused(envelope_id, seals[other])
            moved = seals[index]._replace(leaf_index=other)
            assert (index != other) == is_refused(envelope_id, moved)


def test_a_path_is_worth_nothing_in_another_batch() -> None:
    """A path or a signature of one batch does not verify in another one, of the same size and time."""
    ids, others = ids_of(8), ids_of(8, b"other")
    here, there = seals_of(ids), seals_of(others)
    for index in range(8):
        assert is_refused(ids[index], there[index])
        assert is_refused(ids[index], here[index]._replace(path=there[index].path))
        assert is_refused(ids[index], here[index]._replace(signatures=there[index].signatures))


def test_all_signatures_must_verify() -> None:
    """One signature among four that does not verify makes the seal worthless, in any place."""
    keys = [key_named(f"signer {number}") for number in range(MAX_SIGNATURES)]
    ids = ids_of(3)
    signatures = tuple(seals_of(ids, key=key)[1].signatures[0] for key in keys)
    seal = seals_of(ids)[1]._replace(signatures=signatures)
    public_keys = [key.public_key for key in keys]
    check_limits(seal)
    VerifiedRoots().verify(ids[1], SENDER, seal, public_keys)
    for place in range(MAX_SIGNATURES):
        broken = list(signatures)
        broken[place] = Signature(keys[place].key_id, bytes(64))
        bad = seal._replace(signatures=tuple(broken))
        roots = VerifiedRoots()
        assert Reason.BAD_SEAL is reason_of(roots.verify, ids[1], SENDER, bad, public_keys)


def test_a_cached_root_is_not_believed_under_another_key() -> None:
    """A root that verified under one public key is checked again, and refused, under another."""
    (envelope_id,) = ids_of(1)
    (seal,) = seals_of([envelope_id])
    roots = VerifiedRoots()
    roots.verify(envelope_id, SENDER, seal, PUBLIC_KEYS)
    other = (key_named("other").public_key,)
    assert Reason.BAD_SEAL is reason_of(roots.verify, envelope_id, SENDER, seal, other)
    assert (0, 2) == (roots.hits, roots.misses)


def test_a_cached_root_is_not_believed_with_another_signature() -> None:
    """A root that verified is checked again when it comes with another signature."""
    (envelope_id,) = ids_of(1)
    (seal,) = seals_of([envelope_id])
    roots = VerifiedRoots()
    roots.verify(envelope_id, SENDER, seal, PUBLIC_KEYS)
    forged = seal._replace(signatures=(Signature(SENDER_KEY.key_id, bytes(64)),))
    assert Reason.BAD_SEAL is reason_of(roots.verify, envelope_id, SENDER, forged, PUBLIC_KEYS)


def test_failures_are_not_cached() -> None:
    """A seal that failed is checked anew each time and keeps nothing else out."""
    (envelope_id,) = ids_of(1)
    (seal,) = seals_of([envelope_id])
    forged = seal._replace(signatures=(Signature(SENDER_KEY.key_id, bytes(64)),))
    roots = VerifiedRoots(capacity=1)
    roots.verify(envelope_id, SENDER, seal, PUBLIC_KEYS)
    for _ in range(3):
        assert Reason.BAD_SEAL is reason_of(roots.verify, envelope_id, SENDER, forged, PUBLIC_KEYS)
    roots.verify(envelope_id, SENDER, seal, PUBLIC_KEYS)
    assert (1, 4) == (roots.hits, roots.misses)


def test_the_cache_is_bounded_and_forgets_what_was_used_longest_ago() -> None:
    """Of more roots than the capacity, those used last are known still, the others are checked again."""
    sealed = [(envelope_id, seals_of([envelope_id])[0]) for envelope_id in ids_of(4)]
    roots = VerifiedRoots(capacity=3)

    def misses_after(number: int) -> int:
        envelope_id, seal = sealed[number]
        roots.verify(envelope_id, SENDER, seal, PUBLIC_KEYS)
        return roots.misses

    assert [1, 2, 3] == [misses_after(number) for number in (0, 1, 2)]
    assert 3 == misses_after(0), "a hit makes 0 the newest, so that 1 is forgotten next"
    assert 4 == misses_after(3)
    assert [4, 4, 4] == [misses_after(number) for number in (2, 0, 3)]
    assert 5 == misses_after(1)


@quick
@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=40), st.data())
def test_a_changed_byte_is_refused(ids: list[bytes], draw: st.DataObject) -> None:
    """One changed byte, in id, path or signature, makes any seal worthless."""
    index = draw.draw(st.integers(0, len(ids) - 1))
    seal = seals_of(ids)[index]
    carried = bytearray(ids[index] + seal.path + seal.signatures[0].signature)
    place = draw.draw(st.integers(0, len(carried) - 1))
    carried[place] ^= draw.draw(st.integers(1, 255))
    changed = bytes(carried)
    signature = Signature(SENDER_KEY.key_id, changed[-64:])
    assert not is_refused(ids[index], seal)
    assert is_refused(changed[:32], seal._replace(path=changed[32:-64], signatures=(signature,)))


def verdict(roots: VerifiedRoots, envelope_id: bytes, sender: str, seal: Seal) -> bool:
    """Whether a seal within its limits is believed."""
    try:
        check_limits(seal)
        roots.verify(envelope_id, sender, seal, PUBLIC_KEYS)
    except RejectedError:
        return False
    return True


BATCHES = [ids_of(size, b"batch %d" % size) for size in (1, 2, 3, 5, 8, 13)]
SEALED = [[*zip(ids, seals_of(ids), strict=True)] for ids in BATCHES]


@st.composite
def offered(draw: st.DrawFn) -> tuple[bytes, str, Seal]:
    """An envelope id, a sender and a seal: a valid one, or one with parts of its neighbours or a changed byte."""
    batch = draw(st.sampled_from(SEALED))
    envelope_id, seal = draw(st.sampled_from(batch))
    other_id, other = draw(st.sampled_from(draw(st.sampled_from([batch, *SEALED]))))
    match draw(st.integers(0, 11)):
        case 0:
            envelope_id = other_id
        case 1:
            seal = seal._replace(path=other.path)
        case 2:
            seal = seal._replace(leaf_index=other.leaf_index, path=other.path)
        case 3:
            seal = seal._replace(tree_size=other.tree_size, leaf_index=other.leaf_index, path=other.path)
        case 4:
            seal = seal._replace(signatures=other.signatures)
        case 5 if seal.path:
            changed = bytearray(seal.path)
            changed[draw(st.integers(0, len(changed) - 1))] ^= 1 << draw(st.integers(0, 7))
            seal = seal._replace(path=bytes(changed))
        case 6:
            nodes = [seal.path[at : at + 32] for at in range(0, len(seal.path), 32)]
            seal = seal._replace(path=b"".join(draw(st.permutations(nodes))))
        case 7:
            same = [
                size
                for size in range(1, 20)
                if path_length(min(seal.leaf_index, size - 1), size) * 32 == len(seal.path)
            ]
            seal = seal._replace(tree_size=draw(st.sampled_from(same)))
        case 8:
            changes: dict[str, Any] = {"origin": "other", "purpose": Purpose.RECEIPT, "signed_at": NOW + 1}
            name = draw(st.sampled_from(sorted(changes)))
            seal = seal._replace(**{name: changes[name]})
        case 9:
            return envelope_id, draw(st.sampled_from([SENDER, "H37", ""])), seal
    return envelope_id, SENDER, seal


@settings(quick, max_examples=150)
@given(st.lists(offered(), max_size=30), st.integers(1, 4), st.integers(0, 30))
def test_what_is_remembered_never_changes_a_verdict(
    sequence: list[tuple[bytes, str, Seal]], capacity: int, node_capacity: int
) -> None:
    """Whatever was offered before, and however little is remembered, a seal is believed as by one who saw nothing."""
    roots = VerifiedRoots(capacity, node_capacity)
    for envelope_id, sender, seal in sequence:
        assert verdict(VerifiedRoots(), envelope_id, sender, seal) == verdict(roots, envelope_id, sender, seal)
        assert capacity >= len(roots)
        nodes = sum(len(tree.nodes) for tree in roots._trees.values())
        assert (roots._nodes, True) == (nodes, nodes <= node_capacity)


def test_remembered_nodes_are_bounded() -> None:
    """However many large batches verify, nodes and roots remembered stay within their bounds."""
    roots = VerifiedRoots(capacity=5, node_capacity=700)
    for number in range(12):
        ids = ids_of(200, b"%d" % number)
        for envelope_id, seal in zip(ids, seals_of(ids), strict=True):
            roots.verify(envelope_id, SENDER, seal, PUBLIC_KEYS)
        assert 700 >= roots._nodes
        assert 5 >= len(roots)
        assert roots._nodes == sum(len(tree.nodes) for tree in roots._trees.values())
    assert (12, 12 * 199) == (roots.misses, roots.hits)


@pytest.mark.parametrize("size", [2, 3, 5, 64, 65, 500])
def test_the_order_of_a_batch_does_not_matter(size: int) -> None:
    """A batch's envelopes verify in any order, and each again, at one signature check."""
    ids = ids_of(size)
    together = list(zip(ids, seals_of(ids), strict=True))
    roots = VerifiedRoots()
    for envelope_id, seal in (*together[::-1], *together[::7], *together):
        roots.verify(envelope_id, SENDER, seal, PUBLIC_KEYS)
    assert 1 == roots.misses


def test_a_neighbours_known_path_does_not_cover_another_leaf() -> None:
    """After all leaves of a batch verified, no foreign id does at any place, nor a leaf with a neighbour's path."""
    ids = ids_of(13)
    seals = seals_of(ids)
    roots = VerifiedRoots()
    for envelope_id, seal in zip(ids, seals, strict=True):
        roots.verify(envelope_id, SENDER, seal, PUBLIC_KEYS)
    for seal in seals:
        assert not verdict(roots, sha256(b"foreign").digest(), SENDER, seal)
        for neighbour in seals:
            moved = seal._replace(path=neighbour.path)
            assert (moved == seal) == verdict(roots, ids[seal.leaf_index], SENDER, moved)
