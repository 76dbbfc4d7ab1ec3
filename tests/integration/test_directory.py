"""The directory by its commands, on a backbone whose services run meanwhile."""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from backbone import LANES, ORIGIN, Backbone
from commands import Said, call
from lienthong.client import Client, Document, RejectedError
from lienthong.directory.records import key_of, sign_records
from lienthong.kernel.bus import Row
from lienthong.kernel.clock import now_ms
from lienthong.kernel.envelope import encode_envelope, envelope_id
from lienthong.kernel.keys import SigningKey
from lienthong.kernel.lanes import lane_of, new_thread
from lienthong.kernel.reasons import Reason
from lienthong.kernel.seal import Purpose, seal_batch
from lienthong.kernel.statement import Kind, encode_statement, make_statement
from lienthong.kernel.topics import DIRECTORY, Partition, inbox, outbox

HEADER = "code,code_qcvn102,name,parent,connected"


async def directory(backbone: Backbone, *words: str) -> Said:
    """Run ``lienthong directory …``."""
    return await call(backbone.settings.home, backbone.settings.bootstrap, "directory", *words)


async def done(backbone: Backbone, *words: str) -> str:
    """Run a command that works; what it printed."""
    said = await directory(backbone, *words)
    assert (0, "") == (said.code, said.err)
    return said.out


async def shown(backbone: Backbone, *words: str) -> list[dict[str, Any]]:
    """What ``show --json`` prints."""
    found: list[dict[str, Any]] = json.loads(await done(backbone, "show", *words, "--json"))
    return found


async def agency(backbone: Backbone, code: str) -> str:
    """Connect a new agency with a key made here; the key's id."""
    await done(backbone, "add-agency", code, "--name", f"Cơ quan {code}", "--connected")
    await done(backbone, "add-key", code)
    return backbone.key(code).key_id.hex()


def document(recipient: str) -> Document:
    """A document that no other test sends."""
    return Document(recipients=(recipient,), subject=f"V/v {secrets.token_hex(8)}")


async def receive(client: Client, wanted: bytes) -> None:
    """Receive until a document comes."""
    async with asyncio.timeout(30):
        async for delivery in client.receive():
            await delivery.acknowledge()
            if delivery.id == wanted:
                return


async def refusal(attempt: Callable[[], Awaitable[object]]) -> RejectedError:
    """Attempt something until it is refused, as it is when the news of the directory has come to whoever refuses it."""
    async with asyncio.timeout(30):
        while True:
            try:
                await attempt()
            except RejectedError as error:
                return error
            await asyncio.sleep(0.1)


async def routes(backbone: Backbone, identity: bytes) -> tuple[str, ...]:
    """Whom the ledger has a document go to; waits until it is there."""
    async with asyncio.timeout(30):
        while True:
            for _, entry in await backbone.ledger():
                if entry.id == identity:
                    return entry.routes
            await asyncio.sleep(0.1)


# -- lists


