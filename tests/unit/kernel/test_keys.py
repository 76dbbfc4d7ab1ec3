"""Signing keys: RFC 8032's vectors, key ids, files, and a secret that does not show itself."""

import base64
import copy
import json
import os
import pickle
import stat
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from lienthong.kernel.keys import ALGORITHM, KEY_ID_BYTES, SigningKey, key_id_of, verify_signature
from unit.kernel.world import SENDER_KEY, key_named

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "rfc8032.json").read_text("utf-8"))
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
MESSAGE = b"message"


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["name"])
def test_published_signatures(vector: dict[str, str]) -> None:
    """Public key and signature of each of RFC 8032's vectors are the published ones, and verify."""
    key = SigningKey.from_seed(bytes.fromhex(vector["seed"]))
    message, signature = bytes.fromhex(vector["message"]), bytes.fromhex(vector["signature"])
    assert vector["public_key"] == key.public_key.hex()
    assert signature == key.sign(message)
    assert verify_signature(key.public_key, signature, message)


def test_key_id() -> None:
    """A key's id is the first half of the SHA-256 of algorithm, a zero byte and the raw public key."""
    key = SENDER_KEY
    assert sha256(b"ed25519\x00" + key.public_key).digest()[:16] == key.key_id
    assert KEY_ID_BYTES == len(key.key_id)
    assert key.key_id == key_id_of(key.public_key, ALGORITHM)
    assert key.key_id != key_id_of(key.public_key, "ml-dsa-44")


