"""Signing keys: Ed25519 (RFC 8032), named by the hash of the public key."""

import os
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

__all__ = ["ALGORITHM", "KEY_ID_BYTES", "SigningKey", "key_id_of", "verify_signature"]

ALGORITHM = "ed25519"
KEY_ID_BYTES = 16

_PRIME = 2**255 - 19
_ORDER_8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022
_SMALL_ORDER = frozenset(
    (y | sign << 255).to_bytes(32, "little")
    for y in (0, 1, _ORDER_8, _PRIME - _ORDER_8, _PRIME - 1, _PRIME, _PRIME + 1)
    for sign in (0, 1)
)
"""The 14 ways to write a point of small order. Under such a key one signature verifies over many messages."""


def key_id_of(public_key: bytes, algorithm: str = ALGORITHM) -> bytes:
    """Name of a public key: first 16 bytes of SHA-256 of algorithm, a zero byte and the raw key."""
    return sha256(algorithm.encode() + b"\x00" + public_key).digest()[:KEY_ID_BYTES]


def verify_signature(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the Ed25519 signature (64 bytes) of the message verifies under the raw key (32 bytes).

    Under a key of small order nothing verifies.
    """
    if public_key in _SMALL_ORDER:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


class SigningKey:
    """A private Ed25519 key. It never shows itself: no repr, no pickle, only signatures."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public_key = private.public_key().public_bytes_raw()
        """32 bytes."""
        self.key_id = key_id_of(self.public_key)
        """16 bytes."""

    @classmethod
    def generate(cls) -> "SigningKey":
        """A fresh key from the operating system's randomness."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> "SigningKey":
        """The key of a 32-byte seed. For test vectors; never for anything that is to be secret."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def load(cls, path: Path) -> "SigningKey":
        """Read an unencrypted PKCS 8 PEM file.

        Raises:
            ValueError: the file does not exist or holds no Ed25519 key.
        """
        try:
            private = load_pem_private_key(path.read_bytes(), password=None)
        except FileNotFoundError as error:
            raise ValueError(f"there is no signing key at {path}") from error
        except InternalError as error:
            # Its text is a page about OpenSSL.
            raise ValueError(f"cannot read a signing key from {path}: no key that OpenSSL can set up") from error
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise ValueError(f"cannot read a signing key from {path}: {error}") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise ValueError(  # noqa: TRY004 - the file is wrong, not the caller
                f"{path} holds a key of another kind than Ed25519"
            )
        return cls(private)

    def save(self, path: Path) -> None:
        """Write an unencrypted PKCS 8 PEM file, readable by its owner only; never over another file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        pem = self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)

    def sign(self, message: bytes) -> bytes:
        """Ed25519 signature, 64 bytes."""
        return self._private.sign(message)

    def __repr__(self) -> str:
        return f"SigningKey({self.key_id.hex()})"
