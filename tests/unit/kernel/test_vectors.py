"""The vectors in the repository: what the script builds, what the code says, and what a stranger computes.

The stranger here has fastavro, SHA-256 and Ed25519 and follows `tests/vectors/README.md`; it uses
nothing of the kernel but the text of its schemas.
"""

import json
from hashlib import sha256
from io import BytesIO
from typing import Any

import fastavro
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from lienthong.kernel.codec import schema_text
from lienthong.kernel.directory import Agency, Directory, Group, Key, record_key
from lienthong.kernel.envelope import decode_envelope, envelope_id
from lienthong.kernel.judge import Judge, Verdict
from lienthong.kernel.reasons import Reason
from lienthong.kernel.seal import VerifiedRoots, check_limits
from lienthong.kernel.statement import decode_statement, encode_statement
from lienthong.kernel.trust import OPERATOR, Trust
from vectors.build_vectors import FOLDER, build
from vectors.material import EXPRESS_THREAD


def vectors(name: str) -> dict[str, Any]:
    """A file of vectors."""
    content: dict[str, Any] = json.loads((FOLDER / name).read_text("utf-8"))
    return content


STATEMENTS, BATCHES, DIRECTORY, VERDICTS = (
    vectors(name) for name in ("statements.json", "batches.json", "directory.json", "verdicts.json")
)
STATEMENT_SCHEMA, ENVELOPE_SCHEMA = (
    fastavro.parse_schema(json.loads(schema_text(name))) for name in ("lienthong.Statement", "lienthong.Envelope")
)


def strangers_pae(payload_type: str, body: bytes) -> bytes:
    """DSSE version 1."""
    kind = payload_type.encode()
    return b" ".join([b"DSSEv1", b"%d" % len(kind), kind, b"%d" % len(body), body])


def strangers_id(statement: bytes) -> bytes:
    """The envelope id of a statement."""
    return sha256(b"\x00" + strangers_pae(STATEMENTS["payload_type"], statement)).digest()


