"""``lienthong directory …``: the operator's commands."""

from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import typer

from lienthong.cli.output import JsonOption, console, run, say_json, say_table, told
from lienthong.cli.reach import resolve_bootstrap
from lienthong.directory.listing import ListedAgency, read_listing
from lienthong.directory.operator import DEFAULT_ORIGIN, Operator, load_key, make_trust
from lienthong.kernel.agency import AgencyCode, agency_code, from_qcvn102, is_group_code, is_qcvn102
from lienthong.kernel.bus import Bus
from lienthong.kernel.clock import now_ms
from lienthong.kernel.directory import Agency, Directory, Group, Key
from lienthong.kernel.directory_reader import DirectoryReader
from lienthong.kernel.keys import SigningKey, key_id_of
from lienthong.kernel.seal import Purpose
from lienthong.kernel.trust import Trust
from lienthong.runtime.settings import Settings

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False)

Bootstrap = Annotated[str | None, typer.Option(envvar="LIENTHONG_BOOTSTRAP", help="Kafka's host:port.")]
Replication = Annotated[
    int | None,
    typer.Option(
        min=1, help="Copies of each partition. Default: as the ledger has; at first 1 on one broker, 3 from three on."
    ),
]


def _code(text: str) -> AgencyCode:
    """A code in either form, where there is no directory yet to look it up."""
    return from_qcvn102(text) if is_qcvn102(text) else agency_code(text)


def _settings(bootstrap: str | None) -> Settings:
    base = Settings()
    return base.model_copy(update={"bootstrap": resolve_bootstrap(base, bootstrap)})


def _operator_key(settings: Settings) -> tuple[Trust, SigningKey]:
    trust = settings.trust()
    return trust, load_key(settings.home, trust)


@app.command()
def init(
    origin: Annotated[
        str | None,
        typer.Option(help=f"Name of the backbone, part of every signature, fixed for ever. Default {DEFAULT_ORIGIN}."),
    ] = None,
    lanes: Annotated[
        int | None, typer.Option(min=2, max=64, help="Number of lanes, fixed for ever; lane 0 is express. Default 2.")
    ] = None,
    replication: Replication = None,
    bootstrap: Bootstrap = None,
    json: JsonOption = False,
) -> None:
    """Make the operator's key and trust anchor, create the topics, register the notary. Safe to repeat."""
    with told():
        settings = _settings(bootstrap)
        trust, key = make_trust(settings.home, origin)
        notary_file = settings.home / "keys" / "notary.pem"
        if not notary_file.exists():
            SigningKey.generate().save(notary_file)
        notary = SigningKey.load(notary_file)

        async def work() -> list[str]:
            async with Operator.open(settings.kafka(), trust, key) as operator:
                created = await operator.provision(lanes=lanes, replication=replication)
                code = agency_code(settings.backbone)
                backbone = ListedAgency(code, "", f"Trục liên thông {trust.origin}", None, True)
                await operator.add_agencies([backbone], replication=replication)
                if notary.key_id not in {key_id_of(one.public_key) for one in operator.directory.keys()}:
                    await operator.add_key(code, notary.public_key, purpose=Purpose.RECEIPT)
                return created

        created = run(work())
        if json:
            say_json({"origin": trust.origin, "home": str(settings.home), "topics_created": created})
        else:
            console.print(f"Backbone [bold]{trust.origin}[/bold] is ready; {len(created)} topics were created.")
            console.print(f"Give agencies [bold]{settings.home / 'trust.json'}[/bold]: it is what they pin.")


@app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV with the columns code,code_qcvn102,name,parent,connected.")],
    make_keys: Annotated[
        bool, typer.Option("--make-keys", help="Also make a signing key here for each connected agency that has none.")
    ] = False,
    replication: Replication = None,
    bootstrap: Bootstrap = None,
    json: JsonOption = False,
) -> None:
    """Add or change agencies from a list, and create the topics of those that are connected."""
    with told():
        listed = read_listing(file)
        settings = _settings(bootstrap)
        trust, key = _operator_key(settings)

        async def work() -> tuple[int, int]:
            async with Operator.open(settings.kafka(), trust, key) as operator:
                changed = await operator.add_agencies(listed, replication=replication)
                owners = {one.agency for one in operator.directory.keys()}
                new = []
                for one in listed:
                    if make_keys and one.connected and one.code not in owners:
                        path = settings.home / "agencies" / one.code / "signing.pem"
                        if not path.exists():
                            SigningKey.generate().save(path)
                        new.append((str(one.code), SigningKey.load(path).public_key))
                await operator.add_keys(new)
                return len(changed), len(new)

        changed, keys = run(work())
        if json:
            say_json({"listed": len(listed), "changed": changed, "keys_made": keys})
        else:
            console.print(f"{len(listed)} agencies listed, {changed} new or changed, {keys} keys made.")