async def test_a_list_is_imported_shown_and_changed(backbone: Backbone, tmp_path: Path) -> None:
    """Once: the same list again changes nothing; connected agencies get topics, and keys if that is asked for."""
    path = tmp_path / "agencies.csv"
    lines = [HEADER, "K10,000.00.00.K10,Bộ Mười,,yes", "K10.01,,Cục Một,K10,no", ",000.00.01.K11,Sở Một,K10,no"]
    path.write_text("\n".join(lines), "utf-8")
    first = json.loads(await done(backbone, "import", str(path), "--make-keys", "--json"))
    again = json.loads(await done(backbone, "import", str(path), "--make-keys", "--json"))
    assert [{"listed": 3, "changed": 3, "keys_made": 1}, {"listed": 3, "changed": 0, "keys_made": 0}] == [first, again]

    (ministry,) = await shown(backbone, "K10")
    assert ("K10", "000.00.00.K10", "Bộ Mười", None, 1) == (
        ministry["code"], ministry["code_qcvn102"], ministry["name"], ministry["parent"], ministry["version"],
    )  # fmt: skip
    assert [backbone.key("K10").public_key.hex()] == [key["public_key"] for key in ministry["keys"]]
    (below,) = await shown(backbone, "K11.01")
    assert ("K10", None, []) == (below["parent"], below["connected_from"], below["keys"])
    async with backbone.bus() as bus:
        topics = [outbox("K10"), inbox("K10")]
        assert dict.fromkeys(topics, LANES) == await bus.partition_counts([*topics, outbox("K10.01")])

    path.write_text(f"{HEADER}\nK10,000.00.00.K10,Bộ Mười Một,,yes\n", "utf-8")
    assert "1 new or changed" in await done(backbone, "import", str(path))
    (renamed,) = await shown(backbone, "K10")
    assert (2, "Bộ Mười Một", ministry["keys"]) == (renamed["version"], renamed["name"], renamed["keys"])
    assert "Bộ Mười Một" in await done(backbone, "show")


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("k12,,Bộ,,yes", "line 3: column code: agency code 'k12' is not groups"),
        ("K12,,,,yes", "line 3: column name: it has 0 characters"),
        ("K12,,Bộ,K-1,yes", "line 3: column parent: agency code 'K-1'"),
        ("K12,,Bộ,,y", "line 3: column connected: 'y' is neither yes nor no"),
    ],
)
async def test_a_wrong_list_is_not_imported(backbone: Backbone, tmp_path: Path, line: str, wrong: str) -> None:
    """File, line and column are named, and not even the right lines are taken."""
    path = tmp_path / "agencies.csv"
    path.write_text(f"{HEADER}\nK13,,Bộ Mười Ba,,yes\n{line}\n", "utf-8")
    said = await directory(backbone, "import", str(path))
    assert (1, "") == (said.code, said.out)
    assert said.err.startswith(f"error: {path} {wrong}")
    assert (1, "error: agency K13 is not in the directory\n") == (await directory(backbone, "show", "K13"))[::2]


async def test_everything_is_shown_as_json(backbone: Backbone) -> None:
    """Agencies with their keys, the backbone's own among them."""
    found = {one["code"]: one for one in await shown(backbone)}
    assert {"LT", "G22", "G09", "H26", "H29", "H37", "H37.DN.001", "H53"} <= found.keys()
    assert ["receipt"] == [key["purpose"] for key in found["LT"]["keys"]]
    assert [backbone.key("G22").key_id.hex()] == [key["id"] for key in found["G22"]["keys"]]


# -- groups, and agencies that retire


async def test_a_group_is_added_shown_changed_and_given_up(backbone: Backbone, tmp_path: Path) -> None:
    """Members by code in either form, by pattern and from a file; each command says all of them anew."""
    path = tmp_path / "agencies.csv"
    lines = [HEADER, "K30,000.00.00.K30,Bộ Ba Mươi,,yes", "K31,,Bộ Ba Mốt,,yes", "K32,,Bộ Ba Hai,,yes"]
    path.write_text("\n".join(lines), "utf-8")
    await done(backbone, "import", str(path))
    members = tmp_path / "members.txt"
    members.write_text("# hai cơ quan\nK31\n\nG22\n", "utf-8")
    words = ("add-group", "@KIEM-THU", "--name", "Kiểm thử", "--member", "000.00.00.K30", "--file", str(members))
    assert "Group @KIEM-THU, version 1, has 3 members.\n" == await done(backbone, *words)
    first = json.loads(await done(backbone, "show", "@KIEM-THU", "--json"))
    assert (1, "Kiểm thử", ["K30", "K31", "G22"]) == (first["version"], first["name"], first["members"])
    table = " ".join((await done(backbone, "show", "@KIEM-THU")).split())
    assert "Group @KIEM-THU, version 1: Kiểm thử" in table
    assert {"K30", "K31", "G22", "Ba", "Mươi", "Mốt"} <= set(table.split())
    assert "Groups of test.lienthong" in await done(backbone, "show")

    changed = await done(backbone, "add-group", "@KIEM-THU", "--pattern", "K3[0-2]", "--member", "K30")
    assert "Group @KIEM-THU, version 2, has 3 members.\n" == changed
    second = json.loads(await done(backbone, "show", "@KIEM-THU", "--json"))
    assert ("Kiểm thử", ["K30", "K31", "K32"]) == (second["name"], second["members"])
    async with backbone.client("G22") as sender:
        await sender.wait(await sender.send(document("@KIEM-THU")), "accepted")
        given_up = await done(backbone, "add-group", "@KIEM-THU", "--give-up")
        assert "Group @KIEM-THU, version 3, has 0 members.\n" == given_up
        refused = await refusal(lambda: sender.send(document("@KIEM-THU")))
        assert "there is nobody in group @KIEM-THU" in str(refused)


