"""Writes the test vectors beside it; run by hand after the protocol changed, in the folder `tests`.

    python -m vectors.build_vectors

Seeds, salts and times are fixed and Ed25519 is deterministic, so the same code always writes the same
bytes. `README.md` explains the files to those who read them in another language.
"""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from lienthong.kernel.directory import Directory, record_key
from lienthong.kernel.envelope import PAYLOAD_TYPE, decode_envelope, envelope_id
from lienthong.kernel.judge import Judge
from lienthong.kernel.merkle import HASH_BYTES, tree_root
from lienthong.kernel.seal import SEAL_TYPE, pae
from lienthong.kernel.statement import encode_statement
from vectors.material import (
    KEYS,
    LANES,
    NOW,
    ORIGIN,
    RECORDED,
    SHORT,
    TRUST,
    directory_statement,
    directory_values,
    document,
    facts,
    sealed,
    seed_of,
    statements,
)  # fmt: skip
from vectors.verdicts import USUAL, accepted, forged, malformed, orders

FOLDER = Path(__file__).parent


def plain_json(value: Any) -> Any:
    """Bytes as hex, named tuples as objects, the rest as it is."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return plain_json(value._asdict())
    if isinstance(value, dict):
        return {name: plain_json(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(one) for one in value]
    return value


def statement_file() -> dict[str, Any]:
    """`statements.json`."""
    made = []
    for name, description, statement in statements():
        data = encode_statement(statement)
        encoding = pae(PAYLOAD_TYPE, data)
        made.append({
            "name": name, "description": description, "fields": statement, "statement": data, "pae": encoding,
            "envelope_id": sha256(b"\x00" + encoding).digest(),
        })  # fmt: skip
    return {"payload_type": PAYLOAD_TYPE, "statements": made}


def batch_file() -> dict[str, Any]:
    """`batches.json`."""
    batches = []
    for size in (1, 2, 5):
        values = sealed([document(50 + at, **({} if at == 0 else SHORT)) for at in range(size)], "G22")
        envelopes = [decode_envelope(value) for value in values]
        ids = [envelope_id(envelope.statement) for envelope in envelopes]
        seal = envelopes[0].seal
        root = tree_root(ids)
        text = f"{ORIGIN}\nG22\n{seal.purpose}\n{size}\n{seal.signed_at}\n{root.hex()}\n"
        batches.append({
            "origin": ORIGIN, "sender": "G22", "purpose": seal.purpose, "signed_at": seal.signed_at,
            "tree_size": size, "ids": ids, "root": root, "signed_text": text,
            "signed_bytes": pae(SEAL_TYPE, text.encode()), "key_id": KEYS["G22"].key_id,
            "signature": seal.signatures[0].signature,
            "envelopes": [
                {
                    "leaf_index": one.seal.leaf_index,
                    "path": [one.seal.path[at : at + HASH_BYTES] for at in range(0, len(one.seal.path), HASH_BYTES)],
                    "statement": one.statement,
                    "contents": one.contents,
                    "value": value,
                }
                for one, value in zip(envelopes, values, strict=True)
            ],
        })  # fmt: skip
    return {
        "seal_type": SEAL_TYPE,
        "seed": seed_of("G22"),
        "public_key": KEYS["G22"].public_key,
        "batches": batches,
    }


def directory_file() -> dict[str, Any]:
    """`directory.json`."""
    directory = Directory(TRUST)
    records = []
    for salt, ((name, description, fact), value) in enumerate(zip(facts(), directory_values(), strict=True), 100):
        directory.apply(value)
        records.append({
            "name": name, "description": description,
            "kafka_key": record_key(directory_statement(fact, salt)).decode(), "fields": fact, "value": value,
        })  # fmt: skip
    asked = [
        *((code, NOW, NOW) for code in ("G22", "H37", "H37.DN.001", "H40", "H41", "H99")),
        ("H40", NOW - 86_400_000 - 1, NOW),
        ("H37", RECORDED - 1, NOW),
        ("H37", NOW, RECORDED - 1),
    ]
    return {
        "trust": TRUST.model_dump(),
        "operator_seed": seed_of("operator"),
        "seeds": {name: seed_of(name) for name in KEYS if name != "operator"},
        "records": records,
        "routes": [
            {"recipient": code, "at": at, "known": known, "routes": directory.routes(code, at, known)}
            for code, at, known in asked
        ],
    }


def verdict_file() -> dict[str, Any]:
    """`verdicts.json`."""
    directory = Directory(TRUST)
    for value in directory_values():
        directory.apply(value)
    cases: list[tuple[str, str, bytes | None, dict[str, Any]]] = [
        *(("", name, value, place) for name, value, place in accepted()),
        *(("malformed", name, value, place) for name, value, place in malformed()),
        *forged(),
        *orders(),
    ]
    verdicts = []
    for reason, name, found, place in cases:
        where = USUAL | place
        verdict = Judge(directory, LANES).verdict(found, **where)
        if (verdict.reason or "") != reason:
            raise ValueError(f"{name}: the verdict is {verdict.reason}, not {reason}: {verdict.detail}")
        verdicts.append({
            "name": name, "value": found, **where, "reason": reason, "envelope_id": verdict.id,
            "kind": verdict.kind, "routes": verdict.routes, "groups": verdict.groups,
        })  # fmt: skip
    return {"lanes": LANES, "verdicts": verdicts}


def build() -> dict[str, str]:
    """The text of every file, by its name."""
    built = {
        "statements.json": statement_file(),
        "batches.json": batch_file(),
        "directory.json": directory_file(),
        "verdicts.json": verdict_file(),
    }
    return {
        name: json.dumps(plain_json(content), ensure_ascii=False, indent=2) + "\n" for name, content in built.items()
    }


if __name__ == "__main__":
    for name, content in build().items():
        (FOLDER / name).write_text(content, "utf-8")
        print(f"wrote {name}")