@app.command()
def show(
    code: Annotated[str | None, typer.Argument(help="One agency or group; all if none is named.")] = None,
    bootstrap: Bootstrap = None,
    json: JsonOption = False,
) -> None:
    """Show agencies and keys, verified with the pinned operator key."""
    with told():
        settings = _settings(bootstrap)
        trust = settings.trust()

        async def work() -> DirectoryReader:
            async with Bus.connect(settings.kafka(), "lt-show") as bus:
                reader = DirectoryReader(bus, trust)
                await reader.load()
                return reader

        directory = run(work()).directory
        if code is not None and is_group_code(code):
            _show_group(directory, code, json=json)
            return
        code = directory.code_of(code) if code is not None else None
        if code is not None and directory.agency(code) is None:
            raise ValueError(f"agency {code} is not in the directory")
        agencies = [one for one in directory.agencies() if code in (None, one.code)]
        keys: dict[str, list[Key]] = {}
        for key in directory.keys():
            keys.setdefault(key.agency, []).append(key)
        if json:
            say_json(
                [
                    {
                        **agency._asdict(),
                        "keys": [
                            {"id": key_id_of(key.public_key).hex(), **key._asdict(), "public_key": key.public_key.hex()}
                            for key in keys.get(agency.code, [])
                        ],
                    }
                    for agency in agencies
                ]
            )
            return
        say_table(
            f"Directory of {trust.origin}",
            ("code", "QCVN 102", "name", "parent", "connected", "retired", "keys"),
            (
                (
                    one.code, one.code_qcvn102, one.name, one.parent,
                    "yes" if one.connected_from is not None else "no",
                    "" if one.valid_until is None else f"{_text(one.valid_until)} {', '.join(one.successors)}".rstrip(),
                    "\n".join(_key_line(key) for key in keys.get(one.code, [])),
                )
                for one in agencies
            ),
        )  # fmt: skip
        groups = list(directory.groups()) if code is None else []
        if groups:
            say_table(
                f"Groups of {trust.origin}",
                ("code", "name", "members", "version"),
                ((one.code, one.name, str(len(one.members)), str(one.version)) for one in groups),
            )


def _show_group(directory: Directory, code: str, *, json: bool) -> None:
    group = directory.group(code)
    if group is None:
        raise ValueError(f"group {code} is not in the directory")
    if json:
        say_json(group._asdict())
        return
    names = {one: directory.agency(one) for one in group.members}
    say_table(
        f"Group {group.code}, version {group.version}: {group.name}",
        ("code", "name"),
        ((one, agency.name if agency is not None else "") for one, agency in names.items()),
    )


def _key_line(key: Key) -> str:
    state = "" if key.revoked_from is None else f" revoked from {_text(key.revoked_from)}"
    return f"{key_id_of(key.public_key).hex()[:16]} {key.purpose}{state}"


def _text(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1000, UTC).isoformat(timespec="seconds")


@app.command(name="add-agency")
def add_agency(
    code: Annotated[str, typer.Argument(help="Code in the form of Decision 20/2020, as in H37.DN.001.")],
    name: Annotated[str, typer.Option(help="Name of the agency.")],
    parent: Annotated[str | None, typer.Option(help="Code of the agency above it.")] = None,
    code_qcvn102: Annotated[str, typer.Option(help="Code in the form of QCVN 102.")] = "",
    connected: Annotated[bool, typer.Option("--connected", help="It gets topics of its own.")] = False,
    replication: Replication = None,
    bootstrap: Bootstrap = None,
) -> None:
    """Add one agency, or change it."""
    with told():
        listed = ListedAgency(_code(code), code_qcvn102, name, parent, connected)
        settings = _settings(bootstrap)
        trust, key = _operator_key(settings)

        async def work() -> int:
            async with Operator.open(settings.kafka(), trust, key) as operator:
                return len(await operator.add_agencies([listed], replication=replication))

        console.print(f"Agency {code} is {'recorded' if run(work()) else 'recorded already, nothing changed'}.")


@app.command(name="add-group")
def add_group(
    code: Annotated[str, typer.Argument(help="Code of the group: @ and words with hyphens, as in @TINH-THANH.")],
    name: Annotated[str, typer.Option(help="Name of the group; without it, as it was.")] = "",
    member: Annotated[list[str] | None, typer.Option(help="Code of an agency in it; repeat it for more.")] = None,
    pattern: Annotated[
        list[str] | None,
        typer.Option(help="All valid agencies whose code matches, as in 'H[0-9][0-9]'; repeat it for more."),
    ] = None,
    file: Annotated[Path | None, typer.Option(help="File with one code a line; empty lines and # are passed.")] = None,
    give_up: Annotated[bool, typer.Option("--give-up", help="Nobody is in it any more.")] = False,
    bootstrap: Bootstrap = None,
) -> None:
    """Add a group of agencies, or change it: its members are then those named now."""
    with told():
        named = [*(member or ()), *(_codes_in(file) if file else ())]
        settings = _settings(bootstrap)
        trust, key = _operator_key(settings)

        async def work() -> Group:
            async with Operator.open(settings.kafka(), trust, key) as operator:
                directory = operator.directory
                now = now_ms()
                members = dict.fromkeys(directory.code_of(one) for one in named)
                for agency in directory.agencies():
                    if not agency.is_retired(now) and any(fnmatchcase(agency.code, one) for one in pattern or ()):
                        members[AgencyCode(agency.code)] = None
                if bool(members) == give_up:
                    raise ValueError(
                        "--give-up names nobody"
                        if give_up
                        else "nobody would be in the group: --give-up if that is meant"
                    )
                return await operator.add_group(code, name, list(members))

        group = run(work())
        console.print(f"Group {group.code}, version {group.version}, has {len(group.members)} members.")