def test_any_change_is_refused() -> None:
    """A signature does not verify over another message, under another key, or with any bit flipped."""
    key = SENDER_KEY
    signature = key.sign(MESSAGE)
    assert verify_signature(key.public_key, signature, MESSAGE)
    assert not verify_signature(key.public_key, signature, MESSAGE + b"\x00")
    assert not verify_signature(key_named("other").public_key, signature, MESSAGE)
    for bit in range(8 * len(signature)):
        flipped = bytearray(signature)
        flipped[bit // 8] ^= 1 << bit % 8
        assert not verify_signature(key.public_key, bytes(flipped), MESSAGE)


def test_a_signature_is_not_malleable() -> None:
    """The second form of a signature, with the group's order added to S, is refused (RFC 8032, 5.1.7)."""
    key = SENDER_KEY
    signature = key.sign(MESSAGE)
    scalar = int.from_bytes(signature[32:], "little") + GROUP_ORDER
    assert not verify_signature(key.public_key, signature[:32] + scalar.to_bytes(32, "little"), MESSAGE)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_public_key_of_another_length_verifies_nothing(length: int) -> None:
    """A raw public key that has not 32 bytes is no error of the program: nothing verifies under it."""
    assert not verify_signature(bytes(length), SENDER_KEY.sign(MESSAGE), MESSAGE)


@pytest.mark.parametrize("length", [0, 63, 65, 128])
def test_a_signature_of_another_length_does_not_verify(length: int) -> None:
    """A signature that has not 64 bytes does not verify."""
    signature = (SENDER_KEY.sign(MESSAGE) * 2)[:length]
    assert not verify_signature(SENDER_KEY.public_key, signature, MESSAGE)


@pytest.mark.parametrize("public_key", VECTORS["small_order_public_keys"])
def test_a_public_key_of_small_order_verifies_nothing(public_key: str) -> None:
    """A key under which one signature would verify over many messages is refused, however it is written.

    R is the neutral element and S is 0: with such a key the equation of RFC 8032 holds for one in
    eight messages or for all, and its owner could say of every signature that anybody made it.
    """
    signature = b"\x01" + bytes(63)
    assert not any(verify_signature(bytes.fromhex(public_key), signature, b"%d" % number) for number in range(64))


def test_save_and_load(tmp_path: Path) -> None:
    """A key comes back from its file as it was, and folders on the way are made."""
    file = tmp_path / "keys" / "G22.pem"
    key = SigningKey.generate()
    key.save(file)
    loaded = SigningKey.load(file)
    assert key.public_key == loaded.public_key
    assert key.key_id == loaded.key_id
    assert key.sign(MESSAGE) == loaded.sign(MESSAGE)


def test_save_never_writes_over_a_file(tmp_path: Path) -> None:
    """A key that is there already is not lost to another one of the same name."""
    file = tmp_path / "key.pem"
    SENDER_KEY.save(file)
    before = file.read_bytes()
    with pytest.raises(FileExistsError):
        SigningKey.generate().save(file)
    assert before == file.read_bytes()


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    """A key file has mode 0600 from its first moment, even when the umask would allow more."""
    file = tmp_path / "key.pem"
    before = os.umask(0)
    try:
        SENDER_KEY.save(file)
    finally:
        os.umask(before)
    assert stat.S_IFREG | 0o600 == file.stat().st_mode


def test_a_fresh_key_is_fresh() -> None:
    """No two generated keys are the same."""
    assert len({SigningKey.generate().public_key for _ in range(50)}) == 50


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN PRIVATE KEY-----\n", b"\xff\x00", b"G22"])
def test_load_says_when_there_is_no_key(tmp_path: Path, content: bytes | None) -> None:
    """A file that is missing or no key is a ValueError that names it."""
    file = tmp_path / "key.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ValueError, match=r"key\.pem"):
        SigningKey.load(file)


def test_load_refuses_other_kinds_of_keys(tmp_path: Path) -> None:
    """A key of another algorithm, and an encrypted one, are ValueErrors."""
    file = tmp_path / "key.pem"
    other = ec.generate_private_key(ec.SECP256R1())
    file.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(ValueError, match="another kind"):
        SigningKey.load(file)
    plain = tmp_path / "plain.pem"
    SENDER_KEY.save(plain)
    ours = load_pem_private_key(plain.read_bytes(), None)
    file.write_bytes(ours.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    with pytest.raises(ValueError, match=r"key\.pem"):
        SigningKey.load(file)


@pytest.mark.parametrize(
    "algorithm",
    [b"\x06\x03\x2a\xb5\x70", b"\x06\x03\x2b\x65\x6f"],
    ids=["1.2.6896, which is none", "X448 with 32 bytes, at which OpenSSL gives up"],
)
def test_load_says_of_a_key_of_a_wrong_algorithm_that_it_cannot_be_read(tmp_path: Path, algorithm: bytes) -> None:
    """Also where the library does not know it, or fails within itself; found by fuzzing."""
    file = tmp_path / "key.pem"
    SigningKey.generate().save(file)
    lines = file.read_text().splitlines()
    der = base64.b64decode("".join(lines[1:-1]))
    unknown = der.replace(b"\x06\x03\x2b\x65\x70", algorithm)
    assert unknown != der
    file.write_text("\n".join([lines[0], base64.b64encode(unknown).decode(), lines[-1], ""]))
    with pytest.raises(ValueError, match=f"cannot read a signing key from {file}"):
        SigningKey.load(file)


def test_the_secret_does_not_show_itself() -> None:
    """Neither repr, str, format nor the attributes of a key show its seed; it names itself by its id."""
    seed = sha256(b"sender").digest()
    shown = f"{SENDER_KEY!r} {SENDER_KEY!s} {SENDER_KEY} {vars(SENDER_KEY)} {[SENDER_KEY]}"
    assert f"SigningKey({SENDER_KEY.key_id.hex()})" == repr(SENDER_KEY)
    assert seed.hex() not in shown
    assert repr(seed)[2:-1] not in shown


def test_the_secret_is_not_pickled() -> None:
    """A key cannot be pickled, so it does not travel to another process by accident; a copy is the same key."""
    with pytest.raises(TypeError):
        pickle.dumps(SENDER_KEY)
    assert SENDER_KEY.sign(MESSAGE) == copy.copy(SENDER_KEY).sign(MESSAGE)