async def test_an_agency_retires_and_its_mail_goes_to_its_successor(backbone: Backbone) -> None:
    """From now, or from a moment to come; it is shown with its successors, and what it was stays."""
    await agency(backbone, "K33")
    await agency(backbone, "K34")
    said = await done(backbone, "retire", "K33", "--successor", "000.00.00.K34")
    (found,) = await shown(backbone, "K33")
    assert (2, ["K34"]) == (found["version"], found["successors"])
    when = datetime.fromtimestamp(found["valid_until"] / 1000, UTC).isoformat(timespec="seconds")
    assert f"Agency K33 retires at {when}; its mail goes to K34.\n" == said
    assert f"{when} K34" in await done(backbone, "show", "K33")

    later = await done(backbone, "retire", "K34", "--since", "2099-01-01T00:00:00")
    assert "Agency K34 retires at 2099-01-01T00:00:00+00:00; nobody gets its mail.\n" == later
    async with backbone.client("G22") as sender, backbone.client("K34") as successor:
        async with asyncio.timeout(30):
            # Until intake has heard of it.
            while ("K34",) != await routes(backbone, sent := await sender.send(document("K33"))):
                await asyncio.sleep(0.1)
        await receive(successor, sent)
    with pytest.raises(RejectedError, match="K33 has retired, its mail goes to K34"):
        async with backbone.client("K33"):
            pass


async def test_a_code_of_qcvn_102_is_not_given_twice(backbone: Backbone, tmp_path: Path) -> None:
    """By a list or by one command; both agencies are named, and nothing of it is recorded."""
    path = tmp_path / "agencies.csv"
    path.write_text(f"{HEADER}\nK35,000.00.00.K35,Bộ Ba Lăm,,yes\nK36,000.00.00.K35,Bộ Ba Sáu,,yes\n", "utf-8")
    sentence = "code 000.00.00.K35 of QCVN 102 would be that of K35 (Bộ Ba Lăm) and of K36 (Bộ Ba Sáu)"
    said = await directory(backbone, "import", str(path))
    assert (1, True) == (said.code, sentence in said.err)
    assert 1 == (await directory(backbone, "show", "K35")).code
    one = ("add-agency", "K35", "--name", "Bộ Ba Lăm", "--code-qcvn102", "000.00.00.K35")
    another = ("add-agency", "K36", "--name", "Bộ Ba Sáu", "--code-qcvn102", "000.00.00.K35")
    await done(backbone, *one)
    said = await directory(backbone, *another)
    assert (1, True) == (said.code, sentence in said.err)
    await done(backbone, "retire", "K35")
    await done(backbone, *another)
    assert ["K36"] == [found["code"] for found in await shown(backbone, "000.00.00.K35")]


# -- what is refused