def strangers_root(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root, by RFC 9162's definition of a path, from its end."""
    if size == 1:
        assert not path
        return leaf
    half = 1
    while half * 2 < size:
        half *= 2
    if index < half:
        return sha256(b"\x01" + strangers_root(leaf, index, half, path[:-1]) + path[-1]).digest()
    return sha256(b"\x01" + path[-1] + strangers_root(leaf, index - half, size - half, path[:-1])).digest()


def strangers_value(schema: Any, data: bytes) -> Any:
    """What fastavro reads, with bytes as hex."""
    stream = BytesIO(data)
    value = fastavro.schemaless_reader(stream, schema, None, return_record_name=True, return_record_name_override=True)
    assert len(data) == stream.tell()
    return as_hex(value)


def as_hex(value: Any) -> Any:
    """Bytes as hex, at any depth."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {name: as_hex(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_hex(one) for one in value]
    return value


def strangers_directory() -> Directory:
    """The directory of the vectors."""
    directory = Directory(Trust(**DIRECTORY["trust"]))
    for one in DIRECTORY["records"]:
        directory.apply(bytes.fromhex(one["value"]))
    return directory


@pytest.mark.parametrize("name", ["statements.json", "batches.json", "directory.json", "verdicts.json"])
def test_the_files_are_what_the_script_builds(name: str) -> None:
    """Built again, every file of vectors is the one in the repository, byte for byte."""
    assert (FOLDER / name).read_text("utf-8") == build()[name]


@pytest.mark.parametrize("vector", STATEMENTS["statements"], ids=lambda vector: vector["name"])
def test_statements(vector: dict[str, Any]) -> None:
    """Bytes, encoding and id of each statement are what the code and a stranger make of them."""
    data = bytes.fromhex(vector["statement"])
    statement = decode_statement(data)
    assert data == encode_statement(statement)
    assert vector["envelope_id"] == envelope_id(data).hex()
    assert vector["pae"] == strangers_pae(STATEMENTS["payload_type"], data).hex()
    assert vector["envelope_id"] == strangers_id(data).hex()
    fields = dict(vector["fields"])
    kind = fields.pop("kind")
    read = strangers_value(STATEMENT_SCHEMA, data)
    assert kind == statement.kind
    assert fields.pop("body") == read.pop("body")[1]
    assert fields == read


@pytest.mark.parametrize("batch", BATCHES["batches"], ids=lambda batch: batch["tree_size"])
def test_batches(batch: dict[str, Any]) -> None:
    """A stranger computes each id, each root and what is signed; the signature verifies; the code agrees."""
    signed = strangers_pae(BATCHES["seal_type"], batch["signed_text"].encode())
    assert batch["signed_bytes"] == signed.hex()
    lines = [batch[name] for name in ("origin", "sender", "purpose", "tree_size", "signed_at", "root")]
    assert "".join(f"{line}\n" for line in lines) == batch["signed_text"]
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(BATCHES["seed"]))
    public_key = bytes.fromhex(BATCHES["public_key"])
    assert public_key == private.public_key().public_bytes_raw()
    assert batch["key_id"] == sha256(b"ed25519\x00" + public_key).digest()[:16].hex()
    assert batch["signature"] == private.sign(signed).hex()
    Ed25519PublicKey.from_public_bytes(public_key).verify(bytes.fromhex(batch["signature"]), signed)
    roots = VerifiedRoots()
    for index, envelope in enumerate(batch["envelopes"]):
        leaf = strangers_id(bytes.fromhex(envelope["statement"]))
        assert (batch["ids"][index], index) == (leaf.hex(), envelope["leaf_index"])
        path = [bytes.fromhex(one) for one in envelope["path"]]
        assert batch["root"] == strangers_root(leaf, index, batch["tree_size"], path).hex()
        value = bytes.fromhex(envelope["value"])
        seal = {name: batch[name] for name in ("origin", "purpose", "signed_at", "tree_size")}
        assert {
            "payload_type": STATEMENTS["payload_type"],
            "statement": envelope["statement"],
            "contents": envelope["contents"],
            "seal": {
                **seal,
                "leaf_index": index,
                "path": "".join(envelope["path"]),
                "signatures": [{"key_id": batch["key_id"], "signature": batch["signature"]}],
            },
        } == strangers_value(ENVELOPE_SCHEMA, value.removeprefix(b"\x00\x00\x00\x00\x01"))
        sealed = decode_envelope(value)
        check_limits(sealed.seal)
        roots.verify(leaf, batch["sender"], sealed.seal, [public_key])
    assert 1 == roots.misses


@pytest.mark.parametrize("vector", DIRECTORY["records"], ids=lambda vector: vector["name"])
def test_directory_records(vector: dict[str, Any]) -> None:
    """Each record says what its fields say, under its Kafka key, signed by the operator."""
    directory = Directory(Trust(**DIRECTORY["trust"]))
    value = bytes.fromhex(vector["value"])
    fact = directory.apply(value)
    assert isinstance(fact, Agency | Group | Key)
    assert vector["fields"] == as_hex(fact._asdict())
    assert vector["kafka_key"] == record_key(decode_statement(decode_envelope(value).statement)).decode()
    read = strangers_value(ENVELOPE_SCHEMA, value[5:])
    body = strangers_value(STATEMENT_SCHEMA, bytes.fromhex(read["statement"]))
    assert (OPERATOR, vector["fields"]) == (body["sender"], body["body"][1])
    seal = read["seal"]
    path = bytes.fromhex(seal["path"])
    root = strangers_root(
        strangers_id(bytes.fromhex(read["statement"])),
        seal["leaf_index"],
        seal["tree_size"],
        [path[at : at + 32] for at in range(0, len(path), 32)],
    )
    text = f"{seal['origin']}\n{OPERATOR}\ndirectory\n{seal['tree_size']}\n{seal['signed_at']}\n{root.hex()}\n"
    operator = Ed25519PublicKey.from_public_bytes(bytes.fromhex(DIRECTORY["trust"]["operator_key"]))
    operator.verify(
        bytes.fromhex(seal["signatures"][0]["signature"]), strangers_pae(BATCHES["seal_type"], text.encode())
    )


@pytest.mark.parametrize("vector", DIRECTORY["routes"], ids=lambda vector: f"{vector['recipient']} at {vector['at']}")
def test_routes(vector: dict[str, Any]) -> None:
    """Each recipient's mail goes where the vectors say, at that time and by what was known then."""
    assert vector["routes"] == list(strangers_directory().routes(vector["recipient"], vector["at"], vector["known"]))


def test_seeds() -> None:
    """Every key that signs in the vectors is given by its seed."""
    seeds = {**DIRECTORY["seeds"], "operator": DIRECTORY["operator_seed"]}
    public_keys = {
        Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)).public_key().public_bytes_raw().hex()
        for seed in seeds.values()
    }
    assert DIRECTORY["trust"]["operator_key"] in public_keys
    assert {one["fields"]["public_key"] for one in DIRECTORY["records"] if "public_key" in one["fields"]} <= public_keys


@pytest.mark.parametrize("vector", VERDICTS["verdicts"], ids=lambda vector: f"{vector['reason']}: {vector['name']}")
def test_verdicts(vector: dict[str, Any]) -> None:
    """Each value is accepted with its routes, or rejected for its reason, found where and when the vectors say."""
    value = None if vector["value"] is None else bytes.fromhex(vector["value"])
    judge = Judge(strangers_directory(), VERDICTS["lanes"])
    verdict = judge.verdict(value, agency=vector["agency"], lane=vector["lane"], at=vector["at"], known=vector["known"])
    expected = Verdict(
        Reason(vector["reason"]) if vector["reason"] else None,
        verdict.detail,
        None if vector["envelope_id"] is None else envelope_id_of(vector),
        vector["kind"],
        tuple(vector["routes"]),
        tuple(vector["groups"]),
    )
    assert expected == verdict


def envelope_id_of(vector: dict[str, Any]) -> Any:
    """The id that a vector tells."""
    return bytes.fromhex(vector["envelope_id"])


def test_every_reason_of_the_judge_has_a_vector() -> None:
    """The vectors show every reason that a verdict can have, and several values that are accepted."""
    reasons = [vector["reason"] for vector in VERDICTS["verdicts"]]
    assert {"", *Reason} - {Reason.NO_RECORD, Reason.DUPLICATE} == set(reasons)
    assert 5 < reasons.count("")


def test_the_express_bit_is_shown() -> None:
    """One accepted value goes in the express lane, as its thread says."""
    lanes = {vector["lane"] for vector in VERDICTS["verdicts"] if vector["reason"] == ""}
    assert 0 in lanes
    assert EXPRESS_THREAD[0] & 0x80