def _codes_in(file: Path) -> list[str]:
    try:
        lines = [line.strip() for line in file.read_text("utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read {file}: {error}") from error
    return [line for line in lines if line and not line.startswith("#")]


@app.command()
def retire(
    code: Annotated[str, typer.Argument(help="The agency that retires or merges into others.")],
    successor: Annotated[
        list[str] | None, typer.Option(help="Code of an agency that takes over; repeat it for more.")
    ] = None,
    since: Annotated[datetime | None, typer.Option(help="From when on (UTC), now or later; default now.")] = None,
    bootstrap: Bootstrap = None,
) -> None:
    """Let an agency retire: it cannot send any more, its mail goes to its successors, its history stays."""
    with told():
        settings = _settings(bootstrap)
        trust, key = _operator_key(settings)
        valid_until = int(since.replace(tzinfo=UTC).timestamp() * 1000) if since else None

        async def work() -> Agency:
            async with Operator.open(settings.kafka(), trust, key) as operator:
                find = operator.directory.code_of
                return await operator.retire(find(code), [find(one) for one in successor or ()], valid_until)

        agency = run(work())
        mail = f"its mail goes to {', '.join(agency.successors)}" if agency.successors else "nobody gets its mail"
        console.print(f"Agency {agency.code} retires at {_text(agency.valid_until or 0)}; {mail}.")


@app.command(name="add-key")
def add_key(
    code: Annotated[str, typer.Argument(help="The agency that owns the key.")],
    public_key: Annotated[
        str | None, typer.Option(help="Raw Ed25519 public key in hex; without it a key is made here.")
    ] = None,
    bootstrap: Bootstrap = None,
) -> None:
    """Make an agency's public key known; without --public-key a key is made in the home folder."""
    with told():
        settings = _settings(bootstrap)
        trust, key = _operator_key(settings)
        path = settings.home / "agencies" / _code(code) / "signing.pem"
        if public_key is None:
            if not path.exists():
                SigningKey.generate().save(path)
            raw = SigningKey.load(path).public_key
        else:
            raw = _public_key(public_key)

        async def work() -> Key:
            async with Operator.open(settings.kafka(), trust, key) as operator:
                if key_id_of(raw) in {key_id_of(one.public_key) for one in operator.directory.keys()}:
                    raise ValueError(f"key {key_id_of(raw).hex()} is in the directory already")
                return await operator.add_key(_code(code), raw)

        run(work())
        console.print(f"Key {key_id_of(raw).hex()} of {code} is recorded.")


def _public_key(text: str) -> bytes:
    try:
        raw = bytes.fromhex(text)
    except ValueError as error:
        raise ValueError(f"--public-key: not hex: {error}") from error
    if len(raw) != 32:  # noqa: PLR2004 - Ed25519
        raise ValueError(f"--public-key: {len(raw)} bytes, an Ed25519 public key has 32")
    return raw


@app.command(name="revoke-key")
def revoke_key(
    key_id: Annotated[str, typer.Argument(help="The key's id in hex, or how it begins.")],
    since: Annotated[
        datetime | None, typer.Option(help="From when on it is not trusted (UTC); default from now.")
    ] = None,
    bootstrap: Bootstrap = None,
) -> None:
    """Withdraw trust in a key from a time on. What was accepted before that time stays verified."""
    with told():
        settings = _settings(bootstrap)
        trust, key = _operator_key(settings)
        revoked_from = int(since.replace(tzinfo=UTC).timestamp() * 1000) if since else now_ms()

        async def work() -> str:
            async with Operator.open(settings.kafka(), trust, key) as operator:
                ids = [key_id_of(one.public_key) for one in operator.directory.keys()]
                matches = [one for one in ids if one.hex().startswith(key_id.lower())]
                if len(matches) != 1:
                    raise ValueError(f"{len(matches)} keys in the directory begin with {key_id}; name exactly one")
                await operator.revoke_key(matches[0], revoked_from)
                return matches[0].hex()

        console.print(f"Key {run(work())} is not trusted from {_text(revoked_from)} on.")