async def test_making_it_again_changes_nothing(backbone: Backbone) -> None:
    """`init` is safe to repeat; another name or number of lanes is refused."""
    said = json.loads(await done(backbone, "init", "--origin", ORIGIN, "--json"))
    assert {"origin": ORIGIN, "home": str(backbone.settings.home), "topics_created": []} == said
    (own,) = await shown(backbone, "LT")
    assert 1 == len(own["keys"])

    other = await directory(backbone, "init", "--origin", "elsewhere")
    assert (1, True) == (other.code, "names another backbone" in other.err)
    lanes = await directory(backbone, "init", "--origin", ORIGIN, "--lanes", "4")
    assert (1, f"error: the backbone has {LANES} lanes; their number cannot be changed to 4\n") == (
        lanes.code, lanes.err,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("add-agency", "k14", "--name", "x"), 1, "agency code 'k14' is not groups"),
        (("add-agency", "K14.1", "--name", "x", "--parent", "K14"), 1, "its parent K14 is neither listed nor"),
        (("add-key", "K99"), 1, "agency K99 is not in the directory: add it first"),
        (("add-key", "H26", "--public-key", "zz"), 1, "--public-key: not hex"),
        (("add-key", "H26", "--public-key", "ab" * 31), 1, "--public-key: 31 bytes, an Ed25519 public key has 32"),
        (("add-key", "H26"), 1, "is in the directory already"),
        (("revoke-key", "zz"), 1, "0 keys in the directory begin with zz"),
        (("revoke-key", ""), 1, "name exactly one"),
        (("import", "nowhere.csv"), 1, "cannot read nowhere.csv"),
        (("add-group", "TINH", "--name", "x", "--member", "H26"), 1, "group code 'TINH' is not @ and words"),
        (("add-group", "@X", "--name", "x", "--member", "K99"), 1, "agency K99 is not in the directory"),
        (("add-group", "@X", "--member", "H26"), 1, "the group's name has 0 characters"),
        (("add-group", "@X", "--name", "x", "--pattern", "Z*"), 1, "nobody would be in the group: --give-up if"),
        (("add-group", "@X", "--name", "x", "--member", "H26", "--give-up"), 1, "--give-up names nobody"),
        (("add-group", "@X", "--name", "x", "--file", "nowhere.txt"), 1, "cannot read nowhere.txt"),
        (("show", "@KHONG-CO"), 1, "group @KHONG-CO is not in the directory"),
        (("retire", "K99"), 1, "agency K99 is not in the directory"),
        (("retire", "H53", "--successor", "K99"), 1, "successor K99 is not in the directory: add it first"),
        (("retire", "H53", "--successor", "H53"), 1, "mail would run in a circle: H53"),
        (("retire", "H37", "--successor", "H37.DN.001"), 1, "mail would run in a circle: H37"),
        (("retire", "H53", "--since", "2026-01-01"), 1, "agency H53 cannot retire in the past"),
    ],
)
async def test_wrong_orders_are_refused(backbone: Backbone, words: tuple[str, ...], code: int, sentence: str) -> None:
    """With one sentence, and nothing is recorded."""
    before = await backbone.read(DIRECTORY)
    said = await directory(backbone, *words)
    assert (code, "") == (said.code, said.out)
    assert sentence in said.err
    assert 1 == len(said.err.splitlines())
    assert len(before) == len(await backbone.read(DIRECTORY))


# -- what services and agencies make of it


async def test_a_new_agency_sends_and_receives_at_once(backbone: Backbone) -> None:
    """No service is started again, nor the client of who is connected already."""
    async with backbone.client("G22") as old:
        await agency(backbone, "K20")
        async with backbone.client("K20") as new:
            there = await new.send(document("G22"))
            await receive(old, there)
            back = await old.send(document("K20"))
            await receive(new, back)
            assert {"G22": "03"} == (await new.wait(there, "acknowledged")).recipients
            assert {"K20": "03"} == (await old.wait(back, "acknowledged")).recipients


async def test_after_a_revocation_new_documents_are_rejected_and_old_ones_stay(backbone: Backbone) -> None:
    """What was accepted before is still believed by who reads it later; the agency goes on with a new key."""
    key_id = await agency(backbone, "K21")
    async with backbone.client("K21") as client:
        before = await client.send(document("H53"))
        await client.wait(before, "accepted")
        assert key_id in await done(backbone, "revoke-key", key_id[:10])

        async def send() -> None:
            await client.wait(await client.send(document("H53")), "accepted")

        assert Reason.KEY_REVOKED == (await refusal(send)).reason
    async with backbone.client("H53") as recipient:
        await receive(recipient, before)
        assert 0 == recipient.refused

    with pytest.raises(RejectedError) as refused:
        async with backbone.client("K21"):
            pass
    assert Reason.KEY_REVOKED == refused.value.reason
    again = await directory(backbone, "revoke-key", key_id)
    assert (4, True) == (again.code, "key_revoked" in again.err)
    (revoked,) = (await shown(backbone, "K21"))[0]["keys"]
    assert (2, key_id) == (revoked["version"], revoked["id"])
    assert revoked["revoked_from"] <= revoked["revocation_known_from"]

    (backbone.settings.home / "agencies" / "K21" / "signing.pem").unlink()
    await done(backbone, "add-key", "K21")
    async with backbone.client("K21") as client:
        await client.wait(await client.send(document("H53")), "accepted")


async def test_a_key_made_elsewhere_is_made_known_by_its_public_half(backbone: Backbone) -> None:
    """The private one never leaves the agency; a revocation from an earlier time also takes what it signed since."""
    await done(backbone, "add-agency", "K22", "--name", "Cơ quan K22", "--connected")
    key = SigningKey.generate()
    await done(backbone, "add-key", "K22", "--public-key", key.public_key.hex())
    store = backbone.settings.home / "k22.sqlite"
    async with Client.open("K22", key, backbone.trust, backbone.settings.kafka(), store) as client:
        await client.wait(await client.send(document("K22")), "accepted")
    await done(backbone, "revoke-key", key.key_id.hex(), "--since", "2026-01-02T03:04:05")
    (revoked,) = (await shown(backbone, "K22"))[0]["keys"]
    assert 1_767_323_045_000 == revoked["revoked_from"]

    await done(backbone, "add-key", "K22")
    async with backbone.client("K22") as client:
        assert [] == [delivery async for delivery in client.receive(idle_seconds=1.0)]
        assert 1 == client.refused


async def test_records_that_the_operator_did_not_sign_are_left_out(own_backbone: Backbone) -> None:
    """By commands and by services: garbage stops nobody, and a key that somebody else records is worth nothing."""
    backbone = own_backbone
    await backbone.start("all")
    stranger, forged = SigningKey.generate(), SigningKey.generate()
    facts = [key_of("H26", forged.public_key, Purpose.EXCHANGE, now_ms())]
    rows = [
        *(row._replace(key=b"forged") for some in sign_records(facts, stranger, ORIGIN, now_ms()) for row in some),
        Row(b"garbage", key=b"garbage"),
        Row(None, key=b"nothing"),
    ]
    async with backbone.bus() as bus, bus.publisher() as publisher:
        await publisher.append({Partition(DIRECTORY, 0): rows})
    # What comes after them is heard all the same, and who has heard it has read them.
    for words in (("add-agency", "K23", "--name", "Cơ quan K23", "--connected"), ("add-key", "K23")):
        assert 0 == (await directory(backbone, *words)).code
    async with backbone.client("K23") as client:
        await client.wait(await client.send(document("H26")), "accepted")

    said = await directory(backbone, "show", "H26", "--json")
    assert (0, 3) == (said.code, said.err.count("is not believed"))
    (found,) = json.loads(said.out)
    assert forged.key_id.hex() not in {key["id"] for key in found["keys"]}
    thread = new_thread(express=False)
    data = encode_statement(
        make_statement(
            sender="H26", recipients=["H53"], thread=thread, created=now_ms(), kind=Kind.DOCUMENT,
            body=document("H53").to_body(),
        )
    )  # fmt: skip
    seal = seal_batch(
        [envelope_id(data)], key=forged, origin=ORIGIN, sender="H26", purpose=Purpose.EXCHANGE, signed_at=now_ms()
    )[0]
    async with backbone.bus() as bus, bus.publisher() as publisher:
        partition = Partition(outbox("H26"), lane_of(thread, LANES))
        await publisher.append({partition: [Row(encode_envelope(data, (), seal))]})
    async with asyncio.timeout(30):
        while not (reasons := [entry.reason for _, entry in await backbone.ledger() if entry.id == envelope_id(data)]):
            await asyncio.sleep(0.1)
    assert [Reason.UNKNOWN_KEY] == reasons
